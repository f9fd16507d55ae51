/* SPDX-License-Identifier: ISC */
/*
 * The ranges of one set never touch or overlap, and are found by their end: what reaches a UID is the first
 * row that does not end before it.
 */
#include "viewers.h"

#include "base/mem.h"
#include "message_rows.h"
#include "settings_check.h"

enum err viewer_of(const struct change *change, struct slice login, struct slice *viewer_r)
{
    bool owner = login.len == 0 || slice_eq(login, slice_from(change->account->login));
    *viewer_r = owner ? SLICE_EMPTY : login;
    return owner || rights_identifier_is_valid(login) ? ERR_OK : ERR_SYNTAX;
}

enum err viewer_number(struct db *db, struct slice viewer, int64_t *number_r)
{
    sqlite3_stmt *statement = db_statement(db, "SELECT id FROM viewer WHERE login=?1");
    db_bind_text(statement, 1, viewer);
    int step = db_step(db, statement);
    *number_r = step == 1 ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return db_step_err(step);
}

static enum err make_number(struct change *change, struct slice viewer, int64_t *number_r)
{
    enum err err = viewer_number(change->db, viewer, number_r);
    if (err || *number_r) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(change->db, "INSERT INTO viewer(login) VALUES(?1)");
    db_bind_text(statement, 1, viewer);
    err = db_run(change->db, statement);
    *number_r = sqlite3_last_insert_rowid(db_handle(change->db));
    return err;
}

/* ---- reading ---- */

#define READ_RANGES                                                                             \
    "SELECT first, last FROM viewer_seen WHERE mailbox=?1 AND viewer=?2 AND last>=?3 ORDER BY " \
    "last"

static sqlite3_stmt *ranges_from(struct db *db, int64_t mailbox, int64_t viewer, uint32_t uid)
{
    sqlite3_stmt *statement = db_statement(db, READ_RANGES);
    db_bind_int(statement, 1, mailbox);
    db_bind_int(statement, 2, viewer);
    db_bind_int(statement, 3, uid);
    return statement;
}

static struct uid_range range_of(sqlite3_stmt *statement)
{
    return (struct uid_range){(uint32_t)sqlite3_column_int64(statement, 0),
                              (uint32_t)sqlite3_column_int64(statement, 1)};
}

enum err viewer_seen_by_number(struct db *db, int64_t mailbox, int64_t viewer, struct uid_range within,
                               struct arena *arena, struct uid_set *uids_r)
{
    struct uid_set_writer writer = {0};
    sqlite3_stmt *statement = ranges_from(db, mailbox, viewer, within.first);
    int more;
    while ((more = db_step(db, statement)) == 1) {
        struct uid_range range = range_of(statement);
        if (range.first > within.last) {
            sqlite3_reset(statement);
            break;
        }
        uid_set_add_range(&writer, range);
    }
    *uids_r = uid_set_take(&writer, arena);
    return db_step_err(more);
}

enum err viewer_seen(struct db *db, int64_t mailbox, struct slice viewer, struct uid_range within,
                     struct arena *arena, struct uid_set *uids_r)
{
    int64_t number = 0;
    *uids_r = (struct uid_set){0};
    enum err err = viewer_number(db, viewer, &number);
    return err || number == 0 ? err : viewer_seen_by_number(db, mailbox, number, within, arena, uids_r);
}

enum err viewer_next(struct db *db, int64_t mailbox, int64_t after, int64_t *viewer_r)
{
    sqlite3_stmt *statement = db_statement(
        db, "SELECT viewer FROM viewer_seen WHERE mailbox=?1 AND viewer>?2 ORDER BY viewer LIMIT 1");
    db_bind_int(statement, 1, mailbox);
    db_bind_int(statement, 2, after);
    int step = db_step(db, statement);
    *viewer_r = step == 1 ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return db_step_err(step);
}

/* ---- changing ---- */

struct viewer_set {
    struct change *change;
    int64_t mailbox, viewer;
};

/* The range that reaches `uid` or lies behind it; zeroes when there is none. */
static enum err reaching(const struct viewer_set *set, uint32_t uid, struct uid_range *range_r)
{
    sqlite3_stmt *statement = ranges_from(set->change->db, set->mailbox, set->viewer, uid);
    int step = db_step(set->change->db, statement);
    *range_r = step == 1 ? range_of(statement) : (struct uid_range){0};
    sqlite3_reset(statement);
    return db_step_err(step);
}

static enum err insert(const struct viewer_set *set, uint64_t first, uint64_t last)
{
    sqlite3_stmt *statement =
        db_statement(set->change->db, "INSERT INTO viewer_seen(mailbox, viewer, first, last)"
                                      " VALUES(?1, ?2, ?3, ?4)");
    db_bind_int(statement, 1, set->mailbox);
    db_bind_int(statement, 2, set->viewer);
    db_bind_int(statement, 3, (int64_t)first);
    db_bind_int(statement, 4, (int64_t)last);
    return db_run(set->change->db, statement);
}

/* Rows by their end. */
static enum err delete_ends(const struct viewer_set *set, uint64_t from, uint64_t to)
{
    sqlite3_stmt *statement = db_statement(
        set->change->db, "DELETE FROM viewer_seen WHERE mailbox=?1 AND viewer=?2 AND last BETWEEN ?3 AND ?4");
    db_bind_int(statement, 1, set->mailbox);
    db_bind_int(statement, 2, set->viewer);
    db_bind_int(statement, 3, (int64_t)from);
    db_bind_int(statement, 4, (int64_t)to);
    return db_run(set->change->db, statement);
}

