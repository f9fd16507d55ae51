/* SPDX-License-Identifier: ISC */
/*
 * Opening, transactions, and what errors mean.
 *
 * A writer first takes the handle's mutex (threads), then the lock file (processes), and only then says BEGIN
 * IMMEDIATE. SQLite's own way of waiting polls and is unfair: one of 50 writers was seen to wait 3.3 s; in
 * the kernel's queue it was under 0.2 s. It also never fails with "database is locked". Readers take no lock
 * file: the WAL gives each its snapshot. Those that must not wait for a writer of their own process have
 * handles of their own (reader.c).
 *
 * A handle may be passed between threads; a thread has it for itself between begin and end of a transaction,
 * and everything that could run at the same time as another thread's use belongs inside one. After fork() the
 * child must not touch it.
 */
#include "db_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* Per handle memory counts: a process keeps hundreds of accounts open. Measured per open database: 136 KiB
 * with SQLite's defaults, 87 KiB like this. */
static void configure_sqlite(void)
{
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* its counters are behind one mutex for all threads */
    sqlite3_initialize();
    db_vfs_init();
}

/* SQLITE_FULL is ENOSPC at a write to the database or its log only: not a disk quota, and not the shared
 * memory that cannot grow. */
static bool is_full(struct db *db, int result)
{
    int reason = sqlite3_system_errno(db->handle);
    return (reason == ENOSPC || reason == EDQUOT) && result != SQLITE_IOERR_FSYNC &&
           result != SQLITE_IOERR_DIR_FSYNC;
}

enum err db_error(struct db *db, int result, const char *doing)
{
    enum err err;
    switch (result & 0xff) {
    case SQLITE_CONSTRAINT:
        return ERR_EXISTS; /* ordinary life: the caller asked for something that is there */
    case SQLITE_FULL:
        err = ERR_NO_SPACE;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:
    case SQLITE_SCHEMA:
        err = ERR_CORRUPT;
        break;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        err = ERR_DENIED;
        break;
    case SQLITE_IOERR:
        db->sync_failed |= result == SQLITE_IOERR_FSYNC || result == SQLITE_IOERR_DIR_FSYNC;
        err = is_full(db, result) ? ERR_NO_SPACE : ERR_IO;
        break;
    case SQLITE_CANTOPEN: {
        int reason = sqlite3_system_errno(db->handle);
        err = reason ? err_from_errno(reason) : ERR_IO;
        break;
    }
    default:
        err = ERR_UNAVAILABLE;
    }
    log_error("db.failed", log_cstr("path", db->path), log_err(err), log_number("sqlite", result),
              log_cstr("text", sqlite3_errmsg(db->handle)), log_cstr("doing", doing));
    return err;
}

enum err db_execute(struct db *db, const char *sql)
{
    int result = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? ERR_OK : db_error(db, sqlite3_extended_errcode(db->handle), sql);
}

enum err db_lock(struct db *db)
{
    while (flock(db->lock_fd, LOCK_EX) != 0) {
        if (errno != EINTR) {
            log_error("db.lock_failed", log_cstr("path", db->path), log_errno(errno));
            return err_from_errno(errno);
        }
    }
    return ERR_OK;
}

enum err db_try_lock(struct db *db)
{
    if (flock(db->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        return ERR_OK;
    }
    return errno == EWOULDBLOCK || errno == EINTR ? ERR_BUSY : err_from_errno(errno);
}

void db_unlock(struct db *db)
{
    flock(db->lock_fd, LOCK_UN);
}

/* SQLite would create it readable for all; the WAL takes over the mode. Only a file that is new is touched:
 * closing any descriptor of a database drops the locks that this process holds on it. */
static void create_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    }
}

enum err db_open_handle(struct db *db, int flags)
{
    int result = sqlite3_open_v2(db->path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | flags,
                                 db_vfs_name());
    if (result != SQLITE_OK) {
        return db_error(db, result, "open");
    }
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, DB_BUSY_MILLISECONDS);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    db_checkpoint_init(db);
    return db_execute(db, "PRAGMA synchronous=FULL; PRAGMA foreign_keys=OFF; PRAGMA cache_size=-256;"
                          "PRAGMA temp_store=MEMORY");
}

