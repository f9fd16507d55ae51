/* SPDX-License-Identifier: ISC */
/* Each set is the value of a record of the mailbox's table `viewers`, replaced as a whole. */
#include "viewers.h"

#include "settings_check.h"

enum err viewer_of(const struct work *work, struct slice login, struct slice *viewer_r)
{
    bool owner = login.len == 0 || slice_eq(login, text_slice(work->account->login));
    *viewer_r = owner ? SLICE_EMPTY : login;
    return owner || rights_identifier_is_valid(login) ? ERR_OK : ERR_SYNTAX;
}

static struct uid_set set_of(const struct record *record)
{
    return (struct uid_set){(const struct uid_range *)(const void *)record->value->data,
                            record->value->len / sizeof(struct uid_range)};
}

struct uid_set viewer_seen(const struct mailbox *mailbox, struct slice viewer)
{
    const struct record *record = table_find(mailbox->viewers, 0, viewer);
    return record ? set_of(record) : (struct uid_set){0};
}

void viewer_mark(struct mailbox *mailbox, struct slice viewer, const struct uid_set *uids, bool seen)
{
    struct arena arena = {0};
    struct uid_set before = viewer_seen(mailbox, viewer);
    struct uid_set after = seen ? uid_set_union(&arena, &before, uids) : uid_set_minus(&arena, &before, uids);
    viewer = arena_copy(&arena, viewer); /* it may be the record's own */
    if (after.count) {
        table_put(&mailbox->viewers, 0, viewer, slice_of(after.ranges, after.count * sizeof(*after.ranges)),
                  0);
    } else {
        table_remove(&mailbox->viewers, 0, viewer);
    }
    arena_free(&arena);
}

void viewers_forget(struct mailbox *mailbox, const struct uid_set *uids)
{
    for (size_t i = mailbox->viewers->count; i-- > 0;) { /* backwards: an empty one goes */
        viewer_mark(mailbox, text_slice(mailbox->viewers->records[i].name), uids, false);
    }
}

void viewers_copy(struct work *work, size_t from, size_t to, struct slice but, const uint32_t *uids,
                  size_t count, uint32_t first)
{
    struct mailbox *target = state_own(work->state, to);
    struct table *source = table_share(work->state->mailboxes[from]->viewers);
    for (size_t i = 0; i < source->count; i++) {
        bool is_left_out = slice_eq(text_slice(source->records[i].name), but);
        struct uid_set seen = is_left_out ? (struct uid_set){0} : set_of(&source->records[i]);
        struct uid_set_writer writer = {0};
        for (size_t j = 0; j < count; j++) {
            if (uid_set_has(&seen, uids[j])) {
                uid_set_add(&writer, first + (uint32_t)j);
            }
        }
        struct uid_set copied = uid_set_take(&writer, &work->scratch);
        viewer_mark(target, text_slice(source->records[i].name), &copied, true);
    }
    table_release(source);
}
