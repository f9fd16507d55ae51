/* SPDX-License-Identifier: ISC */
/*
 * Filling the index, a batch of bodies at a time: their text is read and folded without any lock but
 * `fts.db.filling`, which keeps a second filler from doing the same work; then the batch goes in, in one
 * transaction with the number of its last body. Should two fill at once all the same, the second one finds
 * another number than it began with, and drops its batch.
 */
#include "fts_private.h"

#include <string.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "fts_grams.h"
#include "search_read.h"
#include "snapshot_private.h"

#define BATCH_BODIES 1000
/* Folded text of a batch: what it takes in memory, and how long it keeps others from writing. */
#define BATCH_BYTES ((size_t)4 * 1024 * 1024)
/* Folded text of one message; longer ones are candidates of every search. */
#define BODY_BYTES_MAX ((size_t)64 * 1024 * 1024)
/* Pages of cache while filling, in KiB; otherwise an account shall take little memory. */
#define CACHE_FILLING "PRAGMA cache_size=-8192"
#define CACHE_RESTING "PRAGMA cache_size=-256"

struct pending {
    int64_t body;
    int64_t mailbox;
    uint32_t uid;
    struct slice guid;
    bool missed;
    struct buf text; /* of the index: marks and folded text */
};

struct filling {
    struct account *account;
    struct db *db;
    struct search_reader *reader;
    struct arena arena; /* of a batch */
    struct pending *list;
    size_t count;
    int64_t modseq; /* of index.db when the batch was found */
};

/* --- reading --- */

#define FIND_PENDING                                                                                  \
    "SELECT body.id, message.mailbox, message.uid, body.guid FROM body JOIN message ON message.body=" \
    "body.id WHERE body.id>?1 ORDER BY body.id LIMIT ?2"

static void add_pending(struct filling *filling, sqlite3_stmt *statement)
{
    int64_t body = sqlite3_column_int64(statement, 0);
    if (filling->count > 0 && filling->list[filling->count - 1].body == body) {
        return; /* copies of a message stand beside each other: the first of them is enough */
    }
    struct pending *pending = &filling->list[filling->count++];
    pending->body = body;
    pending->mailbox = sqlite3_column_int64(statement, 1);
    pending->uid = (uint32_t)sqlite3_column_int64(statement, 2);
    pending->guid = db_column_text(statement, 3, &filling->arena);
    buf_init(&pending->text, BODY_BYTES_MAX);
}

static enum err find_pending(struct filling *filling, int64_t after, size_t limit)
{
    struct snapshot *snapshot = NULL;
    int more;
    enum err err = snapshot_open(filling->account, &snapshot);
    if (err) {
        return err;
    }
    filling->modseq = (int64_t)snapshot->modseq;
    filling->list = arena_array(&filling->arena, struct pending, limit);
    filling->count = 0;
    sqlite3_stmt *statement = snapshot_statement(snapshot, FIND_PENDING, after);
    db_bind_int(statement, 2, (int64_t)limit);
    while ((more = db_step(snapshot->db, statement)) == 1) {
        add_pending(filling, statement);
    }
    err = snapshot_outcome(snapshot, more);
    snapshot_close(snapshot);
    return err;
}

static bool take(void *data, const struct search_piece *piece)
{
    struct pending *pending = data;
    if (piece->begins) {
        buf_append_char(&pending->text, piece->from == TEXT_HEADER ? FTS_HEADER_MARK : FTS_BODY_MARK);
    }
    buf_append(&pending->text, piece->text);
    return buf_ok(&pending->text);
}

/* What cannot be read now is looked at by every search, and so perhaps read then. */
static void read_text(struct filling *filling, struct pending *pending)
{
    struct blob_reader message;
    enum err err = message_open(filling->account, pending->mailbox, pending->uid, &message);
    if (!err) {
        err = search_read(filling->reader, &message, TEXT_HEADER | TEXT_BODY, take, pending);
        blob_reader_close(&message);
    }
    if (err || !buf_ok(&pending->text)) {
        pending->missed = true;
        buf_free(&pending->text);
        log_warning("search.not_indexed", log_cstr("account", filling->account->login),
                    log_number("body", pending->body), log_err(err ? err : ERR_TOO_LONG));
    }
}

/* Reads texts until the batch is full; *count_r of the list are in it. */
static void read_texts(struct filling *filling, size_t *count_r)
{
    size_t bytes = 0, i = 0;
    while (i < filling->count && bytes < BATCH_BYTES) {
        read_text(filling, &filling->list[i]);
        bytes += filling->list[i++].text.len;
    }
    *count_r = i;
}

/* --- writing --- */

static enum err insert(struct db *db, const struct pending *pending)
{
    sqlite3_stmt *statement = pending->missed
                                  ? db_statement(db, "INSERT OR IGNORE INTO missed VALUES(?1)")
                                  : db_statement(db, "INSERT INTO grams(rowid, text) VALUES(?1, ?2)");
    db_bind_int(statement, 1, pending->body);
    if (!pending->missed) {
        db_bind_text(statement, 2, buf_slice(&pending->text));
    }
    return db_run(db, statement);
}

