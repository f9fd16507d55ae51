/* SPDX-License-Identifier: ISC */
/* Which messages there are, and what was expunged. */
#include <stdlib.h>

#include "base/mem.h"
#include "snapshot_private.h"

static int compare_ranges(const void *a, const void *b)
{
    const struct uid_range *left = a, *right = b;
    return left->first < right->first ? -1 : left->first > right->first;
}

static struct uid_set remembered(const struct mailbox *mailbox, uint64_t since, struct arena *arena)
{
    const struct vanished *vanished = mailbox->vanished;
    size_t known = vanished ? vanished->count : 0, count = 0;
    struct uid_range *ranges = mem_alloc((known + 1) * sizeof(*ranges));
    struct uid_set_writer writer = {0};
    for (size_t i = 0; i < known; i++) {
        if (vanished->ranges[i].modseq > since) {
            ranges[count++] = vanished->ranges[i].uids;
        }
    }
    qsort(ranges, count, sizeof(*ranges), compare_ranges);
    for (size_t i = 0; i < count; i++) {
        uid_set_add_range(&writer, ranges[i]);
    }
    mem_free(ranges);
    return uid_set_take(&writer, arena);
}

static struct uid_set all_missing(const struct mailbox *mailbox, struct arena *arena)
{
    struct uid_set_writer writer = {0};
    struct place place = {0};
    uint32_t next = 1;
    for (const struct row *row; (row = mailbox_row(mailbox, place)); place = mailbox_next(mailbox, place)) {
        if (next < row->uid) {
            uid_set_add_range(&writer, (struct uid_range){next, row->uid - 1});
        }
        next = row->uid + 1;
    }
    if (next < mailbox->status.uidnext) {
        uid_set_add_range(&writer, (struct uid_range){next, mailbox->status.uidnext - 1});
    }
    return uid_set_take(&writer, arena);
}

enum err snapshot_vanished(struct snapshot *snapshot, int64_t mailbox_id, uint64_t since, struct arena *arena,
                           struct uid_set *uids_r, bool *complete_r)
{
    const struct mailbox *mailbox = snapshot_find_mailbox(snapshot, mailbox_id);
    enum err err = mailbox ? store_step(snapshot->store, MEMORY_READ) : ERR_NOT_FOUND;
    if (!err) {
        *complete_r = mailbox->status.vanished_floor <= since;
        *uids_r = *complete_r ? remembered(mailbox, since, arena) : all_missing(mailbox, arena);
    }
    return err;
}

enum err snapshot_uids(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                       struct uid_set *uids_r)
{
    const struct mailbox *mailbox = snapshot_find_mailbox(snapshot, mailbox_id);
    struct uid_set_writer writer = {0};
    struct place place = {0};
    enum err err = store_step(snapshot->store, MEMORY_READ);
    const struct row *row;
    for (; !err && mailbox && (row = mailbox_row(mailbox, place)); place = mailbox_next(mailbox, place)) {
        uid_set_add(&writer, row->uid);
    }
    *uids_r = uid_set_take(&writer, arena);
    return err;
}
