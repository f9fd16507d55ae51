/* SPDX-License-Identifier: ISC */
/* Opening and closing a snapshot, and what stands in the account's row of counters. */
#include "snapshot_private.h"

#include "base/mem.h"
#include "threads.h"

#define READ_COUNTERS \
    "SELECT modseq, body, threaded, bytes, messages, limit_bytes, limit_messages FROM counter"

/* A negative one would be damage, or bytes that were counted twice on their way out: nothing is in use. */
static uint64_t amount(sqlite3_stmt *statement, int column)
{
    int64_t value = sqlite3_column_int64(statement, column);
    return value > 0 ? (uint64_t)value : 0;
}

static enum err read_counters(struct snapshot *snapshot)
{
    sqlite3_stmt *statement = db_statement(snapshot->db, READ_COUNTERS);
    int step = db_step(snapshot->db, statement);
    if (step == 1) {
        snapshot->modseq = (uint64_t)sqlite3_column_int64(statement, 0);
        snapshot->body = sqlite3_column_int64(statement, 1);
        snapshot->threaded = sqlite3_column_int64(statement, 2);
        snapshot->quota = (struct quota_state){
            .bytes = amount(statement, 3),
            .messages = amount(statement, 4),
            .limit_bytes = amount(statement, 5),
            .limit_messages = amount(statement, 6),
        };
        sqlite3_reset(statement);
        return ERR_OK;
    }
    return step == 0 ? ERR_CORRUPT : db_step_err(step);
}

static enum err open_view(struct account *account, struct snapshot *snapshot)
{
    enum err err = readers_take(account, &snapshot->db);
    if (err) {
        return err;
    }
    err = db_begin_view(snapshot->db);
    if (!err) {
        err = read_counters(snapshot);
        if (err) {
            db_end_view(snapshot->db);
        }
    }
    if (err) {
        readers_give_back(account, snapshot->db);
    }
    return account_note_error(account, err);
}

enum err snapshot_open(struct account *account, struct snapshot **snapshot_r)
{
    struct snapshot *snapshot = mem_new(struct snapshot);
    snapshot->account = account;
    enum err err = open_view(account, snapshot);
    if (err) {
        mem_free(snapshot);
        return err;
    }
    *snapshot_r = snapshot;
    return ERR_OK;
}

void snapshot_close(struct snapshot *snapshot)
{
    if (!snapshot) {
        return;
    }
    db_end_view(snapshot->db);
    readers_give_back(snapshot->account, snapshot->db);
    mem_free(snapshot);
}

/* Messages may come between catching up and opening, which takes some µs: again, then. */
#define THREAD_ATTEMPTS 20

enum err snapshot_open_for(struct account *account, unsigned fields, struct snapshot **snapshot_r)
{
    for (int attempt = 0; attempt < THREAD_ATTEMPTS; attempt++) {
        struct snapshot *snapshot = NULL;
        enum err err = snapshot_open(account, &snapshot);
        if (!err && (!(fields & SCAN_THREAD) || snapshot->threaded >= snapshot->body)) {
            snapshot->fields = fields;
            *snapshot_r = snapshot;
            return ERR_OK;
        }
        snapshot_close(snapshot);
        if (!err) {
            err = threads_catch_up(account, NULL, NULL);
        }
        if (err) {
            return err;
        }
    }
    return ERR_UNAVAILABLE;
}

uint64_t snapshot_modseq(const struct snapshot *snapshot)
{
    return snapshot->modseq;
}

enum err snapshot_quota(struct snapshot *snapshot, struct quota_state *quota_r)
{
    *quota_r = snapshot->quota;
    return ERR_OK;
}

sqlite3_stmt *snapshot_statement(struct snapshot *snapshot, const char *sql, int64_t first)
{
    sqlite3_stmt *statement = db_statement(snapshot->db, sql);
    db_bind_int(statement, 1, first);
    return statement;
}

enum err snapshot_outcome(struct snapshot *snapshot, int step)
{
    return account_note_error(snapshot->account, db_step_err(step));
}

enum err snapshot_found(struct snapshot *snapshot, int step)
{
    return step == 0 ? ERR_NOT_FOUND : snapshot_outcome(snapshot, step);
}

void *snapshot_grow(void *list, size_t count, size_t size)
{
    bool is_full = count == 0 || (count >= 16 && (count & (count - 1)) == 0);
    return is_full ? mem_realloc_array(list, count ? 2 * count : 16, size) : list;
}

void *snapshot_end_list(enum err err, struct arena *arena, void *list, size_t count, size_t size)
{
    if (err) {
        mem_free(list);
        return NULL;
    }
    return arena_take_array(arena, list, count, size);
}
