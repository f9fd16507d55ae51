/* SPDX-License-Identifier: ISC */
/*
 * The view of an open mailbox, made when it is first needed: SELECT answers from the counters of the mailbox,
 * however many messages it has, and many a client asks for nothing else. What was there at SELECT is what is
 * there now, and what went since.
 */
#include "selected.h"

#define UNSEEN_STEP 1024 /* UIDs of the first look for the first unseen message */

static enum err count_seen_from(struct snapshot *snapshot, int64_t mailbox_id, struct uid_range range,
                                uint64_t *messages, uint64_t *unseen, uint64_t *behind_first_unseen)
{
    struct message_scan scan = {.mailbox_id = mailbox_id, .uids = {&range, 1}};
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

/* From the end backwards, in growing steps: what is unseen is mostly new. */
enum err selected_first_unseen(struct snapshot *snapshot, const struct mailbox_status *status,
                               uint32_t *number_r)
{
    uint64_t messages = 0, unseen = 0, behind = 0, step = UNSEEN_STEP, end = status->uidnext;
    enum err err = ERR_OK;
    while (!err && unseen < status->unseen && end > 1) {
        uint64_t begin = end > step ? end - step : 1;
        err = count_seen_from(snapshot, status->id, (struct uid_range){(uint32_t)begin, (uint32_t)(end - 1)},
                              &messages, &unseen, &behind);
        end = begin;
        step *= 4;
    }
    *number_r = behind > 0 && behind <= status->messages ? (uint32_t)(status->messages - behind + 1) : 0;
    return err;
}

/* What is there, joined with what went; both ascend. */
static enum err merge(struct snapshot *snapshot, struct selected *selected, const struct uid_set *vanished)
{
    struct uid_range known = {1, selected->uidnext - 1};
    struct message_scan scan = {.mailbox_id = selected->mailbox_id, .uids = {&known, 1}};
    struct message_page page;
    enum err err = ERR_OK;
    size_t next = 0;
    message_page_init(&page, 0);
    while (!err && !scan.done) {
        err = snapshot_scan(snapshot, &scan, &page);
        for (size_t i = 0; !err && i < page.count; i++) {
            for (; next < vanished->count && vanished->ranges[next].last < page.uids[i]; next++)
                view_append_range(&selected->view, vanished->ranges[next].first, vanished->ranges[next].last);
            view_append(&selected->view, page.uids[i]);
        }
    }
    message_page_free(&page);
    for (; next < vanished->count && vanished->ranges[next].first < selected->uidnext; next++)
        view_append_range(&selected->view, vanished->ranges[next].first,
                          MIN_OF(vanished->ranges[next].last, selected->uidnext - 1));
    return err;
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
        err = merge(snapshot, selected, complete ? &vanished : &(struct uid_set){0});
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
