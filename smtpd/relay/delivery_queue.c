/* SPDX-License-Identifier: ISC */
/* The queue's side of a delivery: each function is one trip to a worker thread. */
#include "base/clock.h"
#include "base/log.h"
#include "delivery.h"
#include "mail/address.h"
#include "net/task.h"
#include "suppress.h"

#define RECIPIENTS_MAX  1000 /* of one claim */
#define REPORT_TURNS    30
#define SETTLE_PAUSE_MS 1000
#define UNTOLD_US       ((int64_t)900 * 1000000)
#define BODY_LATER_US   ((int64_t)60 * 1000000)

static void log_outcome(const struct delivery *delivery, const struct queue_claim *claim,
                        const struct queue_outcome *outcome)
{
    const struct queue_taken_recipient *taken = claim->recipients;
    while (taken->number != outcome->number) {
        taken++;
    }
    outcome_log(delivery->lane->name, &claim->envelope, taken, outcome);
}

/* --- telling --- */

struct settle_job {
    struct delivery *delivery;
    const struct queue_claim *claim;
    struct queue_outcome *outcomes;
    const enum report_hop *hops;
    size_t count;
    bool is_told; /* the sender; not again */
    enum err err;
};

/* Not merely put back, which nobody hears of. */
static bool is_news(const struct queue_outcome *outcome)
{
    return outcome->attempted || outcome->state != QUEUE_WAITING;
}

/* One transaction may put some back and fail others. */
static bool has_news(const struct settle_job *job)
{
    bool news = false;
    for (size_t i = 0; i < job->count; i++) {
        news |= is_news(&job->outcomes[i]);
    }
    return news;
}

/* What was delivered must be known whatever else fails: it would be sent twice. */
static enum err settle_delivered(const struct settle_job *job, int64_t now_us)
{
    const struct relayd *relayd = job->delivery->relayd;
    enum err err = ERR_OK;
    size_t settled;
    for (size_t i = 0; i < job->count && !err; i++) {
        if (job->outcomes[i].state == QUEUE_DELIVERED) {
            err = queue_settle(relayd->store, slice_from(relayd->owner), &job->outcomes[i], 1, now_us,
                               &settled);
        }
    }
    return err;
}

static void settle(void *arg)
{
    struct settle_job *job = arg;
    const struct relayd *relayd = job->delivery->relayd;
    int64_t now_us = clock_wall_us();
    size_t settled = 0;
    job->err = ERR_OK;
    if (!job->is_told && has_news(job)) {
        job->err = report_outcomes(relayd->store, relayd->tools.conf, job->claim, job->outcomes, job->hops,
                                   job->count, now_us);
        job->is_told = !job->err;
    }
    if (job->err) {
        enum err err = settle_delivered(job, now_us);
        job->err = err ? err : job->err;
        return;
    }
    /* The list of what does not exist is a kindness: without it the server says the same again. */
    enum err err = has_news(job) ? suppress_remember(relayd->store, relayd->tools.conf, job->claim,
                                                     job->outcomes, job->count, now_us)
                                 : ERR_OK;
    if (err) {
        log_warning("suppression.failed", log_err(err));
    }
    job->err =
        queue_settle(relayd->store, slice_from(relayd->owner), job->outcomes, job->count, now_us, &settled);
}

/* No report can be posted: who has failed is not over, but fails again later, and hears it then. */
static void postpone_untold(struct settle_job *job)
{
    log_error("report.failed", log_text("id", job->claim->envelope.id), log_err(job->err));
    for (size_t i = 0; i < job->count; i++) {
        struct queue_outcome *outcome = &job->outcomes[i];
        if (outcome->state == QUEUE_FAILED) {
            outcome->state = QUEUE_WAITING;
            outcome->due_us = clock_wall_us() + UNTOLD_US;
        }
    }
    job->is_told = true;
}

