/* SPDX-License-Identifier: ISC */
/*
 * The last step of a transaction: hand the message to the accounts and to the queue, and answer. SMTP has one
 * answer for all recipients, so all get the message or none does; LMTP answers for each (RFC 2033 section
 * 4.2). Senders who asked for it hear that it was delivered (RFC 3461 section 5.2.3).
 */
#ifndef SMTPD_DELIVER_H
#define SMTPD_DELIVER_H

#include "base/conf.h"
#include "mail/summary.h"
#include "reply.h"
#include "storage/queue.h"

struct blob;
struct session;
struct store;
struct transaction;

struct delivery {
    const struct transaction *transaction;
    const struct conf *conf;
    bool lmtp;
    enum reply outcome;   /* SMTP: REPLY_ACCEPTED or the refusal */
    enum reply *outcomes; /* LMTP: one for each recipient */

    /* Set before deliver_message; texts must live until the answer. */
    struct queue_envelope envelope;
    struct slice header; /* of the message, or what is at hand of it: for reports */
};

void delivery_init(struct delivery *delivery, const struct session *session);
void delivery_free(struct delivery *delivery);
/* Delivers the blob, which is sealed here where it must be. Blocking: for a worker thread. */
void deliver_message(struct store *store, struct delivery *delivery, struct blob *blob,
                     const struct message_summary *summary);
/* The same outcome for all, nothing having been delivered. */
void delivery_refuse(struct delivery *delivery, enum reply refusal);
/* Replies to the client, and writes the log's line about this message of `size` bytes. */
void delivery_answer(const struct delivery *delivery, struct session *session, uint64_t size);

#endif
