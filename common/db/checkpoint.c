/* SPDX-License-Identifier: ISC */
/*
 * Moving the write-ahead log into the database.
 *
 * SQLite 3.7.0 to 3.51.2 can damage a database when a checkpoint in one process runs into a commit that
 * resets the WAL in another (fixed in 3.51.3, 3.50.7 and 3.44.6; Debian 12 has 3.40.1). Here nothing
 * checkpoints by itself, neither after a commit nor at close: it happens in db_commit and db_checkpoint only,
 * under the lock file that every writer holds, so the two never meet.
 */
#include "db_private.h"

#include <sys/stat.h>

#include "base/arena.h"

#define PASSIVE_PAGES \
    1000 /* copied without waiting for readers; the next writer starts the WAL from its beginning */
#define LEFT_PAGES_MAX \
    16384 /* nobody came for the checkpoint that was left to him: whoever commits does it himself */
#define TRUNCATE_PAGES 4096 /* 8 to 16 MiB: readers kept it from restarting for long; try to cut the file */

static int note_pages(void *data, sqlite3 *handle, const char *schema, int pages)
{
    struct db *db = data;
    (void)handle;
    (void)schema;
    if (pages < db->wal_pages) { /* it was restarted */
        db->checkpoint_from = PASSIVE_PAGES;
    }
    db->wal_pages = pages;
    return SQLITE_OK;
}

void db_checkpoint_init(struct db *db)
{
    db->checkpoint_from = PASSIVE_PAGES;
    db->truncate_from = TRUNCATE_PAGES;
    /* This takes the place of the hook behind wal_autocheckpoint. */
    sqlite3_wal_hook(db->handle, note_pages, db);
}

static void checkpoint(struct db *db)
{
    int mode = db->wal_pages >= db->truncate_from ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    /* A reader in the way is no reason to hold up the writers behind us. */
    sqlite3_busy_timeout(db->handle, 0);
    int result = sqlite3_wal_checkpoint_v2(db->handle, "main", mode, NULL, NULL);
    sqlite3_busy_timeout(db->handle, DB_BUSY_MILLISECONDS);
    if (result != SQLITE_OK && result != SQLITE_BUSY) {
        /* The transactions are safe in the WAL: the commit stands. */
        db_error(db, result, "checkpoint");
    }
    /* While a long reader holds old pages, do not try again at every commit. */
    db->checkpoint_from = db->wal_pages + PASSIVE_PAGES;
}

void db_checkpoint_if_due(struct db *db)
{
    if (db->wal_pages < db->checkpoint_from) {
        return;
    }
    if (db->checkpoint_later && db->wal_pages < LEFT_PAGES_MAX) {
        atomic_store(&db->checkpoint_left, true);
        return;
    }
    checkpoint(db);
}

void db_checkpoint_later(struct db *db, bool later)
{
    db->checkpoint_later = later;
}

bool db_checkpoint_is_due(struct db *db)
{
    return atomic_load(&db->checkpoint_left);
}

void db_checkpoint_put_off(struct db *db)
{
    if (!atomic_exchange(&db->checkpoint_left, false)) {
        return;
    }
    pthread_mutex_lock(&db->mutex);
    if (!db_lock(db)) {
        if (db->wal_pages >= db->checkpoint_from) { /* nobody did it meanwhile */
            checkpoint(db);
        }
        db_unlock(db);
    }
    pthread_mutex_unlock(&db->mutex);
}

static bool wal_has(struct db *db, uint64_t bytes)
{
    struct arena arena = {0};
    struct stat info;
    bool has = stat(arena_printf(&arena, "%s-wal", db->path), &info) == 0 && (uint64_t)info.st_size >= bytes;
    arena_free(&arena);
    return has;
}

static enum err checkpoint_now(struct db *db)
{
    sqlite3_busy_timeout(db->handle, 0);
    int result = sqlite3_wal_checkpoint_v2(db->handle, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(db->handle, DB_BUSY_MILLISECONDS);
    if (result == SQLITE_BUSY) {
        return ERR_BUSY;
    }
    return result == SQLITE_OK ? ERR_OK : db_error(db, result, "checkpoint");
}

enum err db_checkpoint(struct db *db, uint64_t bytes_min)
{
    if (!wal_has(db, MAX_OF(bytes_min, 1))) {
        return ERR_OK;
    }
    pthread_mutex_lock(&db->mutex);
    enum err err = db_try_lock(db);
    if (!err) {
        err = checkpoint_now(db);
        db_unlock(db);
    }
    pthread_mutex_unlock(&db->mutex);
    return err;
}