/* The range joins what it overlaps or touches. */
static enum err add_range(const struct viewer_set *set, struct uid_range range)
{
    struct uid_range low = {0}, high = {0};
    uint64_t behind = (uint64_t)range.last + 1;
    enum err err = reaching(set, range.first - 1, &low);
    if (!err) {
        err = reaching(set, range.last, &high);
    }
    if (err) {
        return err;
    }
    uint32_t first = low.first && low.first < range.first ? low.first : range.first;
    uint32_t last = high.first && high.first <= behind ? high.last : range.last;
    err = delete_ends(set, (uint64_t)range.first - 1, last);
    return err ? err : insert(set, first, last);
}

/* What the range covers goes; what stands out of it at its ends stays. */
static enum err cut_range(const struct viewer_set *set, struct uid_range range)
{
    struct uid_range low = {0}, high = {0};
    enum err err = reaching(set, range.first, &low);
    if (!err) {
        err = reaching(set, range.last, &high);
    }
    if (err || low.first == 0 || low.first > range.last) {
        return err;
    }
    bool beyond = high.first && high.first <= range.last && high.last > range.last;
    err = delete_ends(set, range.first, beyond ? high.last : range.last);
    if (!err && low.first < range.first) {
        err = insert(set, low.first, (uint64_t)range.first - 1);
    }
    if (!err && beyond) {
        err = insert(set, (uint64_t)range.last + 1, high.last);
    }
    return err;
}

enum err viewer_mark_by_number(struct change *change, int64_t mailbox, int64_t viewer,
                               const struct uid_set *uids, bool seen)
{
    const struct viewer_set set = {change, mailbox, viewer};
    enum err err = ERR_OK;
    for (size_t i = 0; i < uids->count && !err; i++) {
        err = seen ? add_range(&set, uids->ranges[i]) : cut_range(&set, uids->ranges[i]);
    }
    return err;
}

enum err viewer_mark(struct change *change, int64_t mailbox, struct slice viewer, const struct uid_set *uids,
                     bool seen)
{
    int64_t number = 0;
    if (uids->count == 0) {
        return ERR_OK;
    }
    enum err err = make_number(change, viewer, &number);
    return err ? err : viewer_mark_by_number(change, mailbox, number, uids, seen);
}

enum err viewers_forget(struct change *change, int64_t mailbox, const struct uid_set *uids)
{
    int64_t viewer = 0;
    enum err err = uids->count ? viewer_next(change->db, mailbox, 0, &viewer) : ERR_OK;
    while (!err && viewer) {
        err = viewer_mark_by_number(change, mailbox, viewer, uids, false);
        if (!err) {
            err = viewer_next(change->db, mailbox, viewer, &viewer);
        }
    }
    return err;
}

/* ---- mending ---- */

struct bad_range {
    struct viewer_set set;
    struct uid_range range;
};

#define BAD_RANGES "SELECT mailbox, viewer, first, last FROM viewer_seen v WHERE " VIEWER_SEEN_BAD

static enum err read_bad(struct change *change, struct bad_range **list_r, size_t *count_r)
{
    struct bad_range *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement = db_statement(change->db, BAD_RANGES);
    while ((more = db_step(change->db, statement)) == 1) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        list[count++] = (struct bad_range){
            .set = {change, sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1)},
            .range = {(uint32_t)sqlite3_column_int64(statement, 2),
                      (uint32_t)sqlite3_column_int64(statement, 3)},
        };
    }
    *list_r = arena_take_array(&change->arena, list, count, sizeof(*list));
    *count_r = count;
    return db_step_err(more);
}

#define UIDS_OF_RANGE "SELECT uid FROM message WHERE mailbox=?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid"

static enum err read_uids(const struct bad_range *bad, struct uid_set *uids_r)
{
    struct change *change = bad->set.change;
    struct uid_set_writer writer = {0};
    int more;
    sqlite3_stmt *statement = db_statement(change->db, UIDS_OF_RANGE);
    db_bind_int(statement, 1, bad->set.mailbox);
    db_bind_int(statement, 2, bad->range.first);
    db_bind_int(statement, 3, bad->range.last);
    while ((more = db_step(change->db, statement)) == 1) {
        uid_set_add(&writer, (uint32_t)sqlite3_column_int64(statement, 0));
    }
    *uids_r = uid_set_take(&writer, &change->arena);
    return db_step_err(more);
}

enum err viewers_mend(struct change *change)
{
    struct bad_range *list = NULL;
    size_t count = 0;
    enum err err = read_bad(change, &list, &count);
    for (size_t i = 0; i < count && !err; i++) { /* first all of them away: they may overlap */
        err = delete_ends(&list[i].set, list[i].range.last, list[i].range.last);
    }
    for (size_t i = 0; i < count && !err; i++) {
        struct uid_set uids = {0};
        err = read_uids(&list[i], &uids);
        if (!err) {
            err = viewer_mark_by_number(change, list[i].set.mailbox, list[i].set.viewer, &uids, true);
        }
    }
    return err;
}
