/* SPDX-License-Identifier: ISC */
/* What holds up mail: recipients that meet a filter, grouped by destination and code. */
#include "queue_filter.h"
#include "queue_private.h"

#define FROM                                                       \
    " FROM recipient JOIN message ON message.id=recipient.message" \
    " JOIN destination ON destination.id=recipient.destination WHERE " QUEUE_FILTER
#define GROUPS                                                                                          \
    "SELECT destination.id, destination.name, recipient.code, count(*) AS many, min(message.received)," \
    " min(CASE recipient.state WHEN 0 THEN recipient.due END)" FROM                                     \
    " GROUP BY destination.id, recipient.code ORDER BY many DESC, destination.name, recipient.code"     \
    " LIMIT ?8"
/* Each group's newest reply. */
#define NEWEST                                                     \
    "SELECT recipient.text, recipient.host, recipient.theirs" FROM \
    " AND recipient.destination=?8 AND recipient.code=?9 ORDER BY recipient.changed DESC LIMIT 1"

struct causes {
    struct queue_cause *list;
    int64_t *destinations; /* beside them */
    size_t count;
};

static enum err find_groups(struct db *db, const struct queue_filter_values *values, size_t limit,
                            struct arena *arena, struct causes *causes)
{
    sqlite3_stmt *statement = db_statement(db, GROUPS);
    int more;
    queue_filter_bind(statement, values);
    db_bind_int(statement, 8, (int64_t)limit);
    while ((more = db_step(db, statement)) == 1) {
        struct queue_cause *cause = &causes->list[causes->count];
        bool none_waits = sqlite3_column_type(statement, 5) == SQLITE_NULL;
        causes->destinations[causes->count++] = sqlite3_column_int64(statement, 0);
        cause->destination = db_column_text(statement, 1, arena);
        cause->reply.code = (unsigned)sqlite3_column_int(statement, 2);
        cause->recipients = (uint64_t)sqlite3_column_int64(statement, 3);
        cause->oldest_us = sqlite3_column_int64(statement, 4);
        cause->due_us = none_waits ? INT64_MAX : sqlite3_column_int64(statement, 5);
    }
    return db_step_err(more);
}

static enum err find_newest(struct db *db, const struct queue_filter_values *values, int64_t destination,
                            struct arena *arena, struct queue_reply *reply)
{
    sqlite3_stmt *statement = db_statement(db, NEWEST);
    queue_filter_bind(statement, values);
    db_bind_int(statement, 8, destination);
    db_bind_int(statement, 9, reply->code);
    int step = db_step(db, statement);
    if (step == 1) {
        reply->text = db_column_text(statement, 0, arena);
        reply->host = db_column_text(statement, 1, arena);
        reply->is_theirs = sqlite3_column_int(statement, 2) != 0;
        sqlite3_reset(statement);
    }
    return db_step_err(step);
}

enum err queue_causes(struct store *store, const struct queue_filter *filter, size_t limit,
                      struct arena *arena, struct queue_cause **causes_r, size_t *count_r)
{
    struct causes causes = {.list = arena_array(arena, struct queue_cause, limit),
                            .destinations = arena_array(arena, int64_t, limit)};
    struct queue_filter_values values;
    struct queue *queue;
    enum err err = queue_of(store, &queue);
    if (!err) {
        err = db_begin_read(queue->db);
    }
    if (err) {
        return err;
    }
    queue_filter_prepare(filter, arena, &values);
    err = find_groups(queue->db, &values, limit, arena, &causes);
    for (size_t i = 0; i < causes.count && !err; i++) {
        err = find_newest(queue->db, &values, causes.destinations[i], arena, &causes.list[i].reply);
    }
    db_end_read(queue->db);
    if (!err) {
        *causes_r = causes.list;
        *count_r = causes.count;
    }
    return err;
}
