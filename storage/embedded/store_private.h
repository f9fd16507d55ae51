/* SPDX-License-Identifier: ISC */
/* What the files of this room share about the store as a whole. */
#ifndef STORAGE_STORE_PRIVATE_H
#define STORAGE_STORE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "db/db.h"
#include "storage/directory.h"
#include "storage/store.h"

struct afterwards;
struct columns;
struct maintenance;
struct notifier;
struct queue;
struct registry;

struct store {
    char *data;                      /* the data directory, absolute */
    char *host;                      /* as it stands in file names */
    int data_fd, spool_fd;           /* <data>, <data>/spool */
    struct db *directory;            /* directory.db */
    struct registry *registry;       /* the open accounts */
    struct columns *columns;         /* what was read of large mailboxes (columns.h) */
    struct notifier *notifier;       /* tells other processes of commits */
    struct maintenance *maintenance; /* the work in the background; NULL: none was started */
    struct afterwards *afterwards;   /* what commits leave behind; NULL: who commits does it himself */
    pthread_mutex_t queue_mutex;
    struct queue *queue;  /* NULL until it is needed */
    struct db *policies;  /* tls_policy.h; likewise, and under the same mutex */
    atomic_uint sequence; /* numbers file names */
    /* After a sync failed nobody knows what is on the disk: no further write is promised to anyone by this
     * process. */
    atomic_bool read_only;
};

#define SPOOL_DIRECTORY "spool"
/* Lies in the data directory while a backup is put there (restore.c). */
#define RESTORE_MARKER "restore-unfinished"

/* ERR_OK while writing is allowed, else ERR_UNAVAILABLE. */
enum err store_check_writable(struct store *store) MUST_CHECK;
/* Syncs a file or a folder. A failure is final: it is never tried again, because the kernel may have dropped
 * the pages that it could not write and would then report success. Any reason but a full disk makes the store
 * read-only. */
enum err store_sync(struct store *store, int fd, const char *what) MUST_CHECK;
enum err store_sync_data(struct store *store, int fd, const char *what) MUST_CHECK;
/* A commit that failed with this error: a failed write or sync of the index has the same consequence. */
void store_note_commit_error(struct store *store, enum err err);

#endif
