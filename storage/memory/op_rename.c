/* SPDX-License-Identifier: ISC */
/* RENAME: a mailbox with all below it gets another name and nothing else; INBOX gives its messages away. */
#include "base/mem.h"
#include "op_mailbox.h"

/* Identity, messages and subscription stay; the name says more or less at its beginning. */
static void rename_one(struct work *work, size_t index, struct slice new_name)
{
    struct state *state = work->state;
    struct mailbox *mailbox = state_own(state, index);
    struct slice old_name = text_slice(mailbox->name);
    note_name_gone(state, mailbox);
    if (table_remove(&state->subscriptions, 0, old_name)) {
        table_put(&state->subscriptions, 0, new_name, SLICE_EMPTY, 0);
    }
    text_release(mailbox->name);
    mailbox->name = text_new(new_name);
    mailbox->attr_modseq = work_modseq(work, 0);
}

struct new_name {
    int64_t mailbox_id;
    struct slice name;
};

/* What the mailbox and those below it are to be called. ERR_SYNTAX, ERR_EXISTS. */
static enum err plan_names(struct work *work, struct slice from, struct slice to, struct new_name *plan,
                           size_t *count_r)
{
    const struct state *state = work->state;
    enum err err = ERR_OK;
    size_t count = 0;
    for (size_t i = 0; i < state->mailbox_count && !err; i++) {
        struct slice name = text_slice(state->mailboxes[i]->name);
        if (!slice_eq(name, from) && !mailbox_name_is_below(name, from)) {
            continue;
        }
        struct slice tail = slice_skip(name, from.len);
        struct slice wanted =
            slice_from(arena_printf(&work->scratch, "%.*s%.*s", SLICE_ARG(to), SLICE_ARG(tail)));
        plan[count].mailbox_id = state->mailboxes[i]->status.id;
        err = mailbox_name_of(work, wanted, &plan[count].name);
        if (!err && mailbox_exists(state, plan[count].name)) {
            err = ERR_EXISTS;
        }
        count++;
    }
    *count_r = count;
    return err;
}

static enum err rename_tree(struct work *work, struct slice from, struct slice to)
{
    struct new_name *plan = arena_array(&work->scratch, struct new_name, work->state->mailbox_count);
    size_t count = 0, index;
    enum err err = plan_names(work, from, to, plan, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = state_find(work->state, mailbox_numbered(plan[i].mailbox_id), &index);
        if (!err) {
            rename_one(work, index, plan[i].name);
        }
    }
    state_sort(work->state);
    return err ? err : make_levels_above(work, to);
}

/* RFC 3501 section 6.3.5: the messages go to a new mailbox, INBOX and what is below it stay. */
static enum err empty_inbox(struct work *work, struct batch_operation *operation, struct slice to)
{
    struct batch_operation move = {
        .kind = BATCH_MOVE,
        .mailbox = mailbox_named(S("INBOX")),
        .copy = {.uids = uid_set_all},
    };
    enum err err = make_levels_above(work, to);
    if (err) {
        return err;
    }
    const struct mailbox *made = make_mailbox(work, to, &(struct batch_create){.special_use = SLICE_EMPTY});
    move.copy.target = mailbox_numbered(made->status.id);
    err = run_move(work, &move);
    operation->result.mailbox_id = move.result.mailbox_id;
    operation->result.uidvalidity = move.result.uidvalidity;
    operation->result.affected = move.result.affected;
    return err;
}

enum err run_mailbox_rename(struct work *work, struct batch_operation *operation)
{
    struct slice to;
    size_t index;
    enum err err = work_find(work, operation->mailbox, &operation->result, &index);
    if (!err) {
        err = mailbox_name_of(work, operation->rename.new_name, &to);
    }
    if (!err && mailbox_exists(work->state, to)) {
        err = ERR_EXISTS;
    }
    if (err) {
        return err;
    }
    struct slice from = arena_copy(&work->scratch, text_slice(work->state->mailboxes[index]->name));
    if (slice_eq(from, S("INBOX"))) {
        err = empty_inbox(work, operation, to);
    } else {
        err = mailbox_name_is_below(to, from) ? ERR_SYNTAX : rename_tree(work, from, to);
    }
    operation->result.modseq = work->modseq;
    return err;
}
