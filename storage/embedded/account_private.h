/* SPDX-License-Identifier: ISC */
/* An open account. */
#ifndef STORAGE_ACCOUNT_PRIVATE_H
#define STORAGE_ACCOUNT_PRIVATE_H

#include <pthread.h>
#include <sys/stat.h>

#include "group.h"
#include "readers.h"
#include "storage/account.h"
#include "store_private.h"
#include "uid_cache.h"

struct entry;
struct fts;

/* In the queue of what commits leave behind; under its mutex. */
struct afterwards_place {
    struct afterwards_place *prev, *next;
    struct account *account;
    bool waits;
};

struct account {
    struct store *store;
    struct entry *entry; /* in the registry */
    char *login;
    char *path;   /* the folder, absolute */
    int dir_fd;   /* the folder: everything is reached from here, so that an account that was moved away and
                     made anew   under the same name is never mixed up with this one */
    int inbox_fd; /* Maildir/cur, to be synced by every delivery */
    ino_t folder_inode, index_inode;
    atomic_bool damaged;       /* not to be used by anyone new */
    atomic_bool shares_unsaid; /* the directory could not be told of them (shares.h) */
    atomic_bool has_unlinks;   /* files of expunged messages are to be unlinked (afterwards.h) */
    atomic_bool has_trash;     /* there may be folders of deleted mailboxes to be unlinked (trash.h) */
    struct db *db;             /* commits */
    struct fts *fts;           /* the full-text index (fts.h) */
    struct readers readers;
    struct uid_cache uid_cache;
    /* Where new/ was found empty, and its time then: no need to look again. */
    struct {
        pthread_mutex_t mutex;
        int64_t mailbox, mtime;
    } empty_new;
    /* Of INBOX's folder when every folder in it was known to have its mailbox, ns; 0: unknown. */
    _Atomic int64_t folders_mtime;

    atomic_uint looks_put_off; /* in a row (mailbox_refresh) */

    struct afterwards_place afterwards;

    struct group group; /* of batch.c */
};

extern const struct db_schema account_schema;

/* account_open.c: opens the files of one account, building and mending the index where needed; frees them. */
enum err account_load(struct store *store, struct slice login, struct account **account_r) MUST_CHECK;
void account_unload(struct account *account);
/* A damaged index is worth a look: the next opening, in whatever process, checks it and builds it anew if
 * need be. Returns the error. */
enum err account_note_error(struct account *account, enum err err);
/* Whether folder and index are still the ones that were opened. */
bool account_is_current(const struct account *account);
/* Whether the index that stands in the account's place is the one that was opened: another process may have
 * moved it aside and built a new one, or removed the user and added him again. */
/* Whether the errno is of descriptors or memory that this process lacks, and says nothing of the file. */
bool process_lacks(int errnum);
bool account_has_its_index(const struct account *account);

enum err account_set_quota(struct account *account, uint64_t bytes) MUST_CHECK;

/* ERR_OK for 1 (a row), ERR_NOT_FOUND for 0, the error for the rest: the results of db_step. */
enum err row_found(int step);

/* Syncs the folder that the folders of all mailboxes but INBOX are entries of. */
enum err account_sync_maildir(struct account *account) MUST_CHECK;
/* Modification time of a folder in ns; 0 when it cannot be read. */
int64_t folder_mtime(int dir_fd, const char *path);

#endif
