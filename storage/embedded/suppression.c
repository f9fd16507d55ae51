/* SPDX-License-Identifier: ISC */
/* The suppression list: a table of queue.db. */
#include "storage/suppression.h"
#include "base/mem.h"
#include "directory_key.h"
#include "queue_private.h"
#include "queue_state.h"

#define COLUMNS "address, code, text, host, theirs, since, until"

static enum err add_one(struct db *db, struct slice key, const struct suppression *entry)
{
    sqlite3_stmt *statement = db_statement(db, "INSERT OR REPLACE INTO suppression(" COLUMNS
                                               ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    db_bind_text(statement, 1, key);
    db_bind_int(statement, 2, entry->reply.code);
    db_bind_text(statement, 3, slice_take(entry->reply.text, QUEUE_TEXT_MAX));
    db_bind_text(statement, 4, slice_take(entry->reply.host, QUEUE_HOST_MAX));
    db_bind_int(statement, 5, entry->reply.is_theirs);
    db_bind_int(statement, 6, entry->since_us);
    db_bind_int(statement, 7, entry->until_us);
    return db_run(db, statement);
}

static void read_one(sqlite3_stmt *statement, struct arena *arena, struct suppression *entry_r)
{
    *entry_r = (struct suppression){.address = db_column_text(statement, 0, arena),
                                    .reply = {.code = (unsigned)sqlite3_column_int(statement, 1),
                                              .text = db_column_text(statement, 2, arena),
                                              .host = db_column_text(statement, 3, arena),
                                              .is_theirs = sqlite3_column_int(statement, 4) != 0},
                                    .since_us = sqlite3_column_int64(statement, 5),
                                    .until_us = sqlite3_column_int64(statement, 6)};
}

enum err suppression_add(struct store *store, const struct suppression *entries, size_t count)
{
    struct arena arena = {0};
    struct directory_key *keys = arena_array(&arena, struct directory_key, count);
    struct queue *queue;
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        err = directory_key_parse(&arena, entries[i].address, &keys[i], NULL);
    }
    if (!err) {
        err = queue_begin(store, &queue);
    }
    if (!err) {
        for (size_t i = 0; i < count && !err; i++) {
            err = add_one(queue->db, keys[i].text, &entries[i]);
        }
        err = queue_end(queue, err);
    }
    arena_free(&arena);
    return err;
}

static enum err find_one(struct db *db, struct slice address, int64_t now_us, struct arena *arena,
                         struct suppression *entry_r)
{
    struct directory_key key;
    *entry_r = (struct suppression){0};
    if (directory_key_parse(arena, address, &key, NULL)) { /* what is no address has no entry */
        return ERR_OK;
    }
    sqlite3_stmt *statement =
        db_statement(db, "SELECT " COLUMNS " FROM suppression WHERE address=?1 AND until>?2");
    db_bind_text(statement, 1, key.text);
    db_bind_int(statement, 2, now_us);
    int step = db_step(db, statement);
    if (step == 1) {
        read_one(statement, arena, entry_r);
    }
    sqlite3_reset(statement);
    return db_step_err(step);
}

enum err suppression_find(struct store *store, const struct slice *addresses, size_t count, int64_t now_us,
                          struct arena *arena, struct suppression *found)
{
    struct queue *queue;
    enum err err = queue_of(store, &queue);
    if (!err) {
        err = db_begin_read(queue->db);
    }
    if (err) {
        return err;
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = find_one(queue->db, addresses[i], now_us, arena, &found[i]);
    }
    db_end_read(queue->db);
    return err;
}

enum err suppression_remove(struct store *store, struct slice address)
{
    struct arena arena = {0};
    struct directory_key key;
    struct queue *queue;
    enum err err = directory_key_parse(&arena, address, &key, NULL);
    if (!err) {
        err = queue_begin(store, &queue);
    }
    if (!err) {
        sqlite3_stmt *statement = db_statement(queue->db, "DELETE FROM suppression WHERE address=?1");
        db_bind_text(statement, 1, key.text);
        err = db_run(queue->db, statement);
        if (!err && sqlite3_changes(db_handle(queue->db)) == 0) {
            err = ERR_NOT_FOUND;
        }
        err = queue_end(queue, err);
    }
    arena_free(&arena);
    return err;
}

enum err suppression_list(struct store *store, struct slice after, int64_t now_us, size_t limit,
                          struct arena *arena, struct suppression **list_r, size_t *count_r)
{
    struct suppression *list = arena_array(arena, struct suppression, limit);
    struct queue *queue;
    size_t count = 0;
    int more;
    enum err err = queue_of(store, &queue);
    if (!err) {
        err = db_begin_read(queue->db);
    }
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(queue->db, "SELECT " COLUMNS " FROM suppression WHERE address>?1"
                                                      " AND until>?2 ORDER BY address LIMIT ?3");
    db_bind_text(statement, 1, after);
    db_bind_int(statement, 2, now_us);
    db_bind_int(statement, 3, (int64_t)limit);
    while ((more = db_step(queue->db, statement)) == 1) {
        read_one(statement, arena, &list[count++]);
    }
    err = db_step_err(more);
    db_end_read(queue->db);
    if (!err) {
        *list_r = list;
        *count_r = count;
    }
    return err;
}

enum err suppression_forget(struct store *store, int64_t before_us)
{
    struct queue *queue;
    enum err err = queue_of(store, &queue);
    if (!err) {
        err = db_begin_relaxed(queue->db);
    }
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(queue->db, "DELETE FROM suppression WHERE until<?1");
    db_bind_int(statement, 1, before_us);
    return queue_end(queue, db_run(queue->db, statement));
}
