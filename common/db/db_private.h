/* SPDX-License-Identifier: ISC */
/* What the files of this room share: the handle itself, and the way errors of SQLite become ours. */
#ifndef DB_PRIVATE_H
#define DB_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "db/db.h"

/* Nobody waits for another writer inside SQLite (see db_begin); what may wait a moment is a reader while
 * another process recovers the WAL of one that died. */
#define DB_BUSY_MILLISECONDS 10000

struct db_cached_statement {
    const char *sql; /* as the caller passed it, to find it again by its address */
    sqlite3_stmt *statement;
};

struct db {
    sqlite3 *handle;
    char *path;
    int lock_fd; /* -1 for a reader; else open for as long as the handle is, so that taking the lock costs one
                    system call */
    /* Held from db_begin or db_begin_read to the end of the transaction: flock belongs to the open file, not
     * to the thread, and a transaction to the connection, so neither keeps two threads apart. */
    pthread_mutex_t mutex;

    bool relaxed;           /* commits are not synced at the moment */
    enum err prepare_error; /* why the last statement that could not be prepared could not */
    bool sync_failed;

    struct db_cached_statement *statements;
    size_t statement_count;

    int wal_pages;         /* length of the WAL at the last commit of ours */
    int checkpoint_from;   /* the next passive checkpoint waits until the WAL has this many pages */
    bool checkpoint_later; /* leave them to db_checkpoint_put_off */
    atomic_bool checkpoint_left;
    int truncate_from; /* from so many pages on it is cut as well */
};

/* Waits for the lock file, and lets it go. The caller holds the mutex. */
enum err db_lock(struct db *db);
/* ERR_BUSY instead of waiting. */
enum err db_try_lock(struct db *db);
void db_unlock(struct db *db);

/* The outcome that an SQLite result stands for; logs what is not part of ordinary life (`doing`: what was
 * tried). */
enum err db_error(struct db *db, int result, const char *doing);
/* Opens the handle for reading and writing, with the project's pragmas; `flags`: further ones of
 * sqlite3_open_v2. */
enum err db_open_handle(struct db *db, int flags);
/* A statement that still stands on a row keeps its snapshot open, and with it the transaction. */
void db_reset_statements(struct db *db);
/* Leaves no transaction behind, whatever happened before. */
void db_roll_back_all(struct db *db);
/* Runs SQL that returns nothing we look at. */
enum err db_execute(struct db *db, const char *sql);

/* schema.c: brings the schema to the program's version. */
enum err db_upgrade(struct db *db, const struct db_schema *schema, struct buf *why);

/* vfs.c: registers the VFS of our databases. */
void db_vfs_init(void);
const char *db_vfs_name(void);

/* Its files. `file`: memory of the size; `real`: of the system's file behind it. */
size_t db_wal_writer_size(void);
int db_wal_writer_open(sqlite3_vfs *system, const char *name, sqlite3_file *file, sqlite3_file *real,
                       int flags, int *flags_r);
size_t db_read_ahead_size(void);
int db_read_ahead_open(sqlite3_vfs *system, const char *name, sqlite3_file *file, sqlite3_file *real,
                       int flags, int *flags_r);

/* read_ahead.c: of a handle that only reads, during a view. */
void db_read_ahead_begin(struct db *db);
void db_read_ahead_end(struct db *db);

/* wal_writer.c: from begin to end of a transaction that syncs, the frames of the log are collected. */
void db_wal_writer_begin(struct db *db);
void db_wal_writer_end(struct db *db);

/* checkpoint.c: notes the WAL's length at each commit; moves a long WAL into the database. Under the lock
 * file only. */
void db_checkpoint_init(struct db *db);
void db_checkpoint_if_due(struct db *db);

#endif
