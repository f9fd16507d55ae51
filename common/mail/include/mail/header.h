/* SPDX-License-Identifier: ISC */
/*
 * A walk over the header section of a message that is in memory (RFC 5322 section 2.2), lines ending in CRLF
 * or LF.
 *
 *     struct header_walk walk = header_walk_of(message);
 *     while (header_next(&walk, &field)) …
 *     body = slice_skip(message, walk.offset);
 *
 * Nothing makes it fail: a line that is no field (no colon, a colon first, blanks or control characters in
 * the name, an mbox "From " line) comes as a field with an empty name. The walk ends at the empty line or at
 * the end of the text. For a message that streams by, see mime.h.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/arena.h"

struct header_walk {
    struct slice text;
    size_t offset; /* of the next line; after header_next returned false: start of the body (behind the empty
                      line) */
    bool has_body; /* the empty line was met */
};

struct header_field {
    struct slice name; /* without blanks before the colon; empty when malformed */
    struct slice
        value; /* behind the colon, folds and the leading space still in it, without the last line end */
    struct slice raw; /* the whole field: name, colon, value, last line end */
    size_t offset;    /* of raw in the text */
};

struct header_walk header_walk_of(struct slice text);
bool header_next(struct header_walk *walk, struct header_field *out);

/* The first field of that name (any case); false when there is none. */
bool header_find(struct slice text, struct slice name, struct header_field *out);
size_t header_count(struct slice text, struct slice name);

/* The value as one line: line ends before white space removed (RFC 5322 section 2.2.3), blanks at both ends
 * trimmed, NUL and stray CR or LF turned into spaces. In the arena. */
struct slice header_unfold(struct arena *arena, struct slice value);

/* True when `name` may stand before the colon: 1*(%d33-57 / %d59-126). */
bool header_name_is_valid(struct slice name);

#endif
