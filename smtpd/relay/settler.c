/* SPDX-License-Identifier: ISC */
#include "settler.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/task.h"
#include "outcome.h"

enum { TOGETHER_MS = 5, AFTER_ERROR_MS = 1000, DELIVERIES_MAX = 500 };

/* What is settled at once, in an arena of its own. */
struct settling {
    struct arena arena;
    struct queue_outcome outcomes[DELIVERIES_MAX];
    struct told { /* for the log */
        const char *destination;
        struct queue_envelope envelope;
        struct queue_taken_recipient taken;
    } told[DELIVERIES_MAX];
    size_t count;
};

struct settler {
    struct relayd *relayd;
    struct settling halves[2];
    struct settling *coming; /* the other one is under way */
    struct event has_come;
    bool is_stopping;
    struct task *task;
};

struct settler *settler_new(struct relayd *relayd)
{
    struct settler *settler = mem_new(struct settler);
    settler->relayd = relayd;
    settler->coming = &settler->halves[0];
    return settler;
}

/* --- in --- */

static bool is_quiet(const struct queue_taken_recipient *taken, const struct queue_outcome *outcome)
{
    return outcome->state == QUEUE_DELIVERED && !(taken->recipient.notify & QUEUE_NOTIFY_SUCCESS);
}

static void take(struct settling *coming, const char *destination, const struct queue_claim *claim,
                 const struct queue_taken_recipient *taken, const struct queue_outcome *outcome)
{
    struct queue_outcome *kept = &coming->outcomes[coming->count];
    struct told *told = &coming->told[coming->count++];
    *kept = *outcome;
    kept->reply.text = arena_copy(&coming->arena, outcome->reply.text);
    kept->reply.host = arena_copy(&coming->arena, outcome->reply.host);
    *told = (struct told){.destination = arena_cstr(&coming->arena, slice_from(destination)),
                          .taken = {.attempts = taken->attempts}};
    told->envelope.id = arena_copy(&coming->arena, claim->envelope.id);
    told->envelope.sender = arena_copy(&coming->arena, claim->envelope.sender);
    told->taken.recipient.address = arena_copy(&coming->arena, taken->recipient.address);
}

bool settler_takes(struct settler *settler, const char *destination, const struct queue_claim *claim,
                   const struct queue_outcome *outcomes, size_t count)
{
    struct settling *coming = settler->coming;
    if (count > DELIVERIES_MAX - coming->count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_quiet(&claim->recipients[i], &outcomes[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        take(coming, destination, claim, &claim->recipients[i], &outcomes[i]);
    }
    event_raise(&settler->has_come);
    return true;
}

/* --- out --- */

struct job {
    const struct relayd *relayd;
    const struct settling *settling;
    enum err err;
};

static void settle(void *arg)
{
    struct job *job = arg;
    size_t settled;
    job->err = queue_settle(job->relayd->store, slice_from(job->relayd->owner), job->settling->outcomes,
                            job->settling->count, clock_wall_us(), &settled);
}

static void log_all(const struct settling *settling)
{
    for (size_t i = 0; i < settling->count; i++) {
        const struct told *told = &settling->told[i];
        outcome_log(told->destination, &told->envelope, &told->taken, &settling->outcomes[i]);
    }
}

/* Until it has worked, or the task is cancelled. */
static enum err settle_coming(struct settler *settler)
{
    struct settling *settling = settler->coming;
    struct job job = {.relayd = settler->relayd, .settling = settling};
    enum err err = ERR_BUSY;
    settler->coming = &settler->halves[settling == &settler->halves[0]];
    while (err && err != ERR_CANCELED) {
        err = work_run(settler->relayd->tools.work, 0, settle, &job);
        err = err ? err : job.err;
        if (err && err != ERR_CANCELED) {
            log_error("queue.settle_failed", log_number("count", settling->count), log_err(err));
            err = task_sleep(AFTER_ERROR_MS) ? ERR_CANCELED : err;
        }
    }
    if (!err) {
        log_all(settling);
        settling->count = 0;
        arena_reset(&settling->arena);
    }
    return err;
}

static void run(void *arg)
{
    struct settler *settler = arg;
    enum err err = ERR_OK;
    while (!err && !(settler->is_stopping && settler->coming->count == 0)) {
        event_clear(&settler->has_come);
        if (settler->coming->count > 0) {
            err = settle_coming(settler);
        }
        if (!err && settler->coming->count == 0 && !settler->is_stopping) {
            err = event_wait(&settler->has_come, NO_DEADLINE);
        }
        if (!err && !settler->is_stopping) {
            err = task_sleep(TOGETHER_MS);
        }
    }
}

void settler_start(struct settler *settler)
{
    settler->task = task_spawn(settler->relayd->tools.loop, "settler", run, settler);
}

void settler_stop(struct settler *settler)
{
    settler->is_stopping = true;
    event_raise(&settler->has_come);
    if (task_join(settler->task)) {
        task_detach(settler->task);
    }
}

void settler_free(struct settler *settler)
{
    if (!settler) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(settler->halves); i++) {
        struct settling *settling = &settler->halves[i];
        struct job job = {.relayd = settler->relayd, .settling = settling};
        if (settling->count > 0) {
            settle(&job);
        }
        if (settling->count > 0 && !job.err) {
            log_all(settling);
        } else if (settling->count > 0) {
            log_error("queue.not_settled", log_number("count", settling->count), log_err(job.err));
        }
        arena_free(&settling->arena);
    }
    mem_free(settler);
}
