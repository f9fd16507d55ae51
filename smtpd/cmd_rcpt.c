/* SPDX-License-Identifier: ISC */
/* RCPT: adds a recipient to the transaction. */
#include <string.h>

#include "arguments.h"
#include "base/log.h"
#include "base/scan.h"
#include "base/utf8.h"
#include "commands.h"
#include "route.h"
#include "session.h"
#include "storage/queue.h"

enum { NOTIFY_LIMIT = 28, ORCPT_LIMIT = 500 }; /* RFC 3461 section 5.4 */

/*
 *   notify-esmtp-value = "NEVER" / 1#notify-list-element                  RFC 3461 section 4.1
 *   notify-list-element = "SUCCESS" / "FAILURE" / "DELAY"                 in either case
 */
static bool parse_notify(struct slice value, unsigned *notify_r)
{
    static const struct {
        struct slice word;
        unsigned bit;
    } elements[] = {{S("SUCCESS"), QUEUE_NOTIFY_SUCCESS},
                    {S("FAILURE"), QUEUE_NOTIFY_FAILURE},
                    {S("DELAY"), QUEUE_NOTIFY_DELAY}};
    if (value.len > NOTIFY_LIMIT)
        return false;
    *notify_r = slice_eq_nocase(value, S("NEVER")) ? QUEUE_NOTIFY_NEVER : 0;
    while (value.data && *notify_r != QUEUE_NOTIFY_NEVER) {
        struct slice word = slice_split(&value, ',');
        unsigned bit = 0;
        for (size_t i = 0; i < ARRAY_LEN(elements); i++)
            bit |= slice_eq_nocase(word, elements[i].word) ? elements[i].bit : 0;
        if (!bit)
            return false;
        *notify_r |= bit;
    }
    return *notify_r != 0;
}

/* atom = 1*atext (RFC 5322 section 3.2.3) */
static bool is_atext(char c)
{
    return char_is_alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/*
 *   original-recipient-address = addr-type ";" xtext                      RFC 3461 section 4.2
 *   addr-type = atom
 *
 * Addresses of the type utf-8 have UTF-8 in them when the transaction allows it (RFC 6533 section 3).
 */
static bool parse_orcpt(struct slice value, bool smtputf8, struct slice *orcpt_r)
{
    struct scan scan = scan_of(value);
    struct slice type;
    *orcpt_r = value;
    if (value.len > ORCPT_LIMIT || !scan_while(&scan, is_atext, &type) || !scan_char(&scan, ';'))
        return false;
    if (scan_at_end(&scan))
        return false;
    if (utf8_is_ascii(scan.rest))
        return xtext_is_printable(scan.rest);
    return smtputf8 && slice_eq_nocase(type, S("utf-8")) && utf8_is_valid(scan.rest);
}

static enum reply parse_parameters(struct slice rest, bool smtputf8, struct rcpt_arguments *out)
{
    while (rest.len > 0) {
        struct slice keyword, value;
        bool good;
        if (esmtp_parameter_next(&rest, &keyword, &value))
            return REPLY_BAD_PARAMETER;
        if (slice_eq_nocase(keyword, S("NOTIFY")))
            good = out->notify == 0 && parse_notify(value, &out->notify);
        else if (slice_eq_nocase(keyword, S("ORCPT")))
            good = out->orcpt.len == 0 && parse_orcpt(value, smtputf8, &out->orcpt);
        else
            return REPLY_UNKNOWN_PARAMETER;
        if (!good)
            return REPLY_BAD_PARAMETER;
    }
    return REPLY_NONE;
}

/*
 *   rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters] CRLF
 *                                                                         RFC 5321 section 4.1.1.3
 */
enum reply rcpt_arguments_parse(struct arena *arena, struct slice arguments, bool smtputf8,
                                struct rcpt_arguments *out)
{
    struct scan scan = scan_of(arguments);
    struct mail_path *path = &out->path;
    *out = (struct rcpt_arguments){0};
    if (!scan_word(&scan, S("TO")) || !scan_skip_wsp(&scan) || !scan_char(&scan, ':'))
        return REPLY_BAD_RECIPIENT;
    struct slice rest = scan.rest;
    if (!smtputf8) {
        struct slice probe = rest;
        if (path_parse(arena, &rest, false, path))
            return path_parse(arena, &probe, true, path) ? REPLY_BAD_RECIPIENT : REPLY_NEEDS_SMTPUTF8;
    } else if (path_parse(arena, &rest, true, path)) {
        return REPLY_BAD_RECIPIENT;
    }
    return path->is_null ? REPLY_BAD_RECIPIENT : parse_parameters(rest, smtputf8, out);
}

static enum reply add(struct session *session, struct arena *arena, const struct rcpt_arguments *rcpt,
                      struct slice address)
{
    struct transaction *transaction = &session->transaction;
    /* RFC 5321 section 4.5.3.1.10 */
    if (transaction->recipient_count >= (size_t)session->conf->recipient_limit)
        return REPLY_TOO_MANY_RECIPIENTS;
    struct route route = route_find(session, arena, &rcpt->path);
    if (route.refusal)
        return route.refusal;
    const struct recipient recipient = {.address = address,
                                        .path = rcpt->path.address,
                                        .forwards = route.forwards,
                                        .forward_count = route.forward_count,
                                        .is_elsewhere = route.is_elsewhere,
                                        .notify = rcpt->notify,
                                        .orcpt = rcpt->orcpt};
    if (!transaction_add(transaction, &recipient, route.accounts, route.account_count))
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
    struct rcpt_arguments rcpt;
    struct slice address = SLICE_EMPTY;
    enum reply reply = rcpt_arguments_parse(&arena, arguments, session->transaction.smtputf8, &rcpt);
    if (!reply) {
        address = address_text(&arena, &rcpt.path.address);
        reply = add(session, &arena, &rcpt, address);
    }
    if (reply == REPLY_RECIPIENT_OK) {
        session_reply(session, reply);
    } else {
        log_refusal(session, reply, address.len > 0 ? address : arguments);
        session_reply_about(session, reply, address);
    }
    arena_free(&arena);
}
