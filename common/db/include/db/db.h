/* SPDX-License-Identifier: ISC */
/*
 * The small SQLite wrapper under directory.db, secrets.db and every index.db: opening with the project's
 * pragmas, numbered schema upgrades as a table, cached statements, and writing under a lock file so that
 * "database is locked" never happens.
 */
#ifndef DB_DB_H
#define DB_DB_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/buf.h"

struct db;

/* Step n brings a database from user_version n to n + 1; SQL text, several statements. */
struct db_schema {
    const char *const *steps;
    size_t step_count;
    unsigned page_size; /* bytes, of a file that is made new; 0: SQLite's own, 4096 */
};

/* Opens (creates) `path` with WAL, synchronous=FULL, no automatic checkpoint, foreign keys off, and brings
 * the schema up to date. The lock file is `path` + ".lock". A database newer than the program gives
 * ERR_CONFLICT. ERR_CORRUPT when it is not a database. `why` may be NULL. */
enum err db_open(const char *path, const struct db_schema *schema, struct db **db_r,
                 struct buf *why) MUST_CHECK;
void db_close(struct db *db);

/* A cached prepared statement for this text (compared by pointer first, then by content), reset and unbound.
 * NULL only when the database is damaged (logged). Valid until db_close; not to be finalized. */
sqlite3_stmt *db_statement(struct db *db, const char *sql);
void db_bind_text(sqlite3_stmt *statement, int index, struct slice text); /* must outlive the next reset */
void db_bind_blob(sqlite3_stmt *statement, int index, struct slice bytes);
void db_bind_int(sqlite3_stmt *statement, int index, int64_t value);
struct slice db_column_text(sqlite3_stmt *statement, int index,
                            struct arena *arena); /* copied; empty for NULL */
/* Steps once: 1 a row is there, 0 done, negative: -(enum err). */
int db_step(struct db *db, sqlite3_stmt *statement);
/* The outcome behind a result of db_step: ERR_OK for 0 and 1. */
static inline enum err db_step_err(int step)
{
    return step < 0 ? (enum err)(-step) : ERR_OK;
}
/* Steps to the end, for statements without rows. */
enum err db_run(struct db *db, sqlite3_stmt *statement) MUST_CHECK;

/* Takes the lock file (waits, fair by the kernel's queue) and begins an IMMEDIATE transaction: no SQLITE_BUSY
 * can come. */
enum err db_begin(struct db *db) MUST_CHECK;
/* The same for changes that may be lost by a power cut (not by a crash of ours), as what a restart would redo
 * anyway. Nothing that was committed before is at risk. */
enum err db_begin_relaxed(struct db *db) MUST_CHECK;
enum err db_commit(struct db *db)
    MUST_CHECK; /* durable; releases the lock; checkpoints under it when the WAL is long */
/* The same; `committed` runs between the commit and the release of the lock. */
enum err db_commit_then(struct db *db, void (*committed)(void *data), void *data) MUST_CHECK;
void db_rollback(struct db *db);
/* For a database that is idle: moves the whole WAL into it and cuts the file, when it has at least
 * `bytes_min`. Takes the lock file only when nobody holds it. ERR_BUSY: somebody does, or reads. */
enum err db_checkpoint(struct db *db, uint64_t bytes_min) MUST_CHECK;
/* From now on a commit leaves the checkpoint to somebody who asks for it, unless the WAL got very long: the
 * one who commits does not wait for it. Inside a transaction of db_begin. */
void db_checkpoint_later(struct db *db, bool later);
/* Whether one was left. */
bool db_checkpoint_is_due(struct db *db);
/* Does it, waiting for the lock file; outside of transactions. */
void db_checkpoint_put_off(struct db *db);
/* A read transaction, for several reads that belong together. From db_begin or db_begin_read to the end of
 * the transaction the handle belongs to the calling thread, others wait; a handle that several threads use
 * must not be used outside of one. */
enum err db_begin_read(struct db *db) MUST_CHECK;
void db_end_read(struct db *db);

/* A further handle on a database that is open, for reading alone: it waits for no writer and no other reader.
 * One user at a time, who may be another thread from call to call. ERR_NOT_FOUND: the file is gone. Closed by
 * db_close. */
enum err db_open_reader(const char *path, struct db **reader_r) MUST_CHECK;
/* Fixes what the reader sees until db_end_view: the last commit, and no later one. Never ERR_BUSY. */
enum err db_begin_view(struct db *reader) MUST_CHECK;
void db_end_view(struct db *reader);

/* Whether a sync of the database or its log failed since it was opened. What was committed before and synced
 * is safe; whether the last commit will be there after a restart, nobody knows. */
bool db_sync_failed(const struct db *db);

sqlite3 *db_handle(struct db *db);
/* The lock file. What is in it belongs to the caller, while he holds the lock (db_begin). */
int db_lock_fd(const struct db *db);

#endif
