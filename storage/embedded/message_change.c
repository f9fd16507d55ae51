/* SPDX-License-Identifier: ISC */
/* Messages change their flags or leave the index. */
#include "message_rows.h"

#include <string.h>

#include "base/mem.h"
#include "intents.h"

/* What the messages of one operation add to or take from their mailbox's row. */
struct delta {
    int64_t messages, unseen, deleted, bytes;
};

static void update_counters(struct change_mailbox *mailbox, uint64_t modseq, const struct delta *delta)
{
    mailbox->counters.highestmodseq = modseq;
    mailbox->counters.messages += delta->messages;
    mailbox->counters.unseen += delta->unseen;
    mailbox->counters.deleted += delta->deleted;
    mailbox->counters.bytes += delta->bytes;
}

static enum err release_body(struct change *change, int64_t body)
{
    sqlite3_stmt *statement = db_statement(change->db, "UPDATE body SET refs=refs-1 WHERE id=?1");
    db_bind_int(statement, 1, body);
    enum err err = db_run(change->db, statement);
    if (err) {
        return err;
    }
    statement = db_statement(change->db, "DELETE FROM body WHERE id=?1 AND refs<=0");
    db_bind_int(statement, 1, body);
    return db_run(change->db, statement);
}

struct removed_row {
    int64_t body, size;
    uint32_t flags;
    struct slice file, suffix;
};

static enum err delete_row(struct change *change, struct arena *arena, int64_t mailbox, uint32_t uid,
                           struct removed_row *row_r)
{
    sqlite3_stmt *statement = db_statement(change->db, "DELETE FROM message WHERE mailbox=?1 AND uid=?2"
                                                       " RETURNING body, size, flags, file, suffix");
    db_bind_int(statement, 1, mailbox);
    db_bind_int(statement, 2, uid);
    enum err err = row_found(db_step(change->db, statement));
    if (!err) {
        *row_r = (struct removed_row){
            .body = sqlite3_column_int64(statement, 0),
            .size = sqlite3_column_int64(statement, 1),
            .flags = (uint32_t)sqlite3_column_int64(statement, 2),
            .file = db_column_text(statement, 3, arena),
            .suffix = db_column_text(statement, 4, arena),
        };
        err = db_run(change->db, statement);
    }
    return err;
}

/* What QRESYNC asks for: which UIDs went, as ranges. */
struct vanished_writer {
    struct change *change;
    int64_t mailbox;
    uint64_t modseq;
    uint32_t low, high; /* low 0: nothing yet */
};

static enum err vanished_write(struct vanished_writer *writer)
{
    if (writer->low == 0) {
        return ERR_OK;
    }
    sqlite3_stmt *statement = db_statement(writer->change->db, "INSERT INTO vanished VALUES(?1, ?2, ?3, ?4)");
    db_bind_int(statement, 1, writer->mailbox);
    db_bind_int(statement, 2, (int64_t)writer->modseq);
    db_bind_int(statement, 3, writer->low);
    db_bind_int(statement, 4, writer->high);
    return db_run(writer->change->db, statement);
}

static enum err vanished_add(struct vanished_writer *writer, uint32_t uid)
{
    if (writer->low && writer->high + 1 == uid) {
        writer->high = uid;
        return ERR_OK;
    }
    enum err err = vanished_write(writer);
    writer->low = writer->high = uid;
    return err;
}

