/* SPDX-License-Identifier: ISC */
/* FLAGS: STORE, also on condition (RFC 7162 section 3.1.3). */
#include "operations.h"
#include "viewers.h"

/* The keywords that the operation names. To take away one that the account does not have, or to add one to
 * no message, makes none. */
static enum err find_keywords(struct batch_work *work, size_t mailbox, const struct batch_flags *flags,
                              struct keyword_set *set_r)
{
    if (flags->keeps_keywords) {
        *set_r = (struct keyword_set){0};
        return ERR_OK;
    }
    bool create = flags->change != FLAGS_REMOVE && flags->keyword_count;
    if (create) {
        enum err err = messages_any(work->change, mailbox, &flags->uids, &create);
        if (err) {
            return err;
        }
    }
    return keywords_find(work->change, flags->keywords, flags->keyword_count, create, set_r);
}

static struct marking marking_of(const struct batch_flags *flags, const struct keyword_set *keywords)
{
    struct marking marking = {
        .uids = flags->uids,
        .replace = flags->change == FLAGS_REPLACE,
        .replace_keywords = flags->change == FLAGS_REPLACE && !flags->keeps_keywords,
        .kept = flags->kept,
        .conditional = flags->never || flags->unchanged_since,
        .unchanged_since = flags->never ? 0 : flags->unchanged_since,
    };
    if (flags->change == FLAGS_REMOVE) {
        marking.remove = flags->flags & MESSAGE_FLAGS_ALL;
        marking.remove_keywords = *keywords;
    } else {
        marking.add = flags->flags & MESSAGE_FLAGS_ALL;
        marking.add_keywords = *keywords;
    }
    return marking;
}

static enum err mark(struct batch_work *work, size_t mailbox, const struct marking *marking,
                     struct batch_result *result)
{
    struct uid_set_writer changed = {0}, failed = {0};
    struct arena *arena = work->results;
    enum err err = messages_mark(work->change, mailbox, &work->modseq, marking, arena ? &changed : NULL,
                                 arena ? &failed : NULL, &result->affected);
    if (!err && arena) {
        result->changed = uid_set_take(&changed, arena);
        result->failed = uid_set_take(&failed, arena);
    }
    uid_set_drop(&changed);
    uid_set_drop(&failed);
    return err;
}

enum err run_flags(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_flags *flags = &operation->flags;
    struct batch_result *result = &operation->result;
    struct keyword_set keywords;
    struct slice viewer;
    size_t mailbox = 0;
    enum err err = viewer_of(work->change, flags->viewer, &viewer);
    if (!err) {
        err = work_mailbox(work, operation->mailbox, result, &mailbox);
    }
    if (!err) {
        err = find_keywords(work, mailbox, flags, &keywords);
    }
    if (!err) {
        struct marking marking = marking_of(flags, &keywords);
        marking.viewer = viewer;
        err = mark(work, mailbox, &marking, result);
    }
    result->modseq = work->modseq;
    return err;
}
