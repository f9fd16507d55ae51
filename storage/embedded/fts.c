/* SPDX-License-Identifier: ISC */
/*
 * The file: opening, what makes it unfit, and emptying it.
 *
 * It is unfit when SQLite says so (it is deleted), when text is folded otherwise than it was filled with, and
 * when index.db is not the one it was filled from: rebuilt, or an older copy put back. Then the same body.id
 * may mean another message. The index shows it by a MODSEQ or a last body.id that went back, or by a guid
 * that differs from the one remembered (table mark).
 *
 * Commits are not synced (db_begin_relaxed): the WAL keeps the file whole, and what a power cut takes away is
 * indexed again.
 */
#include "fts_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "fts_grams.h"
#include "mail/fold.h"
#include "snapshot_private.h"

/* Of what is kept beside the grams; the table of grams is made when the tokenizer is known. */
static const char *const steps[] = {
    "CREATE TABLE state(id INTEGER PRIMARY KEY CHECK(id=0), body INTEGER NOT NULL, count INTEGER NOT NULL,"
    "  modseq INTEGER NOT NULL, format TEXT NOT NULL) STRICT;"
    "CREATE TABLE mark(body INTEGER PRIMARY KEY, guid BLOB NOT NULL) STRICT;"
    "CREATE TABLE missed(body INTEGER PRIMARY KEY) STRICT;",
};
static const struct db_schema schema = {steps, ARRAY_LEN(steps)};

#define CREATE_GRAMS                                                                                      \
    "CREATE VIRTUAL TABLE IF NOT EXISTS grams USING fts5(text, content='', columnsize=0, detail='none', " \
    "tokenize='grams')"

/* Changes when other grams are made of the same text. */
#define FORMAT "1"

/* More of it is dead than this: it is filled anew. */
#define DEAD_PERCENT 30
#define DEAD_MIN     100

#define MARKS_CHECKED 1000

struct fts *fts_new(struct account *account)
{
    struct fts *fts = mem_new(struct fts);
    fts->account = account;
    pthread_mutex_init(&fts->mutex, NULL);
    return fts;
}

void fts_free(struct fts *fts)
{
    if (fts) {
        db_close(fts->db);
        pthread_mutex_destroy(&fts->mutex);
        mem_free(fts);
    }
}

/* The log first: a new database must not find the log of an old one. */
static const char *const endings[] = {"-wal", "-shm", ""};

void fts_remove_files(int account_dir_fd)
{
    char name[32];
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        snprintf(name, sizeof(name), "fts.db%s", endings[i]);
        unlinkat(account_dir_fd, name, 0);
    }
}

uint64_t fts_bytes(const struct account *account)
{
    char name[32];
    struct stat info;
    uint64_t bytes = 0;
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        snprintf(name, sizeof(name), "fts.db%s", endings[i]);
        bytes += fstatat(account->dir_fd, name, &info, 0) == 0 ? (uint64_t)info.st_size : 0;
    }
    return bytes;
}

/* --- state --- */

enum err fts_read_state(struct db *db, struct fts_state *state_r)
{
    sqlite3_stmt *statement = db_statement(db, "SELECT body, count FROM state");
    enum err err = row_found(db_step(db, statement));
    if (!err) {
        state_r->body = sqlite3_column_int64(statement, 0);
        state_r->count = sqlite3_column_int64(statement, 1);
        sqlite3_reset(statement);
    }
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

static const char *format_text(struct arena *arena)
{
    return arena_printf(arena, FORMAT " %s", fold_version());
}

enum err fts_empty(struct db *db)
{
    static const char *const statements[] = {"INSERT INTO grams(grams) VALUES('delete-all')",
                                             "DELETE FROM mark", "DELETE FROM missed", "DELETE FROM state"};
    struct arena arena = {0};
    enum err err = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(statements) && !err; i++) {
        err = db_run(db, db_statement(db, statements[i]));
    }
    if (!err) {
        sqlite3_stmt *statement = db_statement(db, "INSERT INTO state VALUES(0, 0, 0, 0, ?1)");
        db_bind_text(statement, 1, slice_from(format_text(&arena)));
        err = db_run(db, statement);
    }
    arena_free(&arena);
    return err;
}

