/* SPDX-License-Identifier: ISC */
/*
 * Backups of the whole store while it is in use, and getting things back.
 *
 *     DIR/latest -> 20240131T235959Z         the last one that is complete
 *     DIR/20240131T235959Z/                  one backup: directory.db, secrets.db, mail/<domain>/<user>/…
 *     DIR/20240131T235959Z/manifest.json     written last: without it the folder does not count as a backup
 *
 * Bodies are hard links to the previous backup where they are the same, or copies, so each backup is whole
 * and only new mail takes room. Bodies are never links into the store itself unless asked for: a disk that
 * dies takes both.
 */
#ifndef STORAGE_BACKUP_H
#define STORAGE_BACKUP_H

#include "storage/account.h"

struct backup_progress {
    struct slice account;
    uint64_t accounts_done, accounts_total, messages_done, bytes_copied, bytes_linked;
};
struct backup {
    const char *directory;
    const char *data_directory; /* of the store */
    bool link;                  /* hard links into the store where the file system allows it */
    /* Called now and then; false stops with ERR_CANCELED. May be NULL. */
    bool (*progress)(void *data, const struct backup_progress *progress);
    void *data;
};

/* Makes one more backup. *name_r (in the arena) is its folder's name. `why` takes the sentence for a person.
 */
enum err store_backup(struct store *store, const struct backup *backup, struct arena *arena,
                      const char **name_r, struct buf *why) MUST_CHECK;

struct backup_entry {
    const char *name;
    int64_t time_us;
    bool complete;
    uint64_t accounts, messages, bytes;
};
/* Oldest first. */
enum err backup_list(const char *directory, struct arena *arena, struct backup_entry **list_r,
                     size_t *count_r) MUST_CHECK;
/* Reads all of one backup and compares it with its manifest. ERR_CORRUPT, with the reason. */
enum err backup_verify(const char *directory, const char *name /* NULL: the latest */,
                       struct buf *why) MUST_CHECK;

struct restore {
    const char *directory;
    const char *name; /* NULL: the latest */
    /* What: all of them NULL or empty, everything; else one account, one mailbox of it, one message of that.
     */
    struct slice login, mailbox;
    uint32_t uid;
    bool (*progress)(void *data, const struct backup_progress *progress);
    void *data;
};
/* Everything: into a data directory that is empty or missing. */
enum err restore_store(const struct restore *restore, const char *data_directory, struct buf *why) MUST_CHECK;
/* An account, mailbox or message: what is missing comes back, with UID, UIDL, flags and keywords of the
 * backup where the UID is free and the UIDVALIDITY the same; what is there stays as it is. *messages_r: how
 * many came. */
enum err restore_account(struct store *store, const struct restore *restore, uint64_t *messages_r,
                         struct buf *why) MUST_CHECK;

#endif
