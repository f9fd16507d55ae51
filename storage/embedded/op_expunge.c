/* SPDX-License-Identifier: ISC */
/* EXPUNGE: messages go. CLAIM_RECENT: a session takes those that are new for it. */
#include "operations.h"

enum err run_expunge(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_expunge *expunge = &operation->expunge;
    struct batch_result *result = &operation->result;
    struct uid_set_writer removed = {0};
    struct removal removal = {.uids = expunge->uids, .deleted_only = expunge->deleted_only, .unlink = true};
    size_t mailbox = 0;
    enum err err = work_mailbox(work, operation->mailbox, result, &mailbox);
    if (!err) {
        err = messages_remove(work->change, mailbox, &work->modseq, &removal, work->results ? &removed : NULL,
                              &result->affected);
    }
    if (!err && expunge->all_or_none && result->affected < uid_set_size(&expunge->uids)) {
        err = ERR_CONFLICT;
    }
    if (!err && work->results) {
        result->changed = uid_set_take(&removed, work->results);
    }
    uid_set_drop(&removed);
    result->modseq = work->modseq;
    return err;
}

enum err run_claim_recent(struct batch_work *work, struct batch_operation *operation)
{
    size_t mailbox = 0;
    enum err err = work_mailbox(work, operation->mailbox, &operation->result, &mailbox);
    if (!err) {
        struct mailbox_counters *counters = &work->change->mailboxes[mailbox].counters;
        operation->result.uid = (uint32_t)counters->first_recent;
        counters->first_recent = counters->uidnext;
    }
    return err;
}
