/* SPDX-License-Identifier: ISC */
/*
 * Reading the mbox format (RFC 4155, and what programs really write). A message begins at a line "From …"
 * that stands at the beginning or after an empty line, and looks like one: with a time of day in it, or with
 * nothing but a dash. The empty line before it belongs to the format, not to the message. Lines ">From",
 * ">>From" … lose one ">" (mboxrd).
 *
 * Bytes come in any pieces and go out as they come, so a message may be of any length; the result is the same
 * whatever the cuts.
 */
#ifndef STORAGE_MBOX_H
#define STORAGE_MBOX_H

#include "base/buf.h"

struct mbox_events {
    /* `line`: what follows "From ", without the line end. */
    enum err (*begin)(void *data, struct slice line);
    enum err (*text)(void *data, struct slice bytes); /* of the message */
    enum err (*end)(void *data);
};

#define MBOX_LINE_MAX 1000 /* a longer line is no "From " line */

struct mbox_reader {
    const struct mbox_events *events;
    void *data;
    size_t quotes;   /* ">" at the beginning of the line */
    struct buf line; /* what follows them, until it is clear what it is */
    bool in_line;    /* its beginning is clear: the rest of the line is text */
    bool in_message;
    bool after_empty; /* the line before was empty, or there was none */
    char held[3];     /* the empty line, which may belong to the format */
    size_t held_length;
};

void mbox_reader_init(struct mbox_reader *reader, const struct mbox_events *events, void *data);
/* The first error of an event ends it. Text before the first "From " line is passed over. */
enum err mbox_reader_feed(struct mbox_reader *reader, struct slice bytes) MUST_CHECK;
enum err mbox_reader_finish(struct mbox_reader *reader) MUST_CHECK;
void mbox_reader_free(struct mbox_reader *reader);

/* Whether a line is to be written with one ">" more. */
bool mbox_must_quote(struct slice line);

#endif
