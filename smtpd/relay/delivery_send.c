/* SPDX-License-Identifier: ISC */
/* One message over an open connection, in as many transactions as its recipients need. */
#include "base/clock.h"
#include "delivery.h"
#include "net/task.h"
#include "settler.h"

/* Of one transaction; RFC 5321 section 4.5.3.1.8 has every server take as many. */
#define RECIPIENTS_AT_ONCE 100
/* What a whole transaction may take, however slowly the server reads. */
#define SEND_MS             (INT64_C(30) * 60 * 1000)
#define SLOWEST_PER_MS      2 /* octets */
#define SERVICE_CLOSING     421
#define TOO_MANY_RECIPIENTS 452
#define TOO_MANY_OF_OLD     552 /* RFC 821 */

struct transmission {
    struct delivery *delivery;
    const struct queue_claim *claim;
    struct blob_reader reader;
    struct slice host;
    struct relay_recipient *recipients;
    struct queue_outcome *outcomes;
    enum report_hop *hops;
    size_t done; /* recipients whose outcome is known */
};

static void prepare(struct transmission *transmission)
{
    struct arena *arena = &transmission->delivery->arena;
    const struct queue_claim *claim = transmission->claim;
    transmission->recipients = arena_array(arena, struct relay_recipient, claim->count);
    transmission->outcomes = arena_array(arena, struct queue_outcome, claim->count);
    transmission->hops = arena_array(arena, enum report_hop, claim->count);
    transmission->host = arena_copy(arena, buf_slice(&transmission->delivery->connection.host));
    for (size_t i = 0; i < claim->count; i++) {
        const struct queue_recipient *recipient = &claim->recipients[i].recipient;
        transmission->recipients[i] = (struct relay_recipient){
            .address = recipient->address, .orcpt = recipient->orcpt, .notify = recipient->notify};
    }
}

static enum report_hop hop_of(const struct relay_client *client)
{
    if (client->is_lmtp) {
        return REPORT_HOP_DELIVERS;
    }
    return client->abilities.extensions & RELAY_DSN ? REPORT_HOP_TELLS : REPORT_HOP_SILENT;
}

/* A server that takes some and says "too many" to the rest gets them at once in a transaction of their own
 * (RFC 5321 section 4.5.3.1.10, which asks to be prepared for a 552, too). Both codes are also said for full
 * disks and mailboxes, which the enhanced code tells apart (RFC 3463 section 3.6); where there is none the
 * next transaction does. */
static bool is_one_too_many(const struct relay_recipient *recipient, bool some_accepted)
{
    struct slice text = recipient->text;
    bool is_code = recipient->code == TOO_MANY_RECIPIENTS || recipient->code == TOO_MANY_OF_OLD;
    bool has_status = text.len > 1 && char_is_digit(text.data[0]) && text.data[1] == '.';
    return some_accepted && recipient->is_theirs && is_code &&
           (!has_status || slice_starts_with(slice_skip(text, 1), S(".5.3")));
}

/* Before anything else, as nothing may come between the server's word and our note of it. Who wants to hear
 * of success must, even if it costs a second delivery. */
static void note_deliveries(const struct transmission *transmission, size_t first, size_t count)
{
    uint32_t numbers[RECIPIENTS_AT_ONCE];
    size_t noted = 0;
    for (size_t i = first; i < first + count; i++) {
        if (transmission->recipients[i].fate == RELAY_ACCEPTED &&
            !(transmission->recipients[i].notify & QUEUE_NOTIFY_SUCCESS)) {
            numbers[noted++] = transmission->claim->recipients[i].number;
        }
    }
    queue_note(transmission->delivery->relayd->store, transmission->claim->message, numbers, noted);
}

static void conclude(struct transmission *transmission, size_t first, size_t count)
{
    struct delivery *delivery = transmission->delivery;
    int64_t now_us = clock_wall_us();
    uint32_t chance = (uint32_t)random(); /* one for all: they stay together */
    bool some_accepted = false;
    note_deliveries(transmission, first, count);
    for (size_t i = first; i < first + count; i++) {
        some_accepted |= transmission->recipients[i].fate == RELAY_ACCEPTED;
    }
    for (size_t i = first; i < first + count; i++) {
        const struct relay_recipient *recipient = &transmission->recipients[i];
        const struct queue_taken_recipient *taken = &transmission->claim->recipients[i];
        const struct verdict verdict = {
            .fate = recipient->fate,
            .reply = {recipient->code, recipient->text, transmission->host, recipient->is_theirs}};
        transmission->outcomes[i] =
            is_one_too_many(recipient, some_accepted)
                ? outcome_put_back(transmission->claim, taken, now_us)
                : outcome_of(transmission->claim, taken, &verdict, &delivery->limits, now_us, chance);
        transmission->hops[i] = hop_of(&delivery->connection.client);
    }
    if (some_accepted) {
        delivery->connection.is_fresh = false;
        lane_went_well(delivery->lane, delivery->limits.concurrency);
    }
}

