/* SPDX-License-Identifier: ISC */
/*
 * Which destinations have mail due, and who of them gets a delivery more. Looks when the bell of the queue
 * rings (a ring soon after another waits a moment), when a delivery ends or has made its first claim, and
 * when the next recipient is due. A destination gets one delivery at a time, and the next one only after that
 * has claimed: what it took is then not counted as due any more.
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/task.h"
#include "providers.h"

enum {
    DESTINATIONS_AT_ONCE = 100,
    GATHER_MS = 5,
    LOOK_MS = 60 * 1000,
    LOOK_IN_TESTS_MS = 50,
    AFTER_ERROR_MS = 5000
};

/* What the search for due destinations has to know of the lanes; made for a thread, which must not look at
 * them. */
struct lane_name {
    UT_hash_handle hh;
    struct slice name;
};

struct due_job {
    struct relayd *relayd;
    struct arena arena;
    struct lane_name *busy;
    bool proven_only;         /* the others have all the places that they may have */
    struct lane_name *proven; /* then: the lanes that may still begin */
    bool passed_over;         /* some other may have been due */
    int64_t now_us;
    struct slice *names;
    size_t count;
    int64_t next_us;
    enum err err;
};

/* However many destinations are due that cannot get a place, they hide none that can: it would wait behind
 * them as long as they take to fail. */
static bool is_busy(void *data, struct slice name)
{
    struct due_job *job = data;
    struct lane_name *found;
    HASH_FIND(hh, job->busy, name.data, name.len, found);
    if (found || !job->proven_only) {
        return found != NULL;
    }
    HASH_FIND(hh, job->proven, name.data, name.len, found);
    job->passed_over |= !found;
    return !found;
}

static void find_due(void *arg)
{
    struct due_job *job = arg;
    job->err = queue_due(job->relayd->store, job->now_us, DESTINATIONS_AT_ONCE, is_busy, job, &job->arena,
                         &job->names, &job->count, &job->next_us);
}

static struct limits limits_of(const struct relayd *relayd, const struct lane *lane, struct arena *arena)
{
    struct destination destination = {.hop = {.kind = NEXT_HOP_MX}};
    enum err err = destination_parse(relayd->tools.conf, slice_from(lane->name), arena, &destination);
    return limits_for(relayd->tools.conf,
                      err ? &(struct destination){.hop = {.kind = NEXT_HOP_MX}} : &destination,
                      lane->provider);
}

/* Destinations where nothing has gone well yet get half of the places: those that take long to fail cannot
 * fill all. */
static bool unproven_have_places(const struct relayd *relayd)
{
    return relayd->unproven < MAX_OF((size_t)relayd->tools.conf->relay_connections / 2, (size_t)1);
}

static bool has_place(const struct relayd *relayd, const struct lane *lane)
{
    return relayd->delivery_count < (size_t)relayd->tools.conf->relay_connections &&
           (lane->is_proven || unproven_have_places(relayd));
}

static void add_name(struct due_job *job, struct lane_name **table, const struct lane *lane)
{
    struct lane_name *added = arena_new(&job->arena, struct lane_name);
    added->name = arena_copy(&job->arena, slice_from(lane->name));
    HASH_ADD_KEYPTR(hh, *table, added->name.data, added->name.len, added);
}

static bool can_take(const struct relayd *relayd, const struct lane *lane, struct due_job *job)
{
    struct limits limits = limits_of(relayd, lane, &job->arena);
    return !lane_gathers(lane, job->now_us) &&
           (lane->idle > 0 ||
            (lane_has_room(lane, limits.concurrency, job->now_us) && providers_have_room(relayd, &limits)));
}

/* The lanes that can take no delivery now; *opens_us: when the first of those that are closed opens. Those
 * that nothing is known of any more go. */
