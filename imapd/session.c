/* SPDX-License-Identifier: ISC */
/* The dialogue: greeting, then a command line at a time until LOGOUT, an error of the connection, or the
 * server's end. */
#include "session.h"

/* RFC 7162 section 4 recommends 8,192 octets; without literals nothing here comes near. */
#define COMMAND_LINE_LIMIT 8192

static void answer(struct imap_session *session, const char *condition, const char *text)
{
    conn_write(session->conn, session->tag.len > 0 ? session->tag : S("*"));
    conn_printf(session->conn, " %s %s\r\n", condition, text);
}

void imap_ok(struct imap_session *session, const char *text)
{
    answer(session, "OK", text);
}

void imap_no(struct imap_session *session, const char *text)
{
    answer(session, "NO", text);
}

void imap_bad(struct imap_session *session, const char *text)
{
    session->errors++;
    answer(session, "BAD", text);
}

static void run_line(struct imap_session *session, struct slice line)
{
    struct slice name, arguments;
    if (!imap_parse_command(line, &session->tag, &name, &arguments)) {
        imap_bad(session, "a command is: tag, space, name");
        return;
    }
    const struct imap_command *command = imap_command_find(name);
    if (!command)
        imap_bad(session, "unknown command");
    else if (arguments.len > 0)
        imap_bad(session, "this command takes no arguments");
    else
        command->run(session);
}

static bool next_command(struct imap_session *session)
{
    if (!conn_has_line(session->conn) && conn_flush(session->conn))
        return false;
    struct slice line;
    enum err err = conn_read_line(session->conn, COMMAND_LINE_LIMIT, &line);
    session->tag = SLICE_EMPTY;
    if (err == ERR_TOO_LONG) {
        imap_bad(session, "line too long");
    } else if (err == ERR_SHUTDOWN) {
        conn_write(session->conn, S("* BYE the server is shutting down\r\n"));
        return false;
    } else if (err == ERR_TIMEOUT) { /* RFC 9051 section 5.4 */
        conn_write(session->conn, S("* BYE nothing heard for too long\r\n"));
        return false;
    } else if (err) {
        return false;
    } else {
        run_line(session, arena_copy(&session->arena, line));
    }
    arena_reset(&session->arena);
    if (!session->ended && session->errors > session->context->conf->error_limit) {
        conn_write(session->conn, S("* BYE too many errors\r\n"));
        return false;
    }
    return !session->ended && !conn_error(session->conn);
}

void imap_session_run(struct conn *conn, const struct imap_context *context)
{
    struct imap_session session = {.context = context, .conn = conn};
    conn_set_timeout(conn, context->conf->imap_timeout);
    conn_write(conn, S("* OK [CAPABILITY "));
    imap_write_capabilities(&session);
    conn_write(conn, S("] Postern IMAP server ready\r\n"));
    while (next_command(&session))
        ;
    conn_flush(conn);
    arena_free(&session.arena);
}
