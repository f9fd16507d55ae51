/* SPDX-License-Identifier: ISC */
/*
 * UNAUTHENTICATE (RFC 8437): the connection is as it was before the login, so that a program can work for one
 * user after the other. TLS stays, and who the program said it is (ID). Not offered while the connection is
 * compressed: there is no mark in the stream where compression could end with what the client pipelined.
 *
 *     command-auth    =/ "UNAUTHENTICATE"
 */
#include "base/log.h"

#include "session.h"

static void close_account(void *arg)
{
    account_close(arg);
}

void imap_unauthenticate(struct imap_session *session, struct parser *parser)
{
    struct buf capabilities;
    if (!parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (conn_is_deflated(session->conn)) {
        imap_bad(session, "not while the connection is compressed");
        return;
    }
    log_info("imap.unauthenticate", log_text("login", buf_slice(&session->login)),
             log_cstr("peer", conn_peer_address(session->conn)));
    imap_leave_mailbox(session);
    notify_end(session);
    imap_on_thread_surely(session, close_account, session->account);
    session->account = NULL;
    session->enabled = 0;
    session->language = IMAP_I_DEFAULT; /* section 4.1 of RFC 8437 */
    session->state = IMAP_NOT_AUTHENTICATED;
    imap_set_patience(session);
    buf_clear(&session->login);
    buf_init(&capabilities, INPUT_LINE_MAX);
    imap_write_capabilities(session, &capabilities);
    imap_ok(session, arena_printf(&session->arena, "CAPABILITY %s", buf_cstr(&capabilities)),
            "log in again as whom you like");
    buf_free(&capabilities);
}
