/* SPDX-License-Identifier: ISC */
#include "context_order.h"

#include <string.h>

#include "base/mem.h"

void context_order_set(struct context_order *order, const uint32_t *uids, size_t count)
{
    order->uids = mem_realloc_array(order->uids, count + 1, sizeof(*uids));
    if (count > 0)
        memcpy(order->uids, uids, count * sizeof(*uids));
    order->count = count;
}

void context_order_free(struct context_order *order)
{
    mem_free(order->uids);
    *order = (struct context_order){0};
}

/* From the end, nothing that is told of later moves. */
void context_order_remove(struct context_order *order, const struct uid_set *gone, context_order_tell *tell,
                          void *data)
{
    size_t kept = order->count; /* what stays is moved to the end first */
    for (size_t i = order->count; i-- > 0;) {
        if (uid_set_has(gone, order->uids[i]))
            tell(data, i + 1, order->uids[i]);
        else
            order->uids[--kept] = order->uids[i];
    }
    order->count -= kept;
    memmove(order->uids, order->uids + kept, order->count * sizeof(*order->uids));
}

/* The old list and the new order are walked side by side, and a third is made of them. */
void context_order_insert(struct context_order *order, const struct uid_set *added, const uint32_t *sorted,
                          size_t sorted_count, context_order_tell *tell, void *data)
{
    size_t most = order->count + sorted_count, count = 0, old = 0;
    uint32_t *uids = mem_realloc_array(NULL, most + 1, sizeof(*uids));
    for (size_t i = 0; i < sorted_count; i++) {
        if (uid_set_has(added, sorted[i])) {
            uids[count++] = sorted[i];
            tell(data, count, sorted[i]);
            continue;
        }
        bool is_behind = false;
        while (old < order->count && !is_behind) {
            is_behind = order->uids[old] == sorted[i];
            uids[count++] = order->uids[old++];
        }
    }
    while (old < order->count)
        uids[count++] = order->uids[old++];
    mem_free(order->uids);
    order->uids = mem_realloc_array(uids, count + 1, sizeof(*uids));
    order->count = count;
}
