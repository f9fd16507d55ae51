/* SPDX-License-Identifier: ISC */
/* Mailboxes, and the keywords in them, as a snapshot shows them. */
#include "snapshot_private.h"

#include <string.h>

#include "base/mem.h"

#define MAILBOX_COLUMNS                                                                               \
    "SELECT id, uidvalidity, uidnext, first_recent, highestmodseq, vanished_floor, messages, unseen," \
    " deleted, bytes, name, special, hex(guid), attr_modseq,"                                         \
    " EXISTS(SELECT 1 FROM subscription WHERE subscription.name=mailbox.name) FROM mailbox"

static void read_mailbox(sqlite3_stmt *statement, struct arena *arena, struct mailbox_entry *entry)
{
    *entry = (struct mailbox_entry){
        .status =
            {
                .id = sqlite3_column_int64(statement, 0),
                .uidvalidity = (uint32_t)sqlite3_column_int64(statement, 1),
                .uidnext = (uint32_t)MIN_OF(sqlite3_column_int64(statement, 2), (int64_t)UINT32_MAX),
                .first_recent = (uint32_t)MIN_OF(sqlite3_column_int64(statement, 3), (int64_t)UINT32_MAX),
                .highestmodseq = (uint64_t)sqlite3_column_int64(statement, 4),
                .vanished_floor = (uint64_t)sqlite3_column_int64(statement, 5),
                .messages = (uint64_t)sqlite3_column_int64(statement, 6),
                .unseen = (uint64_t)sqlite3_column_int64(statement, 7),
                .deleted = (uint64_t)sqlite3_column_int64(statement, 8),
                .bytes = (uint64_t)sqlite3_column_int64(statement, 9),
            },
        .name = db_column_text(statement, 10, arena),
        .special_use = db_column_text(statement, 11, arena),
        .attr_modseq = (uint64_t)sqlite3_column_int64(statement, 13),
        .subscribed = sqlite3_column_int(statement, 14) != 0,
    };
    struct slice guid = arena_lower(arena, db_column_text(statement, 12, arena));
    memcpy(entry->guid, guid.data, MIN_OF(guid.len, sizeof(entry->guid) - 1));
}

static sqlite3_stmt *mailbox_statement(struct snapshot *snapshot, struct mailbox_ref mailbox,
                                       struct arena *arena)
{
    if (mailbox.id) {
        return snapshot_statement(snapshot, MAILBOX_COLUMNS " WHERE id=?1", mailbox.id);
    }
    sqlite3_stmt *statement = db_statement(snapshot->db, MAILBOX_COLUMNS " WHERE parent=0 AND name=?1");
    db_bind_text(statement, 1, mailbox_name_canonical(arena, mailbox.name));
    return statement;
}

enum err snapshot_mailbox(struct snapshot *snapshot, struct mailbox_ref mailbox, struct arena *arena,
                          struct mailbox_entry *entry_r)
{
    sqlite3_stmt *statement = mailbox_statement(snapshot, mailbox, arena);
    enum err err = snapshot_found(snapshot, db_step(snapshot->db, statement));
    if (!err) {
        read_mailbox(statement, arena, entry_r);
        sqlite3_reset(statement);
    }
    return err;
}

enum err snapshot_mailboxes(struct snapshot *snapshot, struct arena *arena, struct mailbox_entry **list_r,
                            size_t *count_r)
{
    struct mailbox_entry *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement = db_statement(snapshot->db, MAILBOX_COLUMNS " ORDER BY id<>1, name");
    while ((more = db_step(snapshot->db, statement)) == 1) {
        list = snapshot_grow(list, count, sizeof(*list));
        read_mailbox(statement, arena, &list[count++]);
    }
    enum err err = snapshot_outcome(snapshot, more);
    list = snapshot_end_list(err, arena, list, count, sizeof(*list));
    if (!err) {
        *list_r = list;
        *count_r = count;
    }
    return err;
}

/* --- keywords --- */

#define BITS 63

struct names {
    struct slice *list;
    size_t count;
};

/* Those with a bit, by number; numbers without a name have an empty one. */
static enum err read_names(struct snapshot *snapshot, struct arena *arena, struct names *names)
{
    int more;
    sqlite3_stmt *statement = snapshot_statement(
        snapshot, "SELECT id, name FROM keyword WHERE id BETWEEN 0 AND ?1 ORDER BY id", BITS - 1);
    while ((more = db_step(snapshot->db, statement)) == 1) {
        size_t id = (size_t)sqlite3_column_int64(statement, 0);
        while (names->count <= id) {
            names->list = snapshot_grow(names->list, names->count, sizeof(*names->list));
            names->list[names->count++] = SLICE_EMPTY;
        }
        names->list[id] = db_column_text(statement, 1, arena);
    }
    return snapshot_outcome(snapshot, more);
}

