/* SPDX-License-Identifier: ISC */
/* MAIL: begins a transaction. What its parameters are for is told where the transaction keeps them. */
#include "arguments.h"
#include "base/log.h"
#include "base/scan.h"
#include "base/utf8.h"
#include "commands.h"
#include "policy.h"
#include "session.h"

enum seen {
    SEEN_SIZE = 1,
    SEEN_BODY = 2,
    SEEN_SMTPUTF8 = 4,
    SEEN_AUTH = 8,
    SEEN_RET = 16,
    SEEN_ENVID = 32,
    SEEN_REQUIRETLS = 64
};
enum { ENVID_LIMIT = 100 }; /* RFC 3461 section 4.4 */

/* size-value = 1*20DIGIT (RFC 1870 section 4) */
static bool parse_size(struct slice value, struct mail_arguments *out)
{
    return value.len <= 20 && slice_to_u64(value, UINT64_MAX, &out->size);
}

/* body-value = "7BIT" / "8BITMIME" (RFC 6152 section 2). Bytes are kept as they come either way. */
static bool parse_body(struct slice value)
{
    return slice_eq_nocase(value, S("7BIT")) || slice_eq_nocase(value, S("8BITMIME"));
}

/* "AUTH=" ( xtext / "<>" ) (RFC 4954 section 5): who another server says has sent it. Nobody's word is taken
 * for that. */
static bool parse_auth(struct slice value)
{
    struct buf mailbox;
    buf_init(&mailbox, 512);
    bool good = value.len > 0 && xtext_decode(&mailbox, value) == ERR_OK && buf_ok(&mailbox);
    buf_free(&mailbox);
    return good;
}

/* "RET=" ( "FULL" / "HDRS" ) in either case (RFC 3461 section 4.3) */
static bool parse_ret(struct slice value, struct mail_arguments *out)
{
    out->ret = slice_eq_nocase(value, S("FULL"))   ? RETURN_FULL
               : slice_eq_nocase(value, S("HDRS")) ? RETURN_HEADER
                                                   : RETURN_ANY;
    return out->ret != RETURN_ANY;
}

/* "ENVID=" xtext of printable ASCII (RFC 3461 section 4.4) */
static bool parse_envid(struct slice value, struct mail_arguments *out)
{
    out->envid = value;
    return value.len > 0 && value.len <= ENVID_LIMIT && xtext_is_printable(value);
}

static enum reply parse_parameter(struct slice keyword, struct slice value, unsigned knows, unsigned *seen,
                                  struct mail_arguments *out)
{
    unsigned which;
    bool good;
    if (slice_eq_nocase(keyword, S("SIZE"))) {
        which = SEEN_SIZE;
        good = parse_size(value, out);
    } else if (slice_eq_nocase(keyword, S("BODY"))) {
        which = SEEN_BODY;
        good = parse_body(value);
    } else if (slice_eq_nocase(keyword, S("SMTPUTF8"))) { /* RFC 6531 section 3.4: no value */
        which = SEEN_SMTPUTF8;
        good = value.data == NULL;
        out->smtputf8 = true;
    } else if (slice_eq_nocase(keyword, S("RET"))) {
        which = SEEN_RET;
        good = parse_ret(value, out);
    } else if (slice_eq_nocase(keyword, S("ENVID"))) {
        which = SEEN_ENVID;
        good = parse_envid(value, out);
    } else if ((knows & MAIL_KNOWS_AUTH) && slice_eq_nocase(keyword, S("AUTH"))) {
        which = SEEN_AUTH;
        good = parse_auth(value);
    } else if ((knows & MAIL_KNOWS_REQUIRETLS) && slice_eq_nocase(keyword, S("REQUIRETLS"))) {
        which = SEEN_REQUIRETLS; /* RFC 8689 section 2: no value */
        good = value.data == NULL;
        out->requiretls = true;
    } else {
        return REPLY_UNKNOWN_PARAMETER;
    }
    if (!good || *seen & which)
        return REPLY_BAD_PARAMETER;
    *seen |= which;
    return REPLY_NONE;
}

static bool is_ascii(const struct address *address)
{
    return utf8_is_ascii(address->local) && utf8_is_ascii(address->domain);
}

/*
 *   mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF            RFC 5321 section 4.1.1.2
 *   Mail-parameters = esmtp-param *(SP esmtp-param)                       section 4.1.2
 *
 * Outlook puts a space behind the colon; path_parse lets it pass.
 */
enum reply mail_arguments_parse(struct arena *arena, struct slice arguments, unsigned knows,
                                struct mail_arguments *out)
{
    *out = (struct mail_arguments){0};
    struct scan scan = scan_of(arguments);
    if (!scan_word(&scan, S("FROM")) || !scan_skip_wsp(&scan) || !scan_char(&scan, ':'))
        return REPLY_BAD_SENDER;
    struct slice rest = scan.rest;
    if (path_parse(arena, &rest, true, &out->path) || out->path.is_postmaster)
        return REPLY_BAD_SENDER;
    unsigned seen = 0;
    while (rest.len > 0) {
        struct slice keyword, value;
        if (esmtp_parameter_next(&rest, &keyword, &value))
            return REPLY_BAD_PARAMETER;
        enum reply refusal = parse_parameter(keyword, value, knows, &seen, out);
        if (refusal)
            return refusal;
    }
    /* RFC 6531 section 3.5 */
    return out->smtputf8 || is_ascii(&out->path.address) ? REPLY_NONE : REPLY_NEEDS_SMTPUTF8;
}

static unsigned known_parameters(const struct session *session)
{
    return (session_is_submission(session) ? MAIL_KNOWS_AUTH : 0) |
           (session_offers_requiretls(session) ? MAIL_KNOWS_REQUIRETLS : 0);
}

static enum reply check(struct session *session, const struct mail_arguments *mail)
{
    if (mail->size > (uint64_t)session->conf->message_size_limit)
        return REPLY_TOO_BIG;
    return policy_check_sender(session, &mail->path.address);
}

static void refuse(struct session *session, enum reply refusal, struct slice arguments)
{
    log_info("mail.refused", log_cstr("peer", conn_peer_address(session->conn)),
             log_text("login", buf_slice(&session->login)), log_text("mail", arguments),
             log_number("code", reply_code(refusal)), log_cstr("status", reply_status(refusal)));
    if (refusal == REPLY_SENDER_NOT_OWNED)
        policy_explain_sender(session);
    else
        session_reply(session, refusal);
}

void cmd_mail(struct session *session, struct slice arguments)
{
    /* RFC 9422 section 4.1: MAILMAX is the number of transactions; what comes after it gets 421. */
    if (session->message_count >= (size_t)session->conf->transaction_limit) {
        session_reply(session, REPLY_TOO_MANY_MESSAGES);
        session->closing = true;
        return;
    }
    struct arena arena = {0};
    struct mail_arguments mail;
    enum reply refusal = policy_check_service(session);
    if (!refusal)
        refusal = mail_arguments_parse(&arena, arguments, known_parameters(session), &mail);
    if (!refusal)
        refusal = check(session, &mail);
    if (refusal) {
        refuse(session, refusal, arguments);
    } else {
        transaction_begin(&session->transaction, &mail);
        session->message_count++;
        session_reply(session, REPLY_SENDER_OK);
    }
    arena_free(&arena);
}
