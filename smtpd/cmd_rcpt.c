/* SPDX-License-Identifier: ISC */
/* RCPT: adds a recipient to the transaction. */
#include "arguments.h"
#include "base/log.h"
#include "base/scan.h"
#include "commands.h"
#include "route.h"
#include "session.h"

/*
 *   rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters] CRLF
 *                                                                         RFC 5321 section 4.1.1.3
 *
 * No extension with a parameter of RCPT is offered, so any is unknown.
 */
enum reply rcpt_arguments_parse(struct arena *arena, struct slice arguments, bool smtputf8,
                                struct mail_path *out)
{
    struct scan scan = scan_of(arguments);
    if (!scan_word(&scan, S("TO")) || !scan_skip_wsp(&scan) || !scan_char(&scan, ':'))
        return REPLY_BAD_RECIPIENT;
    struct slice rest = scan.rest;
    if (!smtputf8) {
        struct slice probe = rest;
        if (path_parse(arena, &rest, false, out))
            return path_parse(arena, &probe, true, out) ? REPLY_BAD_RECIPIENT : REPLY_NEEDS_SMTPUTF8;
    } else if (path_parse(arena, &rest, true, out)) {
        return REPLY_BAD_RECIPIENT;
    }
    if (out->is_null)
        return REPLY_BAD_RECIPIENT;
    struct slice keyword, value;
    if (rest.len == 0)
        return REPLY_NONE;
    return esmtp_parameter_next(&rest, &keyword, &value) ? REPLY_BAD_PARAMETER : REPLY_UNKNOWN_PARAMETER;
}

static enum reply add(struct session *session, struct arena *arena, const struct mail_path *path,
                      struct slice address)
{
    struct transaction *transaction = &session->transaction;
    /* RFC 5321 section 4.5.3.1.10 */
    if (transaction->recipient_count >= (size_t)session->conf->recipient_limit)
        return REPLY_TOO_MANY_RECIPIENTS;
    struct route route = route_find(session, arena, path);
    if (route.refusal)
        return route.refusal;
    if (!transaction_add(transaction, address, route.accounts, route.account_count))
        return REPLY_TOO_MANY_RECIPIENTS;
    return REPLY_RECIPIENT_OK;
}

static void log_refusal(const struct session *session, enum reply reply, struct slice address)
{
    const struct transaction *transaction = &session->transaction;
    log_info("rcpt.refused", log_cstr("id", transaction->id),
             log_cstr("peer", conn_peer_address(session->conn)),
             log_text("login", buf_slice(&session->login)), log_text("from", transaction->sender_text),
             log_text("rcpt", address), log_number("code", reply_code(reply)),
             log_cstr("status", reply_status(reply)));
}

void cmd_rcpt(struct session *session, struct slice arguments)
{
    if (session->transaction.transfer != TRANSFER_NONE) {
        session_reply(session, REPLY_MIXED_BDAT);
        return;
    }
    struct arena arena = {0};
    struct mail_path path;
    struct slice address = SLICE_EMPTY;
    enum reply reply = rcpt_arguments_parse(&arena, arguments, session->transaction.smtputf8, &path);
    if (!reply) {
        address = address_text(&arena, &path.address);
        reply = add(session, &arena, &path, address);
    }
    if (reply == REPLY_RECIPIENT_OK) {
        session_reply(session, reply);
    } else {
        log_refusal(session, reply, address.len > 0 ? address : arguments);
        session_reply_about(session, reply, address);
    }
    arena_free(&arena);
}
