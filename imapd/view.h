/* SPDX-License-Identifier: ISC */
/*
 * What a client knows of a mailbox: which message has which number (RFC 9051 section 2.3.1.2). Frozen until
 * the session announces a change. UIDs are kept as ranges, so that a mailbox of 100,000 messages with few
 * gaps takes a few KiB.
 */
#ifndef IMAPD_VIEW_H
#define IMAPD_VIEW_H

#include "storage/uid.h"

struct view_range {
    uint32_t first, last; /* UIDs */
    uint32_t before;      /* messages in the ranges before this one */
};

/* Zeroed it is empty. */
struct view {
    struct view_range *ranges; /* ascending, with gaps between them */
    size_t range_count, room;
    uint32_t count; /* messages: the number of the last one */
};

void view_free(struct view *view);
/* Adds UIDs behind all others. */
void view_append(struct view *view, uint32_t uid);
void view_append_range(struct view *view, uint32_t first, uint32_t last);
/* Takes out those of the set that are there. */
void view_remove(struct view *view, const struct uid_set *uids);

/* The UID of message `number` (1 … count). */
uint32_t view_uid(const struct view *view, uint32_t number);
/* The same, and how many messages have the UIDs from there on that follow each other. */
uint32_t view_run(const struct view *view, uint32_t number, uint32_t *uid_r);
/* The number of the message with this UID; 0 when there is none. */
uint32_t view_number(const struct view *view, uint32_t uid);
/* How many messages have a UID below this one. */
uint32_t view_numbers_below(const struct view *view, uint32_t uid);
/* The UID of the last message; 0 when there is none. */
uint32_t view_last_uid(const struct view *view);

/* The UIDs of messages `from` … `to`. */
struct uid_set view_slice(const struct view *view, uint32_t from, uint32_t to, struct arena *arena);
/* Which UIDs of the set are there. */
struct uid_set view_intersect(const struct view *view, const struct uid_set *uids, struct arena *arena);

#endif