static void collect_busy(struct relayd *relayd, struct due_job *job, int64_t *opens_us)
{
    struct lane *lane, *next;
    relayd->unproven = 0;
    HASH_ITER (hh, relayd->lanes, lane, next) {
        relayd->unproven += lane->is_proven ? 0 : lane->active;
        if (lane_is_spent(lane, job->now_us)) {
            HASH_DEL(relayd->lanes, lane);
            lane_free(lane);
            continue;
        }
        if (!can_take(relayd, lane, job)) {
            *opens_us = MIN_OF(*opens_us, lane_opens_us(lane, job->now_us));
            add_name(job, &job->busy, lane);
        } else if (lane->idle > 0 || lane->is_proven) {
            add_name(job, &job->proven, lane);
        }
    }
    job->proven_only = !unproven_have_places(relayd);
}

static struct lane *lane_of(struct relayd *relayd, struct slice name)
{
    struct lane *lane;
    HASH_FIND(hh, relayd->lanes, name.data, name.len, lane);
    if (!lane) {
        struct arena arena = {0};
        lane = lane_new(arena_cstr(&arena, name));
        HASH_ADD_KEYPTR(hh, relayd->lanes, lane->name, strlen(lane->name), lane);
        arena_free(&arena);
    }
    return lane;
}

static void start_deliveries(struct relayd *relayd, struct due_job *job)
{
    relayd->is_crowded = job->passed_over;
    for (size_t i = 0; i < job->count; i++) {
        struct lane *lane = lane_of(relayd, job->names[i]);
        struct limits limits = limits_of(relayd, lane, &job->arena);
        lane->used_us = job->now_us;
        if (lane->idle > 0) {
            delivery_wake(lane);
        } else if (!providers_have_room(relayd, &limits)) {
            continue; /* those that began just now took the rest of it */
        } else if (has_place(relayd, lane)) {
            relayd->unproven += !lane->is_proven;
            delivery_start(relayd, lane, limits.provider);
        } else {
            relayd->is_crowded = true;
        }
    }
}

/* One look; returns how long to wait before the next, in milliseconds. */
static int64_t look(struct relayd *relayd)
{
    struct due_job job = {.relayd = relayd, .now_us = clock_wall_us(), .next_us = INT64_MAX};
    int64_t wait_ms = clock_is_moved_by_test() ? LOOK_IN_TESTS_MS : LOOK_MS;
    int64_t opens_us = INT64_MAX;
    collect_busy(relayd, &job, &opens_us);
    enum err err = work_run(relayd->tools.work, 0, find_due, &job);
    if (!err) {
        err = job.err;
    }
    HASH_CLEAR(hh, job.busy);
    HASH_CLEAR(hh, job.proven);
    if (!err) {
        start_deliveries(relayd, &job);
        int64_t next_us = MIN_OF(job.next_us, opens_us);
        if (next_us < INT64_MAX && !relayd->is_crowded) {
            wait_ms = MIN_OF(wait_ms, MAX_OF((next_us - job.now_us) / 1000 + 1, (int64_t)1));
        }
    } else if (err != ERR_CANCELED) {
        log_error("queue.unreadable", log_err(err));
        wait_ms = AFTER_ERROR_MS;
    }
    arena_free(&job.arena);
    return wait_ms;
}

static void reopen_lanes(struct relayd *relayd)
{
    struct lane *lane, *next;
    HASH_ITER (hh, relayd->lanes, lane, next) {
        lane_reopen(lane);
    }
}

void relayd_schedule(void *arg)
{
    struct relayd *relayd = arg;
    const struct wait_item items[] = {{.event = &relayd->wake}, {.fd = queue_bell_fd(relayd->bell)}};
    enum err err = ERR_OK;
    while (!relayd->is_stopping && err != ERR_CANCELED) {
        size_t which;
        event_clear(&relayd->wake);
        if (queue_bell_clear(relayd->bell)) {
            reopen_lanes(relayd);
        }
        int64_t looked = loop_now(relayd->tools.loop), wait_ms = look(relayd);
        err = wait_any(items, 1, looked + MIN_OF(wait_ms, (int64_t)GATHER_MS), &which);
        if (err == ERR_TIMEOUT && wait_ms > GATHER_MS) {
            err = wait_any(items, ARRAY_LEN(items), looked + wait_ms, &which);
        }
    }
    fd_forget(relayd->tools.loop, queue_bell_fd(relayd->bell));
}
