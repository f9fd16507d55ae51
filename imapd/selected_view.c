/* SPDX-License-Identifier: ISC */
/*
 * The view of an open mailbox, made when it is first needed: SELECT answers from the counters of the mailbox,
 * however many messages it has, and many a client asks for nothing else. What was there at SELECT is what is
 * there now, and what went since.
 */
#include "selected.h"

#define FIRST_MESSAGES 64
#define UNSEEN_STEP    1024 /* UIDs of the first look for the first unseen message */

static enum err count_seen_from(struct snapshot *snapshot, int64_t mailbox_id, struct slice viewer,
                                struct uid_range range, uint64_t *messages, uint64_t *unseen,
                                uint64_t *behind_first_unseen)
{
    struct message_scan scan = {.mailbox_id = mailbox_id, .uids = {&range, 1}, .viewer = viewer};
    struct message_page page;
    enum err err = ERR_OK;
    uint64_t rows = 0, found = 0, first = 0;
    message_page_init(&page, SCAN_FLAGS);
    while (!err && !scan.done) {
        err = snapshot_scan(snapshot, &scan, &page);
        for (size_t i = 0; !err && i < page.count; i++, rows++)
            if (!(page.flags[i] & MESSAGE_SEEN) && found++ == 0)
                first = rows;
    }
    message_page_free(&page);
    if (found > 0)
        *behind_first_unseen = *messages + rows - first;
    *messages += rows;
    *unseen += found;
    return err;
}

/* Among the first messages; 0: there is none. */
static enum err look_at_beginning(struct snapshot *snapshot, int64_t mailbox_id, struct slice viewer,
                                  uint32_t *number_r)
{
    struct message_scan scan = {.mailbox_id = mailbox_id, .uids = uid_set_all, .viewer = viewer};
    struct message_page page;
    message_page_init(&page, SCAN_FLAGS);
    page.rows_max = FIRST_MESSAGES;
    enum err err = snapshot_scan(snapshot, &scan, &page);
    *number_r = 0;
    for (size_t i = 0; !err && i < page.count && *number_r == 0; i++)
        if (!(page.flags[i] & MESSAGE_SEEN))
            *number_r = (uint32_t)i + 1;
    message_page_free(&page);
    return err;
}

/* From the end backwards, in growing steps: what is unseen is mostly new. Or it is everywhere, and then one
 * of the first messages is. */
enum err selected_first_unseen(struct snapshot *snapshot, const struct mailbox_status *status,
                               struct slice viewer, uint32_t *number_r)
{
    uint64_t all_unseen = 0, messages = 0, unseen = 0, behind = 0, step = UNSEEN_STEP, end = status->uidnext;
    *number_r = 0;
    enum err err = snapshot_unseen(snapshot, status, viewer, &all_unseen);
    if (!err && all_unseen > 0)
        err = look_at_beginning(snapshot, status->id, viewer, number_r);
    if (err || *number_r > 0)
        return err;
    while (!err && unseen < all_unseen && end > 1) {
        uint64_t begin = end > step ? end - step : 1;
        err = count_seen_from(snapshot, status->id, viewer,
                              (struct uid_range){(uint32_t)begin, (uint32_t)(end - 1)}, &messages, &unseen,
                              &behind);
        end = begin;
        step *= 4;
    }
    *number_r = behind > 0 && behind <= status->messages ? (uint32_t)(status->messages - behind + 1) : 0;
    return err;
}

/* What is there, joined with what went. */
static enum err merge(struct snapshot *snapshot, struct selected *selected, const struct uid_set *vanished,
                      struct arena *arena)
{
    struct uid_range known = {1, selected->uidnext - 1};
    struct uid_set uids;
    enum err err = snapshot_uids(snapshot, selected->mailbox_id, arena, &uids);
    if (err)
        return err;
    uids = uid_set_union(arena, &uids, vanished);
    uids = uid_set_common(arena, &uids, &(struct uid_set){&known, 1});
    for (size_t i = 0; i < uids.count; i++)
        view_append_range(&selected->view, uids.ranges[i].first, uids.ranges[i].last);
    return ERR_OK;
}

enum err selected_load(struct selected *selected)
{
    struct snapshot *snapshot = NULL;
    struct arena arena = {0};
    struct uid_set vanished = {0};
    bool complete = true;
    if (selected->is_loaded)
        return ERR_OK;
    enum err err = selected->uidnext > 1 ? snapshot_open(selected->account, &snapshot) : ERR_OK;
    if (!err && snapshot && snapshot_modseq(snapshot) > selected->expunges_known)
        err = snapshot_vanished(snapshot, selected->mailbox_id, selected->expunges_known, &arena, &vanished,
                                &complete);
    if (!err && snapshot)
        err = merge(snapshot, selected, complete ? &vanished : &(struct uid_set){0}, &arena);
    snapshot_close(snapshot);
    arena_free(&arena);
    /* The store may forget expunges; then nobody can tell which message had which number. */
    if (!err && selected->view.count != selected->exists)
        err = ERR_NOT_FOUND;
    if (err)
        view_free(&selected->view);
    selected->is_loaded = !err;
    return err;
}
