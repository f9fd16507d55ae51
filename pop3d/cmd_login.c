/* SPDX-License-Identifier: ISC */
/*
 * Names and passwords: USER, PASS (RFC 1939 section 7), AUTH (RFC 1734, RFC 5034), and why APOP is refused.
 *
 *     USER name
 *     PASS string                              the string may hold spaces, so it is all that follows
 *     AUTH                                     bare: the list of mechanisms (what Outlook asks)
 *     AUTH mechanism [initial-response]        base64; "=" for an empty one
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "net/task.h"

#include "session.h"

const char *pop3_mechanisms(const struct pop3_session *session)
{
    return auth_mechanisms(conn_is_tls(session->conn), conn_peer_is_loopback(session->conn),
                           session->conf->plaintext_auth);
}

/* RFC 2595 section 2.1: no passwords in clear. False when it was refused. */
static bool check_encrypted(struct pop3_session *session)
{
    if (*pop3_mechanisms(session))
        return true;
    pop3_error(session, NULL, TEXT_NEEDS_TLS);
    return false;
}

struct open_job {
    struct drop *drop;
    struct store *store;
    struct slice login;
    struct drop_policy policy;
    enum err err;
};

static void open_drop(void *arg)
{
    struct open_job *job = arg;
    job->err = drop_open(job->drop, job->store, job->login, job->policy);
}

/* After a successful authentication: opens the maildrop, or answers why not. */
static void enter_transaction(struct pop3_session *session, struct slice login)
{
    buf_clear(&session->login);
    buf_append(&session->login, login);
    struct open_job job = {
        .drop = &session->drop,
        .store = session->context->store,
        .login = buf_slice(&session->login),
        .policy = {session->conf->pop3_login_delay, session->conf->pop3_expire},
    };
    if (work_run(session->context->work, work_key(login.data, login.len), open_drop, &job))
        job.err = ERR_UNAVAILABLE;
    switch (job.err) {
    case ERR_OK:
        session->state = POP3_TRANSACTION;
        session->counts.messages = session->drop.count;
        log_info("pop3.login", log_text("login", login), log_cstr("peer", conn_peer_address(session->conn)),
                 log_number("tls", conn_is_tls(session->conn)), log_number("messages", session->drop.count));
        pop3_ok(session, TEXT_LOGGED_IN);
        break;
    case ERR_BUSY:
        pop3_error(session, "IN-USE", TEXT_IN_USE);
        break;
    case ERR_LIMIT:
        pop3_error(session, "LOGIN-DELAY", TEXT_LOGIN_DELAY);
        break;
    default:
        if (!task_is_canceled())
            log_error("pop3.maildrop", log_text("login", login), log_err(job.err));
        pop3_refuse(session, "SYS/TEMP", TEXT_STORE_UNAVAILABLE);
    }
}

/* The answer to a finished exchange. RFC 3206: [AUTH] only when the credentials are at fault, [SYS/TEMP] when
 * we are. */
static void finish(struct pop3_session *session, enum auth_outcome outcome, struct slice login)
{
    switch (outcome) {
    case AUTH_OK:
        enter_transaction(session, login);
        break;
    case AUTH_FAILED:
        pop3_error(session, "AUTH", TEXT_WRONG_PASSWORD);
        break;
    case AUTH_DISABLED:
        pop3_error(session, "SYS/PERM", TEXT_DISABLED);
        break;
    case AUTH_NO_MECHANISM:
        pop3_error(session, NULL, TEXT_NO_MECHANISM);
        break;
    case AUTH_MALFORMED:
        pop3_error(session, NULL, TEXT_MALFORMED_AUTH);
        break;
    case AUTH_CONTINUE:
    case AUTH_UNAVAILABLE:
        pop3_refuse(session, "SYS/TEMP", TEXT_AUTH_UNAVAILABLE);
    }
}

void pop3_user(struct pop3_session *session, struct slice arguments)
{
    if (!check_encrypted(session))
        return;
    struct slice name = slice_trim(arguments);
    /* RFC 6856 section 2.2: what is no UTF-8 MUST be rejected. */
    if (name.len == 0 || !utf8_is_valid(name) || slice_has(name, '\0')) {
        pop3_error(session, NULL, TEXT_ARGUMENTS);
        return;
    }
    buf_clear(&session->user);
    buf_append(&session->user, name);
    session->expects_password = true;
    pop3_ok(session, TEXT_NAME_TAKEN);
}

void pop3_pass(struct pop3_session *session, struct slice arguments)
{
    if (!check_encrypted(session))
        return;
    if (!session->expects_password) {
        pop3_error(session, NULL, TEXT_USER_FIRST);
        return;
    }
    session->expects_password = false;
    struct buf login;
    buf_init(&login, AUTH_LINE_LIMIT);
    enum auth_outcome outcome =
        auth_password(session->context->auth, "pop3", conn_peer_address(session->conn),
                      conn_is_tls(session->conn), buf_slice(&session->user), arguments, &login);
    mem_wipe((char *)arguments.data, arguments.len);
    finish(session, outcome, buf_slice(&login));
    buf_free(&login);
}

/* RFC 1939 section 7. The digest can be checked only by a server that knows the password itself, and MD5 no
 * longer protects it: TLS does. */
void pop3_apop(struct pop3_session *session, struct slice arguments)
{
    (void)arguments;
    pop3_error(session, NULL, TEXT_NO_APOP);
}

static void list_mechanisms(struct pop3_session *session)
{
    pop3_ok(session, TEXT_MECHANISMS);
    struct slice rest = slice_from(pop3_mechanisms(session));
    while (rest.len > 0) {
        conn_write(session->conn, slice_split(&rest, ' '));
        conn_write(session->conn, S("\r\n"));
    }
    pop3_end_lines(session);
}

static void authenticate(struct pop3_session *session, const struct auth_request *request,
                         struct slice initial)
{
    struct buf login;
    enum auth_outcome outcome;
    buf_init(&login, AUTH_LINE_LIMIT);
    enum err err = auth_converse(session->context->auth, session->conn, *request, initial, &login, &outcome);
    if (!err)
        finish(session, outcome, buf_slice(&login));
    else if (err == ERR_DENIED)
        pop3_error(session, NULL, TEXT_AUTH_CANCELED);
    else if (err == ERR_SYNTAX || err == ERR_TOO_LONG)
        pop3_error(session, NULL, TEXT_MALFORMED_AUTH);
    /* else the connection has ended, or we shut down: the session's loop finds out and answers */
    buf_free(&login);
}

void pop3_auth(struct pop3_session *session, struct slice arguments)
{
    struct auth_arguments wanted;
    if (auth_arguments_parse(arguments, &wanted)) {
        pop3_error(session, NULL, TEXT_ARGUMENTS);
        return;
    }
    if (wanted.mechanism.len == 0) {
        list_mechanisms(session);
        return;
    }
    if (!check_encrypted(session))
        return;
    struct auth_request request = {
        .service = "pop3",
        .mechanism = wanted.mechanism,
        .has_initial = wanted.has_initial,
        .peer_address = conn_peer_address(session->conn),
        .tls = conn_is_tls(session->conn),
    };
    authenticate(session, &request, wanted.initial);
    mem_wipe((char *)arguments.data, arguments.len);
}
