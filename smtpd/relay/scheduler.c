/* SPDX-License-Identifier: ISC */
/*
 * Which destinations have mail due, and who of them gets a delivery more. Looks when the bell of the queue
 * rings (a ring soon after another waits a moment), when a delivery ends or has made its first claim, and
 * when the next recipient is due. A destination gets one delivery at a time, and the next one only after that
 * has claimed: what it took is then not counted as due any more.
 *
 * Lanes of which there is something to say are awake, and looked at each time; the others sleep in the table.
 */
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/task.h"
#include "providers.h"

enum {
    DESTINATIONS_AT_ONCE = 100,
    MANY_LANES = 2000,
    GATHER_MS = 5,
    LOOK_MS = 60 * 1000,
    LOOK_IN_TESTS_MS = 50,
    AFTER_ERROR_MS = 5000,
    SEARCH_PAUSE_MS = 200
};
#define FORGET_US ((int64_t)10 * 1000000)

struct due_job {
    struct relayd *relayd;
    struct arena arena;
    bool proven_only; /* the others have all the places that they may have */
    bool passed_over; /* some other may have been due */
    int64_t now_us;
    struct slice *names;
    size_t count;
    int64_t next_us;
    enum err err;
};

/* On a thread: only the scheduler changes the table of lanes and what is shown of each, and it waits.
 *
 * However many destinations are due that cannot get a place, they hide none that can: it would wait behind
 * them as long as they take to fail. */
static bool is_busy(void *data, struct slice name)
{
    struct due_job *job = data;
    const struct lane *lane;
    HASH_FIND(hh, job->relayd->lanes, name.data, name.len, lane);
    if ((lane && !lane->shown.takes) || !job->proven_only) {
        return lane && !lane->shown.takes;
    }
    bool is_proven = lane && lane->shown.is_proven;
    job->passed_over |= !is_proven;
    return !is_proven;
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

static bool can_take(const struct relayd *relayd, const struct lane *lane, struct due_job *job)
{
    if (lane_gathers(lane, job->now_us)) {
        return false;
    }
    if (lane->idle > 0) {
        return true;
    }
    if (lane_opens_us(lane, job->now_us) < INT64_MAX) {
        return false;
    }
    struct limits limits = limits_of(relayd, lane, &job->arena);
    return lane_has_room(lane, limits.concurrency, job->now_us) && providers_have_room(relayd, &limits);
}

/* Nothing changes what can be shown of it: it takes a delivery. Others may fill the places of a provider. */
static bool is_asleep(const struct lane *lane, int64_t now_us)
{
    return lane->active == 0 && !lane->provider && lane_opens_us(lane, now_us) == INT64_MAX;
}

static void put_to_sleep(struct relayd *relayd, struct lane *lane)
{
    DL_DELETE2(relayd->awake, lane, awake_before, awake_after);
    lane->is_awake = false;
}

/* Shows which lanes can take a delivery now; *opens_us: when the first of those that cannot may. */
static void show_lanes(struct relayd *relayd, struct due_job *job, int64_t *opens_us)
{
    struct lane *lane, *next;
    relayd->unproven = 0;
    DL_FOREACH_SAFE2(relayd->awake, lane, next, awake_after)
    {
        relayd->unproven += lane->is_proven ? 0 : lane->active;
        lane->shown.takes = can_take(relayd, lane, job);
        lane->shown.is_proven = lane->is_proven || lane->idle > 0;
        if (!lane->shown.takes) {
            *opens_us = MIN_OF(*opens_us, lane_opens_us(lane, job->now_us));
        } else if (is_asleep(lane, job->now_us)) {
            put_to_sleep(relayd, lane);
        }
    }
    job->proven_only = !unproven_have_places(relayd);
}

/* Those that nothing is known of any more. */
static void forget_lanes(struct relayd *relayd, int64_t now_us)
{
    struct lane *lane, *next;
    bool are_many = HASH_COUNT(relayd->lanes) > MANY_LANES;
    HASH_ITER (hh, relayd->lanes, lane, next) {
        if (lane_is_spent(lane, are_many, now_us)) {
            if (lane->is_awake) {
                put_to_sleep(relayd, lane);
            }
            HASH_DEL(relayd->lanes, lane);
            lane_free(lane);
        }
    }
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
        if (!lane->is_awake) {
            DL_APPEND2(relayd->awake, lane, awake_before, awake_after);
            lane->is_awake = true;
        }
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
    if (job.now_us / FORGET_US != relayd->forgot) {
        relayd->forgot = job.now_us / FORGET_US;
        forget_lanes(relayd, job.now_us);
    }
    show_lanes(relayd, &job, &opens_us);
    /* Behind many that cannot get a place the search for one that can is long. */
    int64_t now_ms = loop_now(relayd->tools.loop);
    if (job.proven_only && now_ms < relayd->searches_ms) {
        arena_free(&job.arena);
        return relayd->searches_ms - now_ms;
    }
    enum err err = work_run(relayd->tools.work, 0, find_due, &job);
    if (!err) {
        err = job.err;
    }
    if (job.passed_over) {
        relayd->searches_ms = loop_now(relayd->tools.loop) + SEARCH_PAUSE_MS;
    }
    if (!err) {
        start_deliveries(relayd, &job);
        /* What is due and has no place waits for one that ends. */
        int64_t next_us = relayd->is_crowded ? opens_us : MIN_OF(job.next_us, opens_us);
        if (next_us < INT64_MAX) {
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
    struct lane *lane;
    DL_FOREACH2(relayd->awake, lane, awake_after)
    {
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
