/* SPDX-License-Identifier: ISC */
/* APPEND: a sealed blob becomes a message. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "guid.h"
#include "operations.h"
#include "viewers.h"

static enum err link_blob(struct batch_work *work, size_t mailbox, const struct blob *blob,
                          const struct new_message *message)
{
    const char *name;
    enum err err = work_plan_file(work, mailbox, message->base, message->suffix, &name);
    if (!err) {
        err = blob_link(blob, work->change->mailboxes[mailbox].cur_fd, name);
    }
    if (!err) {
        work_made_file(work, mailbox, name);
    }
    return err;
}

/* ERR_EXISTS when the UID is taken. */
static enum err want_uid(struct change *change, size_t mailbox, uint32_t uid)
{
    bool exists = false;
    if (uid == 0) {
        return ERR_OK;
    }
    enum err err = uid > UID_MAX ? ERR_LIMIT : message_exists(change, mailbox, uid, &exists);
    return !err && exists ? ERR_EXISTS : err;
}

static struct new_message describe(const struct batch_append *append)
{
    struct new_message message = {
        .hash = append->blob->hash,
        .summary = append->summary,
        .flags = append->flags & MESSAGE_FLAGS_ALL,
        .internal_date_us = append->internal_date_us ? append->internal_date_us : clock_wall_us(),
        .wanted_uid = append->wanted_uid,
        .guid_is_known = append->wanted_guid != NULL,
    };
    if (append->wanted_guid) {
        memcpy(message.guid, append->wanted_guid, GUID_SIZE);
    } else {
        guid_make(message.guid);
    }
    return message;
}

static bool is_sealed(const struct batch_append *append)
{
    const struct blob *blob = append->blob;
    if (!blob->sealed || append->summary->file_size != blob->size) {
        log_error("batch.blob_mismatch", log_number("sealed", blob->sealed), log_number("blob", blob->size),
                  log_number("summary", append->summary->file_size));
        return false;
    }
    return true;
}

/* Who puts a message that is seen into the mailbox of another has seen it himself. */
static enum err mark_seen(struct change *change, size_t mailbox, struct slice viewer, uint32_t uid)
{
    const struct uid_range range = {uid, uid};
    const struct uid_set one = {&range, 1};
    return viewer_mark(change, change->mailboxes[mailbox].id, viewer, &one, true);
}

static enum err insert(struct batch_work *work, const struct batch_append *append, size_t mailbox,
                       struct new_message *message)
{
    struct slice viewer;
    enum err err = viewer_of(work->change, append->viewer, &viewer);
    bool seen = !err && viewer.len && (message->flags & MESSAGE_SEEN);
    if (seen) {
        message->flags &= ~(uint32_t)MESSAGE_SEEN;
    }
    if (!err) {
        err = want_uid(work->change, mailbox, append->wanted_uid);
    }
    if (!err) {
        err = keywords_find(work->change, append->keywords, append->keyword_count, true, &message->keywords);
    }
    if (!err) {
        err = message_insert(work->change, mailbox, work_modseq(work), message);
    }
    if (!err && seen) {
        err = mark_seen(work->change, mailbox, viewer, message->uid);
    }
    return err ? err : link_blob(work, mailbox, append->blob, message);
}

enum err run_append(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_append *append = &operation->append;
    struct batch_result *result = &operation->result;
    size_t mailbox = 0;
    if (!is_sealed(append)) {
        return ERR_CONFLICT;
    }
    struct new_message message = describe(append);
    enum err err = work_mailbox(work, operation->mailbox, result, &mailbox);
    if (!err) {
        err = insert(work, append, mailbox, &message);
    }
    if (!err) {
        result->uid = message.uid;
        result->modseq = work->modseq;
        result->affected = 1;
        memcpy(result->guid, message.guid, GUID_SIZE);
    }
    return err;
}
