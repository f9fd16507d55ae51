/* SPDX-License-Identifier: ISC */
/* Messages leave the index. */
#include <string.h>

#include "base/mem.h"
#include "intents.h"
#include "message_rows.h"
#include "vanished.h"
#include "viewers.h"

#define PAGE_ROWS 256

struct removed_row {
    uint32_t uid, flags;
    int64_t body, size;
    bool has_keyword_rows;
    struct slice file, suffix;
};

struct removing {
    struct change *change;
    int64_t mailbox;
    struct arena arena; /* of the page */
    struct removed_row *rows;
    size_t count;
    struct mailbox_delta delta;
    struct vanished_writer vanished;
    struct intent_writer unlinks;
    bool unlink;
};

static void take_row(void *data, sqlite3_stmt *statement)
{
    struct removing *work = data;
    work->rows[work->count++] = (struct removed_row){
        .uid = (uint32_t)sqlite3_column_int64(statement, 0),
        .flags = (uint32_t)sqlite3_column_int64(statement, 1),
        .body = sqlite3_column_int64(statement, 2),
        .size = sqlite3_column_int64(statement, 3),
        .has_keyword_rows = ((uint64_t)sqlite3_column_int64(statement, 4) & KEYWORD_OTHERS) != 0,
        .file = db_column_text(statement, 5, &work->arena),
        .suffix = db_column_text(statement, 6, &work->arena),
    };
}

static enum err run_for(struct change *change, const char *sql, int64_t first, int64_t second)
{
    sqlite3_stmt *statement = db_statement(change->db, sql);
    db_bind_int(statement, 1, first);
    if (sqlite3_bind_parameter_count(statement) > 1) {
        db_bind_int(statement, 2, second);
    }
    return db_run(change->db, statement);
}

static enum err release_body(struct change *change, int64_t body)
{
    return run_for(change, "DELETE FROM body WHERE id=?1 AND NOT EXISTS(SELECT 1 FROM message WHERE body=?1)",
                   body, 0);
}

static enum err promise_unlink(struct removing *work, const struct removed_row *row)
{
    const char *line = arena_printf(&work->arena, "%.*s\t%.*s", SLICE_ARG(row->file), SLICE_ARG(row->suffix));
    return intent_add(&work->unlinks, slice_from(line));
}

static enum err remove_row(struct removing *work, const struct removed_row *row)
{
    enum err err =
        run_for(work->change, "DELETE FROM message WHERE mailbox=?1 AND uid=?2", work->mailbox, row->uid);
    if (!err && row->has_keyword_rows) {
        err = run_for(work->change, "DELETE FROM message_kw WHERE mailbox=?1 AND uid=?2", work->mailbox,
                      row->uid);
    }
    if (!err) {
        err = release_body(work->change, row->body);
    }
    if (!err) {
        err = vanished_add(&work->vanished, row->uid);
    }
    if (!err && work->unlink) {
        err = promise_unlink(work, row);
    }
    mailbox_delta_remove(&work->delta, row->flags, row->size);
    return err;
}

#define COLUMNS "SELECT uid, flags, body, size, kw, file, suffix FROM message"
#define CHOSEN  " WHERE mailbox=?1 AND uid BETWEEN ?2 AND ?3"
#define ORDER   " ORDER BY uid LIMIT ?4"

static enum err remove_page(struct removing *work, struct uid_set_writer *removed)
{
    struct uid_set_writer writer = {0};
    enum err err = ERR_OK;
    for (size_t i = 0; i < work->count && !err; i++) {
        err = remove_row(work, &work->rows[i]);
        uid_set_add(&writer, work->rows[i].uid);
        if (removed) {
            uid_set_add(removed, work->rows[i].uid);
        }
    }
    struct uid_set gone = uid_set_take(&writer, &work->arena);
    return err ? err : viewers_forget(work->change, work->mailbox, &gone);
}

static enum err remove_pages(struct removing *work, const struct removal *removal, uint64_t *modseq,
                             struct uid_set_writer *removed)
{
    const char *sql = removal->deleted_only ? COLUMNS CHOSEN " AND flags & 8" ORDER : COLUMNS CHOSEN ORDER;
    struct message_walk walk = {.uids = removal->uids};
    enum err err;
    do {
        arena_reset(&work->arena);
        work->count = 0;
        err = message_walk_page(work->change, &walk, work->mailbox, sql, PAGE_ROWS, take_row, work,
                                &work->count);
        if (!err && work->count && *modseq == 0) {
            *modseq = change_next_modseq(work->change);
        }
        work->vanished.modseq = *modseq;
        if (!err) {
            err = remove_page(work, removed);
        }
    } while (!err && work->count);
    return err;
}

enum err messages_remove(struct change *change, size_t mailbox, uint64_t *modseq,
                         const struct removal *removal, struct uid_set_writer *removed, size_t *count_r)
{
    int64_t id = change->mailboxes[mailbox].id;
    struct removing work = {
        .change = change,
        .mailbox = id,
        .rows = mem_realloc_array(NULL, PAGE_ROWS, sizeof(struct removed_row)),
        .vanished = {.change = change, .mailbox = id},
        .unlinks = intent_writer(change, INTENT_UNLINK, id),
        .unlink = removal->unlink,
    };
    enum err err = remove_pages(&work, removal, modseq, removed);
    if (!err) {
        err = vanished_finish(&work.vanished);
    }
    err = intent_finish(&work.unlinks, err);
    if (!err && work.delta.messages) {
        mailbox_count(change, mailbox, *modseq, &work.delta);
    }
    change->counters.bytes += work.delta.bytes;
    change->counters.messages += work.delta.messages;
    *count_r = (size_t)-work.delta.messages;
    arena_free(&work.arena);
    mem_free(work.rows);
    return err;
}