static enum err write_state(struct filling *filling, const struct pending *last, size_t count)
{
    sqlite3_stmt *statement =
        db_statement(filling->db, "UPDATE state SET body=?1, count=count+?2, modseq=max(modseq, ?3)");
    db_bind_int(statement, 1, last->body);
    db_bind_int(statement, 2, (int64_t)count);
    db_bind_int(statement, 3, filling->modseq);
    enum err err = db_run(filling->db, statement);
    if (!err) {
        statement = db_statement(filling->db, "INSERT OR REPLACE INTO mark VALUES(?1, ?2)");
        db_bind_int(statement, 1, last->body);
        db_bind_blob(statement, 2, last->guid);
        err = db_run(filling->db, statement);
    }
    return err;
}

static enum err insert_all(struct filling *filling, int64_t after, size_t count)
{
    struct fts_state state;
    enum err err = fts_read_state(filling->db, &state);
    if (err || state.body != after) {
        return err ? err : ERR_BUSY;
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = insert(filling->db, &filling->list[i]);
    }
    return err ? err : write_state(filling, &filling->list[count - 1], count);
}

/* Within a transaction: only there the handle is ours alone. */
static void set_cache(struct db *db, const char *pragma)
{
    sqlite3_exec(db_handle(db), pragma, NULL, NULL, NULL);
}

static enum err write_batch(struct filling *filling, int64_t after, size_t count)
{
    enum err err = db_begin_relaxed(filling->db);
    if (err) {
        return err;
    }
    set_cache(filling->db, CACHE_FILLING);
    err = insert_all(filling, after, count);
    set_cache(filling->db, CACHE_RESTING);
    if (err) {
        db_rollback(filling->db);
        return err;
    }
    return db_commit(filling->db);
}

/* --- batches --- */

static enum err read_progress(struct db *db, struct fts_state *state_r)
{
    enum err err = db_begin_read(db);
    if (!err) {
        err = fts_read_state(db, state_r);
        db_end_read(db);
    }
    return err;
}

/* One batch of at most `limit`; *count_r is 0 when nothing waits. */
static enum err fill_batch(struct filling *filling, size_t limit, size_t *count_r)
{
    struct fts_state state;
    size_t count = 0;
    enum err err = read_progress(filling->db, &state);
    filling->count = 0;
    if (!err) {
        err = find_pending(filling, state.body, limit);
    }
    if (!err) {
        read_texts(filling, &count);
    }
    if (!err && count > 0) {
        err = write_batch(filling, state.body, count);
    }
    for (size_t i = 0; i < filling->count; i++) {
        buf_free(&filling->list[i].text);
    }
    arena_reset(&filling->arena);
    *count_r = count;
    return err;
}

static enum err fill(struct filling *filling, size_t limit, fts_go_on *go_on, void *data)
{
    enum err err = ERR_OK;
    size_t count = 1;
    while (!err && count > 0 && limit > 0) {
        if (go_on && !go_on(data)) {
            err = ERR_CANCELED;
        } else {
            err = fill_batch(filling, MIN_OF(limit, (size_t)BATCH_BODIES), &count);
            limit -= MIN_OF(count, limit);
        }
    }
    return err;
}

/* ERR_NOT_FOUND when not. */
static enum err anything_waits(struct account *account, struct db *db)
{
    struct fts_state state;
    struct snapshot *snapshot = NULL;
    enum err err = read_progress(db, &state);
    if (!err) {
        err = snapshot_open(account, &snapshot);
    }
    if (err) {
        return err;
    }
    int more = db_step(snapshot->db,
                       snapshot_statement(snapshot, "SELECT 1 FROM body WHERE id>?1 LIMIT 1", state.body));
    err = more == 1 ? ERR_OK : snapshot_found(snapshot, more);
    snapshot_close(snapshot);
    return err;
}

static enum err fill_alone(struct account *account, struct db *db, size_t limit, fts_go_on *go_on, void *data)
{
    struct filling filling = {.account = account, .db = db};
    int lock_fd = -1;
    const char *path = arena_printf(&filling.arena, "%s/fts.db.filling", account->path);
    enum err err = fs_lock_file(path, false, &lock_fd);
    arena_reset(&filling.arena);
    if (!err) {
        filling.reader = search_reader_new();
        err = fill(&filling, limit, go_on, data);
        search_reader_free(filling.reader);
        close(lock_fd);
    }
    arena_free(&filling.arena);
    return err;
}

enum err fts_catch_up(struct account *account, size_t limit, fts_go_on *go_on, void *data)
{
    struct db *db;
    enum err err = fts_use(account->fts, &db);
    if (err) {
        return err;
    }
    err = anything_waits(account, db);
    if (err == ERR_NOT_FOUND) {
        err = ERR_OK;
    } else if (!err) {
        err = fill_alone(account, db, limit, go_on, data);
    }
    return fts_done(account->fts, err);
}
