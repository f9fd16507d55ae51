/* SPDX-License-Identifier: ISC */
/*
 * The life of a delivery: claim, connect, send, claim again over the same connection, and wait a moment for
 * more before it says goodbye. Nobody waits for another one's server here: whatever a server does, it does to
 * the deliveries of its own lane.
 */
#include "delivery.h"

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/task.h"
#include "senders.h"

enum {
    CLAIM_MESSAGES = 20,   /* at a time, so that others of the lane find some, too */
    FAILED_MESSAGES = 500, /* at a time, that hear the same bad news */
    TURN_MESSAGES = 20,    /* before others that wait get the place */
    IDLE_MS = 3000         /* an open connection waits for more */
};
#define MINUTE_US  ((int64_t)60 * 1000000)
#define LACKING_US ((int64_t)15 * 1000000) /* until there may be descriptors again */
/* How many messages may go at once where there is a rate: what goes in five seconds, and at least one. */
#define RATE_BURST_PART 12

static bool is_in_pace(struct delivery *delivery, int64_t now_us, int64_t *again_us)
{
    struct pacer *pace = delivery->provider ? &delivery->provider->pace : &delivery->lane->pace;
    unsigned rate = delivery->limits.rate;
    return rate == 0 || pacer_take(pace, 1, MINUTE_US / rate, rate / RATE_BURST_PART + 1, now_us, again_us);
}

/* Whether the pace of the destination and of the user allow it now. Else the message waits. */
static bool is_its_turn(struct delivery *delivery, const struct queue_claim *claim)
{
    int64_t now_us = clock_wall_us(), again_us = 0;
    bool allowed = senders_allow(delivery->relayd, claim->envelope.login, claim->count, now_us, &again_us) &&
                   is_in_pace(delivery, now_us, &again_us);
    if (!allowed) {
        delivery_put_back(delivery, claim, again_us);
    }
    return allowed;
}

/* The verdict goes to what was claimed and to whatever else is due there: each of them would wait for the
 * same failure. Messages that demand another protection may fare otherwise. */
static void fail_all(struct delivery *delivery, unsigned flags, const struct verdict *verdict)
{
    struct lane *lane = delivery->lane;
    if (verdict->fate == RELAY_DEFERRED) {
        lane_failed(lane, clock_wall_us());
    }
    /* Claims come into the arena that the verdict lies in: it is kept aside. */
    struct arena arena = {0};
    struct verdict kept = *verdict;
    kept.reply.text = arena_copy(&arena, verdict->reply.text);
    kept.reply.host = arena_copy(&arena, verdict->reply.host);
    do {
        for (; delivery->at < delivery->count; delivery->at++) {
            const struct queue_claim *claim = &delivery->claims[delivery->at];
            if ((claim->envelope.flags & RELAY_CONNECTION_FLAGS) == flags) {
                delivery_give_verdict(delivery, claim, &kept);
            } else {
                delivery_put_back(delivery, claim, clock_wall_us() + MINUTE_US / 4);
            }
        }
    } while (!delivery->relayd->is_stopping && delivery_claim(delivery, FAILED_MESSAGES));
    arena_free(&arena);
    delivery->is_over = true;
}

/* Mail hosts tell whose limits hold. A delivery that turns out to lead to another provider than it is counted
 * for may have to wait for those that go there already, or for its turn. */
static bool may_connect(void *data, struct slice host)
{
    struct delivery *delivery = data;
    struct relayd *relayd = delivery->relayd;
    const char *before = delivery->provider ? delivery->provider->name : NULL;
    delivery->lane->provider = limits_provider_of_host(host);
    delivery->limits = limits_for(relayd->tools.conf, &delivery->destination, delivery->lane->provider);
    delivery->again_us = 0;
    if (delivery->limits.provider == before) {
        return true;
    }
    if (!providers_have_room(relayd, &delivery->limits)) {
        return false;
    }
    providers_move(relayd, &delivery->provider, delivery->limits.provider);
    return is_in_pace(delivery, clock_wall_us(), &delivery->again_us);
}

