/* SPDX-License-Identifier: ISC */
/* Commands of any state (RFC 3501 section 6.1) and STARTTLS (section 6.2.1). None takes arguments. */
#include "session.h"

void imap_write_capabilities(struct imap_session *session)
{
    conn_write(session->conn, S("IMAP4rev1"));
    if (session->context->tls && !conn_is_tls(session->conn))
        conn_write(session->conn, S(" STARTTLS"));
    conn_write(session->conn, S(" LOGINDISABLED"));
}

void imap_capability(struct imap_session *session)
{
    conn_write(session->conn, S("* CAPABILITY "));
    imap_write_capabilities(session);
    conn_write(session->conn, S("\r\n"));
    imap_ok(session, "done");
}

void imap_noop(struct imap_session *session)
{
    imap_ok(session, "done");
}

void imap_logout(struct imap_session *session)
{
    conn_write(session->conn, S("* BYE goodbye\r\n"));
    imap_ok(session, "done");
    session->ended = true;
}

void imap_starttls(struct imap_session *session)
{
    if (conn_is_tls(session->conn)) {
        imap_bad(session, "the connection is encrypted already");
    } else if (!session->context->tls) {
        imap_no(session, "TLS is not available");
    } else {
        imap_ok(session, "begin the TLS handshake");
        conn_flush(session->conn);
        /* Clear text behind STARTTLS is an attack or a broken client: conn_start_tls refuses, and the session
         * ends. */
        if (conn_start_tls(session->conn, session->context->tls))
            session->ended = true;
    }
}
