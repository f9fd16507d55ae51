/* SPDX-License-Identifier: ISC */
#include "deliver.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "dispatch.h"
#include "report.h"
#include "session.h"
#include "storage/batch.h"

void delivery_init(struct delivery *delivery, const struct session *session)
{
    const struct transaction *transaction = &session->transaction;
    memset(delivery, 0, sizeof(*delivery));
    delivery->transaction = transaction;
    delivery->conf = session->conf;
    delivery->lmtp = session->service == SERVICE_LMTP;
    delivery->outcomes =
        mem_realloc_array(NULL, MAX_OF(transaction->recipient_count, (size_t)1), sizeof(enum reply));
    delivery_refuse(delivery, REPLY_LOCAL_ERROR);
}

void delivery_free(struct delivery *delivery)
{
    mem_free(delivery->outcomes);
}

void delivery_refuse(struct delivery *delivery, enum reply refusal)
{
    delivery->outcome = refusal;
    for (size_t i = 0; i < delivery->transaction->recipient_count; i++)
        delivery->outcomes[i] = refusal;
}

/*
 * A full mailbox is told for good to a sender who wrote to it alone: it is for a person to mend, and the
 * sender should know today. With other recipients beside it the sender's server is asked to try again, since
 * a 5xx would be for them all.
 */
static enum reply outcome_reply(enum err err, bool alone)
{
    switch (err) {
    case ERR_OK:
        return REPLY_ACCEPTED;
    case ERR_OVER_QUOTA:
        return alone ? REPLY_MAILBOX_FULL_FOR_GOOD : REPLY_MAILBOX_FULL;
    case ERR_NO_SPACE:
        return REPLY_NO_SPACE;
    case ERR_LIMIT:
        return REPLY_FORWARD_LOOP;
    default:
        return REPLY_LOCAL_ERROR;
    }
}

/* --- who is to get it --- */

static struct dispatch_recipient dispatch_recipient_of(const struct recipient *recipient)
{
    return (struct dispatch_recipient){
        .address = recipient->address, .orcpt = recipient->orcpt, .notify = recipient->notify};
}

static enum err add_elsewhere(struct dispatch *dispatch, const struct recipient *recipient)
{
    const struct dispatch_recipient to = dispatch_recipient_of(recipient);
    const struct dispatch_alias alias = {.address = recipient->path,
                                         .targets = recipient->forwards,
                                         .count = recipient->forward_count,
                                         .is_shared = recipient->account_count > 0};
    if (recipient->is_elsewhere)
        dispatch_remote(dispatch, &to);
    return alias.count > 0 ? dispatch_forward(dispatch, &alias, &to) : ERR_OK;
}

/* --- SMTP: all or nobody --- */

static void deliver_together(struct store *store, struct delivery *delivery, struct blob *blob,
                             const struct message_summary *summary)
{
    const struct transaction *transaction = delivery->transaction;
    struct arena arena = {0};
    struct dispatch dispatch;
    enum err err = ERR_OK;
    dispatch_init(&dispatch, store, delivery->conf, &arena, &delivery->envelope);
    dispatch.accounts = transaction->accounts;
    dispatch.account_count = transaction->account_count;
    for (size_t i = 0; i < transaction->recipient_count && !err; i++)
        err = add_elsewhere(&dispatch, &transaction->recipients[i]);
    if (!err)
        err = dispatch_run(&dispatch, blob, summary);
    delivery->outcome = outcome_reply(err, transaction->recipient_count == 1);
    arena_free(&arena);
}

/* --- LMTP: each recipient by itself --- */

static bool stands_for_one(const struct recipient *recipient)
{
    return recipient->account_count == 1 && recipient->forward_count == 0;
}

/*
 * Recipients that stand for one account each: all at once, with an outcome for each account. `done` notes
 * which accounts have it.
 */
