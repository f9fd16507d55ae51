/* SPDX-License-Identifier: ISC */
/* What viewers have seen, as a snapshot shows it. */
#include "snapshot_private.h"

#include "viewers.h"

enum err snapshot_seen(struct snapshot *snapshot, int64_t mailbox_id, struct slice viewer,
                       struct arena *arena, struct uid_set *uids_r)
{
    static const struct uid_range everything = {1, UINT32_MAX};
    enum err err = viewer_seen(snapshot->db, mailbox_id, viewer, everything, arena, uids_r);
    return account_note_error(snapshot->account, err);
}

#define VIEWERS                                                                                    \
    "SELECT login FROM viewer WHERE EXISTS(SELECT 1 FROM viewer_seen WHERE mailbox=?1 AND viewer=" \
    "viewer.id) ORDER BY login"

enum err snapshot_viewers(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                          struct slice **logins_r, size_t *count_r)
{
    struct slice *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement = snapshot_statement(snapshot, VIEWERS, mailbox_id);
    while ((more = db_step(snapshot->db, statement)) == 1) {
        list = snapshot_grow(list, count, sizeof(*list));
        list[count++] = db_column_text(statement, 0, arena);
    }
    enum err err = snapshot_outcome(snapshot, more);
    list = snapshot_end_list(err, arena, list, count, sizeof(*list));
    if (!err) {
        *logins_r = list;
        *count_r = count;
    }
    return err;
}
