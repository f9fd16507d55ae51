/* SPDX-License-Identifier: ISC */
/*
 * The dialogue: greeting, then a command line at a time until QUIT, an error of the connection, or the
 * server's end. A session that ends any other way than by QUIT removes nothing (RFC 1939 section 6).
 */
#include "session.h"

#include "base/log.h"

/* RFC 2449 section 4 allows 255 octets; base64 of AUTH wants more (RFC 5034 section 4). */
#define COMMAND_LINE_LIMIT 4096

static void run_line(struct pop3_session *session, struct slice line)
{
    struct slice verb, arguments;
    pop3_command_split(line, &verb, &arguments);
    const struct pop3_command *command = pop3_command_find(verb);
    bool after_user = session->expects_password;
    session->expects_password = false;
    if (!command)
        pop3_error(session, NULL, TEXT_UNKNOWN);
    else if (!(command->states & session->state))
        pop3_error(session, NULL, TEXT_NOT_NOW);
    else if (!command->takes_arguments && slice_trim(arguments).len > 0)
        pop3_error(session, NULL, TEXT_ARGUMENTS);
    else {
        session->expects_password = after_user && command->run == pop3_pass;
        command->run(session, arguments);
    }
}

/* Reads and runs one command; false when the session is over. */
static bool next_command(struct pop3_session *session)
{
    /* A pipelining client gets its answers together (RFC 2449 section 6.6). */
    if (!conn_has_line(session->conn) && conn_flush(session->conn))
        return false;
    struct slice line;
    enum err err = conn_read_line(session->conn, COMMAND_LINE_LIMIT, &line);
    if (err == ERR_TOO_LONG) {
        pop3_error(session, NULL, TEXT_LINE_TOO_LONG);
    } else if (err == ERR_SHUTDOWN) {
        pop3_error(session, "SYS/TEMP", TEXT_SHUTDOWN);
        return false;
    } else if (err) {
        return false;
    } else {
        /* The handlers may read on (AUTH), which would overwrite the line. */
        run_line(session, arena_copy(&session->arena, line));
    }
    arena_reset(&session->arena);
    if (!session->ended && session->errors > (unsigned)session->conf->error_limit) {
        pop3_error(session, NULL, TEXT_TOO_MANY_ERRORS);
        return false;
    }
    return !session->ended && !conn_error(session->conn);
}

static void close_drop(void *arg)
{
    drop_close(arg);
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
    while (next_command(&session))
        ;
    conn_flush(conn);

    if (session.drop.account) {
        log_info("pop3.end", log_text("login", buf_slice(&session.login)),
                 log_cstr("peer", conn_peer_address(conn)), log_number("messages", session.drop.count),
                 log_number("bytes_out", conn_bytes_out(conn)),
                 log_cstr("reason", session.ended ? "quit" : err_text(conn_error(conn))));
        /* A cancelled task is refused by work_run; the drop must be closed all the same. */
        if (work_run(context->work, work_key(session.login.data, session.login.len), close_drop,
                     &session.drop))
            drop_close(&session.drop);
    }
    buf_free(&session.user);
    buf_free(&session.login);
    arena_free(&session.arena);
}
