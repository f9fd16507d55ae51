/* SPDX-License-Identifier: ISC */
/* APPEND, and how rows come into mailboxes and out of them. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "op_keywords.h"
#include "viewers.h"

enum err work_add_row(struct work *work, struct mailbox *mailbox, struct row *row)
{
    struct mailbox_status *status = &mailbox->status;
    uint32_t uid = row->uid ? row->uid : status->uidnext;
    enum err err = uid == UINT32_MAX ? ERR_LIMIT : mailbox_find(mailbox, uid) ? ERR_EXISTS : ERR_OK;
    if (err) {
        row_release(row);
        return err;
    }
    row->uid = uid;
    row->modseq = work_modseq(work, status->id);
    row->saved_us = work->now_us;
    status->uidnext = MAX_OF(status->uidnext, uid + 1);
    status->highestmodseq = row->modseq;
    mailbox_insert(mailbox, *row);
    return ERR_OK;
}

void work_remove_rows(struct work *work, size_t index, const uint32_t *uids, size_t count)
{
    if (count == 0) {
        return;
    }
    struct mailbox *mailbox = state_own(work->state, index);
    struct uid_set gone = uid_set_from_uids(&work->scratch, uids, count);
    size_t max = atomic_load(&work->account->store->vanished_max);
    uint64_t bytes = mailbox->status.bytes;
    mailbox->status.highestmodseq = work_modseq(work, mailbox->status.id);
    for (size_t i = 0; i < count; i++) {
        mailbox_remove(mailbox, uids[i]);
        mailbox_note_vanished(mailbox, work->modseq, (struct uid_range){uids[i], uids[i]}, max);
    }
    viewers_forget(mailbox, &gone);
    work->state->quota.messages -= count;
    work->state->quota.bytes -= bytes - mailbox->status.bytes;
}

static struct body *body_of_guid(const struct state *state, const unsigned char *guid)
{
    for (size_t i = 0; i < state->mailbox_count; i++) {
        struct place place = {0};
        const struct row *row;
        for (; (row = mailbox_row(state->mailboxes[i], place));
             place = mailbox_next(state->mailboxes[i], place)) {
            if (memcmp(row->body->guid, guid, GUID_BYTES) == 0) {
                return row->body;
            }
        }
    }
    return NULL;
}

static struct body *new_body(struct work *work, const struct batch_append *append)
{
    struct body *body = body_new(++work->state->last_body, append->summary, blob_content(append->blob));
    if (append->wanted_guid) {
        memcpy(body->guid, append->wanted_guid, GUID_BYTES);
    }
    if (work->body_count == work->body_room) {
        work->body_room = work->body_room ? 2 * work->body_room : 8;
        work->bodies = mem_realloc_array(work->bodies, work->body_room, sizeof(struct body *));
    }
    work->bodies[work->body_count++] = body_share(body); /* it may be expunged again in this batch */
    return body;
}

/* A reference for the row: a body that the account has already under the wanted guid, or a new one. */
static enum err take_body(struct work *work, const struct batch_append *append, struct body **body_r)
{
    struct body *known = append->wanted_guid ? body_of_guid(work->state, append->wanted_guid) : NULL;
    if (!known) {
        *body_r = new_body(work, append);
        return ERR_OK;
    }
    if (!slice_eq(text_slice(known->content), text_slice(blob_content(append->blob)))) {
        return ERR_EXISTS;
    }
    *body_r = body_share(known);
    return ERR_OK;
}

static enum err check_blob(const struct batch_append *append)
{
    if (blob_content(append->blob) && append->summary->file_size == blob_size(append->blob)) {
        return ERR_OK;
    }
    log_error("batch.blob_mismatch", log_number("blob", blob_size(append->blob)),
              log_number("summary", append->summary->file_size));
    return ERR_CONFLICT;
}

enum err run_append(struct work *work, struct batch_operation *operation)
{
    const struct batch_append *append = &operation->append;
    struct batch_result *result = &operation->result;
    struct keyword_set keywords;
    struct row row = {
        .uid = append->wanted_uid,
        .flags = append->flags & MESSAGE_FLAGS_ALL,
        .internal_date_us = append->internal_date_us ? append->internal_date_us : work->now_us,
    };
    struct slice viewer;
    size_t index;
    enum err err = check_blob(append);
    if (!err) {
        err = viewer_of(work, append->viewer, &viewer);
    }
    if (!err) {
        err = work_find(work, operation->mailbox, result, &index);
    }
    if (!err) {
        err = keywords_named(work, append->keywords, append->keyword_count, true, &keywords);
    }
    if (!err) {
        err = work_charge(work, append->summary->size, 1);
    }
    if (!err) {
        err = take_body(work, append, &row.body);
    }
    if (err) {
        return err;
    }
    keywords_store(&keywords, &row);
    memcpy(result->guid, row.body->guid, GUID_BYTES);
    bool seen = viewer.len && (row.flags & MESSAGE_SEEN);
    if (seen) { /* by him, not by the owner */
        row.flags &= ~(uint32_t)MESSAGE_SEEN;
    }
    err = work_add_row(work, state_own(work->state, index), &row);
    if (!err && seen) {
        struct uid_set one = uid_set_from_uids(&work->scratch, &row.uid, 1);
        viewer_mark(state_own(work->state, index), viewer, &one, true);
    }
    result->uid = row.uid;
    result->modseq = work->modseq;
    result->affected = 1;
    return err;
}
