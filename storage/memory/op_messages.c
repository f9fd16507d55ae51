/* SPDX-License-Identifier: ISC */
/* COPY, MOVE, FLAGS, EXPUNGE, CLAIM_RECENT: messages that are there. */
#include "base/mem.h"
#include "op_keywords.h"
#include "viewers.h"

/* UIDs that an operation works on, gathered before rows move. */
struct uid_list {
    uint32_t *uids;
    size_t count, room;
};

static void add_uid(struct uid_list *list, uint32_t uid)
{
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->uids = mem_realloc_array(list->uids, list->room, sizeof(uid));
    }
    list->uids[list->count++] = uid;
}

static struct uid_list uids_present(const struct mailbox *mailbox, const struct uid_set *set,
                                    uint32_t needed_flags)
{
    struct uid_list list = {0};
    struct row_walk walk = row_walk(mailbox, set);
    for (const struct row *row; (row = row_walk_next(&walk));) {
        if ((row->flags & needed_flags) == needed_flags) {
            add_uid(&list, row->uid);
        }
    }
    return list;
}

static struct uid_set list_set(struct work *work, const struct uid_list *list)
{
    struct uid_set_writer writer = {0};
    for (size_t i = 0; i < list->count; i++) {
        uid_set_add(&writer, list->uids[i]);
    }
    return work_set(work, &writer);
}

/* --- COPY and MOVE --- */

struct copying {
    size_t from, to;
    uint32_t dropped;
    bool drops_keywords;
    struct slice unseen_by; /* the viewer who is to have seen none of the copies; empty: nobody */
};

/* Copies one row; rows of the source may move when it is the target too, so it is looked up by its UID. */
static enum err copy_row(struct work *work, const struct copying *copying, uint32_t uid, bool charged,
                         struct batch_result *result)
{
    static const struct keyword_set none;
    struct row copy = row_share(mailbox_find(work->state->mailboxes[copying->from], uid));
    copy.flags &= ~copying->dropped;
    if (copying->drops_keywords) {
        keywords_store(&none, &copy);
    }
    enum err err = charged ? work_charge(work, copy.body->summary.size, 1) : ERR_OK;
    if (err) {
        row_release(&copy);
        return err;
    }
    copy.uid = 0;
    err = work_add_row(work, state_own(work->state, copying->to), &copy);
    if (!err && result->affected++ == 0) {
        result->uid = copy.uid;
    }
    return err;
}

static enum err copy_rows(struct work *work, const struct copying *copying, const struct uid_list *list,
                          bool charged, struct batch_result *result)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < list->count && !err; i++) {
        err = copy_row(work, copying, list->uids[i], charged, result);
    }
    if (!err) {
        if (list->count) {
            viewers_copy(work, copying->from, copying->to, copying->unseen_by, list->uids, list->count,
                         result->uid);
        }
        result->source = list_set(work, list);
        result->modseq = work->modseq;
    }
    return err;
}

/* What is moved is taken off the quota where it was, so it is charged where it comes without a limit. */
static void charge_moved(struct work *work, const struct mailbox *from, const struct uid_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        work->state->quota.bytes += mailbox_find(from, list->uids[i])->body->summary.size;
        work->state->quota.messages++;
    }
}

static enum err copy_or_move(struct work *work, struct batch_operation *operation, bool move)
{
    const struct batch_copy *copy = &operation->copy;
    struct copying copying = {.dropped = copy->dropped, .drops_keywords = copy->drops_keywords};
    struct slice viewer;
    struct batch_result source;
    enum err err = viewer_of(work, copy->viewer, &viewer);
    if (!err) {
        err = work_find(work, operation->mailbox, &source, &copying.from);
    }
    if (!err) {
        err = work_find(work, copy->target, &operation->result, &copying.to);
    }
    if (err) {
        return err;
    }
    if (viewer.len && (copy->dropped & MESSAGE_SEEN)) {
        copying.dropped &= ~(uint32_t)MESSAGE_SEEN;
        copying.unseen_by = viewer;
    }
    struct uid_list list = uids_present(work->state->mailboxes[copying.from], &copy->uids, 0);
    err = copy_rows(work, &copying, &list, !move, &operation->result);
    if (!err && move) {
        charge_moved(work, work->state->mailboxes[copying.from], &list);
        work_remove_rows(work, copying.from, list.uids, list.count);
    }
    mem_free(list.uids);
    return err;
}

