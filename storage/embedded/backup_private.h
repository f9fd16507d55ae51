/* SPDX-License-Identifier: ISC */
/*
 * What the files of backups share.
 *
 * Each account's folder in a backup has a manifest, and so has the backup itself, which names those of the
 * accounts. A manifest is text, "key value" lines:
 *
 *     file <hash> <size> <path>       a file below the manifest's folder; hash: BLAKE2b-256, hex
 *     body <hash> <size> <path>       a message
 *     missing <path>                  a message without a file
 *     account <hash> <size> <path>    (of the backup) an account's manifest
 *     end <hash>                      of all bytes before this line
 *
 * In paths, control characters, blanks and "%" are written as %XX.
 */
#ifndef STORAGE_BACKUP_PRIVATE_H
#define STORAGE_BACKUP_PRIVATE_H

#include <sodium.h>
#include <sqlite3.h>
#include <sys/types.h>

#include "storage/backup.h"

#define BACKUP_HASH_SIZE 32
#define BACKUP_MANIFEST  "manifest"

/* ---- manifests (backup_manifest.c) ---- */

enum manifest_kind { MANIFEST_FILE, MANIFEST_BODY, MANIFEST_MISSING, MANIFEST_ACCOUNT };

struct manifest_entry {
    enum manifest_kind kind;
    bool used; /* for whoever works through them */
    struct slice path;
    uint64_t size;
    unsigned char hash[BACKUP_HASH_SIZE];
};

struct manifest {
    int64_t created_us;
    struct slice login; /* of an account's */
    struct slice state; /* of an account's: what its files looked like (backup_state.c) */
    uint64_t accounts, messages, bytes;
    struct manifest_entry *entries;
    size_t count, room;
    struct arena arena; /* owns the texts */
};

void manifest_free(struct manifest *manifest);
/* Adds an entry; the path is copied. */
struct manifest_entry *manifest_add(struct manifest *manifest, enum manifest_kind kind, struct slice path,
                                    uint64_t size, const unsigned char *hash) NEVER_NULL;
/* Writes `<folder>/manifest`, durable. `hash_r` (may be NULL) is that of the end line. */
enum err manifest_write(const char *folder, const struct manifest *manifest,
                        unsigned char hash_r[BACKUP_HASH_SIZE], uint64_t *size_r) MUST_CHECK;
/* ERR_NOT_FOUND; ERR_CORRUPT when it is not whole. *manifest is to be freed in every case. */
enum err manifest_read(const char *folder, struct manifest *manifest,
                       unsigned char hash_r[BACKUP_HASH_SIZE]) MUST_CHECK;

/* ---- files (backup_file.c) ---- */

struct file_facts {
    uint64_t size;
    unsigned char hash[BACKUP_HASH_SIZE];
};

/* Copies to a new file, not synced. ERR_NOT_FOUND: there is no source. A target that fails is removed. */
enum err backup_copy_file(const char *source, const char *target, struct file_facts *facts_r) MUST_CHECK;
enum err backup_read_file(const char *path, struct file_facts *facts_r) MUST_CHECK;
enum err backup_remove_tree(const char *path) MUST_CHECK; /* that it is gone is fine */
/* Makes the folders above `path`. */
enum err backup_make_parents(const char *path) MUST_CHECK;
/* Writes out all that is in memory for the file system of this folder. */
enum err backup_sync(const char *path) MUST_CHECK;

/* Files with several names: under which one a file was copied first. Bounded: what does not fit is copied
 * again. */
struct link_table {
    struct link_slot *slots;
    size_t size, count;
    struct arena texts;
};
/* The place where the file of this device and number was copied to, or NULL. */
const char *link_table_find(const struct link_table *table, dev_t device, ino_t inode,
                            struct file_facts *facts_r);
void link_table_add(struct link_table *table, dev_t device, ino_t inode, const char *path,
                    const struct file_facts *facts);
void link_table_free(struct link_table *table);

/* ---- databases (backup_database.c) ---- */

/* Writes a copy of one moment of a database that others use; `target` must not exist. The copy is one file,
 * not synced. */
enum err backup_database(const char *source, const char *target) MUST_CHECK;
/* Opens a copy for reading, also on a medium that cannot be written. NULL when it cannot be opened. */
sqlite3 *backup_open_copy(const char *path);

/* ---- the run (backup.c) and one account of it (backup_account.c) ---- */

struct backup_run {
    struct store *store;
    const struct backup *options;
    const char *folder;   /* <directory>/<name> */
    const char **earlier; /* folders of earlier backups that may be linked to, newest first */
    size_t earlier_count;
    struct link_table links; /* from the store */
    struct manifest manifest;
    struct backup_progress progress;
    struct buf *why;
};

/* ERR_CANCELED when the caller wants to stop. */
enum err backup_report(struct backup_run *run) MUST_CHECK;
/* Backs one account up and adds it to the run's manifest. ERR_NOT_FOUND: the user is gone. */
enum err backup_account(struct backup_run *run, struct slice login) MUST_CHECK;

/* ---- what is there (backup_list.c) ---- */

/* The folder of a complete backup; in the arena. */
enum err backup_find(const char *directory, const char *name, struct arena *arena, const char **folder_r,
                     struct buf *why) MUST_CHECK;
/* Takes the manifest away first, so that a backup that is half removed does not count. */
enum err backup_remove(const char *directory, const char *name) MUST_CHECK;

/* ---- getting back (restore.c) ---- */

struct restore_run {
    const struct restore *options;
    const char *folder; /* of the backup */
    bool link_bodies;   /* to look at only */
    struct link_table links;
    struct backup_progress progress;
    struct buf *why;
};
/* Copies an account's folder to `target`, which is made. */
enum err restore_account_files(struct restore_run *run, const char *source, const char *target,
                               const unsigned char *manifest_hash) MUST_CHECK;

#endif