static void put_back_rest(struct delivery *delivery)
{
    for (; delivery->at < delivery->count; delivery->at++) {
        delivery_put_back(delivery, &delivery->claims[delivery->at], delivery->again_us);
    }
}

/* A connection that this message may go over, the open one or a new one. False: none could be had, and
 * everybody knows. */
static bool have_connection(struct delivery *delivery, const struct queue_claim *claim)
{
    struct relay_connection *connection = &delivery->connection;
    unsigned flags = claim->envelope.flags & RELAY_CONNECTION_FLAGS;
    uint64_t most = delivery->limits.messages;
    struct verdict verdict;
    if (connection->client.conn) {
        uint64_t theirs = connection->client.abilities.mail_max;
        most = most && theirs ? MIN_OF(most, theirs) : MAX_OF(most, theirs);
        if (connection->flags == flags && (most == 0 || delivery->messages < most)) {
            return true;
        }
    }
    delivery->messages = 0;
    delivery->is_connecting = true;
    enum err err = relay_connect(&delivery->relayd->tools, &delivery->destination, flags,
                                 delivery->lane->alternate, &delivery->arena, connection, &verdict);
    delivery->is_connecting = false;
    if (err) {
        if (err == ERR_LIMIT) {
            log_error("delivery.no_connection", log_cstr("destination", delivery->lane->name), log_err(err));
            delivery->again_us = clock_wall_us() + LACKING_US;
        }
        if (err != ERR_CANCELED) {
            put_back_rest(delivery);
        }
        delivery->is_over = true;
        return false;
    }
    if (!connection->client.conn) {
        fail_all(delivery, flags, &verdict);
        return false;
    }
    connection->client.refuses_chunks = delivery->lane->refuses_chunks;
    return true;
}

static void deliver_one(struct delivery *delivery, const struct queue_claim *claim)
{
    enum delivery_sent sent = DELIVERY_AGAIN;
    if (!is_its_turn(delivery, claim)) {
        return;
    }
    while (sent == DELIVERY_AGAIN && have_connection(delivery, claim)) {
        delivery->messages++;
        sent = delivery_send(delivery, claim);
    }
    delivery->is_over |= sent == DELIVERY_CANCELED;
}

static void deliver_claims(struct delivery *delivery)
{
    while (delivery->at < delivery->count && !delivery->is_over) {
        const struct queue_claim *claim = &delivery->claims[delivery->at];
        if (delivery->relayd->is_stopping) {
            delivery_put_back(delivery, claim, 0);
        } else {
            deliver_one(delivery, claim);
        }
        if (!delivery->is_over) {
            delivery->at++;
            delivery->turns++;
        }
    }
    /* Broken off: who comes after us need not find out that we are gone. */
    for (; delivery->relayd->is_stopping && delivery->at < delivery->count; delivery->at++) {
        delivery_put_back(delivery, &delivery->claims[delivery->at], 0);
    }
}

static void leave_rest(struct delivery *delivery)
{
    LL_DELETE2(delivery->lane->resting, delivery, rests_below);
    delivery->lane->idle--;
    delivery->is_resting = false;
}

/* True: there may be more to send. */
static bool rest(struct delivery *delivery, int64_t deadline)
{
    struct lane *lane = delivery->lane;
    struct relayd *relayd = delivery->relayd;
    struct conn *conn = delivery->connection.client.conn;
    size_t which = 0;
    if (!conn || delivery->is_over || relayd->is_stopping || relayd->is_crowded) {
        return false;
    }
    event_clear(&delivery->work);
    LL_PREPEND2(lane->resting, delivery, rests_below);
    lane->idle++;
    delivery->is_resting = true;
    event_raise(&relayd->wake); /* who was busy was passed over */
    enum err err = conn_wait(conn, &delivery->work, deadline, &which);
    if (delivery->is_resting) {
        leave_rest(delivery);
    }
    /* Does it say something, or hang up: either way nothing that we asked for. */
    return !err && which != 0;
}

