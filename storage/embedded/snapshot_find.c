/* SPDX-License-Identifier: ISC */
/* What went from a mailbox, and where a message is. */
#include "snapshot_private.h"

#include <stdlib.h>

#include "base/mem.h"

/* --- vanished --- */

static int compare_ranges(const void *a, const void *b)
{
    const struct uid_range *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* They stand in the order in which they went. */
static struct uid_set in_order(struct uid_range *ranges, size_t count, struct arena *arena)
{
    struct uid_set_writer writer = {0};
    if (count) {
        qsort(ranges, count, sizeof(*ranges), compare_ranges);
    }
    for (size_t i = 0; i < count; i++) {
        uid_set_add_range(&writer, ranges[i]);
    }
    return uid_set_take(&writer, arena);
}

static enum err read_vanished(struct snapshot *snapshot, int64_t mailbox_id, uint64_t since,
                              struct arena *arena, struct uid_set *uids_r)
{
    struct uid_range *ranges = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement = snapshot_statement(
        snapshot, "SELECT uid_lo, uid_hi FROM vanished WHERE mailbox=?1 AND modseq>?2", mailbox_id);
    db_bind_int(statement, 2, (int64_t)since);
    while ((more = db_step(snapshot->db, statement)) == 1) {
        ranges = snapshot_grow(ranges, count, sizeof(*ranges));
        ranges[count++] = (struct uid_range){(uint32_t)sqlite3_column_int64(statement, 0),
                                             (uint32_t)sqlite3_column_int64(statement, 1)};
    }
    enum err err = snapshot_outcome(snapshot, more);
    if (!err) {
        *uids_r = in_order(ranges, count, arena);
    }
    mem_free(ranges);
    return err;
}

/* All UIDs below `uidnext` that no message has. */
static enum err read_absent(struct snapshot *snapshot, int64_t mailbox_id, uint32_t uidnext,
                            struct arena *arena, struct uid_set *uids_r)
{
    struct uid_set_writer writer = {0};
    uint32_t free_from = 1;
    int more;
    sqlite3_stmt *statement =
        snapshot_statement(snapshot, "SELECT uid FROM message WHERE mailbox=?1 ORDER BY uid", mailbox_id);
    while ((more = db_step(snapshot->db, statement)) == 1) {
        uint32_t uid = (uint32_t)sqlite3_column_int64(statement, 0);
        if (uid > free_from) {
            uid_set_add_range(&writer, (struct uid_range){free_from, uid - 1});
        }
        free_from = uid + (uid != UINT32_MAX);
    }
    if (uidnext > free_from) {
        uid_set_add_range(&writer, (struct uid_range){free_from, uidnext - 1});
    }
    enum err err = snapshot_outcome(snapshot, more);
    if (err) {
        uid_set_drop(&writer);
        return err;
    }
    *uids_r = uid_set_take(&writer, arena);
    return ERR_OK;
}

enum err snapshot_vanished(struct snapshot *snapshot, int64_t mailbox_id, uint64_t since, struct arena *arena,
                           struct uid_set *uids_r, bool *complete_r)
{
    sqlite3_stmt *statement =
        snapshot_statement(snapshot, "SELECT vanished_floor, uidnext FROM mailbox WHERE id=?1", mailbox_id);
    enum err err = snapshot_found(snapshot, db_step(snapshot->db, statement));
    if (err) {
        return err;
    }
    bool complete = (uint64_t)sqlite3_column_int64(statement, 0) <= since;
    int64_t uidnext = sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    err = complete ? read_vanished(snapshot, mailbox_id, since, arena, uids_r)
                   : read_absent(snapshot, mailbox_id, (uint32_t)MIN_OF(uidnext, (int64_t)UINT32_MAX), arena,
                                 uids_r);
    if (!err) {
        *complete_r = complete;
    }
    return err;
}

/* --- find --- */

#define WITH_GUID                                                                                      \
    "SELECT mailbox, uid FROM body CROSS JOIN message ON message.body=body.id WHERE guid=?1 ORDER BY " \
    "mailbox,"                                                                                         \
    " uid"
#define WITH_THREAD                                                                                      \
    "SELECT mailbox, uid FROM thread_member CROSS JOIN message ON message.body=thread_member.body WHERE" \
    " thread=?1 ORDER BY mailbox, uid"

enum err snapshot_find(struct snapshot *snapshot, enum find_key key, const unsigned char id[16],
                       struct arena *arena, struct message_place_found **list_r, size_t *count_r)
{
    struct message_place_found *list = NULL;
    size_t count = 0;
    int more;
    if (key == FIND_THREAD && !(snapshot->fields & SCAN_THREAD)) {
        return ERR_DENIED;
    }
    sqlite3_stmt *statement = db_statement(snapshot->db, key == FIND_THREAD ? WITH_THREAD : WITH_GUID);
    db_bind_blob(statement, 1, slice_of(id, 16));
    while ((more = db_step(snapshot->db, statement)) == 1) {
        list = snapshot_grow(list, count, sizeof(*list));
        list[count++] = (struct message_place_found){sqlite3_column_int64(statement, 0),
                                                     (uint32_t)sqlite3_column_int64(statement, 1)};
    }
    enum err err = snapshot_outcome(snapshot, more);
    list = snapshot_end_list(err, arena, list, count, sizeof(*list));
    if (!err) {
        *list_r = list;
        *count_r = count;
    }
    return err;
}
