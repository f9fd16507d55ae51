/* SPDX-License-Identifier: ISC */
/* What an attempt means for a recipient: over, or when to try again. Pure, but for the log. */
#ifndef SMTPD_RELAY_OUTCOME_H
#define SMTPD_RELAY_OUTCOME_H

#include "limits.h"
#include "relay_send.h"
#include "storage/queue.h"

/* What became of recipients, be it that they all heard the same. Texts are the caller's. */
struct verdict {
    enum relay_fate fate;
    struct queue_reply reply;
};

/* `chance`: any number, see limits_retry_at. */
struct queue_outcome outcome_of(const struct queue_claim *claim, const struct queue_taken_recipient *taken,
                                const struct verdict *verdict, const struct limits *limits, int64_t now_us,
                                uint32_t chance);
/* Nothing was tried: it waits until `due_us`, and nobody hears of it. */
struct queue_outcome outcome_put_back(const struct queue_claim *claim,
                                      const struct queue_taken_recipient *taken, int64_t due_us);

/* What an administrator looks for first: delivery.sent, delivery.failed, delivery.deferred. */
void outcome_log(const char *destination, const struct queue_envelope *envelope,
                 const struct queue_taken_recipient *taken, const struct queue_outcome *outcome);

/* What a connection that could not be used means: a host's words, or ours where it had none. */
struct verdict verdict_deferred(struct slice text, struct slice host);

#endif
