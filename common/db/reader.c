/* SPDX-License-Identifier: ISC */
/*
 * Handles for reading alone.
 *
 * The WAL lets readers and a writer work side by side, but a connection is one or the other at a time: who
 * reads through the handle that commits waits for its fsync. A reader therefore has a connection of its own.
 * Several connections of one process to one file are safe within SQLite, which keeps the POSIX locks of a
 * process together and puts off the closing of descriptors; nobody else may open and close the file.
 *
 * The file is opened for writing although nothing is ever written (query_only): after a crash, or when
 * somebody removed the -shm file, the first who comes builds the index of the WAL anew, be it a reader. He
 * holds SQLite's locks for that, as does a process that attaches the shared memory first, and others wait in
 * the busy handler.
 */
#include "db_private.h"

#include "base/mem.h"

enum err db_open_reader(const char *path, struct db **reader_r)
{
    struct db *db = mem_new(struct db);
    db->path = mem_strdup(path);
    db->lock_fd = -1;
    pthread_mutex_init(&db->mutex, NULL);
    enum err err = db_open_handle(db, 0);
    if (!err) {
        err = db_execute(db, "PRAGMA query_only=1");
    }
    if (err) {
        db_close(db);
        return err;
    }
    *reader_r = db;
    return ERR_OK;
}

/* How often SQLite is asked again when it gave up waiting: DB_BUSY_MILLISECONDS each time, for a process that
 * was stopped in the middle of recovering the WAL (SQLITE_BUSY), or that keeps the WAL's index changing
 * (SQLITE_PROTOCOL). */
#define ATTEMPTS 3

/* BEGIN alone fixes nothing: the first read does. */
static enum err try_begin(struct db *reader)
{
    enum err err = db_run(reader, db_statement(reader, "BEGIN"));
    if (!err) {
        err = db_run(reader, db_statement(reader, "SELECT 1 FROM sqlite_schema LIMIT 1"));
    }
    if (err) {
        db_roll_back_all(reader);
    }
    return err;
}

enum err db_begin_view(struct db *reader)
{
    enum err err = ERR_UNAVAILABLE;
    for (int attempt = 0; attempt < ATTEMPTS && err == ERR_UNAVAILABLE; attempt++) {
        err = try_begin(reader);
    }
    if (!err) {
        db_read_ahead_begin(reader);
    }
    return err;
}

void db_end_view(struct db *reader)
{
    db_read_ahead_end(reader);
    db_reset_statements(reader);
    if (db_run(reader, db_statement(reader, "COMMIT"))) {
        db_roll_back_all(reader);
    }
}
