/* SPDX-License-Identifier: ISC */
/*
 * Backups of the whole store while it is in use, and getting things back.
 *
 *     DIR/latest -> 20240131T235959Z         the last one that is complete
 *     DIR/20240131T235959Z/                  one backup, laid out as a data directory: directory.db,
 * secrets.db, mail/<domain>/<user>/…; and config/… as the caller gives it DIR/20240131T235959Z/manifest
 * written last: without it the folder does not count as a backup
 *
 * Bodies are hard links to the previous backup where they are the same, or copies, so each backup is whole
 * and only new mail takes room. Bodies are never links into the store itself unless asked for: a disk that
 * dies takes both. A message that many accounts share is one file in a backup, too.
 *
 * A backup holds what every account had at one moment during the backup, and all that was acknowledged before
 * it began. The full-text index is not in it: it is made anew.
 */
#ifndef STORAGE_BACKUP_H
#define STORAGE_BACKUP_H

#include "storage/account.h"

struct backup_progress {
    struct slice account;
    uint64_t accounts_done, accounts_total, messages_done, bytes_copied, bytes_linked;
    uint64_t missing; /* messages whose file the store has lost: in the log, by name */
    uint64_t damaged; /* files that are not what was delivered: in the log, by name; they are backed up so */
};

/* A file that goes along under config/: the store does not know what it is for. */
struct backup_file {
    const char *name; /* without a slash */
    struct slice content;
};

struct backup {
    const char *directory;
    bool link;     /* hard links into the store where the file system allows it */
    unsigned keep; /* complete backups that stay, this one counted; 0: all */
    const struct backup_file *files;
    size_t file_count;
    /* Called now and then and at the end; false stops with ERR_CANCELED. May be NULL. */
    bool (*progress)(void *data, const struct backup_progress *progress);
    void *data;
};

/* Makes one more backup. *name_r (in the arena) is its folder's name. `why` takes the sentence for a person.
 * ERR_BUSY while another one is being made there. What a backup that was cut off had copied is used by the
 * next one, which then removes it. */
enum err store_backup(struct store *store, const struct backup *backup, struct arena *arena,
                      const char **name_r, struct buf *why) MUST_CHECK;

struct backup_entry {
    const char *name;
    int64_t time_us;
    bool complete;
    uint64_t accounts, messages, bytes;
};
/* Oldest first; also those that were cut off or are being made. */
enum err backup_list(const char *directory, struct arena *arena, struct backup_entry **list_r,
                     size_t *count_r) MUST_CHECK;
/* Reads all of one backup and compares it with its manifest. ERR_CORRUPT, with the reason; ERR_NOT_FOUND when
 * there is none of that name that is complete. */
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

/* Everything: into a data directory that holds no user. One that was cut off can be run again. Every file is
 * compared with the manifest on the way. */
enum err restore_store(const struct restore *restore, const char *data_directory, struct buf *why) MUST_CHECK;

struct restore_result {
    uint64_t messages; /* that came back */
    uint64_t present;  /* that were there */
    uint64_t moved;    /* of `messages`: with a UID other than in the backup */
    bool recreated;    /* the user was missing and came back whole */
};
/* An account, mailbox or message: what is missing comes back, with UID, UIDL, flags and keywords of the
 * backup where the UID is free and the UIDVALIDITY the same; what is there stays as it is. Of an account, a
 * message is missing when no mailbox has it; of a mailbox, when that mailbox has it not. A user that is gone
 * comes back with all that the backup has, but for the password: that is not the store's. */
enum err restore_account(struct store *store, const struct restore *restore, struct restore_result *result_r,
                         struct buf *why) MUST_CHECK;
/* What of the backup's files the caller reads himself: <directory>/<name>/<file>; in the arena. */
enum err backup_file_path(const char *directory, const char *name /* NULL: the latest */, const char *file,
                          struct arena *arena, const char **path_r) MUST_CHECK;

#endif
