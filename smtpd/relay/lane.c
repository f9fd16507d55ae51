/* SPDX-License-Identifier: ISC */
#include "lane.h"

#include "base/mem.h"

#define SECOND ((int64_t)1000000)

/* Deliveries that begin together where nothing is known of the other side. */
#define FIRST_WINDOW 2.0
/* How long it stays closed: doubled with each failure. Recipients that were tried wait longer, each by
 * himself; this is for mail that comes meanwhile. */
#define CLOSED_FIRST   (15 * SECOND)
#define CLOSED_LONGEST (300 * SECOND)
#define CLOSED_ENOUGH  (5 * SECOND) /* when it has enough, once nobody sends to it any more */
/* One message after the other, as fast as one client sends them, is some messages in each claim then, and
 * nobody notices. */
#define GATHER ((int64_t)5000)
/* After this nothing that was known is worth much. */
#define MEMORY      (600 * SECOND)
#define MEMORY_MANY (10 * SECOND)

struct lane *lane_new(const char *name)
{
    struct lane *lane = mem_new(struct lane);
    lane->name = mem_strdup(name);
    lane->window = FIRST_WINDOW;
    lane->shown.takes = true;
    return lane;
}

void lane_free(struct lane *lane)
{
    mem_free(lane->name);
    mem_free(lane);
}

/* Further ahead than it is ever closed: the clock was set back. */
static bool is_closed(const struct lane *lane, int64_t now_us)
{
    return now_us < lane->closed_until_us && lane->closed_until_us - now_us <= CLOSED_LONGEST;
}

bool lane_has_room(const struct lane *lane, unsigned limit, int64_t now_us)
{
    size_t window = MIN_OF((size_t)lane->window, (size_t)limit);
    return !is_closed(lane, now_us) && lane->starting == 0 &&
           lane->active - lane->idle < MAX_OF(window, (size_t)1);
}

void lane_is_drained(struct lane *lane, int64_t now_us)
{
    lane->gathers_until_us = now_us + GATHER;
}

bool lane_gathers(const struct lane *lane, int64_t now_us)
{
    return now_us < lane->gathers_until_us && lane->gathers_until_us - now_us <= GATHER;
}

int64_t lane_opens_us(const struct lane *lane, int64_t now_us)
{
    if (lane_gathers(lane, now_us)) {
        return lane->gathers_until_us;
    }
    return is_closed(lane, now_us) ? lane->closed_until_us : INT64_MAX;
}

void lane_went_well(struct lane *lane, unsigned limit)
{
    lane->is_proven = true;
    lane->failures = 0;
    lane->closed_until_us = 0;
    /* One more for each full round of messages: with two under way, after two. */
    lane->window = MIN_OF(lane->window + 1 / lane->window, (double)limit);
    lane->window = MAX_OF(lane->window, 1.0);
}

void lane_was_too_much(struct lane *lane, int64_t now_us)
{
    lane->window = MAX_OF(lane->window / 2, 1.0);
    lane->is_proven = false;
    if (lane->active <= 1) {
        lane->closed_until_us = MAX_OF(lane->closed_until_us, now_us + CLOSED_ENOUGH);
    }
}

void lane_failed(struct lane *lane, int64_t now_us)
{
    int64_t pause = CLOSED_FIRST << MIN_OF(lane->failures, 8u);
    lane->failures++;
    lane->is_proven = false;
    lane->window = 1;
    lane->alternate = !lane->alternate;
    lane->closed_until_us = now_us + MIN_OF(pause, CLOSED_LONGEST);
}

void lane_reopen(struct lane *lane)
{
    lane->closed_until_us = 0;
}

bool lane_is_spent(const struct lane *lane, bool are_many, int64_t now_us)
{
    return lane->active == 0 && !is_closed(lane, now_us) && lane->pace.used_until_us <= now_us &&
           now_us - lane->used_us > (are_many ? MEMORY_MANY : MEMORY);
}
