/* SPDX-License-Identifier: ISC */
/* What an administrator does to the queue: to all recipients that meet a filter. */
#include "queue_filter.h"
#include "queue_private.h"
#include "queue_state.h"

#define MEET                                                       \
    " FROM recipient JOIN message ON message.id=recipient.message" \
    " JOIN destination ON destination.id=recipient.destination WHERE " QUEUE_FILTER
#define DESTINATIONS   "SELECT DISTINCT recipient.destination" MEET
#define UPDATE(change) "UPDATE recipient SET " change " WHERE (message, n) IN (SELECT message, n" MEET ")"

/* ?8 is the time, ?9 another destination. */
static const struct action {
    unsigned states; /* of recipients that it can be done to */
    const char *update;
} actions[] = {
    [QUEUE_RETRY] = {QUEUE_BIT(QUEUE_WAITING), UPDATE("due=?8")},
    [QUEUE_HOLD] = {QUEUE_BIT(QUEUE_WAITING), UPDATE("state=2, changed=?8")},
    [QUEUE_RELEASE] = {QUEUE_BIT(QUEUE_HELD), UPDATE("state=0, due=?8, changed=?8")},
    [QUEUE_REMOVE] = {QUEUE_OPEN, UPDATE("state=6, changed=?8, owner='', lease=0")},
    [QUEUE_ROUTE] = {QUEUE_BIT(QUEUE_WAITING) | QUEUE_BIT(QUEUE_HELD),
                     UPDATE("destination=?9, due=?8, changed=?8")},
};

_Static_assert(QUEUE_WAITING == 0 && QUEUE_HELD == 2 && QUEUE_REMOVED == 6, "the statements set them");

struct change {
    struct queue_filter_values values;
    int64_t now_us;
    int64_t destination; /* the new one */
};

static void bind_change(sqlite3_stmt *statement, const void *data)
{
    const struct change *change = data;
    queue_filter_bind(statement, &change->values);
    if (sqlite3_bind_parameter_count(statement) >= 8) {
        db_bind_int(statement, 8, change->now_us);
    }
    if (sqlite3_bind_parameter_count(statement) >= 9) {
        db_bind_int(statement, 9, change->destination);
    }
}

static enum err note_what_is_over(struct db *db, int64_t now_us)
{
    sqlite3_stmt *statement = db_statement(
        db, "UPDATE message SET over=?1 WHERE over IS NULL AND NOT EXISTS(SELECT 1 FROM recipient"
            " WHERE message=message.id AND state IN " QUEUE_OPEN_STATES ")");
    db_bind_int(statement, 1, now_us);
    return db_run(db, statement);
}

static enum err change_all(struct db *db, enum queue_action action, struct slice destination,
                           struct change *change, uint64_t *count)
{
    struct queue_update update = {
        .destinations = DESTINATIONS, .update = actions[action].update, .bind = bind_change, .data = change};
    enum err err = ERR_OK;
    change->values.states &= actions[action].states;
    if (action == QUEUE_ROUTE) {
        err = queue_destination(db, destination, &change->destination);
    }
    if (!err) {
        err = queue_update_recipients(db, &update);
    }
    if (!err && action == QUEUE_ROUTE) {
        err = queue_destination_changed(db, change->destination);
    }
    if (!err && action == QUEUE_REMOVE) {
        err = note_what_is_over(db, change->now_us);
    }
    *count = update.changed;
    return err;
}

enum err queue_change(struct store *store, const struct queue_filter *filter, enum queue_action action,
                      struct slice destination, int64_t now_us, uint64_t *count_r)
{
    struct arena arena = {0};
    struct change change = {.now_us = now_us};
    struct queue *queue;
    uint64_t count = 0;
    enum err err = action == QUEUE_ROUTE && destination.len == 0 ? ERR_SYNTAX : queue_begin(store, &queue);
    if (!err) {
        queue_filter_prepare(filter, &arena, &change.values);
        err = queue_end(queue, change_all(queue->db, action, destination, &change, &count));
    }
    arena_free(&arena);
    if (!err) {
        *count_r = count;
        queue_ring(queue, QUEUE_RING_PERSON);
    }
    return err;
}