static enum err give(enum err err, struct arena *arena, struct names *names, struct slice **names_r,
                     size_t *count_r)
{
    struct slice *list = snapshot_end_list(err, arena, names->list, names->count, sizeof(*list));
    if (!err) {
        *names_r = list;
        *count_r = names->count;
    }
    return err;
}

enum err snapshot_keywords(struct snapshot *snapshot, struct arena *arena, struct slice **names_r,
                           size_t *count_r)
{
    struct names names = {0};
    enum err err = read_names(snapshot, arena, &names);
    return give(err, arena, &names, names_r, count_r);
}

static void add_name(struct names *names, struct slice name)
{
    names->list = snapshot_grow(names->list, names->count, sizeof(*names->list));
    names->list[names->count++] = name;
}

/* The names behind the bits. */
static enum err add_bits(struct snapshot *snapshot, uint64_t bits, struct arena *arena, struct names *names)
{
    struct names all = {0};
    enum err err = bits ? read_names(snapshot, arena, &all) : ERR_OK;
    for (size_t i = 0; i < all.count && !err; i++) {
        if ((bits >> i & 1) && all.list[i].len) {
            add_name(names, all.list[i]);
        }
    }
    mem_free(all.list);
    return err;
}

#define MESSAGE_OTHERS                                                                      \
    "SELECT name FROM message_kw JOIN keyword ON keyword.id=message_kw.kw WHERE mailbox=?1" \
    " AND uid=?2 ORDER BY keyword.id"

static enum err add_others(struct snapshot *snapshot, int64_t mailbox_id, uint32_t uid, struct arena *arena,
                           struct names *names)
{
    int more;
    sqlite3_stmt *statement = snapshot_statement(snapshot, MESSAGE_OTHERS, mailbox_id);
    db_bind_int(statement, 2, uid);
    while ((more = db_step(snapshot->db, statement)) == 1) {
        add_name(names, db_column_text(statement, 0, arena));
    }
    return snapshot_outcome(snapshot, more);
}

enum err snapshot_message_keywords(struct snapshot *snapshot, int64_t mailbox_id, uint32_t uid,
                                   struct arena *arena, struct slice **names_r, size_t *count_r)
{
    struct names names = {0};
    sqlite3_stmt *statement =
        snapshot_statement(snapshot, "SELECT kw FROM message WHERE mailbox=?1 AND uid=?2", mailbox_id);
    db_bind_int(statement, 2, uid);
    enum err err = snapshot_found(snapshot, db_step(snapshot->db, statement));
    if (err) {
        return err;
    }
    uint64_t bits = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    err = add_bits(snapshot, bits & ~KEYWORD_OTHERS, arena, &names);
    if (!err && (bits & KEYWORD_OTHERS)) {
        err = add_others(snapshot, mailbox_id, uid, arena, &names);
    }
    return give(err, arena, &names, names_r, count_r);
}

/* The combinations of bits that occur: one step in the index for each, however many messages have it. */
#define NEXT_COMBINATION                                                                                   \
    "SELECT kw FROM message INDEXED BY message_keywords WHERE mailbox=?1 AND kw>=?2 AND kw<>0 ORDER BY kw" \
    " LIMIT 1"

static enum err collect_bits(struct snapshot *snapshot, int64_t mailbox_id, uint64_t *bits_r)
{
    int64_t found = 0;
    uint64_t bits = 0;
    int more;
    do {
        sqlite3_stmt *statement = snapshot_statement(snapshot, NEXT_COMBINATION, mailbox_id);
        db_bind_int(statement, 2, bits ? found + 1 : INT64_MIN);
        more = db_step(snapshot->db, statement);
        if (more == 1) {
            found = sqlite3_column_int64(statement, 0);
            bits |= (uint64_t)found;
            sqlite3_reset(statement);
        }
    } while (more == 1 && found != INT64_MAX && bits != UINT64_MAX);
    *bits_r = bits;
    return snapshot_outcome(snapshot, more);
}

#define MAILBOX_OTHERS                                                                                   \
    "SELECT name FROM keyword WHERE id>=?2 AND EXISTS(SELECT 1 FROM message_kw INDEXED BY message_kw_kw" \
    " WHERE mailbox=?1 AND kw=keyword.id) ORDER BY id"

enum err snapshot_mailbox_keywords(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                                   struct slice **names_r, size_t *count_r)
{
    struct names names = {0};
    uint64_t bits = 0;
    int more;
    enum err err = collect_bits(snapshot, mailbox_id, &bits);
    if (!err) {
        err = add_bits(snapshot, bits & ~KEYWORD_OTHERS, arena, &names);
    }
    if (!err && (bits & KEYWORD_OTHERS)) {
        sqlite3_stmt *statement = snapshot_statement(snapshot, MAILBOX_OTHERS, mailbox_id);
        db_bind_int(statement, 2, BITS);
        while ((more = db_step(snapshot->db, statement)) == 1) {
            add_name(&names, db_column_text(statement, 0, arena));
        }
        err = snapshot_outcome(snapshot, more);
    }
    return give(err, arena, &names, names_r, count_r);
}
