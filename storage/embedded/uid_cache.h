/* SPDX-License-Identifier: ISC */
/*
 * Which UIDs the mailboxes of an account have, as a process saw them last, so that the next one who opens a
 * large mailbox reads only what changed since. Mailboxes with very many gaps are not kept.
 */
#ifndef STORAGE_UID_CACHE_H
#define STORAGE_UID_CACHE_H

#include <pthread.h>

#include "storage/uid.h"

#define UID_CACHE_MAILBOXES 4 /* those used last */
#define UID_CACHE_RANGES    8192

struct uids_kept {
    int64_t mailbox_id; /* 0: nothing */
    uint64_t modseq;    /* of the snapshot that showed them */
    uint32_t uidnext;
    struct uid_set uids;
    uint64_t used;
};

struct uid_cache {
    pthread_mutex_t mutex;
    struct uids_kept kept[UID_CACHE_MAILBOXES];
    uint64_t clock; /* of `used` */
};

void uid_cache_init(struct uid_cache *cache);
void uid_cache_free(struct uid_cache *cache);
/* What a snapshot of that MODSEQ or an older one showed; the set is a copy in the arena. */
bool uid_cache_get(struct uid_cache *cache, int64_t mailbox_id, uint64_t modseq, struct arena *arena,
                   struct uids_kept *kept_r);
/* Keeps a copy, unless a newer one is there. */
void uid_cache_put(struct uid_cache *cache, const struct uids_kept *seen);

#endif