void delivery_settle(struct delivery *delivery, const struct queue_claim *claim,
                     struct queue_outcome *outcomes, const enum report_hop *hops, size_t count)
{
    struct settle_job job = {
        .delivery = delivery, .claim = claim, .outcomes = outcomes, .hops = hops, .count = count};
    enum err err = count > 0 ? ERR_BUSY : ERR_OK;
    for (int turn = 1; err && err != ERR_CANCELED; turn++) {
        err = work_run(delivery->relayd->tools.work, 0, settle, &job);
        if (!err) {
            err = job.err;
        }
        if (err && err != ERR_CANCELED) {
            log_error("queue.settle_failed", log_text("id", claim->envelope.id), log_err(err));
            if (turn == REPORT_TURNS && !job.is_told && has_news(&job)) {
                postpone_untold(&job);
            }
            err = task_sleep(SETTLE_PAUSE_MS) ? ERR_CANCELED : err;
        }
    }
    /* A task that was cancelled gets no thread any more. What the other side has taken must be known all the
     * same, and the loop can wait: the process ends. */
    if (err == ERR_CANCELED) {
        settle(&job);
        err = job.err;
    }
    if (err) {
        log_error("queue.not_settled", log_text("id", claim->envelope.id), log_err(err));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_news(&outcomes[i])) {
            log_outcome(delivery, claim, &outcomes[i]);
        }
    }
}

void delivery_put_back(struct delivery *delivery, const struct queue_claim *claim, int64_t due_us)
{
    struct queue_outcome *outcomes = arena_array(&delivery->arena, struct queue_outcome, claim->count);
    for (size_t i = 0; i < claim->count; i++) {
        const struct queue_taken_recipient *taken = &claim->recipients[i];
        outcomes[i] = outcome_put_back(claim, taken, due_us ? due_us : taken->recipient.due_us);
    }
    delivery_settle(delivery, claim, outcomes, NULL, claim->count);
}

void delivery_give_verdict(struct delivery *delivery, const struct queue_claim *claim,
                           const struct verdict *verdict)
{
    struct queue_outcome *outcomes = arena_array(&delivery->arena, struct queue_outcome, claim->count);
    int64_t now_us = clock_wall_us();
    uint32_t chance = (uint32_t)random(); /* one for all: they stay together */
    for (size_t i = 0; i < claim->count; i++) {
        outcomes[i] = outcome_of(claim, &claim->recipients[i], verdict, &delivery->limits, now_us, chance);
    }
    delivery_settle(delivery, claim, outcomes, NULL, claim->count);
}

/* --- claiming --- */

struct claim_job {
    struct delivery *delivery;
    size_t messages;
    struct queue_claim *claims;
    size_t count;
    enum err err;
};

/* Takes the recipients out of the claim that these outcomes are of. */
static void take_out(struct queue_claim *claim, const struct queue_outcome *outcomes, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < claim->count; i++) {
        bool is_out = false;
        for (size_t j = 0; j < count; j++) {
            is_out |= outcomes[j].number == claim->recipients[i].number;
        }
        if (!is_out) {
            claim->recipients[kept++] = claim->recipients[i];
        }
    }
    claim->count = kept;
}

/* Those that are known not to exist hear it again, and nothing is sent. */
static enum err pass_over_suppressed(struct delivery *delivery, struct queue_claim *claim)
{
    const struct relayd *relayd = delivery->relayd;
    struct queue_outcome *outcomes = NULL;
    size_t count = 0, settled = 0;
    int64_t now_us = clock_wall_us();
    enum err err =
        suppress_claim(relayd->store, relayd->tools.conf, claim, now_us, &delivery->arena, &outcomes, &count);
    if (err || count == 0) {
        return err;
    }
    err = report_outcomes(relayd->store, relayd->tools.conf, claim, outcomes, NULL, count, now_us);
    if (!err) {
        err = queue_settle(relayd->store, slice_from(relayd->owner), outcomes, count, now_us, &settled);
    }
    for (size_t i = 0; i < count && !err; i++) {
        log_outcome(delivery, claim, &outcomes[i]);
    }
    if (!err) {
        take_out(claim, outcomes, count);
    }
    return err;
}

