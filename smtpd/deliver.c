/* SPDX-License-Identifier: ISC */
#include "deliver.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "session.h"
#include "storage/batch.h"

void delivery_init(struct delivery *delivery, const struct transaction *transaction, bool lmtp)
{
    memset(delivery, 0, sizeof(*delivery));
    delivery->transaction = transaction;
    delivery->lmtp = lmtp;
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
    default:
        return REPLY_LOCAL_ERROR;
    }
}

/*
 * LMTP, recipients that stand for one account each: all at once, with an outcome for each account. `done`
 * notes which accounts have it.
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
        uint32_t account = transaction->recipients[i].accounts[0];
        if (transaction->recipients[i].account_count == 1 && slots[account] == 0) {
            logins[count++] = transaction->accounts[account];
            slots[account] = count;
        }
    }
    if (count > 0)
        deliver(store, logins, count, blob, summary, results);
    for (size_t i = 0; i < transaction->recipient_count; i++) {
        uint32_t account = transaction->recipients[i].accounts[0];
        if (transaction->recipients[i].account_count == 1) {
            enum err err = results[slots[account] - 1];
            delivery->outcomes[i] = outcome_reply(err, false);
            done[account] = !err;
        }
    }
    mem_free(logins);
    mem_free(slots);
    mem_free(results);
}

/* LMTP, a recipient that stands for several accounts: all of them or none, so that a later attempt doubles
 * nothing. */
static void deliver_group(struct store *store, struct delivery *delivery, size_t recipient_index,
                          struct blob *blob, const struct message_summary *summary, bool *done)
{
    const struct transaction *transaction = delivery->transaction;
    const struct recipient *recipient = &transaction->recipients[recipient_index];
    struct slice *logins = mem_realloc_array(NULL, recipient->account_count, sizeof(struct slice));
    size_t count = 0;
    for (size_t i = 0; i < recipient->account_count; i++)
        if (!done[recipient->accounts[i]])
            logins[count++] = transaction->accounts[recipient->accounts[i]];
    enum err err = count > 0 ? deliver_all(store, logins, count, blob, summary) : ERR_OK;
    for (size_t i = 0; i < recipient->account_count && !err; i++)
        done[recipient->accounts[i]] = true;
    delivery->outcomes[recipient_index] = outcome_reply(err, false);
    mem_free(logins);
}

void deliver_message(struct store *store, struct delivery *delivery, struct blob *blob,
                     const struct message_summary *summary)
{
    const struct transaction *transaction = delivery->transaction;
    delivery->message_id = summary->message_id;
    if (!delivery->lmtp) {
        enum err err = deliver_all(store, transaction->accounts, transaction->account_count, blob, summary);
        delivery->outcome = outcome_reply(err, transaction->recipient_count == 1);
        return;
    }
    bool *done = mem_alloc(transaction->account_count * sizeof(bool));
    deliver_singles(store, delivery, blob, summary, done);
    for (size_t i = 0; i < transaction->recipient_count; i++)
        if (transaction->recipients[i].account_count > 1)
            deliver_group(store, delivery, i, blob, summary, done);
    mem_free(done);
}

static void log_outcome(const struct delivery *delivery, const struct session *session, uint64_t size,
                        size_t accepted)
{
    const struct transaction *transaction = delivery->transaction;
    const char *peer = conn_peer_address(session->conn);
    if (accepted > 0) {
        log_info(
            "message.accepted", log_cstr("id", transaction->id), log_text("from", transaction->sender_text),
            log_number("rcpts", accepted), log_number("size", size), log_text("msgid", delivery->message_id),
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
