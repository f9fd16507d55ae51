/* SPDX-License-Identifier: ISC */
/* APPEND: a sealed blob becomes a message. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "operations.h"

static enum err link_blob(struct batch_work *work, size_t mailbox, const struct blob *blob,
                          const struct new_message *message)
{
    const char *name;
    enum err err = work_plan_file(work, mailbox, message, &name);
    if (!err) {
        err = blob_link(blob, work->change->mailboxes[mailbox].cur_fd, name);
    }
    if (!err) {
        work_made_file(work, mailbox, name);
    }
    return err;
}

enum err run_append(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_append *append = &operation->append;
    struct batch_result *result = &operation->result;
    const struct blob *blob = append->blob;
    size_t mailbox = 0;
    if (!blob->sealed || append->summary->file_size != blob->size) {
        log_error("batch.blob_mismatch", log_number("sealed", blob->sealed), log_number("blob", blob->size),
                  log_number("summary", append->summary->file_size));
        return ERR_CONFLICT;
    }
    struct new_message message = {
        .hash = blob->hash,
        .summary = append->summary,
        .flags = append->flags & MESSAGE_FLAGS_ALL,
        .internal_date_us = append->internal_date_us ? append->internal_date_us : clock_wall_us(),
    };
    randombytes_buf(message.guid, GUID_SIZE);
    enum err err = work_mailbox(work, operation->mailbox, result, &mailbox);
    if (!err) {
        err = message_insert(work->change, mailbox, work_modseq(work), &message);
    }
    if (!err) {
        err = link_blob(work, mailbox, blob, &message);
    }
    if (!err) {
        result->uid = message.uid;
        result->modseq = work->modseq;
        result->affected = 1;
        memcpy(result->guid, message.guid, GUID_SIZE);
    }
    return err;
}
