/* SPDX-License-Identifier: ISC */
/*
 * A lane: one destination, as long as there is something to know about it. How many deliveries may go there
 * at a time grows while the other side takes mail and shrinks when it says that it is enough; after nobody
 * could be reached the lane is closed for a while, and its mail waits without holding up others. Pure; times
 * are wall-clock microseconds.
 */
#ifndef SMTPD_RELAY_LANE_H
#define SMTPD_RELAY_LANE_H

#include <uthash.h>

#include "pacer.h"

struct delivery;

struct lane {
    UT_hash_handle hh;
    char *name;

    size_t active;            /* deliveries */
    size_t starting;          /* of them: have not looked yet whether there is something for them */
    size_t idle;              /* of them: hold a connection and have nothing to send */
    struct delivery *resting; /* those, who came last first (delivery.h) */

    double window;        /* deliveries that may go on at a time; the next whole number below counts */
    bool is_proven;       /* a message was taken, and nothing failed since */
    unsigned failures;    /* in a row */
    bool refuses_chunks;  /* announces CHUNKING, and does not know BDAT */
    bool alternate;       /* begin with the other address family */
    const char *provider; /* that its mail host belongs to (limits.h); NULL: none, or not known yet */
    int64_t closed_until_us;
    int64_t gathers_until_us;
    struct pacer pace;
    int64_t used_us; /* when it was looked at last */

    /* The scheduler's. Of many destinations most sleep: nothing is under way, and nothing is against it. */
    bool is_awake;
    struct lane *awake_before, *awake_after;
    struct {
        bool takes, is_proven;
    } shown; /* to the search for what is due */
};

struct lane *lane_new(const char *name) NEVER_NULL;
void lane_free(struct lane *lane);

/* Whether a delivery more may begin, of `limit` at most. */
bool lane_has_room(const struct lane *lane, unsigned limit, int64_t now_us);
/* All that was due has been claimed: what comes next gathers for some milliseconds. */
void lane_is_drained(struct lane *lane, int64_t now_us);
bool lane_gathers(const struct lane *lane, int64_t now_us);
/* When it gathers no longer, or is closed no longer; INT64_MAX: it does nothing of the kind. */
int64_t lane_opens_us(const struct lane *lane, int64_t now_us);
/* A message was taken. */
void lane_went_well(struct lane *lane, unsigned limit);
/* The other side has enough: it said 421, or broke off. */
void lane_was_too_much(struct lane *lane, int64_t now_us);
/* Nobody could be reached. */
void lane_failed(struct lane *lane, int64_t now_us);
/* An administrator wants it to be tried. */
void lane_reopen(struct lane *lane);
/* Whether it can be forgotten: nobody is in it, and what is known of it matters no more, or little when there
 * are many. */
bool lane_is_spent(const struct lane *lane, bool are_many, int64_t now_us);

#endif
