/* SPDX-License-Identifier: ISC */
/* What every engine of the queue says alike. */
#include "queue_state.h"

static const char *const names[QUEUE_STATE_COUNT] = {
    [QUEUE_WAITING] = "waiting",   [QUEUE_TAKEN] = "active",        [QUEUE_HELD] = "held",
    [QUEUE_PREPARED] = "incoming", [QUEUE_DELIVERED] = "delivered", [QUEUE_FAILED] = "failed",
    [QUEUE_REMOVED] = "removed",
};

const char *queue_state_name(enum queue_state state)
{
    return (unsigned)state < QUEUE_STATE_COUNT ? names[state] : "unknown";
}

bool queue_is_complete(const struct queue_recipient *recipients, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (recipients[i].destination.len == 0 || recipients[i].address.len == 0) {
            return false;
        }
    }
    return count > 0;
}
