/* SPDX-License-Identifier: ISC */
/*
 * Names and passwords: LOGIN (RFC 9051 section 6.2.3) and AUTHENTICATE (section 6.2.2):
 *
 *     login           = "LOGIN" SP userid SP password                 both astrings
 *     authenticate    = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64)
 *     initial-resp    = (base64 / "=")                                 "=" for an empty one
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "net/task.h"

#include "session.h"

/* RFC 9051 section 11.1: no passwords in clear. False when it was refused. */
static bool check_encrypted(struct imap_session *session)
{
    if (*auth_mechanisms(conn_is_tls(session->conn), conn_peer_is_loopback(session->conn),
                         session->conf->plaintext_auth))
        return true;
    session->errors++;
    imap_no(session, "PRIVACYREQUIRED", "this connection must be encrypted first");
    return false;
}

static enum err open_account(void *arg)
{
    struct imap_session *session = arg;
    return account_open(session->context->store, buf_slice(&session->login), &session->account);
}

/* RFC 9051 section 6.2.3: the capabilities come with the answer, so that nobody has to ask for them again. */
static void answer_logged_in(struct imap_session *session)
{
    struct buf capabilities;
    buf_init(&capabilities, INPUT_LINE_MAX);
    imap_write_capabilities(session, &capabilities);
    imap_ok(session, arena_printf(&session->arena, "CAPABILITY %s", buf_cstr(&capabilities)), "logged in");
    buf_free(&capabilities);
}

static void enter(struct imap_session *session, struct slice login)
{
    buf_clear(&session->login);
    buf_append(&session->login, login);
    enum err err = imap_on_thread(session, open_account, session);
    if (err) {
        imap_no_err(session, err == ERR_NOT_FOUND ? ERR_UNAVAILABLE : err);
        return;
    }
    session->state = IMAP_AUTHENTICATED;
    imap_set_patience(session);
    log_info("imap.login", log_text("login", login), log_cstr("peer", conn_peer_address(session->conn)),
             log_number("tls", conn_is_tls(session->conn)));
    answer_logged_in(session);
}

/* The answer to a finished exchange, with the codes of RFC 5530. */
static void finish(struct imap_session *session, enum auth_outcome outcome, struct slice login)
{
    switch (outcome) {
    case AUTH_OK:
        enter(session, login);
        break;
    case AUTH_FAILED:
        session->errors++;
        imap_no(session, "AUTHENTICATIONFAILED", "wrong name or password");
        break;
    case AUTH_DISABLED:
        session->errors++;
        imap_no(session, "CONTACTADMIN", "this account is disabled");
        break;
    case AUTH_NO_MECHANISM:
        session->errors++;
        imap_no(session, "CANNOT", "this mechanism is not offered");
        break;
    case AUTH_MALFORMED:
        imap_bad(session, "malformed response");
        break;
    case AUTH_CONTINUE:
    case AUTH_UNAVAILABLE:
        imap_no(session, "UNAVAILABLE", "passwords cannot be checked just now, try again later");
    }
}

void imap_login(struct imap_session *session, struct parser *parser)
{
    struct slice name, password;
    if (!check_encrypted(session))
        return;
    if (!parse_space(parser) || !parse_astring(parser, &name) || !parse_space(parser) ||
        !parse_astring(parser, &password) || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    struct buf login;
    buf_init(&login, AUTH_LINE_LIMIT);
    enum auth_outcome outcome = AUTH_FAILED;
    if (name.len > 0 && utf8_is_valid(name) && !slice_has(name, '\0'))
        outcome = auth_password(session->context->auth, "imap", conn_peer_address(session->conn),
                                conn_is_tls(session->conn), name, password, &login);
    mem_wipe((char *)password.data, password.len);
    finish(session, outcome, buf_slice(&login));
    buf_free(&login);
}

static void authenticate(struct imap_session *session, const struct auth_request *request,
                         struct slice initial)
{
    struct buf login;
    enum auth_outcome outcome;
    buf_init(&login, AUTH_LINE_LIMIT);
    enum err err = auth_converse(session->context->auth, session->conn, *request, initial, &login, &outcome);
    if (!err)
        finish(session, outcome, buf_slice(&login));
    else if (err == ERR_DENIED)
        imap_bad(session, "cancelled");
    else if (err == ERR_SYNTAX || err == ERR_TOO_LONG)
        imap_bad(session, "malformed base64");
    else
        session->input.error = err; /* the connection has ended, or we shut down */
    buf_free(&login);
}

void imap_authenticate(struct imap_session *session, struct parser *parser)
{
    struct auth_request request = {
        .service = "imap",
        .peer_address = conn_peer_address(session->conn),
        .tls = conn_is_tls(session->conn),
    };
    struct slice initial = SLICE_EMPTY;
    if (!check_encrypted(session))
        return;
    if (!parse_space(parser) || !parse_name(parser, &request.mechanism)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (parse_space(parser)) {
        initial = slice_trim_right(parser->rest);
        request.has_initial = initial.len > 0;
    } else if (!parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    authenticate(session, &request, slice_eq(initial, S("=")) ? SLICE_EMPTY : initial);
    mem_wipe((char *)initial.data, initial.len);
}
