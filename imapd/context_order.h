/* SPDX-License-Identifier: ISC */
/*
 * The result of a sorted search that goes on (search_context.h), and the positions by which a client is told
 * of its changes (RFC 5267 section 4.3): each holds for the list as it is when all before it are done. Pure;
 * the time is that of walking the list once, however many come or go.
 */
#ifndef IMAPD_CONTEXT_ORDER_H
#define IMAPD_CONTEXT_ORDER_H

#include "storage/uid.h"

/* Zeroed it is empty. */
struct context_order {
    uint32_t *uids;
    size_t count;
};

/* A position (from 1) and what comes to stand there, or stood there. */
typedef void context_order_tell(void *data, size_t position, uint32_t uid);

void context_order_set(struct context_order *order, const uint32_t *uids, size_t count);
void context_order_free(struct context_order *order);
/* Takes these messages out; told from the end on. */
void context_order_remove(struct context_order *order, const struct uid_set *gone, context_order_tell *tell,
                          void *data);
/* Puts `added` where the new order `sorted` has them: behind the one that stands before them there. Messages
 * that are here and, expunged meanwhile, not in the new order stay where they are. */
void context_order_insert(struct context_order *order, const struct uid_set *added, const uint32_t *sorted,
                          size_t sorted_count, context_order_tell *tell, void *data);

#endif