/* We broke off: that is no attempt for those to whom the server had not said its last word. */
static void put_back_unheard(struct transmission *transmission, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        if (transmission->recipients[i].code == 0) {
            transmission->outcomes[i] =
                outcome_put_back(transmission->claim, &transmission->claim->recipients[i], clock_wall_us());
        }
    }
}

/* A connection that has carried messages before is over, which says nothing about this one: it broke, or the
 * server takes so many of a session (421; RFC 5321 section 3.8). */
static bool was_used_up(const struct transmission *transmission, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct relay_recipient *recipient = &transmission->recipients[i];
        if (recipient->fate != RELAY_DEFERRED ||
            (recipient->code != 0 && recipient->code != SERVICE_CLOSING)) {
            return false;
        }
    }
    return !transmission->delivery->connection.is_fresh;
}

static bool says_goodbye(const struct transmission *transmission, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        if (transmission->recipients[i].code == SERVICE_CLOSING) {
            return true;
        }
    }
    return false;
}

static enum err send_some(struct transmission *transmission, size_t first, size_t count)
{
    const struct queue_envelope *envelope = &transmission->claim->envelope;
    struct relay_client *client = &transmission->delivery->connection.client;
    /* A file that was cut is found out when it is sent. */
    uint64_t size = envelope->top.len + envelope->size - MIN_OF(envelope->skip, envelope->size);
    struct relay_message message = {.sender = envelope->sender,
                                    .envid = envelope->envid,
                                    .flags = envelope->flags,
                                    .size = size,
                                    .top = envelope->top,
                                    .body_fd = transmission->reader.fd,
                                    .skip = envelope->skip,
                                    .header_is_utf8 = (envelope->flags & QUEUE_SMTPUTF8) != 0,
                                    .recipients = &transmission->recipients[first],
                                    .count = count};
    conn_set_end(client->conn,
                 loop_now(conn_loop(client->conn)) + SEND_MS + (int64_t)(size / SLOWEST_PER_MS));
    enum err err = relay_send(client, &message, &transmission->delivery->arena);
    conn_set_end(client->conn, NO_DEADLINE);
    return err;
}

static size_t transaction_size(const struct transmission *transmission)
{
    uint64_t theirs = transmission->delivery->connection.client.abilities.rcpt_max;
    return theirs > 0 ? MIN_OF((size_t)theirs, (size_t)RECIPIENTS_AT_ONCE) : RECIPIENTS_AT_ONCE;
}

static enum delivery_sent transmit(struct transmission *transmission)
{
    struct delivery *delivery = transmission->delivery;
    const struct queue_claim *claim = transmission->claim;
    size_t first = 0;
    enum err err = ERR_OK;
    bool goodbye = false;
    while (first < claim->count && !err && !goodbye) {
        size_t count = MIN_OF(claim->count - first, transaction_size(transmission));
        bool knew = delivery->connection.client.refuses_chunks;
        err = send_some(transmission, first, count);
        /* The connection broke because of a chunk, and the next one will have none. */
        bool learnt = !knew && delivery->connection.client.refuses_chunks;
        delivery->lane->refuses_chunks |= learnt;
        if (err != ERR_CANCELED && first == 0 && (learnt || was_used_up(transmission, count))) {
            relay_connection_close(&delivery->connection);
            return DELIVERY_AGAIN;
        }
        conclude(transmission, first, count);
        if (err == ERR_CANCELED) {
            put_back_unheard(transmission, first, count);
        }
        goodbye = says_goodbye(transmission, first, count);
        first += count;
    }
    for (size_t i = first; i < claim->count; i++) {
        transmission->outcomes[i] = outcome_put_back(claim, &claim->recipients[i], clock_wall_us());
    }
    if (err || goodbye) {
        lane_was_too_much(delivery->lane, clock_wall_us());
        relay_connection_close(&delivery->connection);
    }
    if (!settler_takes(delivery->relayd->settler, delivery->lane->name, claim, transmission->outcomes,
                       claim->count)) {
        delivery_settle(delivery, claim, transmission->outcomes, transmission->hops, claim->count);
    }
    return err == ERR_CANCELED ? DELIVERY_CANCELED : DELIVERY_SENT;
}

enum delivery_sent delivery_send(struct delivery *delivery, const struct queue_claim *claim)
{
    struct transmission transmission = {.delivery = delivery, .claim = claim};
    if (!delivery_open_body(delivery, claim, &transmission.reader)) {
        return task_is_canceled() ? DELIVERY_CANCELED : DELIVERY_SENT;
    }
    prepare(&transmission);
    enum delivery_sent sent = transmit(&transmission);
    blob_reader_close(&transmission.reader);
    return sent;
}
