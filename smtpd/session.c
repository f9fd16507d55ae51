/* SPDX-License-Identifier: ISC */
#include "session.h"

#include <string.h>

#include "base/log.h"
#include "commands.h"
#include "net/task.h"

void session_reply(struct session *session, enum reply reply)
{
    session->error_count += reply_counts(reply);
    reply_send(session->conn, reply);
}

void session_reply_about(struct session *session, enum reply reply, struct slice address)
{
    session->error_count += reply_counts(reply);
    reply_about(session->conn, reply, address);
}

bool session_is_submission(const struct session *session)
{
    return session->service == SERVICE_SUBMISSION || session->service == SERVICE_SUBMISSIONS;
}

bool session_is_authenticated(const struct session *session)
{
    return session->login.len > 0;
}

const char *session_mechanisms(const struct session *session)
{
    if (!session_is_submission(session))
        return "";
    struct conn *conn = session->conn;
    return auth_mechanisms(conn_is_tls(conn), conn_peer_is_loopback(conn), session->conf->plaintext_auth);
}

bool session_offers_starttls(const struct session *session)
{
    return session->service != SERVICE_LMTP && session->context->tls && !conn_is_tls(session->conn);
}

bool session_offers_requiretls(const struct session *session)
{
    return conn_is_tls(session->conn);
}

void session_forget(struct session *session)
{
    session->hello = HELLO_NONE;
    buf_clear(&session->hello_name);
    buf_clear(&session->login);
    transaction_reset(&session->transaction);
}

void session_end(struct session *session, enum err err)
{
    if (err == ERR_SHUTDOWN || err == ERR_CANCELED)
        reply_send(session->conn, REPLY_SHUTTING_DOWN);
    else if (err == ERR_TIMEOUT)
        reply_send(session->conn, REPLY_IDLE);
    session->closing = true;
}

static enum err flush_before_read(struct session *session)
{
    return conn_has_line(session->conn) ? ERR_OK : conn_flush(session->conn);
}

/* RFC 5321 section 4.3.1: 220 <domain> …; the word ESMTP (RFC 1869 of old) makes some clients try EHLO. */
static void greet(struct session *session)
{
    const char *protocol = session->service == SERVICE_LMTP ? "LMTP" : "ESMTP";
    conn_printf(session->conn, "220 %s %s Postern\r\n", session->conf->hostname, protocol);
}

static void check_errors(struct session *session)
{
    if (session->closing || session->error_count <= (size_t)session->conf->error_limit)
        return;
    log_info("session.too_many_errors", log_cstr("peer", conn_peer_address(session->conn)),
             log_number("errors", session->error_count));
    reply_send(session->conn, REPLY_TOO_MANY_ERRORS);
    session->closing = true;
}

static void serve(struct session *session)
{
    while (!session->closing && !task_is_canceled()) {
        struct slice line;
        enum err err = flush_before_read(session);
        if (!err)
            err = conn_read_line(session->conn, COMMAND_LINE_LIMIT_AUTH, &line);
        if (err == ERR_TOO_LONG)
            session_reply(session, REPLY_LINE_TOO_LONG);
        else if (err)
            session_end(session, err);
        else
            command_run(session, line);
        check_errors(session);
    }
    if (!session->closing)
        session_end(session, ERR_CANCELED);
    conn_flush(session->conn);
}

void session_run(struct conn *conn, const struct smtp_context *context)
{
    struct session session = {
        .conn = conn, .context = context, .conf = context->conf, .service = context->service};
    buf_init(&session.hello_name, HELLO_NAME_LIMIT + 1);
    buf_init(&session.login, 512);
    transaction_init(&session.transaction);
    conn_set_timeout(conn, session.conf->smtp_timeout);

    greet(&session);
    serve(&session);

    log_debug("session.end", log_cstr("service", conf_service_names[session.service]),
              log_cstr("peer", conn_peer_address(conn)), log_number("messages", session.message_count),
              log_number("errors", session.error_count), log_number("bytes_in", conn_bytes_in(conn)),
              log_number("bytes_out", conn_bytes_out(conn)), log_err(conn_error(conn)));
    transaction_free(&session.transaction);
    buf_free(&session.hello_name);
    buf_free(&session.login);
}