enum err run_copy(struct work *work, struct batch_operation *operation)
{
    return copy_or_move(work, operation, false);
}

enum err run_move(struct work *work, struct batch_operation *operation)
{
    return copy_or_move(work, operation, true);
}

/* --- FLAGS --- */

struct flag_change {
    const struct batch_flags *flags;
    struct keyword_set keywords;
    struct slice viewer;
    struct uid_set seen; /* by him, before */
    struct uid_list now_seen, now_unseen;
};

/* The row as it is to be; the keywords apart, because storing them makes memory. */
static uint32_t changed_flags(const struct flag_change *change, uint32_t flags)
{
    uint32_t kept = change->flags->kept;
    uint32_t named = change->flags->flags & MESSAGE_FLAGS_ALL & ~kept;
    switch (change->flags->change) {
    case FLAGS_ADD:
        return flags | named;
    case FLAGS_REMOVE:
        return flags & ~named;
    case FLAGS_REPLACE:
        break;
    }
    return named | (flags & kept);
}

static struct keyword_set changed_keywords(const struct flag_change *change, struct keyword_set set)
{
    for (size_t i = 0; i < ARRAY_LEN(set.words) && !change->flags->keeps_keywords; i++) {
        uint64_t named = change->keywords.words[i];
        set.words[i] = change->flags->change == FLAGS_ADD      ? set.words[i] | named
                       : change->flags->change == FLAGS_REMOVE ? set.words[i] & ~named
                                                               : named;
    }
    return set;
}

static bool sets_differ(const struct keyword_set *a, const struct keyword_set *b)
{
    for (size_t i = 0; i < ARRAY_LEN(a->words); i++) {
        if (a->words[i] != b->words[i]) {
            return true;
        }
    }
    return false;
}

/* With a viewer: \Seen of the message stays, his own is put down to be changed. *flags are those that the
 * message would get otherwise. Whether his changes. */
static bool change_seen(struct flag_change *change, const struct row *row, uint32_t *flags)
{
    if (change->viewer.len == 0) {
        return false;
    }
    uint32_t before = uid_set_has(&change->seen, row->uid) ? MESSAGE_SEEN : 0;
    uint32_t after = changed_flags(change, before) & MESSAGE_SEEN;
    *flags = (*flags & ~(uint32_t)MESSAGE_SEEN) | (row->flags & MESSAGE_SEEN);
    if (after != before) {
        add_uid(after ? &change->now_seen : &change->now_unseen, row->uid);
    }
    return after != before;
}

static void write_seen(struct work *work, size_t index, struct flag_change *change)
{
    struct uid_set seen = uid_set_from_uids(&work->scratch, change->now_seen.uids, change->now_seen.count);
    struct uid_set unseen =
        uid_set_from_uids(&work->scratch, change->now_unseen.uids, change->now_unseen.count);
    if (seen.count || unseen.count) {
        struct mailbox *mailbox = state_own(work->state, index);
        viewer_mark(mailbox, change->viewer, &seen, true);
        viewer_mark(mailbox, change->viewer, &unseen, false);
    }
    mem_free(change->now_seen.uids);
    mem_free(change->now_unseen.uids);
}

