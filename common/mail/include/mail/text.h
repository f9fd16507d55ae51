/* SPDX-License-Identifier: ISC */
/*
 * The text of a message as its reader sees it, for searching: header fields with their encoded-words decoded;
 * of the body all text/… parts with transfer encoding and charset undone, HTML without its tags. What counts
 * as body text besides: the header fields of messages inside (message/rfc822, message/global), and the names
 * of attached files. Not: attachments of other types, preambles, the header fields of parts.
 *
 *     extractor = text_extractor_new();
 *     text_extract(extractor, &source, TEXT_HEADER | TEXT_BODY, taker, data);
 *
 * Every sequence of bytes is a message; the same message always gives the same text. The message is read from
 * its start to its end once, and then the parts that have text once more; memory stays under some 2 MiB,
 * whatever the message.
 */
#ifndef MAIL_TEXT_H
#define MAIL_TEXT_H

#include "base/buf.h"

/* Body text of a message beyond this is not looked at, in UTF-8. */
#define TEXT_BODY_MAX ((size_t)16 * 1024 * 1024)

enum text_wanted { TEXT_HEADER = 1, TEXT_BODY = 2 };

/* Where the message lies. Fewer bytes than asked for are fine; none mean the end. */
struct text_source {
    enum err (*read)(void *data, uint64_t offset, char *buffer, size_t size, size_t *count_r);
    void *data;
};

/* A piece of text, UTF-8, cut between characters. */
struct text_piece {
    enum text_wanted from; /* TEXT_HEADER: a field of the message's own header */
    bool begins;           /* another field, another part: a word does not run on from the piece before */
    bool is_file_name;     /* of an attached file */
    struct slice name;     /* of a header field, also of a message inside; empty for other text */
    struct slice text;     /* of a field the whole value, blanks at its ends trimmed */
};
/* False: enough, no more pieces. */
typedef bool text_taker(void *data, const struct text_piece *piece);

struct text_extractor;
/* For many messages, one after the other; one thread at a time. */
struct text_extractor *text_extractor_new(void);
void text_extractor_free(struct text_extractor *extractor); /* NULL is fine */

/* The pieces in their order: the message's own header, then the parts. Slices live for the call of `taker`.
 * The only errors are those of `source`. */
enum err text_extract(struct text_extractor *extractor, const struct text_source *source, unsigned wanted,
                      text_taker *taker, void *data) MUST_CHECK;

/* The value of one header field (as header.h walks over it) as text_extract gives it. */
void text_of_field(struct text_extractor *extractor, struct buf *out, struct slice value);

/* For tests: how many bytes are worked on at a time. */
void text_extractor_set_chunk(struct text_extractor *extractor, size_t size);
/* A message in memory. */
struct text_source text_source_of(const struct slice *message);

#endif
