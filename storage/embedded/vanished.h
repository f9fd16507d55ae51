/* SPDX-License-Identifier: ISC */
/* What was expunged, for QRESYNC (RFC 7162): ranges of UIDs, each with the MODSEQ of its going. */
#ifndef STORAGE_VANISHED_H
#define STORAGE_VANISHED_H

#include "change.h"

/* Puts UIDs down that go, in ascending order; neighbours become one range. */
struct vanished_writer {
    struct change *change;
    int64_t mailbox;
    uint64_t modseq;
    uint32_t low, high; /* low 0: nothing yet */
};
enum err vanished_add(struct vanished_writer *writer, uint32_t uid) MUST_CHECK;
/* Writes the last range. */
enum err vanished_finish(struct vanished_writer *writer) MUST_CHECK;

#define VANISHED_RANGES_MAX 100000 /* in an account */
#define VANISHED_DAYS       90
/* Forgets ranges older than VANISHED_DAYS and the oldest of more than VANISHED_RANGES_MAX, and raises
 * vanished_floor of their mailboxes. To be called once a day or more often: it notes each day which MODSEQ
 * the account had come to, which is how it knows the age of a range. Cheap when there is nothing to do. */
enum err vanished_trim(struct account *account, int64_t now_us) MUST_CHECK;

#endif
