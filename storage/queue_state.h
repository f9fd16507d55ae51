/* SPDX-License-Identifier: ISC */
/* What the engines' queues have in common. */
#ifndef STORAGE_QUEUE_STATE_H
#define STORAGE_QUEUE_STATE_H

#include "storage/queue.h"

#define QUEUE_BIT(state) (1u << (state))
/* Recipients that are not over yet. */
#define QUEUE_OPEN \
    (QUEUE_BIT(QUEUE_WAITING) | QUEUE_BIT(QUEUE_TAKEN) | QUEUE_BIT(QUEUE_HELD) | QUEUE_BIT(QUEUE_PREPARED))

/* What is kept of the last reply. */
#define QUEUE_TEXT_MAX 1000
#define QUEUE_HOST_MAX 300

/* At least one, and each has an address and a destination. */
bool queue_is_complete(const struct queue_recipient *recipients, size_t count);

#endif
