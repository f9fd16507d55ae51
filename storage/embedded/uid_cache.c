/* SPDX-License-Identifier: ISC */
#include "uid_cache.h"

#include <string.h>

#include "base/mem.h"

void uid_cache_init(struct uid_cache *cache)
{
    *cache = (struct uid_cache){0};
    pthread_mutex_init(&cache->mutex, NULL);
}

static void forget(struct uids_kept *kept)
{
    mem_free((void *)kept->uids.ranges);
    *kept = (struct uids_kept){0};
}

void uid_cache_free(struct uid_cache *cache)
{
    for (size_t i = 0; i < UID_CACHE_MAILBOXES; i++) {
        forget(&cache->kept[i]);
    }
    pthread_mutex_destroy(&cache->mutex);
}

static size_t bytes_of(const struct uid_set *uids)
{
    return uids->count * sizeof(*uids->ranges);
}

static struct uid_range *copy_ranges(const struct uid_set *uids)
{
    struct uid_range *ranges = NULL;
    if (uids->count) {
        ranges = mem_realloc_array(NULL, uids->count, sizeof(*ranges));
        memcpy(ranges, uids->ranges, bytes_of(uids));
    }
    return ranges;
}

/* Its own, or the place to put it: an empty one, or the one used longest ago. */
static struct uids_kept *place_of(struct uid_cache *cache, int64_t mailbox_id)
{
    struct uids_kept *oldest = &cache->kept[0];
    for (size_t i = 0; i < UID_CACHE_MAILBOXES; i++) {
        if (cache->kept[i].mailbox_id == mailbox_id) {
            return &cache->kept[i];
        }
        if (cache->kept[i].used < oldest->used) {
            oldest = &cache->kept[i];
        }
    }
    return oldest;
}

bool uid_cache_get(struct uid_cache *cache, int64_t mailbox_id, uint64_t modseq, struct arena *arena,
                   struct uids_kept *kept_r)
{
    pthread_mutex_lock(&cache->mutex);
    struct uids_kept *kept = place_of(cache, mailbox_id);
    bool found = kept->mailbox_id == mailbox_id && kept->modseq <= modseq;
    if (found) {
        struct uid_range *ranges = arena_array(arena, struct uid_range, kept->uids.count);
        if (kept->uids.count) {
            memcpy(ranges, kept->uids.ranges, bytes_of(&kept->uids));
        }
        kept->used = ++cache->clock;
        *kept_r = *kept;
        kept_r->uids.ranges = ranges;
    }
    pthread_mutex_unlock(&cache->mutex);
    return found;
}

void uid_cache_put(struct uid_cache *cache, const struct uids_kept *seen)
{
    if (seen->uids.count > UID_CACHE_RANGES) {
        return;
    }
    pthread_mutex_lock(&cache->mutex);
    struct uids_kept *kept = place_of(cache, seen->mailbox_id);
    if (kept->mailbox_id != seen->mailbox_id || kept->modseq < seen->modseq) {
        forget(kept);
        *kept = *seen;
        kept->used = ++cache->clock;
        kept->uids.ranges = copy_ranges(&seen->uids);
    }
    pthread_mutex_unlock(&cache->mutex);
}
