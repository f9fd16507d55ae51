/* SPDX-License-Identifier: ISC */
#include "envelope.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "mail/encoded_word.h"
#include "mail/header.h"
#include "session.h"

enum { SUBJECT_MAX = 500, MESSAGE_ID_MAX = 500 };

/* As its reader sees it. */
static struct slice read_subject(const struct mime_parser *parser, struct arena *arena)
{
    const struct mime_field *field = mime_parser_field(parser, S("Subject"));
    struct slice text = field ? header_unfold(arena, slice_take(field->value, 8 * SUBJECT_MAX)) : SLICE_EMPTY;
    if (utf8_is_ascii(text) && slice_find_text(text, S("=?")) == text.len)
        return slice_take(text, SUBJECT_MAX);
    struct charset_cache *cache = charset_cache_new();
    struct buf decoded;
    buf_init(&decoded, (size_t)64 * SUBJECT_MAX);
    encoded_word_decode(&decoded, text, cache);
    struct slice subject = arena_copy(arena, utf8_cut(buf_slice(&decoded), SUBJECT_MAX));
    buf_free(&decoded);
    charset_cache_free(cache);
    return subject;
}

/*
 * What the next hosts must be able to do is seen in the message, not taken from what the client declared:
 * text of 7 bits goes to any host, whatever BODY said (RFC 6152 section 3), and a header in ASCII to one that
 * knows no SMTPUTF8. The wish of RFC 8689 section 3 counts where MAIL has none (section 4.1).
 */
static unsigned flags_of(const struct transaction *transaction, const struct mime_counts *counts)
{
    unsigned flags = transaction->flags;
    if (counts->has_8bit)
        flags |= QUEUE_8BIT;
    if (transaction->smtputf8 && counts->header_has_8bit)
        flags |= QUEUE_SMTPUTF8;
    if (counts->tls_optional && !(flags & QUEUE_REQUIRETLS))
        flags |= QUEUE_TLS_OPTIONAL;
    return flags;
}

struct queue_envelope envelope_of(const struct session *session, const struct mime_parser *parser,
                                  const struct message_summary *summary, uint64_t skip, struct arena *arena)
{
    const struct transaction *transaction = &session->transaction;
    return (struct queue_envelope){.id = slice_from(transaction->id),
                                   .sender = transaction->sender_text,
                                   .envid = transaction->envid,
                                   .login = buf_slice(&session->login),
                                   .message_id = slice_take(summary->message_id, MESSAGE_ID_MAX),
                                   .subject = read_subject(parser, arena),
                                   .flags = flags_of(transaction, mime_parser_counts(parser)),
                                   .received_us = clock_wall_us(),
                                   .skip = skip};
}