static void deliver_singles(struct store *store, struct delivery *delivery, struct blob *blob,
                            const struct message_summary *summary, bool *done)
{
    const struct transaction *transaction = delivery->transaction;
    struct slice *logins = mem_realloc_array(NULL, transaction->account_count, sizeof(struct slice));
    size_t *slots = mem_alloc(transaction->account_count * sizeof(size_t)); /* place in `logins`, from 1 */
    enum err *results = mem_alloc(transaction->account_count * sizeof(enum err));
    size_t count = 0;
    for (size_t i = 0; i < transaction->recipient_count; i++) {
        const struct recipient *recipient = &transaction->recipients[i];
        if (stands_for_one(recipient) && slots[recipient->accounts[0]] == 0) {
            logins[count++] = transaction->accounts[recipient->accounts[0]];
            slots[recipient->accounts[0]] = count;
        }
    }
    if (count > 0)
        deliver(store, logins, count, blob, summary, results);
    for (size_t i = 0; i < transaction->recipient_count; i++) {
        const struct recipient *recipient = &transaction->recipients[i];
        if (stands_for_one(recipient)) {
            enum err err = results[slots[recipient->accounts[0]] - 1];
            delivery->outcomes[i] = outcome_reply(err, false);
            done[recipient->accounts[0]] = !err;
        }
    }
    mem_free(logins);
    mem_free(slots);
    mem_free(results);
}

/* One that stands for several accounts, or goes on to elsewhere: all of them or none, so that a later attempt
 * doubles nothing. */
static void deliver_group(struct store *store, struct delivery *delivery, size_t recipient_index,
                          struct blob *blob, const struct message_summary *summary, bool *done)
{
    const struct transaction *transaction = delivery->transaction;
    const struct recipient *recipient = &transaction->recipients[recipient_index];
    struct arena arena = {0};
    struct dispatch dispatch;
    struct queue_envelope envelope = delivery->envelope;
    struct slice *logins = arena_array(&arena, struct slice, recipient->account_count);
    size_t count = 0;
    for (size_t i = 0; i < recipient->account_count; i++)
        if (!done[recipient->accounts[i]])
            logins[count++] = transaction->accounts[recipient->accounts[i]];
    envelope.id = slice_from(arena_printf(&arena, "%s.%zu", transaction->id, recipient_index + 1));
    dispatch_init(&dispatch, store, delivery->conf, &arena, &envelope);
    dispatch.accounts = logins;
    dispatch.account_count = count;
    enum err err = add_elsewhere(&dispatch, recipient);
    if (!err && (count > 0 || recipient->forward_count > 0))
        err = dispatch_run(&dispatch, blob, summary);
    for (size_t i = 0; i < recipient->account_count && !err; i++)
        done[recipient->accounts[i]] = true;
    delivery->outcomes[recipient_index] = outcome_reply(err, false);
    arena_free(&arena);
}

static void deliver_each(struct store *store, struct delivery *delivery, struct blob *blob,
                         const struct message_summary *summary)
{
    const struct transaction *transaction = delivery->transaction;
    enum err err = blob_seal(blob);
    if (err) {
        delivery_refuse(delivery, outcome_reply(err, false));
        return;
    }
    bool *done = mem_alloc(transaction->account_count * sizeof(bool));
    deliver_singles(store, delivery, blob, summary, done);
    for (size_t i = 0; i < transaction->recipient_count; i++)
        if (!stands_for_one(&transaction->recipients[i]))
            deliver_group(store, delivery, i, blob, summary, done);
    mem_free(done);
}

/* --- those who want to know --- */

static bool was_accepted(const struct delivery *delivery, size_t recipient_index)
{
    return (delivery->lmtp ? delivery->outcomes[recipient_index] : delivery->outcome) == REPLY_ACCEPTED;
}

/* What there is to tell of success, now: of who got it here, and of an alias that stands for several (RFC
 * 3461 sections 5.2.3 and 5.2.7.3). Of the others the queue tells. */
static bool is_told_of(const struct recipient *recipient, enum dsn_action action)
{
    if (!(recipient->notify & QUEUE_NOTIFY_SUCCESS) || recipient->is_elsewhere)
        return false;
    if (action == DSN_DELIVERED)
        return recipient->forward_count == 0;
    return recipient->forward_count > 0 && recipient->forward_count + recipient->account_count > 1;
}

