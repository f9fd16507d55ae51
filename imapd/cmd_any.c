/* SPDX-License-Identifier: ISC */
/*
 * Commands of any state (RFC 9051 section 6.1), STARTTLS (6.2.1), CHECK (RFC 3501 section 6.4.1):
 *
 *     command-any     = "CAPABILITY" / "LOGOUT" / "NOOP"
 */
#include "session.h"

static bool has_no_arguments(struct imap_session *session, struct parser *parser)
{
    if (parse_end(parser))
        return true;
    imap_bad_syntax(session, parser);
    return false;
}

void imap_capability(struct imap_session *session, struct parser *parser)
{
    struct buf text;
    if (!has_no_arguments(session, parser))
        return;
    buf_init(&text, INPUT_LINE_MAX);
    imap_write_capabilities(session, &text);
    imap_untagged(session, "CAPABILITY %s", buf_cstr(&text));
    buf_free(&text);
    imap_ok(session, NULL, "that is all");
}

void imap_noop(struct imap_session *session, struct parser *parser)
{
    if (has_no_arguments(session, parser))
        imap_ok(session, NULL, "done");
}

void imap_check(struct imap_session *session, struct parser *parser)
{
    imap_noop(session, parser);
}

void imap_logout(struct imap_session *session, struct parser *parser)
{
    if (!has_no_arguments(session, parser))
        return;
    imap_say(session, ANSWER_BYE, NULL, "goodbye");
    imap_ok(session, NULL, "logged out");
    session->ended = "logout";
}

void imap_starttls(struct imap_session *session, struct parser *parser)
{
    if (!has_no_arguments(session, parser))
        return;
    if (conn_is_tls(session->conn)) {
        imap_bad(session, "the connection is encrypted already");
    } else if (!session->context->tls) {
        imap_no(session, NULL, "TLS is not available");
    } else {
        imap_ok(session, NULL, "begin the TLS handshake");
        imap_send_answer(session);
        conn_flush(session->conn);
        session->language =
            IMAP_I_DEFAULT; /* what was said in clear may be an attacker's (RFC 5255 section 7) */
        /* Clear text behind STARTTLS is an attack or a broken client: conn_start_tls refuses, and the session
         * ends. */
        if (conn_start_tls(session->conn, session->context->tls))
            session->ended = "TLS handshake failed";
    }
}
