/* SPDX-License-Identifier: ISC */
/*
 * The last step of a transaction: hand the message to the accounts, and answer. SMTP has one answer for all
 * recipients, so all get the message or none does; LMTP answers for each (RFC 2033 section 4.2).
 */
#ifndef SMTPD_DELIVER_H
#define SMTPD_DELIVER_H

#include "mail/summary.h"
#include "reply.h"

struct blob;
struct session;
struct store;
struct transaction;

struct delivery {
    const struct transaction *transaction;
    bool lmtp;
    enum reply outcome;      /* SMTP: REPLY_ACCEPTED or the refusal */
    enum reply *outcomes;    /* LMTP: one for each recipient */
    struct slice message_id; /* as the message has it, for the log; lives as long as the summary */
};

void delivery_init(struct delivery *delivery, const struct transaction *transaction, bool lmtp);
void delivery_free(struct delivery *delivery);
/* Delivers the sealed blob. Blocking: for a worker thread. */
void deliver_message(struct store *store, struct delivery *delivery, struct blob *blob,
                     const struct message_summary *summary);
/* The same outcome for all, nothing having been delivered. */
void delivery_refuse(struct delivery *delivery, enum reply refusal);
/* Replies to the client, and writes the log's line about this message of `size` bytes. */
void delivery_answer(const struct delivery *delivery, struct session *session, uint64_t size);

#endif
