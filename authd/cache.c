/* SPDX-License-Identifier: ISC */
/* A hash table in the order of last use, under a mutex; see cache.h. */
#include "cache.h"

#include <pthread.h>
#include <uthash.h>

#include "base/mem.h"
#include "digest.h"

struct entry {
    struct digest key;
    int64_t expires;
    UT_hash_handle hh; /* the table's own order is that of insertion: the first is the one to go */
};

struct cache {
    pthread_mutex_t mutex;
    struct entry *entries;
    size_t limit;
    int64_t time_to_live_ms;
    struct digest_key secret;
};

struct cache *cache_new(size_t limit, int64_t time_to_live_ms)
{
    struct cache *cache = mem_new(struct cache);
    pthread_mutex_init(&cache->mutex, NULL);
    cache->limit = limit;
    cache->time_to_live_ms = time_to_live_ms;
    digest_key_make(&cache->secret);
    return cache;
}

static void drop(struct cache *cache, struct entry *entry)
{
    HASH_DEL(cache->entries, entry);
    mem_free(entry);
}

void cache_free(struct cache *cache)
{
    if (cache) {
        while (cache->entries) {
            drop(cache, cache->entries);
        }
        pthread_mutex_destroy(&cache->mutex);
        mem_wipe(&cache->secret, sizeof(cache->secret));
        mem_free(cache);
    }
}

void cache_set_time_to_live(struct cache *cache, int64_t ms)
{
    pthread_mutex_lock(&cache->mutex);
    cache->time_to_live_ms = ms;
    pthread_mutex_unlock(&cache->mutex);
}

static struct digest key_of(const struct cache *cache, struct slice login, struct slice stored,
                            struct slice password)
{
    const struct slice parts[] = {login, stored, password};
    return digest_of(&cache->secret, parts, ARRAY_LEN(parts));
}

/* The live entry, moved to the end of the order. An expiry later than what the present setting would give
 * comes from a longer one that was reloaded away: it does not count either. */
static bool find_and_touch(struct cache *cache, const struct digest *key, int64_t now)
{
    struct entry *entry;
    HASH_FIND(hh, cache->entries, key, sizeof(*key), entry);
    if (!entry) {
        return false;
    }
    if (entry->expires <= now || entry->expires > now + cache->time_to_live_ms) {
        drop(cache, entry);
        return false;
    }
    HASH_DEL(cache->entries, entry);
    HASH_ADD(hh, cache->entries, key, sizeof(entry->key), entry);
    return true;
}

bool cache_has(struct cache *cache, struct slice login, struct slice stored, struct slice password,
               int64_t now)
{
    struct digest key = key_of(cache, login, stored, password);
    pthread_mutex_lock(&cache->mutex);
    bool found = find_and_touch(cache, &key, now);
    pthread_mutex_unlock(&cache->mutex);
    return found;
}

static void insert(struct cache *cache, const struct digest *key, int64_t now)
{
    struct entry *entry;
    HASH_FIND(hh, cache->entries, key, sizeof(*key), entry);
    if (entry) {
        drop(cache, entry);
    }
    if (cache->limit == 0 || cache->time_to_live_ms <= 0) {
        return;
    }
    if (HASH_COUNT(cache->entries) >= cache->limit) {
        drop(cache, cache->entries);
    }
    entry = mem_new(struct entry);
    entry->key = *key;
    entry->expires = now + cache->time_to_live_ms;
    HASH_ADD(hh, cache->entries, key, sizeof(entry->key), entry);
}

void cache_add(struct cache *cache, struct slice login, struct slice stored, struct slice password,
               int64_t now)
{
    struct digest key = key_of(cache, login, stored, password);
    pthread_mutex_lock(&cache->mutex);
    insert(cache, &key, now);
    pthread_mutex_unlock(&cache->mutex);
}
