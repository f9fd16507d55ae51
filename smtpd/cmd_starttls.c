/* SPDX-License-Identifier: ISC */
/* STARTTLS (RFC 3207). */
#include "commands.h"
#include "session.h"

/*
 *   starttls = "STARTTLS" CRLF                                             RFC 3207 section 4
 *
 * 220 is the last thing said in clear. Commands that the client sent along with STARTTLS came from anybody on
 * the way: conn_start_tls finds them and the connection ends. Afterwards both sides begin anew (section 4.2),
 * except that no second greeting is sent.
 */
void cmd_starttls(struct session *session, struct slice arguments)
{
    (void)arguments;
    if (conn_is_tls(session->conn)) {
        session_reply(session, REPLY_TLS_ACTIVE);
        return;
    }
    if (!session->context->tls) {
        session_reply(session, REPLY_TLS_UNAVAILABLE);
        return;
    }
    session_reply(session, REPLY_START_TLS);
    if (conn_flush(session->conn) || conn_start_tls(session->conn, session->context->tls)) {
        session->closing = true;
        return;
    }
    session_forget(session);
}
