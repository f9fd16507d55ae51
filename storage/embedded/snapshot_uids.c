/* SPDX-License-Identifier: ISC */
/*
 * All UIDs of a mailbox. Three ways, the cheapest that will do:
 *
 *     what this process saw last (uid_cache.h), less what vanished since, and what came behind it;
 *     first and last UID, when the mailbox has as many messages as there are numbers between them;
 *     a walk over the index by MODSEQ, which has the UIDs and is a tenth of the rows in size.
 *
 * A message that came back with a UID of its own, below others (a restore), is not found by the first way;
 * but then the set is smaller than the mailbox says it is.
 */
#include "snapshot_private.h"

#include <stdlib.h>

#include "base/mem.h"

struct extent {
    uint64_t messages;
    uint32_t uidnext, first, last; /* `first` 0: no messages */
};

#define READ_EXTENT                                                                                     \
    "SELECT messages, uidnext, (SELECT min(uid) FROM message WHERE mailbox=?1), (SELECT max(uid) FROM " \
    "message WHERE mailbox=?1) FROM mailbox WHERE id=?1"

static enum err read_extent(struct snapshot *snapshot, int64_t mailbox_id, struct extent *extent_r)
{
    sqlite3_stmt *statement = snapshot_statement(snapshot, READ_EXTENT, mailbox_id);
    int step = db_step(snapshot->db, statement);
    *extent_r = (struct extent){0};
    if (step == 1) {
        *extent_r = (struct extent){
            .messages = (uint64_t)sqlite3_column_int64(statement, 0),
            .uidnext = (uint32_t)MIN_OF(sqlite3_column_int64(statement, 1), (int64_t)UINT32_MAX),
            .first = (uint32_t)sqlite3_column_int64(statement, 2),
            .last = (uint32_t)sqlite3_column_int64(statement, 3),
        };
        sqlite3_reset(statement);
    }
    return snapshot_outcome(snapshot, step);
}

static int compare_uids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The UIDs that a statement gives, in any order. */
static enum err read_uids(struct snapshot *snapshot, sqlite3_stmt *statement, struct arena *arena,
                          struct uid_set *uids_r)
{
    uint32_t *uids = NULL;
    size_t count = 0;
    bool sorted = true;
    int more;
    while ((more = db_step(snapshot->db, statement)) == 1) {
        uids = snapshot_grow(uids, count, sizeof(*uids));
        uids[count] = (uint32_t)sqlite3_column_int64(statement, 0);
        sorted = sorted && (count == 0 || uids[count - 1] < uids[count]);
        count++;
    }
    enum err err = snapshot_outcome(snapshot, more);
    if (!sorted) {
        qsort(uids, count, sizeof(*uids), compare_uids);
    }
    if (!err) {
        *uids_r = uid_set_from_uids(arena, uids, count);
    }
    mem_free(uids);
    return err;
}

static enum err walk(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                     struct uid_set *uids_r)
{
    sqlite3_stmt *statement = snapshot_statement(
        snapshot, "SELECT uid FROM message INDEXED BY message_modseq WHERE mailbox=?1", mailbox_id);
    return read_uids(snapshot, statement, arena, uids_r);
}

/* Brings what was seen before up to this snapshot. */
static enum err catch_up(struct snapshot *snapshot, const struct uids_kept *kept, struct arena *arena,
                         struct uid_set *uids_r)
{
    struct uid_set gone, come = {0};
    bool complete;
    enum err err = snapshot_vanished(snapshot, kept->mailbox_id, kept->modseq, arena, &gone, &complete);
    if (!err) {
        sqlite3_stmt *statement = snapshot_statement(
            snapshot, "SELECT uid FROM message WHERE mailbox=?1 AND uid>=?2", kept->mailbox_id);
        db_bind_int(statement, 2, kept->uidnext);
        err = read_uids(snapshot, statement, arena, &come);
    }
    if (!err) {
        struct uid_set stayed = uid_set_minus(arena, &kept->uids, &gone);
        *uids_r = uid_set_union(arena, &stayed, &come);
    }
    return err;
}

static enum err find_uids(struct snapshot *snapshot, int64_t mailbox_id, const struct extent *extent,
                          struct arena *arena, struct uid_set *uids_r)
{
    struct uids_kept kept;
    *uids_r = (struct uid_set){0};
    if (extent->messages == 0 && extent->first == 0) {
        return ERR_OK;
    }
    if (extent->messages == (uint64_t)extent->last - extent->first + 1) {
        struct uid_range *all = arena_new(arena, struct uid_range);
        *all = (struct uid_range){extent->first, extent->last};
        *uids_r = (struct uid_set){all, 1};
        return ERR_OK;
    }
    enum err err = ERR_OK;
    if (uid_cache_get(&snapshot->account->uid_cache, mailbox_id, snapshot->modseq, arena, &kept)) {
        if (kept.modseq == snapshot->modseq) {
            *uids_r = kept.uids;
        } else {
            err = catch_up(snapshot, &kept, arena, uids_r);
        }
    }
    if (!err && uid_set_size(uids_r) != extent->messages) {
        err = walk(snapshot, mailbox_id, arena, uids_r);
    }
    return err;
}

enum err snapshot_uids(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                       struct uid_set *uids_r)
{
    struct extent extent;
    enum err err = read_extent(snapshot, mailbox_id, &extent);
    if (!err) {
        err = find_uids(snapshot, mailbox_id, &extent, arena, uids_r);
    }
    if (!err && uids_r->count > 1) {
        uid_cache_put(&snapshot->account->uid_cache,
                      &(struct uids_kept){mailbox_id, snapshot->modseq, extent.uidnext, *uids_r, 0});
    }
    return err;
}
