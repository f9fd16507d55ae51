/* SPDX-License-Identifier: ISC */
/* The queue as people look at it, and what they do to it. */
#include <string.h>

#include "base/mem.h"
#include "queue_filter.h"
#include "queue_private.h"
#include "queue_state.h"

/* A page is found message by message, in the order of their numbers, so that its end is a place to go on
 * from. */
#define PAGE(from)                                                                                 \
    "SELECT message.id FROM " from " AND message.id>?10 AND " QUEUE_FILTER_MESSAGE                 \
    " AND EXISTS(SELECT 1 FROM recipient JOIN destination ON destination.id=recipient.destination" \
    " WHERE recipient.message=message.id AND " QUEUE_FILTER_RECIPIENT ") ORDER BY message.id LIMIT ?11"
/* By what the filter names most narrowly: one message, those for one destination, those that are not over
 * (few, however many are kept), all. */
static const char *page_statement(const struct queue_filter_values *values)
{
    if (values->filter->id.len > 0) {
        return PAGE("message WHERE message.name=?1");
    }
    if (values->filter->destination.len > 0) {
        return PAGE(
            "message WHERE message.id IN (SELECT message FROM recipient INDEXED BY recipient_destination"
            " WHERE destination=(SELECT id FROM destination WHERE name=?4) AND message>?10)");
    }
    if ((values->states & ~QUEUE_OPEN) == 0) {
        return PAGE("message INDEXED BY message_over WHERE message.over IS NULL");
    }
    return PAGE("message WHERE true");
}
#define ONE                                                                                              \
    "SELECT " QUEUE_ENVELOPE_COLUMNS ", " QUEUE_RECIPIENT_COLUMNS ", recipient.state, recipient.changed" \
    " FROM recipient JOIN message ON message.id=recipient.message"                                       \
    " JOIN destination ON destination.id=recipient.destination"                                          \
    " WHERE recipient.message=?10 AND " QUEUE_FILTER " ORDER BY recipient.n"
#define STATE_COLUMN (QUEUE_ENVELOPE_COLUMN_COUNT + QUEUE_RECIPIENT_COLUMN_COUNT)

static enum err find_page(struct db *db, const struct queue_filter_values *values, int64_t after,
                          size_t limit, struct queue_item *items, size_t *count)
{
    sqlite3_stmt *statement = db_statement(db, page_statement(values));
    int more;
    queue_filter_bind(statement, values);
    db_bind_int(statement, 10, after);
    db_bind_int(statement, 11, (int64_t)limit);
    while ((more = db_step(db, statement)) == 1) {
        items[(*count)++] = (struct queue_item){.message = sqlite3_column_int64(statement, 0)};
    }
    return db_step_err(more);
}

static void add_recipient(struct queue_item *item, size_t *room, sqlite3_stmt *statement, struct arena *arena)
{
    if (item->count == *room) {
        *room = *room ? 2 * *room : 4;
        item->recipients = mem_realloc_array(item->recipients, *room, sizeof(*item->recipients));
    }
    struct queue_item_recipient *recipient = &item->recipients[item->count++];
    *recipient =
        (struct queue_item_recipient){.state = (enum queue_state)sqlite3_column_int(statement, STATE_COLUMN),
                                      .changed_us = sqlite3_column_int64(statement, STATE_COLUMN + 1)};
    queue_read_recipient(statement, QUEUE_ENVELOPE_COLUMN_COUNT, arena, &recipient->taken);
}

static enum err read_item(struct db *db, const struct queue_filter_values *values, struct arena *arena,
                          struct queue_item *item)
{
    sqlite3_stmt *statement = db_statement(db, ONE);
    size_t room = 0;
    int more;
    queue_filter_bind(statement, values);
    db_bind_int(statement, 10, item->message);
    while ((more = db_step(db, statement)) == 1) {
        if (item->count == 0) {
            queue_read_envelope(statement, 0, arena, &item->envelope);
        }
        add_recipient(item, &room, statement, arena);
    }
    item->recipients = arena_take_array(arena, item->recipients, item->count, sizeof(*item->recipients));
    return db_step_err(more);
}

enum err queue_list(struct store *store, const struct queue_filter *filter, int64_t after, size_t limit,
                    struct arena *arena, struct queue_item **items_r, size_t *count_r)
{
    struct queue_item *items = arena_array(arena, struct queue_item, limit);
    struct queue_filter_values values;
    size_t count = 0;
    struct queue *queue;
    enum err err = queue_of(store, &queue);
    if (!err) {
        err = db_begin_read(queue->db);
    }
    if (err) {
        return err;
    }
    queue_filter_prepare(filter, arena, &values);
    err = find_page(queue->db, &values, after, limit, items, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = read_item(queue->db, &values, arena, &items[i]);
    }
    db_end_read(queue->db);
    if (!err) {
        *items_r = items;
        *count_r = count;
    }
    return err;
}

#define COUNT "SELECT state, count(*) FROM recipient GROUP BY state"
#define SUM \
    "SELECT count(*), coalesce(sum(size), 0), coalesce(min(received), 0) FROM message WHERE over IS NULL"

enum err queue_count(struct store *store, struct queue_figures *figures_r)
{
    struct queue_figures figures = {0};
    struct queue *queue;
    int more;
    enum err err = queue_of(store, &queue);
    if (!err) {
        err = db_begin_read(queue->db);
    }
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(queue->db, COUNT);
    while ((more = db_step(queue->db, statement)) == 1) {
        int state = sqlite3_column_int(statement, 0);
        if (state >= 0 && state < QUEUE_STATE_COUNT) {
            figures.recipients[state] = (uint64_t)sqlite3_column_int64(statement, 1);
        }
    }
    if (more == 0) {
        statement = db_statement(queue->db, SUM);
        more = db_step(queue->db, statement);
    }
    if (more == 1) {
        figures.messages = (uint64_t)sqlite3_column_int64(statement, 0);
        figures.bytes = (uint64_t)sqlite3_column_int64(statement, 1);
        figures.oldest_us = sqlite3_column_int64(statement, 2);
        sqlite3_reset(statement);
    }
    db_end_read(queue->db);
    err = db_step_err(more);
    if (!err) {
        *figures_r = figures;
    }
    return err;
}
