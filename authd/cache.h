/* SPDX-License-Identifier: ISC */
/*
 * Remembers for some minutes that a password was right, so that clients which log in every minute cost no
 * Argon2 each time. What is kept is a keyed hash over login, stored hash and password: it ends by itself when
 * the stored hash changes, since the stored hash is read anew each time, and it is of no use outside of this
 * process. Safe from any thread.
 */
#ifndef AUTHD_CACHE_H
#define AUTHD_CACHE_H

#include "base/slice.h"

struct cache;

/* At most `limit` entries, the least recently used go first. `time_to_live` 0 remembers nothing. */
struct cache *cache_new(size_t limit, int64_t time_to_live_ms);
void cache_free(struct cache *cache);
void cache_set_time_to_live(struct cache *cache, int64_t ms);

/* `now`: monotonic milliseconds. */
bool cache_has(struct cache *cache, struct slice login, struct slice stored, struct slice password,
               int64_t now);
void cache_add(struct cache *cache, struct slice login, struct slice stored, struct slice password,
               int64_t now);

#endif
