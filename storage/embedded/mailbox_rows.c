/* SPDX-License-Identifier: ISC */
/* Reading and writing the rows of mailboxes. */
#include "mailbox_rows.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define COLUMNS "id, name, dir, special, uidvalidity, uidnext, uidreserved, guid"

static void read_row(sqlite3_stmt *statement, struct arena *arena, struct mailbox_row *row_r)
{
    *row_r = (struct mailbox_row){
        .id = sqlite3_column_int64(statement, 0),
        .name = db_column_text(statement, 1, arena),
        .dir = db_column_text(statement, 2, arena),
        .special_use = db_column_text(statement, 3, arena),
        .uidvalidity = (uint32_t)sqlite3_column_int64(statement, 4),
        .uidnext = (uint32_t)sqlite3_column_int64(statement, 5),
        .uidreserved = (uint32_t)sqlite3_column_int64(statement, 6),
    };
    struct slice guid = db_column_text(statement, 7, arena);
    if (guid.len == GUID_SIZE) {
        memcpy(row_r->guid, guid.data, GUID_SIZE);
    }
}

/* The counters of a mailbox that the change has met are ahead of its row. */
static void take_counters(const struct change *change, struct mailbox_row *row)
{
    for (size_t i = 0; i < change->mailbox_count; i++) {
        const struct change_mailbox *mailbox = &change->mailboxes[i];
        if (mailbox->id == row->id && !mailbox->gone) {
            row->uidnext = (uint32_t)MIN_OF(mailbox->counters.uidnext, (int64_t)UINT32_MAX);
            row->uidreserved = (uint32_t)MIN_OF(mailbox->counters.uidreserved, (int64_t)UINT32_MAX);
        }
    }
}

static enum err read_one(struct change *change, sqlite3_stmt *statement, struct mailbox_row *row_r)
{
    enum err err = row_found(db_step(change->db, statement));
    if (!err) {
        read_row(statement, &change->arena, row_r);
        sqlite3_reset(statement);
        take_counters(change, row_r);
    }
    return err;
}

enum err mailbox_row_by_name(struct change *change, struct slice name, struct mailbox_row *row_r)
{
    sqlite3_stmt *statement =
        db_statement(change->db, "SELECT " COLUMNS " FROM mailbox WHERE parent=0 AND name=?1");
    db_bind_text(statement, 1, name);
    return read_one(change, statement, row_r);
}

enum err mailbox_row_by_id(struct change *change, int64_t id, struct mailbox_row *row_r)
{
    sqlite3_stmt *statement = db_statement(change->db, "SELECT " COLUMNS " FROM mailbox WHERE id=?1");
    db_bind_int(statement, 1, id);
    return read_one(change, statement, row_r);
}

enum err mailbox_row_find(struct change *change, struct mailbox_ref ref, struct mailbox_row *row_r)
{
    return ref.id ? mailbox_row_by_id(change, ref.id, row_r)
                  : mailbox_row_by_name(change, mailbox_name_canonical(&change->arena, ref.name), row_r);
}

/* "0" follows "/". Short names first: when a tree is renamed to a name above its own, a new name that is an
 * old one of the same tree is one of a shorter mailbox, which has moved by then. */
#define ROWS_BELOW                                                                          \
    "SELECT " COLUMNS                                                                       \
    " FROM mailbox WHERE parent=0 AND name>?1||'/' AND name<?1||'0' ORDER BY length(name)," \
    " name"

enum err mailbox_rows_below(struct change *change, struct slice name, struct mailbox_row **list_r,
                            size_t *count_r)
{
    struct mailbox_row *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement = db_statement(change->db, ROWS_BELOW);
    db_bind_text(statement, 1, name);
    while ((more = db_step(change->db, statement)) == 1) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        read_row(statement, &change->arena, &list[count]);
        take_counters(change, &list[count++]);
    }
    *list_r = arena_take_array(&change->arena, list, count, sizeof(*list));
    *count_r = count;
    return db_step_err(more);
}

