/* SPDX-License-Identifier: ISC */
/* What viewers have seen, as a snapshot shows it. */
#include "snapshot_private.h"
#include "viewers.h"

enum err snapshot_seen(struct snapshot *snapshot, int64_t mailbox_id, struct slice viewer,
                       struct arena *arena, struct uid_set *uids_r)
{
    const struct mailbox *mailbox = snapshot_find_mailbox(snapshot, mailbox_id);
    enum err err = store_step(snapshot->store, MEMORY_READ);
    if (!err) {
        struct uid_set set = mailbox ? viewer_seen(mailbox, viewer) : (struct uid_set){0};
        *uids_r = uid_set_union(arena, &set, &(struct uid_set){0});
    }
    return err;
}

enum err snapshot_viewers(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                          struct slice **logins_r, size_t *count_r)
{
    const struct mailbox *mailbox = snapshot_find_mailbox(snapshot, mailbox_id);
    const struct table *viewers = mailbox ? mailbox->viewers : NULL;
    enum err err = store_step(snapshot->store, MEMORY_READ);
    if (err) {
        return err;
    }
    *count_r = viewers ? viewers->count : 0;
    *logins_r = arena_array(arena, struct slice, *count_r + 1);
    for (size_t i = 0; i < *count_r; i++) {
        (*logins_r)[i] = arena_copy(arena, text_slice(viewers->records[i].name));
    }
    return ERR_OK;
}