/* Whether the row really changes; then it is changed. */
static bool change_row(struct work *work, size_t index, struct flag_change *change, struct place place)
{
    const struct row *row = mailbox_row(work->state->mailboxes[index], place);
    uint32_t before = row->flags, flags = changed_flags(change, before);
    struct keyword_set old = keywords_of(row), keywords = changed_keywords(change, old);
    bool seen_changed = change_seen(change, row, &flags);
    if (flags == before && !sets_differ(&old, &keywords) && !seen_changed) {
        return false;
    }
    struct mailbox *mailbox = state_own(work->state, index);
    struct row *mine = mailbox_edit(mailbox, place);
    mine->flags = flags;
    mine->modseq = mailbox->status.highestmodseq = work_modseq(work, mailbox->status.id);
    keywords_store(&keywords, mine);
    mailbox_flags_changed(mailbox, before, flags);
    return true;
}

static bool condition_fails(const struct batch_flags *flags, const struct row *row)
{
    return flags->never || (flags->unchanged_since && row->modseq > flags->unchanged_since);
}

enum err run_flags(struct work *work, struct batch_operation *operation)
{
    const struct batch_flags *flags = &operation->flags;
    struct batch_result *result = &operation->result;
    struct flag_change change = {.flags = flags};
    struct uid_list changed = {0}, failed = {0};
    size_t index;
    enum err err = viewer_of(work, flags->viewer, &change.viewer);
    if (!err) {
        err = work_find(work, operation->mailbox, result, &index);
    }
    if (err) {
        return err;
    }
    change.seen = viewer_seen(work->state->mailboxes[index], change.viewer);
    struct uid_list list = uids_present(work->state->mailboxes[index], &flags->uids, 0);
    bool make = flags->change != FLAGS_REMOVE && list.count; /* for no message none is made */
    size_t keyword_count = flags->keeps_keywords ? 0 : flags->keyword_count;
    err = keywords_named(work, flags->keywords, keyword_count, make, &change.keywords);
    if (err) {
        mem_free(list.uids);
        return err;
    }
    for (size_t i = 0; i < list.count; i++) {
        struct place place = mailbox_seek(work->state->mailboxes[index], list.uids[i]);
        if (condition_fails(flags, mailbox_row(work->state->mailboxes[index], place))) {
            add_uid(&failed, list.uids[i]);
        } else if (change_row(work, index, &change, place)) {
            add_uid(&changed, list.uids[i]);
        }
    }
    write_seen(work, index, &change);
    result->affected = changed.count;
    result->modseq = work->modseq;
    result->changed = list_set(work, &changed);
    result->failed = list_set(work, &failed);
    mem_free(list.uids);
    mem_free(changed.uids);
    mem_free(failed.uids);
    return ERR_OK;
}

/* --- EXPUNGE and RECENT --- */

enum err run_expunge(struct work *work, struct batch_operation *operation)
{
    struct batch_result *result = &operation->result;
    size_t index;
    enum err err = work_find(work, operation->mailbox, result, &index);
    if (err) {
        return err;
    }
    uint32_t needed = operation->expunge.deleted_only ? MESSAGE_DELETED : 0;
    struct uid_list list = uids_present(work->state->mailboxes[index], &operation->expunge.uids, needed);
    if (operation->expunge.all_or_none && list.count < uid_set_size(&operation->expunge.uids)) {
        mem_free(list.uids);
        return ERR_CONFLICT;
    }
    work_remove_rows(work, index, list.uids, list.count);
    result->affected = list.count;
    result->modseq = work->modseq;
    result->changed = list_set(work, &list);
    mem_free(list.uids);
    return ERR_OK;
}

enum err run_claim_recent(struct work *work, struct batch_operation *operation)
{
    struct batch_result *result = &operation->result;
    size_t index;
    enum err err = work_find(work, operation->mailbox, result, &index);
    if (err) {
        return err;
    }
    struct mailbox *mailbox = state_own(work->state, index);
    result->uid = mailbox->status.first_recent;
    mailbox->status.first_recent = mailbox->status.uidnext;
    return ERR_OK;
}
