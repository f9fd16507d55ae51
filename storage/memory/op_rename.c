/* SPDX-License-Identifier: ISC */
/* RENAME: a mailbox with all below it gets another name and nothing else; INBOX gives its messages away. */
#include "base/mem.h"
#include "op_mailbox.h"

/* One tree on its way. */
struct renaming {
    struct work *work;
    struct slice from, to;
    struct slice *names; /* of the mailboxes, in their order; data NULL: stays as it is */
};

static bool is_in_tree(const struct renaming *renaming, struct slice name)
{
    return slice_eq(name, renaming->from) || mailbox_name_is_below(name, renaming->from);
}

static struct slice new_name(const struct renaming *renaming, struct slice old)
{
    struct slice rest = slice_skip(old, renaming->from.len);
    return slice_from(
        arena_printf(&renaming->work->scratch, "%.*s%.*s", SLICE_ARG(renaming->to), SLICE_ARG(rest)));
}

/* Whether a mailbox has the name and keeps it. */
static bool is_taken(const struct renaming *renaming, struct slice name)
{
    const struct state *state = renaming->work->state;
    for (size_t i = 0; i < state->mailbox_count; i++) {
        struct slice other = text_slice(state->mailboxes[i]->name);
        if (slice_eq(other, name) && !is_in_tree(renaming, other)) {
            return true;
        }
    }
    return false;
}

/* A name further down may become too long or too deep, or be somebody else's. */
static enum err plan_names(struct renaming *renaming)
{
    const struct state *state = renaming->work->state;
    enum err err = ERR_OK;
    renaming->names = arena_array(&renaming->work->scratch, struct slice, state->mailbox_count);
    for (size_t i = 0; i < state->mailbox_count && !err; i++) {
        struct slice old = text_slice(state->mailboxes[i]->name);
        if (is_in_tree(renaming, old)) {
            err = mailbox_name_of(renaming->work, new_name(renaming, old), &renaming->names[i]);
            err = !err && is_taken(renaming, renaming->names[i]) ? ERR_EXISTS : err;
        }
    }
    return err;
}

/* Takes the subscriptions of the old names away: when all are gone, a new name may be an old one. */
static bool *take_subscriptions(struct renaming *renaming)
{
    struct state *state = renaming->work->state;
    bool *subscribed = arena_array(&renaming->work->scratch, bool, state->mailbox_count);
    for (size_t i = 0; i < state->mailbox_count; i++) {
        subscribed[i] = renaming->names[i].data &&
                        table_remove(&state->subscriptions, 0, text_slice(state->mailboxes[i]->name));
    }
    return subscribed;
}

/* Identity and messages stay. */
static enum err rename_tree(struct renaming *renaming)
{
    struct work *work = renaming->work;
    struct state *state = work->state;
    enum err err = plan_names(renaming);
    if (err) {
        return err;
    }
    const bool *subscribed = take_subscriptions(renaming);
    for (size_t i = 0; i < state->mailbox_count; i++) {
        if (renaming->names[i].data) {
            struct mailbox *mailbox = state_own(state, i);
            note_name_gone(state, mailbox);
            text_release(mailbox->name);
            mailbox->name = text_new(renaming->names[i]);
            mailbox->attr_modseq = work_modseq(work, 0);
        }
        if (subscribed[i]) {
            table_put(&state->subscriptions, 0, renaming->names[i], SLICE_EMPTY, 0);
        }
    }
    state_sort(state);
    return make_levels_above(work, renaming->to);
}

/* RFC 3501 section 6.3.5: the messages go to a new mailbox, INBOX and what is below it stay. */
static enum err empty_inbox(struct work *work, struct slice to, struct batch_result *result)
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
    result->mailbox_id = move.result.mailbox_id;
    result->uidvalidity = move.result.uidvalidity;
    return err;
}

enum err run_mailbox_rename(struct work *work, struct batch_operation *operation)
{
    struct batch_result *result = &operation->result;
    struct renaming renaming = {.work = work};
    size_t index;
    enum err err = mailbox_name_of(work, operation->rename.new_name, &renaming.to);
    if (!err) {
        err = work_find(work, operation->mailbox, result, &index);
    }
    if (err) {
        return err;
    }
    renaming.from = arena_copy(&work->scratch, text_slice(work->state->mailboxes[index]->name));
    bool inbox = slice_eq(renaming.from, S("INBOX"));
    if (!inbox && mailbox_name_is_below(renaming.to, renaming.from)) {
        return ERR_SYNTAX;
    }
    if (mailbox_exists(work->state, renaming.to)) {
        return ERR_EXISTS;
    }
    err = inbox ? empty_inbox(work, renaming.to, result) : rename_tree(&renaming);
    result->modseq = work->modseq;
    return err;
}