enum err fts_read_source(struct account *account, struct fts_source *source_r)
{
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    if (!err) {
        *source_r = (struct fts_source){snapshot->body, (int64_t)snapshot->modseq};
    }
    snapshot_close(snapshot);
    return err;
}

/* --- is it of this index? --- */

struct mark {
    int64_t body;
    struct slice guid;
};

static enum err read_marks(struct db *db, struct arena *arena, struct mark *marks, size_t *count_r)
{
    int more;
    size_t count = 0;
    sqlite3_stmt *statement = db_statement(db, "SELECT body, guid FROM mark ORDER BY body DESC LIMIT ?1");
    db_bind_int(statement, 1, MARKS_CHECKED);
    while ((more = db_step(db, statement)) == 1) {
        marks[count++] =
            (struct mark){sqlite3_column_int64(statement, 0), db_column_text(statement, 1, arena)};
    }
    *count_r = count;
    return db_step_err(more);
}

/* Expunged bodies are no contradiction. */
static enum err compare_marks(struct account *account, const struct mark *marks, size_t count, bool *same_r)
{
    struct arena arena = {0};
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    for (size_t i = 0; i < count && !err && *same_r; i++) {
        sqlite3_stmt *statement =
            snapshot_statement(snapshot, "SELECT guid FROM body WHERE id=?1", marks[i].body);
        int more = db_step(snapshot->db, statement);
        *same_r = more != 1 || slice_eq(db_column_text(statement, 0, &arena), marks[i].guid);
        err = snapshot_outcome(snapshot, more);
    }
    snapshot_close(snapshot);
    arena_free(&arena);
    return err;
}

/* What the file says of itself; the account's side is read afterwards, so it is newer or another one. */
static enum err read_claims(struct db *db, struct arena *arena, struct fts_source *claimed, bool *format_r,
                            struct mark *marks, size_t *count_r)
{
    enum err err = db_begin_read(db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, "SELECT body, modseq, format FROM state");
    err = row_found(db_step(db, statement));
    if (!err) {
        claimed->body = sqlite3_column_int64(statement, 0);
        claimed->modseq = sqlite3_column_int64(statement, 1);
        *format_r = slice_eq(db_column_text(statement, 2, arena), slice_from(format_text(arena)));
        err = read_marks(db, arena, marks, count_r);
    }
    db_end_read(db);
    return err;
}

static enum err check_belongs(struct account *account, struct db *db, bool *belongs_r)
{
    struct arena arena = {0};
    struct fts_source claimed = {0}, source;
    struct mark *marks = arena_array(&arena, struct mark, MARKS_CHECKED);
    size_t count = 0;
    bool same = false;
    enum err err = read_claims(db, &arena, &claimed, &same, marks, &count);
    if (err == ERR_NOT_FOUND) { /* new */
        *belongs_r = false;
        arena_free(&arena);
        return ERR_OK;
    }
    if (!err) {
        err = fts_read_source(account, &source);
    }
    if (!err) {
        same = same && claimed.body <= source.body && claimed.modseq <= source.modseq;
    }
    if (!err && same) {
        err = compare_marks(account, marks, count, &same);
    }
    if (!err && !same) {
        log_info("search.index_outdated", log_cstr("account", account->login));
    }
    *belongs_r = same;
    arena_free(&arena);
    return err;
}

/* --- opening --- */

static enum err empty_file(struct db *db)
{
    enum err err = db_begin_relaxed(db);
    if (err) {
        return err;
    }
    err = db_run(db, db_statement(db, CREATE_GRAMS));
    if (!err) {
        err = fts_empty(db);
    }
    if (err) {
        db_rollback(db);
        return err;
    }
    return db_commit(db);
}

static ino_t inode_of_file(const struct account *account)
{
    struct stat info;
    return fstatat(account->dir_fd, "fts.db", &info, 0) == 0 ? info.st_ino : 0;
}

static enum err open_file(struct fts *fts)
{
    struct arena arena = {0};
    bool belongs = false;
    const char *path = arena_printf(&arena, "%s/fts.db", fts->account->path);
    enum err err = db_open(path, &schema, &fts->db, NULL);
    if (!err) {
        fts->inode = inode_of_file(fts->account);
        err = fts_grams_register(db_handle(fts->db));
    }
    if (!err) {
        err = check_belongs(fts->account, fts->db, &belongs);
    }
    if (!err && !belongs) {
        err = empty_file(fts->db);
    }
    if (err) {
        db_close(fts->db);
        fts->db = NULL;
    }
    arena_free(&arena);
    return err;
}

