/* SPDX-License-Identifier: ISC */
/*
 * Addresses elsewhere that do not exist, as their own servers said: for a while nothing is sent to them,
 * since who goes on sending to such addresses is taken for a sender of spam. One entry for each address,
 * which ends by itself. Addresses are given as people write them and kept in lookup form (address_key). What
 * a call changed is durable when it returns.
 */
#ifndef STORAGE_SUPPRESSION_H
#define STORAGE_SUPPRESSION_H

#include "base/arena.h"
#include "storage/queue.h"

struct suppression {
    struct slice address;     /* empty in an answer: there is no entry */
    struct queue_reply reply; /* the words that it was refused with; or an administrator's */
    int64_t since_us, until_us;
};

/* Adds entries; one that is there is replaced. ERR_SYNTAX, and nothing is added: an address that is none. */
enum err suppression_add(struct store *store, const struct suppression *entries, size_t count) MUST_CHECK;
/* found[i] is the entry of addresses[i] that counts at `now_us`, or has an empty address. In the arena. */
enum err suppression_find(struct store *store, const struct slice *addresses, size_t count, int64_t now_us,
                          struct arena *arena, struct suppression *found) MUST_CHECK;
/* ERR_NOT_FOUND; ERR_SYNTAX. */
enum err suppression_remove(struct store *store, struct slice address) MUST_CHECK;
/* Those that count at `now_us`, by address, behind `after` (empty: from the first), `limit` at most. */
enum err suppression_list(struct store *store, struct slice after, int64_t now_us, size_t limit,
                          struct arena *arena, struct suppression **list_r, size_t *count_r) MUST_CHECK;
/* Removes those that ended before this time. */
enum err suppression_forget(struct store *store, int64_t before_us) MUST_CHECK;

#endif
