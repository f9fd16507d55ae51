/* SPDX-License-Identifier: ISC */
/*
 * Edits the header section of a submitted message while it streams by, field by field, holding back no more
 * than a field name: drops Bcc, and adds what is missing just before the empty line. Pure: slices in, slices
 * out.
 *
 * RFC 6409 section 8 and RFC 5322 section 3.6.3: the sender's Bcc field tells the other recipients what they
 * must not know, so it goes; Date, Message-ID and From, which every message must have, are added.
 */
#ifndef SMTPD_HEADER_FILTER_H
#define SMTPD_HEADER_FILTER_H

#include "base/buf.h"

struct header_filter {
    struct slice date, message_id,
        from; /* set by the caller: whole fields with CRLF, used when there is none */
    bool has_date, has_message_id, has_from;

    /* state */
    enum { HEADER_LINE_START, HEADER_NAME, HEADER_VALUE, HEADER_BODY } state;
    bool drop;
    size_t held_len;
    char held[64]; /* the beginning of a line until its colon */
    struct buf tail;
};

void header_filter_init(struct header_filter *filter);
void header_filter_free(struct header_filter *filter);

/* The next stretch of output made from *input (which moves on); false when the input is used up. *chunk_r
 * lives until the next call and as long as the input. */
bool header_filter_next(struct header_filter *filter, struct slice *input, struct slice *chunk_r);
/* What is still to be written at the end of the message (often empty). Lives as long as the filter. */
struct slice header_filter_end(struct header_filter *filter);

#endif