static void delete_file(struct fts *fts)
{
    db_close(fts->db);
    fts->db = NULL;
    fts->damaged = false;
    log_warning("search.index_deleted", log_cstr("account", fts->account->login));
    fts_remove_files(fts->account->dir_fd);
}

/* Under the mutex, when nobody uses it: opens it, after a look at whether the file is still that which was
 * opened. */
static enum err make_ready(struct fts *fts)
{
    if (fts->damaged) {
        delete_file(fts);
    }
    if (fts->db && inode_of_file(fts->account) != fts->inode) {
        db_close(fts->db);
        fts->db = NULL;
    }
    enum err err = fts->db ? ERR_OK : open_file(fts);
    if (err == ERR_CORRUPT || err == ERR_CONFLICT) { /* damaged, or of a newer program */
        delete_file(fts);
        err = open_file(fts);
    }
    return err;
}

enum err fts_use(struct fts *fts, struct db **db_r)
{
    enum err err = ERR_OK;
    pthread_mutex_lock(&fts->mutex);
    if (fts->users == 0) {
        err = make_ready(fts);
    } else if (fts->damaged) {
        err = ERR_UNAVAILABLE;
    }
    if (!err) {
        fts->users++;
        *db_r = fts->db;
    }
    pthread_mutex_unlock(&fts->mutex);
    return err;
}

enum err fts_done(struct fts *fts, enum err err)
{
    pthread_mutex_lock(&fts->mutex);
    fts->users--;
    fts->damaged = fts->damaged || err == ERR_CORRUPT;
    pthread_mutex_unlock(&fts->mutex);
    return err;
}

/* --- what others ask --- */

static enum err read_state(struct account *account, struct fts_state *state_r)
{
    struct db *db;
    enum err err = fts_use(account->fts, &db);
    if (err) {
        return err;
    }
    err = db_begin_read(db);
    if (!err) {
        err = fts_read_state(db, state_r);
        db_end_read(db);
    }
    return fts_done(account->fts, err);
}

/* Bodies on one side of `body`. */
static enum err count_bodies(struct account *account, const char *sql, int64_t body, uint64_t *count_r)
{
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    if (!err) {
        sqlite3_stmt *statement = snapshot_statement(snapshot, sql, body);
        int more = db_step(snapshot->db, statement);
        *count_r = more == 1 ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
        err = snapshot_found(snapshot, more);
    }
    snapshot_close(snapshot);
    return err;
}

enum err fts_pending(struct account *account, uint64_t *count_r)
{
    struct fts_state state;
    enum err err = read_state(account, &state);
    return err ? err : count_bodies(account, "SELECT count(*) FROM body WHERE id>?1", state.body, count_r);
}

enum err fts_clear(struct account *account)
{
    struct db *db;
    enum err err = fts_use(account->fts, &db);
    return err ? err : fts_done(account->fts, empty_file(db));
}

enum err fts_sweep(struct account *account, bool *cleared_r)
{
    struct fts_state state;
    uint64_t alive = 0;
    enum err err = read_state(account, &state);
    if (!err) {
        err = count_bodies(account, "SELECT count(*) FROM body WHERE id<=?1", state.body, &alive);
    }
    if (err) {
        return err;
    }
    uint64_t count = (uint64_t)state.count, dead = count > alive ? count - alive : 0;
    bool clear = dead >= DEAD_MIN && dead * 100 > count * DEAD_PERCENT;
    if (cleared_r) {
        *cleared_r = clear;
    }
    return clear ? fts_clear(account) : ERR_OK;
}

enum err fts_check(struct account *account)
{
    struct db *db;
    enum err err = fts_use(account->fts, &db);
    if (err) {
        return err;
    }
    err = db_begin_relaxed(db); /* FTS5 has its check behind an INSERT */
    if (!err) {
        err = db_run(db, db_statement(db, "INSERT INTO grams(grams) VALUES('integrity-check')"));
        db_rollback(db);
    }
    return fts_done(account->fts, err);
}
