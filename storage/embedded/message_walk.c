/* SPDX-License-Identifier: ISC */
/* Reading the messages of a set in pages. */
#include "message_rows.h"

static bool next_range(struct message_walk *walk, struct uid_range *range_r)
{
    while (walk->range < walk->uids.count) {
        struct uid_range range = walk->uids.ranges[walk->range];
        uint64_t first = MAX_OF((uint64_t)range.first, walk->first);
        uint32_t last = walk->last ? MIN_OF(range.last, walk->last) : range.last;
        if (first <= last) {
            *range_r = (struct uid_range){(uint32_t)first, last};
            return true;
        }
        walk->range++;
    }
    return false;
}

enum err message_walk_page(struct change *change, struct message_walk *walk, int64_t mailbox, const char *sql,
                           size_t room, void (*take)(void *data, sqlite3_stmt *row), void *data,
                           size_t *count_r)
{
    size_t count = 0;
    int more = 0;
    struct uid_range range;
    while (count < room && more == 0 && next_range(walk, &range)) {
        sqlite3_stmt *statement = db_statement(change->db, sql);
        db_bind_int(statement, 1, mailbox);
        db_bind_int(statement, 2, range.first);
        db_bind_int(statement, 3, range.last);
        db_bind_int(statement, 4, (int64_t)(room - count));
        while ((more = db_step(change->db, statement)) == 1) {
            take(data, statement);
            walk->first = (uint64_t)sqlite3_column_int64(statement, 0) + 1;
            count++;
        }
        if (count < room) { /* nothing is left of this range */
            walk->first = (uint64_t)range.last + 1;
        }
    }
    *count_r = count;
    return db_step_err(more);
}

static void pass_over(void *data, sqlite3_stmt *row)
{
    (void)data;
    (void)row;
}

enum err messages_any(struct change *change, size_t mailbox, const struct uid_set *uids, bool *any_r)
{
    struct message_walk walk = {.uids = *uids};
    size_t count = 0;
    enum err err = message_walk_page(
        change, &walk, change->mailboxes[mailbox].id,
        "SELECT uid FROM message WHERE mailbox=?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid LIMIT ?4", 1,
        pass_over, NULL, &count);
    *any_r = count > 0;
    return err;
}
