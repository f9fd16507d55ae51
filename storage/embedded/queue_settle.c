/* SPDX-License-Identifier: ISC */
/* What came of attempts. */
#include "queue_private.h"
#include "queue_state.h"

#define SETTLE                                                                                         \
    "UPDATE recipient SET state=?4, due=?5, attempts=attempts+?6, delay_told=?7, changed=?8, code=?9," \
    " text=?10, host=?11, theirs=?12, owner='', lease=0 WHERE message=?1 AND n=?2 AND state=1 AND owner=?3"

static enum err settle_one(struct db *db, struct slice owner, const struct queue_outcome *outcome,
                           int64_t now_us, bool *settled_r)
{
    const struct queue_reply *reply = &outcome->reply;
    sqlite3_stmt *statement = db_statement(db, SETTLE);
    db_bind_int(statement, 1, outcome->message);
    db_bind_int(statement, 2, outcome->number);
    db_bind_text(statement, 3, owner);
    db_bind_int(statement, 4, outcome->state);
    db_bind_int(statement, 5, outcome->due_us);
    db_bind_int(statement, 6, outcome->attempted);
    db_bind_int(statement, 7, outcome->delay_told);
    db_bind_int(statement, 8, now_us);
    db_bind_int(statement, 9, reply->code);
    db_bind_text(statement, 10, slice_take(reply->text, QUEUE_TEXT_MAX));
    db_bind_text(statement, 11, slice_take(reply->host, QUEUE_HOST_MAX));
    db_bind_int(statement, 12, reply->is_theirs);
    enum err err = db_run(db, statement);
    *settled_r = !err && sqlite3_changes(db_handle(db)) > 0;
    return err;
}

static enum err destination_of(struct db *db, const struct queue_outcome *outcome, int64_t *id_r)
{
    sqlite3_stmt *statement = db_statement(db, "SELECT destination FROM recipient WHERE message=?1 AND n=?2");
    db_bind_int(statement, 1, outcome->message);
    db_bind_int(statement, 2, outcome->number);
    int step = db_step(db, statement);
    *id_r = step == 1 ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return db_step_err(step);
}

/* Neighbours have the destination or the message in common mostly: each is looked at once for its row of
 * outcomes. */
static enum err settle_all(struct db *db, struct slice owner, const struct queue_outcome *outcomes,
                           size_t count, int64_t now_us, size_t *settled_r)
{
    int64_t destination = 0, message = 0;
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        const struct queue_outcome *outcome = &outcomes[i];
        bool settled = false;
        int64_t id = 0;
        err = settle_one(db, owner, outcome, now_us, &settled);
        if (!err && message && message != outcome->message) {
            err = queue_message_changed(db, message, now_us);
        }
        message = outcome->message;
        if (!err && settled && outcome->state == QUEUE_WAITING) {
            err = destination_of(db, outcome, &id);
        }
        if (!err && id && destination && id != destination) {
            err = queue_destination_changed(db, destination);
        }
        destination = id ? id : destination;
        *settled_r += settled;
    }
    if (!err && message) {
        err = queue_message_changed(db, message, now_us);
    }
    return err || !destination ? err : queue_destination_changed(db, destination);
}

/* What several threads have to tell is one commit. */
struct settlement {
    struct group_member member; /* first: the list is one of settlements */
    struct slice owner;
    const struct queue_outcome *outcomes;
    size_t count, settled;
    int64_t now_us;
    enum err err;
};

static struct settlement *next_of(struct settlement *settlement)
{
    return (struct settlement *)settlement->member.next;
}

static size_t count_delivered(const struct settlement *settlement)
{
    size_t count = 0;
    for (size_t i = 0; i < settlement->count; i++) {
        count += settlement->outcomes[i].state == QUEUE_DELIVERED;
    }
    return count;
}

static void serve(void *data, struct group_member *first)
{
    struct queue *queue = data;
    struct settlement *settlements = (struct settlement *)first;
    enum err err = db_begin_relaxed(queue->db);
    if (!err) {
        for (struct settlement *one = settlements; one && !err; one = next_of(one)) {
            err = settle_all(queue->db, one->owner, one->outcomes, one->count, one->now_us, &one->settled);
        }
        err = queue_end(queue, err);
    }
    for (struct settlement *one = settlements; one; one = next_of(one)) {
        one->err = err;
        if (!err) {
            queue_notes_settled(queue, count_delivered(one));
        }
    }
}

enum err queue_settle(struct store *store, struct slice owner, const struct queue_outcome *outcomes,
                      size_t count, int64_t now_us, size_t *settled_r)
{
    struct settlement settlement = {.owner = owner, .outcomes = outcomes, .count = count, .now_us = now_us};
    struct queue *queue;
    enum err err = queue_of(store, &queue);
    if (err) {
        return err;
    }
    group_run(&queue->settlements, &settlement.member, serve, queue);
    if (!settlement.err) {
        *settled_r = settlement.settled;
    }
    return settlement.err;
}

enum err queue_extend(struct store *store, struct slice owner, int64_t lease_us)
{
    struct queue *queue;
    enum err err = queue_of(store, &queue);
    if (!err) {
        err = db_begin_relaxed(queue->db);
    }
    if (err) {
        return err;
    }
    sqlite3_stmt *statement =
        db_statement(queue->db, "UPDATE recipient SET lease=?2 WHERE state=1 AND owner=?1");
    db_bind_text(statement, 1, owner);
    db_bind_int(statement, 2, lease_us);
    return queue_end(queue, db_run(queue->db, statement));
}