static void tell_of_success(struct store *store, const struct delivery *delivery, enum dsn_action action)
{
    const struct transaction *transaction = delivery->transaction;
    struct arena arena = {0};
    struct queue_recipient *told = arena_array(&arena, struct queue_recipient, transaction->recipient_count);
    size_t count = 0;
    for (size_t i = 0; i < transaction->recipient_count; i++) {
        const struct recipient *recipient = &transaction->recipients[i];
        if (is_told_of(recipient, action) && was_accepted(delivery, i))
            told[count++] = (struct queue_recipient){
                .address = recipient->address, .orcpt = recipient->orcpt, .notify = recipient->notify};
    }
    enum err err = count > 0 ? report_delivered(store, delivery->conf, &delivery->envelope, told, count,
                                                action, delivery->header, delivery->envelope.received_us)
                             : ERR_OK;
    if (err)
        log_warning("report.failed", log_cstr("id", transaction->id), log_err(err));
    arena_free(&arena);
}

void deliver_message(struct store *store, struct delivery *delivery, struct blob *blob,
                     const struct message_summary *summary)
{
    if (delivery->lmtp)
        deliver_each(store, delivery, blob, summary);
    else
        deliver_together(store, delivery, blob, summary);
    tell_of_success(store, delivery, DSN_DELIVERED);
    tell_of_success(store, delivery, DSN_EXPANDED);
}

/* --- the answer --- */

/* Of the accepted recipients, those whose mail goes into the queue, all of it or some. */
static size_t count_queued(const struct delivery *delivery)
{
    size_t count = 0;
    for (size_t i = 0; i < delivery->transaction->recipient_count; i++) {
        const struct recipient *recipient = &delivery->transaction->recipients[i];
        count += was_accepted(delivery, i) && (recipient->is_elsewhere || recipient->forward_count > 0);
    }
    return count;
}

static void log_outcome(const struct delivery *delivery, const struct session *session, uint64_t size,
                        size_t accepted)
{
    const struct transaction *transaction = delivery->transaction;
    const char *peer = conn_peer_address(session->conn);
    if (accepted > 0) {
        log_info(
            "message.accepted", log_cstr("id", transaction->id), log_text("from", transaction->sender_text),
            log_number("rcpts", accepted), log_number("queued", count_queued(delivery)),
            log_number("size", size), log_text("msgid", delivery->envelope.message_id),
            log_cstr("peer", peer), log_text("helo", buf_slice(&session->hello_name)),
            log_cstr("service", conf_service_names[session->service]),
            log_cstr("tls", conn_tls_version(session->conn)), log_text("login", buf_slice(&session->login)));
    } else {
        enum reply reply =
            delivery->lmtp && transaction->recipient_count > 0 ? delivery->outcomes[0] : delivery->outcome;
        log_info("message.refused", log_cstr("id", transaction->id),
                 log_text("from", transaction->sender_text),
                 log_number("rcpts", transaction->recipient_count), log_number("size", size),
                 log_cstr("peer", peer), log_cstr("service", conf_service_names[session->service]),
                 log_text("login", buf_slice(&session->login)), log_number("code", reply_code(reply)),
                 log_cstr("status", reply_status(reply)), log_cstr("reason", reply_text(reply)));
    }
}

static size_t answer_each(const struct delivery *delivery, struct session *session)
{
    const struct transaction *transaction = delivery->transaction;
    size_t accepted = 0;
    for (size_t i = 0; i < transaction->recipient_count; i++) {
        struct slice address = transaction->recipients[i].address;
        enum reply reply = delivery->outcomes[i];
        reply_about(session->conn, reply, address);
        if (reply == REPLY_ACCEPTED)
            accepted++;
        else
            log_info("rcpt.refused", log_cstr("id", transaction->id), log_text("rcpt", address),
                     log_number("code", reply_code(reply)), log_cstr("status", reply_status(reply)));
    }
    return accepted;
}

void delivery_answer(const struct delivery *delivery, struct session *session, uint64_t size)
{
    const struct transaction *transaction = delivery->transaction;
    size_t accepted = 0;
    if (delivery->lmtp) {
        accepted = answer_each(delivery, session);
    } else if (delivery->outcome == REPLY_ACCEPTED) {
        accepted = transaction->recipient_count;
        reply_printf(session->conn, REPLY_ACCEPTED, "%s accepted", transaction->id);
    } else {
        session_reply(session, delivery->outcome);
    }
    log_outcome(delivery, session, size, accepted);
}
