/* SPDX-License-Identifier: ISC */
/*
 * Addresses that do not exist are not tried again for a while (storage/suppression.h): what counts as such,
 * and what a message to one of them comes to. All of it blocks on the disk: for worker threads.
 */
#ifndef SMTPD_OUTBOUND_SUPPRESS_H
#define SMTPD_OUTBOUND_SUPPRESS_H

#include "base/conf.h"
#include "storage/suppression.h"

/* Whether the reply says, once for all messages, that there is no such mailbox. */
bool suppress_is_hard(const struct queue_reply *reply);

/* After an attempt: takes note of the recipients that were refused so. */
enum err suppress_remember(struct store *store, const struct conf *conf, const struct queue_claim *claim,
                           const struct queue_outcome *outcomes, size_t count, int64_t now_us) MUST_CHECK;

/* Before an attempt: the outcomes of those recipients of the claim that need not be tried. They are
 * QUEUE_FAILED, with the former words and how the administrator lifts it, in the language of reports; to be
 * told (report_outcomes) and settled like others. In the arena. */
enum err suppress_claim(struct store *store, const struct conf *conf, const struct queue_claim *claim,
                        int64_t now_us, struct arena *arena, struct queue_outcome **outcomes_r,
                        size_t *count_r) MUST_CHECK;

#endif
