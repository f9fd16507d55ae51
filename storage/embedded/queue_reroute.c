/* SPDX-License-Identifier: ISC */
/* Other destinations for many recipients, each his own: after the routes changed, or as an administrator
 * says. */
#include <stdlib.h>

#include "base/mem.h"
#include "queue_filter.h"
#include "queue_private.h"
#include "queue_state.h"

#define RECIPIENTS                                                                                      \
    "SELECT recipient.message, recipient.n, recipient.destination, destination.name, recipient.address" \
    " FROM recipient JOIN message ON message.id=recipient.message"                                      \
    " JOIN destination ON destination.id=recipient.destination WHERE " QUEUE_FILTER

struct move {
    int64_t message, n;
    int64_t from, to; /* destinations */
};
struct moves {
    struct move *list;
    size_t count, room;
};

static void add_move(struct moves *moves, struct move move)
{
    if (moves->count == moves->room) {
        moves->room = moves->room ? 2 * moves->room : 64;
        moves->list = mem_realloc_array(moves->list, moves->room, sizeof(*moves->list));
    }
    moves->list[moves->count++] = move;
}

/* Asks the router about one recipient. */
static enum err ask(struct db *db, sqlite3_stmt *row, const struct queue_router *router, struct arena *arena,
                    struct moves *moves)
{
    struct slice now = db_column_text(row, 3, arena);
    struct slice wanted = router->destination(router->data, now, db_column_text(row, 4, arena), arena);
    struct move move = {.message = sqlite3_column_int64(row, 0),
                        .n = sqlite3_column_int64(row, 1),
                        .from = sqlite3_column_int64(row, 2)};
    if (wanted.len == 0 || slice_eq(wanted, now)) {
        return ERR_OK;
    }
    enum err err = queue_destination(db, wanted, &move.to);
    if (!err) {
        add_move(moves, move);
    }
    return err;
}

static enum err find_moves(struct db *db, const struct queue_filter_values *values,
                           const struct queue_router *router, struct moves *moves)
{
    sqlite3_stmt *statement = db_statement(db, RECIPIENTS);
    struct arena arena = {0};
    enum err err = ERR_OK;
    int more = 0;
    queue_filter_bind(statement, values);
    while (!err && (more = db_step(db, statement)) == 1) {
        err = ask(db, statement, router, &arena, moves);
        arena_reset(&arena);
    }
    sqlite3_reset(statement);
    arena_free(&arena);
    return err ? err : db_step_err(more);
}

static enum err apply(struct db *db, const struct moves *moves, int64_t now_us)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < moves->count && !err; i++) {
        sqlite3_stmt *statement = db_statement(
            db, "UPDATE recipient SET destination=?3, due=?4, changed=?4 WHERE message=?1 AND n=?2");
        db_bind_int(statement, 1, moves->list[i].message);
        db_bind_int(statement, 2, moves->list[i].n);
        db_bind_int(statement, 3, moves->list[i].to);
        db_bind_int(statement, 4, now_us);
        err = db_run(db, statement);
    }
    return err;
}

static int by_number(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
    return (first > second) - (first < second);
}

/* Each destination that lost or got somebody, once. */
static enum err note_destinations(struct db *db, const struct moves *moves)
{
    int64_t *ids = mem_realloc_array(NULL, 2 * moves->count + 1, sizeof(*ids));
    enum err err = ERR_OK;
    for (size_t i = 0; i < moves->count; i++) {
        ids[2 * i] = moves->list[i].from;
        ids[2 * i + 1] = moves->list[i].to;
    }
    qsort(ids, 2 * moves->count, sizeof(*ids), by_number);
    for (size_t i = 0; i < 2 * moves->count && !err; i++) {
        if (i == 0 || ids[i] != ids[i - 1]) {
            err = queue_destination_changed(db, ids[i]);
        }
    }
    mem_free(ids);
    return err;
}

static enum err reroute(struct db *db, const struct queue_filter_values *values,
                        const struct queue_router *router, int64_t now_us, struct moves *moves)
{
    enum err err = find_moves(db, values, router, moves);
    if (!err) {
        err = apply(db, moves, now_us);
    }
    return err ? err : note_destinations(db, moves);
}

enum err queue_reroute(struct store *store, const struct queue_filter *filter,
                       const struct queue_router *router, int64_t now_us, uint64_t *count_r)
{
    struct arena arena = {0};
    struct queue_filter_values values;
    struct moves moves = {0};
    struct queue *queue;
    enum err err = queue_begin(store, &queue);
    if (!err) {
        queue_filter_prepare(filter, &arena, &values);
        values.states &= QUEUE_BIT(QUEUE_WAITING) | QUEUE_BIT(QUEUE_HELD);
        err = queue_end(queue, reroute(queue->db, &values, router, now_us, &moves));
    }
    if (!err) {
        *count_r = moves.count;
        queue_ring(queue, QUEUE_RING_PERSON);
    }
    mem_free(moves.list);
    arena_free(&arena);
    return err;
}
