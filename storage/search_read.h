/* SPDX-License-Identifier: ISC */
/*
 * The text of a stored message as search compares it: extracted (mail/text.h) and folded (mail/fold.h). What
 * is searched in and what an index is made of both come from here, so that they cannot disagree.
 */
#ifndef STORAGE_SEARCH_READ_H
#define STORAGE_SEARCH_READ_H

#include "mail/text.h"
#include "storage/blob.h"

struct search_piece {
    enum text_wanted from;
    bool begins;       /* another field, another part: nothing runs on from the piece before */
    struct slice name; /* of a header field, as written */
    struct slice text; /* folded; a field comes whole, as "name: value" */
    size_t value;      /* where in `text` the value begins */
};
/* False: enough. */
typedef bool search_taker(void *data, const struct search_piece *piece);

struct search_reader;
/* For many messages, one after the other; one thread at a time. */
struct search_reader *search_reader_new(void);
void search_reader_free(struct search_reader *reader); /* NULL is fine */

/* `wanted`: TEXT_HEADER and TEXT_BODY. Slices live for the call of `taker`. */
enum err search_read(struct search_reader *reader, const struct blob_reader *message, unsigned wanted,
                     search_taker *taker, void *data) MUST_CHECK;
/* The same for those fields of a block of them in memory that have one of these names. */
void search_read_fields(struct search_reader *reader, struct slice fields, const struct slice *names,
                        size_t name_count, search_taker *taker, void *data);

#endif
