/* SPDX-License-Identifier: ISC */
/*
 * The dialogue: greeting, then a command line at a time until QUIT, an error of the connection, or the
 * server's end. A session that ends any other way than by QUIT removes nothing (RFC 1939 section 6).
 */
#include "session.h"

#include "base/log.h"
#include "net/task.h"

/* RFC 2449 section 4 wants at least 255 octets; the initial response of AUTH is longer sometimes. */
#define COMMAND_LINE_LIMIT 4096

static void run_line(struct pop3_session *session, struct slice line)
{
    struct slice arguments;
    enum pop3_text refusal;
    const struct pop3_command *command = pop3_command_parse(line, session->state, &arguments, &refusal);
    bool after_user = session->expects_password;
    session->expects_password = false;
    if (!command) {
        pop3_error(session, NULL, refusal);
        return;
    }
    /* RFC 1939 section 7: PASS only "immediately after a successful USER command". */
    session->expects_password = after_user && command->run == pop3_pass;
    command->run(session, arguments);
}

/* Reads and runs one command; sets `ended` when the session is over. */
static void next_command(struct pop3_session *session)
{
    struct slice line;
    /* A pipelining client gets its answers together (RFC 2449 section 6.6). */
    enum err err = conn_has_line(session->conn) ? ERR_OK : conn_flush(session->conn);
    if (!err)
        err = task_is_canceled() ? ERR_CANCELED : conn_read_line(session->conn, COMMAND_LINE_LIMIT, &line);
    if (err == ERR_TOO_LONG) {
        pop3_error(session, NULL, TEXT_LINE_TOO_LONG);
    } else if (err == ERR_SHUTDOWN) {
        pop3_refuse(session, "SYS/TEMP", TEXT_SHUTDOWN);
        session->ended = err_text(err);
    } else if (err) { /* a silent client is left "without […] sending any response" (section 3), too */
        session->ended = err_text(err);
    } else {
        /* The handlers may read on (AUTH), which would overwrite the line. */
        run_line(session, arena_copy(&session->arena, line));
    }
    arena_reset(&session->arena);
    if (!session->ended && session->errors > session->conf->error_limit) {
        pop3_refuse(session, NULL, TEXT_TOO_MANY_ERRORS);
        session->ended = "too many errors";
    }
}

static void close_drop(void *arg)
{
    struct pop3_session *session = arg;
    drop_reader_free(&session->reader);
    drop_close(&session->drop);
}

static void end_session(struct pop3_session *session)
{
    if (session->state == POP3_AUTHORIZATION)
        return;
    log_info(
        "pop3.end", log_text("login", buf_slice(&session->login)),
        log_cstr("peer", conn_peer_address(session->conn)), log_number("messages", session->counts.messages),
        log_number("retrieved", session->counts.retrieved), log_number("deleted", session->counts.deleted),
        log_number("bytes_out", conn_bytes_out(session->conn)), log_cstr("reason", session->ended));
    /* A cancelled task is refused by work_run; the drop must be closed all the same. */
    if (session->drop.account &&
        work_run(session->context->work, work_key(session->login.data, session->login.len), close_drop,
                 session))
        close_drop(session);
}

void pop3_session_run(struct conn *conn, const struct pop3_context *context)
{
    struct pop3_session session = {
        .context = context,
        .conf = context->conf,
        .conn = conn,
        .state = POP3_AUTHORIZATION,
        .language = &pop3_languages[0],
    };
    buf_init(&session.user, COMMAND_LINE_LIMIT);
    buf_init(&session.login, COMMAND_LINE_LIMIT);
    conn_set_timeout(conn, session.conf->pop3_timeout);

    pop3_ok(&session, TEXT_GREETING);
    while (!session.ended)
        next_command(&session);
    conn_flush(conn);

    end_session(&session);
    buf_free(&session.user);
    buf_free(&session.login);
    arena_free(&session.arena);
}
