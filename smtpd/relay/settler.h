/* SPDX-License-Identifier: ISC */
/*
 * What was delivered, on its way into the queue. Nobody waits for it: a delivery goes on with its next
 * message, and what came together within some milliseconds, from whatever delivery, is one transaction. A
 * kill in between doubles nothing, since each recipient was noted (queue_note) before he comes here.
 */
#ifndef SMTPD_RELAY_SETTLER_H
#define SMTPD_RELAY_SETTLER_H

#include "relayd.h"

struct settler *settler_new(struct relayd *relayd);
/* Begins its task. */
void settler_start(struct settler *settler);
/* Settles the rest and ends the task. In a task; suspends. Cancelled, it leaves the rest to settler_free. */
void settler_stop(struct settler *settler);
/* Blocks on the disk for what nobody settled. NULL is fine. */
void settler_free(struct settler *settler);

/* Takes the outcomes of a claim when all of them are deliveries that no sender is to hear of. False: they are
 * not, or it has more than enough, as it does when the disk fails; the caller settles them himself. Copies
 * what it needs. */
bool settler_takes(struct settler *settler, const char *destination, const struct queue_claim *claim,
                   const struct queue_outcome *outcomes, size_t count);

#endif
