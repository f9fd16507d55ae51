/* SPDX-License-Identifier: ISC */
/* FLAGS and EXPUNGE: messages change or go. */
#include "operations.h"

enum err run_flags(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_flags *flags = &operation->flags;
    struct batch_result *result = &operation->result;
    size_t mailbox = 0;
    uint32_t keep = flags->change == FLAGS_ADD      ? UINT32_MAX
                    : flags->change == FLAGS_REMOVE ? ~flags->flags
                                                    : 0;
    uint32_t set = flags->change == FLAGS_REMOVE ? 0 : flags->flags;
    enum err err = work_mailbox(work, operation->mailbox, result, &mailbox);
    if (!err) {
        result->modseq = work_modseq(work);
        err = messages_set_flags(work->change, mailbox, work->modseq, &flags->uids, keep, set,
                                 &result->affected);
    }
    return err;
}

enum err run_expunge(struct batch_work *work, struct batch_operation *operation)
{
    struct batch_result *result = &operation->result;
    size_t mailbox = 0;
    enum err err = work_mailbox(work, operation->mailbox, result, &mailbox);
    if (!err) {
        result->modseq = work_modseq(work);
        err = messages_remove(work->change, mailbox, work->modseq, &operation->expunge.uids, true,
                              &result->affected);
    }
    return err;
}