void delivery_wake(struct lane *lane)
{
    if (lane->resting) {
        struct delivery *delivery = lane->resting;
        leave_rest(delivery);
        event_raise(&delivery->work);
    }
}

void deliveries_wake(struct relayd *relayd)
{
    struct delivery *delivery;
    DL_FOREACH (relayd->deliveries, delivery) {
        event_raise(&delivery->work);
    }
}

static bool claim_next(struct delivery *delivery)
{
    struct lane *lane = delivery->lane;
    const struct relayd *relayd = delivery->relayd;
    bool gives_way = relayd->is_crowded && delivery->turns >= TURN_MESSAGES;
    /* Who stops puts back what he has, and would find it again. */
    if (delivery->is_over || relayd->is_stopping || gives_way) {
        return false;
    }
    lane->starting++;
    bool found = delivery_claim(delivery, CLAIM_MESSAGES);
    lane->starting--;
    if (!delivery->took_all) {
        event_raise(&delivery->relayd->wake); /* another one may be wanted */
    } else {
        lane_is_drained(lane, clock_wall_us());
    }
    return found;
}

static bool claim_after_rest(struct delivery *delivery)
{
    int64_t deadline = loop_now(delivery->relayd->tools.loop) + IDLE_MS;
    while (rest(delivery, deadline)) {
        if (claim_next(delivery)) {
            return true;
        }
    }
    return false;
}

/* The configuration may have changed since the last claim. */
static bool read_destination(struct delivery *delivery)
{
    const struct relay_tools *tools = &delivery->relayd->tools;
    enum err err = destination_parse(tools->conf, slice_from(delivery->lane->name), &delivery->arena,
                                     &delivery->destination);
    if (err) {
        delivery_route_anew(delivery);
        return false;
    }
    delivery->limits = limits_for(tools->conf, &delivery->destination, delivery->lane->provider);
    providers_move(delivery->relayd, &delivery->provider, delivery->limits.provider);
    return true;
}

static void deliver(struct delivery *delivery)
{
    bool more = claim_next(delivery);
    while (more) {
        if (!read_destination(delivery)) {
            break;
        }
        deliver_claims(delivery);
        more = (!delivery->took_all && claim_next(delivery)) || claim_after_rest(delivery);
    }
    relay_connection_close(&delivery->connection);
}

static void run(void *arg)
{
    struct delivery *delivery = arg;
    struct relayd *relayd = delivery->relayd;
    struct lane *lane = delivery->lane;
    lane->starting--;
    relay_connection_init(&delivery->connection);
    delivery->connection.may_connect = may_connect;
    delivery->connection.data = delivery;
    deliver(delivery);
    relay_connection_free(&delivery->connection);
    arena_free(&delivery->arena);
    providers_move(relayd, &delivery->provider, NULL);
    lane->active--;
    lane->used_us = clock_wall_us();
    DL_DELETE(relayd->deliveries, delivery);
    relayd->delivery_count--;
    task_detach(delivery->task);
    mem_free(delivery);
    event_raise(&relayd->wake);
    event_raise(&relayd->ended);
}

void delivery_start(struct relayd *relayd, struct lane *lane, const char *provider)
{
    struct delivery *delivery = mem_new(struct delivery);
    delivery->relayd = relayd;
    delivery->lane = lane;
    providers_move(relayd, &delivery->provider, provider);
    lane->active++;
    lane->starting++;
    DL_APPEND(relayd->deliveries, delivery);
    relayd->delivery_count++;
    delivery->task = task_spawn(relayd->tools.loop, "delivery", run, delivery);
}

void deliveries_cancel(struct relayd *relayd, bool whatever_they_do)
{
    struct delivery *delivery;
    DL_FOREACH (relayd->deliveries, delivery) {
        if (whatever_they_do || delivery->is_connecting) {
            task_cancel(delivery->task);
        }
    }
}