static void claim(void *arg)
{
    struct claim_job *job = arg;
    struct delivery *delivery = job->delivery;
    const struct relayd *relayd = delivery->relayd;
    int64_t now_us = clock_wall_us();
    job->err = queue_claim(relayd->store, slice_from(delivery->lane->name), slice_from(relayd->owner), now_us,
                           now_us + RELAYD_LEASE_US, job->messages, RECIPIENTS_MAX, &delivery->arena,
                           &job->claims, &job->count);
    size_t kept = 0;
    for (size_t i = 0; !job->err && i < job->count; i++) {
        enum err err = pass_over_suppressed(delivery, &job->claims[i]);
        if (err) {
            log_warning("suppression.failed", log_err(err));
        }
        if (job->claims[i].count > 0) {
            job->claims[kept++] = job->claims[i];
        }
    }
    delivery->took_all = job->count < job->messages;
    job->count = kept;
}

bool delivery_claim(struct delivery *delivery, size_t messages)
{
    struct claim_job job = {.delivery = delivery, .messages = messages};
    arena_reset(&delivery->arena);
    delivery->count = delivery->at = 0;
    enum err err = work_run(delivery->relayd->tools.work, 0, claim, &job);
    if (!err) {
        err = job.err;
    }
    if (err) {
        delivery->is_over = true;
        if (err != ERR_CANCELED) {
            log_error("queue.claim_failed", log_cstr("destination", delivery->lane->name), log_err(err));
            lane_failed(delivery->lane, clock_wall_us());
        }
        return false;
    }
    delivery->claims = job.claims;
    delivery->count = job.count;
    return job.count > 0;
}

/* --- bodies --- */

struct open_job {
    struct store *store;
    int64_t message;
    struct blob_reader *reader;
    enum err err;
};

static void open_body(void *arg)
{
    struct open_job *job = arg;
    job->err = queue_open(job->store, job->message, job->reader);
}

bool delivery_open_body(struct delivery *delivery, const struct queue_claim *claim,
                        struct blob_reader *reader)
{
    struct open_job job = {.store = delivery->relayd->store, .message = claim->message, .reader = reader};
    enum err err = work_run(delivery->relayd->tools.work, 0, open_body, &job);
    if (!err) {
        err = job.err;
    }
    if (!err) {
        return true;
    }
    if (err == ERR_CANCELED) {
        return false;
    }
    log_error("queue.no_body", log_text("id", claim->envelope.id), log_err(err));
    if (err == ERR_NOT_FOUND || err == ERR_IO) {
        const struct verdict verdict =
            verdict_deferred(S("4.3.0 the text of the message cannot be read"), SLICE_EMPTY);
        delivery_give_verdict(delivery, claim, &verdict);
    } else {
        delivery_put_back(delivery, claim, clock_wall_us() + BODY_LATER_US);
    }
    return false;
}

/* --- a route that went --- */

struct route_job {
    struct delivery *delivery;
    enum err err;
};

static void route_anew(void *arg)
{
    struct route_job *job = arg;
    struct delivery *delivery = job->delivery;
    const struct relayd *relayd = delivery->relayd;
    for (size_t i = 0; i < delivery->count && !job->err; i++) {
        const struct queue_claim *claim = &delivery->claims[i];
        for (size_t j = 0; j < claim->count && !job->err; j++) {
            struct slice address = claim->recipients[j].recipient.address;
            struct slice domain = address_domain_of(address);
            const struct queue_filter filter = {.id = claim->envelope.id, .recipient = address};
            uint64_t changed;
            job->err = queue_change(relayd->store, &filter, QUEUE_ROUTE,
                                    destination_of(relayd->tools.conf, domain, &delivery->arena),
                                    clock_wall_us(), &changed);
        }
    }
}

void delivery_route_anew(struct delivery *delivery)
{
    struct route_job job = {.delivery = delivery};
    log_warning("delivery.no_route", log_cstr("destination", delivery->lane->name));
    for (size_t i = 0; i < delivery->count; i++) {
        delivery_put_back(delivery, &delivery->claims[i], 0);
    }
    enum err err = work_run(delivery->relayd->tools.work, 0, route_anew, &job);
    if (!err && job.err) {
        log_error("queue.route_failed", log_cstr("destination", delivery->lane->name), log_err(job.err));
        lane_failed(delivery->lane, clock_wall_us());
    }
    delivery->is_over = true;
}