enum err mailbox_rows_count(struct change *change, uint64_t *count_r)
{
    sqlite3_stmt *statement = db_statement(change->db, "SELECT count(*) FROM mailbox");
    enum err err = row_found(db_step(change->db, statement));
    if (!err) {
        *count_r = (uint64_t)sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return err;
}

#define INSERT_MAILBOX                                                                                    \
    "INSERT INTO mailbox(id, name, dir, guid, uidvalidity, uidnext, uidreserved, special, highestmodseq," \
    " created_modseq, attr_modseq) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?9,?9)"

enum err mailbox_row_insert(struct change *change, const struct mailbox_row *row, uint64_t modseq)
{
    sqlite3_stmt *statement = db_statement(change->db, INSERT_MAILBOX);
    db_bind_int(statement, 1, row->id);
    db_bind_text(statement, 2, row->name);
    db_bind_text(statement, 3, row->dir);
    db_bind_blob(statement, 4, slice_of(row->guid, GUID_SIZE));
    db_bind_int(statement, 5, row->uidvalidity);
    db_bind_int(statement, 6, row->uidnext);
    db_bind_int(statement, 7, row->uidreserved);
    db_bind_text(statement, 8, row->special_use);
    db_bind_int(statement, 9, (int64_t)modseq);
    return db_run(change->db, statement);
}

static enum err set_text(struct change *change, const char *sql, int64_t id, struct slice text)
{
    sqlite3_stmt *statement = db_statement(change->db, sql);
    db_bind_int(statement, 1, id);
    db_bind_text(statement, 2, text);
    return db_run(change->db, statement);
}

enum err mailbox_row_rename(struct change *change, const struct mailbox_row *row, struct slice new_name,
                            uint64_t modseq)
{
    enum err err = set_text(change, "UPDATE mailbox SET name=?2 WHERE id=?1", row->id, new_name);
    for (size_t i = 0; i < change->mailbox_count && !err; i++) {
        if (change->mailboxes[i].id == row->id) {
            change->mailboxes[i].name = new_name;
        }
    }
    return err ? err : mailbox_touch(change, row->id, modseq);
}

enum err mailbox_row_set_dir(struct change *change, int64_t id, struct slice dir)
{
    for (size_t i = 0; i < change->mailbox_count; i++) {
        if (change->mailboxes[i].id == id) {
            change->mailboxes[i].dir = dir;
        }
    }
    return set_text(change, "UPDATE mailbox SET dir=?2 WHERE id=?1", id, dir);
}

enum err mailbox_row_set_special_use(struct change *change, int64_t id, struct slice special_use)
{
    return set_text(change, "UPDATE mailbox SET special=?2 WHERE id=?1", id, special_use);
}

/* Runs a statement whose ?1 is a number and ?2, if it has one, another. */
static enum err run_numbers(struct change *change, const char *sql, int64_t first, const int64_t *second)
{
    sqlite3_stmt *statement = db_statement(change->db, sql);
    db_bind_int(statement, 1, first);
    if (second) {
        db_bind_int(statement, 2, *second);
    }
    return db_run(change->db, statement);
}

enum err mailbox_row_set_uidvalidity(struct change *change, int64_t id, uint32_t uidvalidity)
{
    return run_numbers(change, "UPDATE mailbox SET uidvalidity=?2 WHERE id=?1", id, &(int64_t){uidvalidity});
}

enum err mailbox_touch(struct change *change, int64_t id, uint64_t modseq)
{
    return run_numbers(change, "UPDATE mailbox SET attr_modseq=?2 WHERE id=?1", id,
                       &(int64_t){(int64_t)modseq});
}

#define GONE_MAX 10000 /* deleted mailboxes, and names given up, that are remembered */

static enum err note_gone(struct change *change, const struct mailbox_row *row, uint64_t modseq)
{
    sqlite3_stmt *statement =
        db_statement(change->db, "INSERT OR REPLACE INTO mailbox_gone VALUES(?1, ?2, ?3, ?4)");
    db_bind_int(statement, 1, row->id);
    db_bind_text(statement, 2, row->name);
    db_bind_int(statement, 3, row->uidvalidity);
    db_bind_int(statement, 4, (int64_t)modseq);
    enum err err = db_run(change->db, statement);
    return err ? err
               : run_numbers(change, "DELETE FROM mailbox_gone WHERE id<?1",
                             change->counters.mailbox - GONE_MAX, NULL);
}

enum err mailbox_row_delete(struct change *change, const struct mailbox_row *row, uint64_t modseq)
{
    static const char *const deletes[] = {
        "DELETE FROM mailbox WHERE id=?1",         "DELETE FROM vanished WHERE mailbox=?1",
        "DELETE FROM message_kw WHERE mailbox=?1", "DELETE FROM annotation WHERE mailbox=?1",
        "DELETE FROM rights WHERE mailbox=?1",     "DELETE FROM viewer_seen WHERE mailbox=?1",
    };
    enum err err = mailbox_name_given_up(change, row, modseq);
    if (!err) {
        err = note_gone(change, row, modseq);
    }
    for (size_t i = 0; i < ARRAY_LEN(deletes) && !err; i++) {
        err = run_numbers(change, deletes[i], row->id, NULL);
    }
    for (size_t i = 0; i < change->mailbox_count; i++) {
        change->mailboxes[i].gone |= change->mailboxes[i].id == row->id;
    }
    return err;
}

/* ERR_OK when the statement gives no row, ERR_EXISTS when it does. */
static enum err absent(struct change *change, sqlite3_stmt *statement)
{
    int step = db_step(change->db, statement);
    sqlite3_reset(statement);
    return step == 1 ? ERR_EXISTS : db_step_err(step);
}

enum err special_use_is_free(struct change *change, struct slice special_use, int64_t id)
{
    sqlite3_stmt *statement =
        db_statement(change->db, "SELECT 1 FROM mailbox WHERE special=?1 COLLATE NOCASE AND id<>?2");
    db_bind_text(statement, 1, special_use);
    db_bind_int(statement, 2, id);
    return absent(change, statement);
}

enum err mailbox_guid_is_taken(struct change *change, const unsigned char *guid, bool *taken_r)
{
    sqlite3_stmt *statement = db_statement(change->db, "SELECT 1 FROM mailbox WHERE guid=?1");
    db_bind_blob(statement, 1, slice_of(guid, GUID_SIZE));
    enum err err = absent(change, statement);
    *taken_r = err == ERR_EXISTS;
    return *taken_r ? ERR_OK : err;
}

#define GIVE_UP                                                                                     \
    "INSERT INTO name_used VALUES(?1, ?2, ?3, ?4) ON CONFLICT(name) DO UPDATE SET"                  \
    " uidnext=CASE WHEN excluded.uidvalidity>uidvalidity THEN excluded.uidnext"                     \
    "  WHEN excluded.uidvalidity=uidvalidity THEN max(uidnext, excluded.uidnext) ELSE uidnext END," \
    " uidvalidity=max(uidvalidity, excluded.uidvalidity), modseq=excluded.modseq"

/* The oldest are forgotten: all the store's own numbers are below the next one anyway, what is at stake are
 * numbers that came from elsewhere. */
#define FORGET_OLDEST                                                                                       \
    "DELETE FROM name_used WHERE name IN (SELECT name FROM name_used ORDER BY modseq DESC LIMIT -1 OFFSET " \
    "?1)"

enum err mailbox_name_given_up(struct change *change, const struct mailbox_row *row, uint64_t modseq)
{
    sqlite3_stmt *statement = db_statement(change->db, GIVE_UP);
    db_bind_text(statement, 1, row->name);
    db_bind_int(statement, 2, row->uidvalidity);
    db_bind_int(statement, 3, row->uidnext);
    db_bind_int(statement, 4, (int64_t)modseq);
    enum err err = db_run(change->db, statement);
    return err ? err : run_numbers(change, FORGET_OLDEST, GONE_MAX, NULL);
}

/* Zeroes when no mailbox had the name. */
static enum err last_of_name(struct change *change, struct slice name, uint32_t *uidvalidity_r,
                             uint32_t *uidnext_r)
{
    sqlite3_stmt *statement =
        db_statement(change->db, "SELECT uidvalidity, uidnext FROM name_used WHERE name=?1");
    db_bind_text(statement, 1, name);
    int step = db_step(change->db, statement);
    *uidvalidity_r = step == 1 ? (uint32_t)sqlite3_column_int64(statement, 0) : 0;
    *uidnext_r = step == 1 ? (uint32_t)sqlite3_column_int64(statement, 1) : 0;
    sqlite3_reset(statement);
    return db_step_err(step);
}

enum err mailbox_choose_validity(struct change *change, struct slice name, uint32_t *uidvalidity,
                                 uint32_t *uidnext)
{
    uint32_t last = 0, last_uidnext = 0;
    uint64_t now = (uint64_t)clock_wall_us() / 1000000;
    enum err err = last_of_name(change, name, &last, &last_uidnext);
    if (err) {
        return err;
    }
    *uidnext = MAX_OF(*uidnext, 1U);
    if (*uidvalidity != 0 && *uidvalidity >= last) {
        *uidnext = *uidvalidity == last ? MAX_OF(*uidnext, last_uidnext) : *uidnext;
        if (*uidvalidity <= now + UIDVALIDITY_AHEAD) {
            change->counters.uidvalidity = MAX_OF(change->counters.uidvalidity, (int64_t)*uidvalidity);
        }
        return ERR_OK;
    }
    uint64_t next = MAX_OF(now, (uint64_t)change->counters.uidvalidity + 1);
    if (last < next) {
        change->counters.uidvalidity = (int64_t)MIN_OF(next, (uint64_t)UINT32_MAX);
    } else {
        next = (uint64_t)last + 1;
    }
    *uidvalidity = (uint32_t)next;
    return next > UINT32_MAX ? ERR_LIMIT : ERR_OK;
}
