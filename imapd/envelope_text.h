/* SPDX-License-Identifier: ISC */
/* Reading the stored text of an ENVELOPE (mail/summary.h) for those who sort, thread and search. */
#ifndef IMAPD_ENVELOPE_TEXT_H
#define IMAPD_ENVELOPE_TEXT_H

#include "base/arena.h"
#include "base/scan.h"

/* In the order in which they stand there. */
enum envelope_item {
    ENVELOPE_DATE,
    ENVELOPE_SUBJECT,
    ENVELOPE_FROM,
    ENVELOPE_SENDER,
    ENVELOPE_REPLY_TO,
    ENVELOPE_TO,
    ENVELOPE_CC,
    ENVELOPE_BCC,
    ENVELOPE_IN_REPLY_TO,
    ENVELOPE_MESSAGE_ID
};

/* A text (date, subject, identifiers) as it is in the envelope, its quoting undone; empty when it is NIL.
 * Points into the envelope, or lives in the arena. */
struct slice envelope_text(struct slice envelope, enum envelope_item item, struct arena *arena);

/* For several texts of one envelope, asked for in the order in which they stand. */
struct envelope_cursor {
    struct scan rest;
    enum envelope_item at;
};
struct envelope_cursor envelope_cursor(struct slice envelope);
struct slice envelope_next_text(struct envelope_cursor *cursor, enum envelope_item item, struct arena *arena);

/* The first address of a list; false when there is none. Parts that are NIL have data NULL. */
struct envelope_address {
    struct slice name, mailbox, host;
};
bool envelope_first_address(struct slice envelope, enum envelope_item item, struct arena *arena,
                            struct envelope_address *address_r);

#endif