static enum err remove_one(struct change *change, struct vanished_writer *vanished,
                           struct intent_writer *unlinks, uint32_t uid, struct delta *delta)
{
    struct arena arena = {0};
    struct removed_row row;
    enum err err = delete_row(change, &arena, vanished->mailbox, uid, &row);
    if (!err) {
        err = release_body(change, row.body);
    }
    if (!err) {
        err = vanished_add(vanished, uid);
    }
    if (!err && unlinks) {
        const char *line = arena_printf(&arena, "%.*s\t%.*s", SLICE_ARG(row.file), SLICE_ARG(row.suffix));
        err = intent_add(unlinks, slice_from(line));
    }
    if (!err) {
        delta->messages--;
        delta->unseen -= (row.flags & MESSAGE_SEEN) == 0;
        delta->deleted -= (row.flags & MESSAGE_DELETED) != 0;
        delta->bytes -= row.size;
    }
    arena_free(&arena);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

#define PRESENT "SELECT uid FROM message WHERE mailbox=?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid"

enum err messages_present(struct change *change, size_t mailbox, const struct uid_set *uids,
                          uint32_t **uids_r, size_t *count_r)
{
    uint32_t *list = NULL;
    size_t count = 0, room = 0;
    int more = 0;
    for (size_t i = 0; i < uids->count && more >= 0; i++) {
        sqlite3_stmt *statement = db_statement(change->db, PRESENT);
        db_bind_int(statement, 1, change->mailboxes[mailbox].id);
        db_bind_int(statement, 2, uids->ranges[i].first);
        db_bind_int(statement, 3, uids->ranges[i].last);
        while ((more = db_step(change->db, statement)) == 1) {
            if (count == room) {
                room = room ? 2 * room : 16;
                list = mem_realloc_array(list, room, sizeof(*list));
            }
            list[count++] = (uint32_t)sqlite3_column_int64(statement, 0);
        }
    }
    if (more < 0) {
        mem_free(list);
        return db_step_err(more);
    }
    *uids_r = list;
    *count_r = count;
    return ERR_OK;
}

enum err messages_remove(struct change *change, size_t mailbox, uint64_t modseq, const struct uid_set *set,
                         bool unlink, size_t *removed_r)
{
    int64_t id = change->mailboxes[mailbox].id;
    struct delta delta = {0};
    struct vanished_writer vanished = {.change = change, .mailbox = id, .modseq = modseq};
    struct intent_writer unlinks = intent_writer(change, "unlink", id);
    uint32_t *uids = NULL;
    size_t count = 0;
    enum err err = messages_present(change, mailbox, set, &uids, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = remove_one(change, &vanished, unlink ? &unlinks : NULL, uids[i], &delta);
    }
    if (!err) {
        err = vanished_write(&vanished);
    }
    mem_free(uids);
    err = intent_finish(&unlinks, err);
    if (!err && delta.messages) {
        update_counters(&change->mailboxes[mailbox], modseq, &delta);
    }
    change->counters.bytes += delta.bytes;
    change->counters.messages += delta.messages;
    *removed_r = (size_t)-delta.messages;
    return err;
}

static enum err read_flags(struct change *change, int64_t mailbox, uint32_t uid, uint32_t *flags_r)
{
    sqlite3_stmt *statement =
        db_statement(change->db, "SELECT flags FROM message WHERE mailbox=?1 AND uid=?2");
    db_bind_int(statement, 1, mailbox);
    db_bind_int(statement, 2, uid);
    enum err err = row_found(db_step(change->db, statement));
    if (!err) {
        *flags_r = (uint32_t)sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return err;
}

static enum err write_flags(struct change *change, int64_t mailbox, uint32_t uid, uint64_t modseq,
                            uint32_t flags)
{
    sqlite3_stmt *statement =
        db_statement(change->db, "UPDATE message SET flags=?3, modseq=?4 WHERE mailbox=?1 AND uid=?2");
    db_bind_int(statement, 1, mailbox);
    db_bind_int(statement, 2, uid);
    db_bind_int(statement, 3, flags);
    db_bind_int(statement, 4, (int64_t)modseq);
    return db_run(change->db, statement);
}

static int bit(uint32_t flags, uint32_t flag)
{
    return (flags & flag) != 0;
}

static enum err set_one(struct change *change, struct intent_writer *letters, uint32_t uid, uint64_t modseq,
                        uint32_t keep, uint32_t set, struct delta *delta, size_t *changed)
{
    uint32_t before = 0;
    char line[16];
    enum err err = read_flags(change, letters->mailbox, uid, &before);
    uint32_t after = (before & keep) | set;
    if (err || after == before) {
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    err = write_flags(change, letters->mailbox, uid, modseq, after);
    if (!err) {
        sqlite3_snprintf(sizeof(line), line, "%u", uid);
        err = intent_add(letters, slice_from(line));
    }
    delta->unseen += bit(before, MESSAGE_SEEN) - bit(after, MESSAGE_SEEN);
    delta->deleted += bit(after, MESSAGE_DELETED) - bit(before, MESSAGE_DELETED);
    (*changed)++;
    return err;
}

enum err messages_set_flags(struct change *change, size_t mailbox, uint64_t modseq,
                            const struct uid_set *chosen, uint32_t keep, uint32_t set, size_t *changed_r)
{
    int64_t id = change->mailboxes[mailbox].id;
    struct delta delta = {0};
    struct intent_writer letters = intent_writer(change, "letters", id);
    uint32_t *uids = NULL;
    size_t count = 0, changed = 0;
    enum err err = messages_present(change, mailbox, chosen, &uids, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = set_one(change, &letters, uids[i], modseq, keep, set, &delta, &changed);
    }
    mem_free(uids);
    err = intent_finish(&letters, err);
    if (!err && changed) {
        update_counters(&change->mailboxes[mailbox], modseq, &delta);
    }
    *changed_r = changed;
    return err;
}