static enum err open_files(struct db *db, const struct db_schema *schema, struct buf *why)
{
    struct arena arena = {0};
    const char *lock_path = arena_printf(&arena, "%s.lock", db->path);
    enum err err = ERR_OK;
    db->lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->lock_fd < 0) {
        err = err_from_errno(errno);
    }
    arena_free(&arena);
    if (!err) {
        create_private(db->path);
        err = db_open_handle(db, SQLITE_OPEN_CREATE);
    }
    return err ? err : db_upgrade(db, schema, why);
}

enum err db_open(const char *path, const struct db_schema *schema, struct db **db_r, struct buf *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_sqlite);
    struct db *db = mem_new(struct db);
    db->path = mem_strdup(path);
    pthread_mutex_init(&db->mutex, NULL);
    enum err err = open_files(db, schema, why);
    if (err) {
        if (why && why->len == 0) {
            buf_printf(why, "%s: %s", path, err_text(err));
        }
        db_close(db);
        return err;
    }
    *db_r = db;
    return ERR_OK;
}

void db_close(struct db *db)
{
    if (!db) {
        return;
    }
    for (size_t i = 0; i < db->statement_count; i++) {
        sqlite3_finalize(db->statements[i].statement);
    }
    mem_free(db->statements);
    sqlite3_close(db->handle);
    if (db->lock_fd >= 0) {
        close(db->lock_fd);
    }
    pthread_mutex_destroy(&db->mutex);
    mem_free(db->path);
    mem_free(db);
}

/* The level of synchronous counts at COMMIT, but can be changed only outside of a transaction. */
static enum err set_relaxed(struct db *db, bool relaxed)
{
    if (db->relaxed == relaxed) {
        return ERR_OK;
    }
    enum err err = db_execute(db, relaxed ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL");
    if (!err) {
        db->relaxed = relaxed;
    }
    return err;
}

static enum err begin(struct db *db, bool relaxed)
{
    pthread_mutex_lock(&db->mutex);
    enum err err = set_relaxed(db, relaxed);
    if (!err) {
        err = db_lock(db);
    }
    if (!err) {
        err = db_run(db, db_statement(db, "BEGIN IMMEDIATE"));
        if (err) {
            db_unlock(db);
        } else if (!relaxed) {
            db_wal_writer_begin(db);
        }
    }
    if (err) {
        pthread_mutex_unlock(&db->mutex);
    }
    return err;
}

enum err db_begin(struct db *db)
{
    return begin(db, false);
}

enum err db_begin_relaxed(struct db *db)
{
    return begin(db, true);
}

void db_reset_statements(struct db *db)
{
    for (size_t i = 0; i < db->statement_count; i++) {
        sqlite3_reset(db->statements[i].statement);
    }
}

void db_roll_back_all(struct db *db)
{
    db_reset_statements(db);
    if (!sqlite3_get_autocommit(db->handle)) {
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    }
}

enum err db_commit(struct db *db)
{
    return db_commit_then(db, NULL, NULL);
}

enum err db_commit_then(struct db *db, void (*committed)(void *data), void *data)
{
    db_reset_statements(db);
    enum err err = db_run(db, db_statement(db, "COMMIT"));
    if (err) {
        db_roll_back_all(db);
    }
    db_wal_writer_end(db);
    if (!err) {
        if (committed) {
            committed(data);
        }
        db_checkpoint_if_due(db);
    }
    db_unlock(db);
    pthread_mutex_unlock(&db->mutex);
    return err;
}

void db_rollback(struct db *db)
{
    db_roll_back_all(db);
    db_wal_writer_end(db);
    db_unlock(db);
    pthread_mutex_unlock(&db->mutex);
}

enum err db_begin_read(struct db *db)
{
    pthread_mutex_lock(&db->mutex);
    enum err err = db_run(db, db_statement(db, "BEGIN"));
    if (err) {
        pthread_mutex_unlock(&db->mutex);
    }
    return err;
}

void db_end_read(struct db *db)
{
    db_roll_back_all(db);
    pthread_mutex_unlock(&db->mutex);
}

sqlite3 *db_handle(struct db *db)
{
    return db->handle;
}

bool db_sync_failed(const struct db *db)
{
    return db->sync_failed;
}

int db_lock_fd(const struct db *db)
{
    return db->lock_fd;
}
