/* SPDX-License-Identifier: ISC */
/*
 * RENAME: rows get new names, folders follow by intents (intent_folder.c). INBOX, which must always be there,
 * gives its messages to a new mailbox instead.
 */
#include "intents.h"
#include "op_mailbox.h"

/* One tree on its way. */
struct renaming {
    struct batch_work *work;
    struct slice from, to;
};

static struct slice new_name(const struct renaming *renaming, struct slice old)
{
    struct slice rest = slice_skip(old, renaming->from.len);
    return slice_from(
        arena_printf(&renaming->work->change->arena, "%.*s%.*s", SLICE_ARG(renaming->to), SLICE_ARG(rest)));
}

static enum err rename_subscription(struct batch_work *work, struct slice from, struct slice to)
{
    bool changed = false;
    enum err err = work_subscribe(work, from, false, &changed);
    return err || !changed ? err : work_subscribe(work, to, true, &changed);
}

static enum err rename_one(struct renaming *renaming, const struct mailbox_row *row)
{
    struct batch_work *work = renaming->work;
    struct change *change = work->change;
    struct slice name = new_name(renaming, row->name);
    /* A name further down may become too long or too deep. */
    enum err err = mailbox_name_check(&change->arena, name, &name);
    if (!err) {
        err = mailbox_name_given_up(change, row, work_modseq(work));
    }
    if (!err) {
        err = mailbox_row_rename(change, row, name, work->modseq);
    }
    if (!err) {
        err = rename_subscription(work, row->name, name);
    }
    return err ? err : intent_put(change, INTENT_FOLDER, row->id, SLICE_EMPTY);
}

/* In the order of mailbox_rows_below: what is renamed to a name further up in its own tree finds it free. */
static enum err rename_tree(struct renaming *renaming, const struct mailbox_row *top)
{
    struct mailbox_row *list = NULL;
    size_t count = 0;
    enum err err = work_make_levels_above(renaming->work, renaming->to);
    if (!err) {
        err = mailbox_rows_below(renaming->work->change, renaming->from, &list, &count);
    }
    if (!err) {
        err = rename_one(renaming, top);
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = rename_one(renaming, &list[i]);
    }
    return err;
}

/* RFC 3501 section 6.3.5 */
static enum err rename_inbox(struct batch_work *work, struct slice to, struct batch_result *result)
{
    struct mailbox_row row = {.name = to, .special_use = SLICE_EMPTY};
    enum err err = work_make_levels_above(work, to);
    if (!err) {
        err = work_make_mailbox(work, &row);
    }
    if (err) {
        return err;
    }
    struct batch_operation move = {
        .kind = BATCH_MOVE,
        .mailbox = mailbox_named(S("INBOX")),
        .copy = {.uids = uid_set_all, .target = mailbox_numbered(row.id)},
    };
    err = run_move(work, &move);
    result->mailbox_id = row.id;
    result->uidvalidity = row.uidvalidity;
    result->affected = move.result.affected;
    return err;
}

static enum err check_target(struct change *change, const struct mailbox_row *row, struct slice to)
{
    struct mailbox_row other;
    enum err err = mailbox_row_by_name(change, to, &other);
    if (err != ERR_NOT_FOUND) {
        return err ? err : ERR_EXISTS;
    }
    return mailbox_name_is_below(to, row->name) && !slice_eq(row->name, S("INBOX")) ? ERR_SYNTAX : ERR_OK;
}

enum err run_mailbox_rename(struct batch_work *work, struct batch_operation *operation)
{
    struct batch_result *result = &operation->result;
    struct change *change = work->change;
    struct mailbox_row row;
    struct slice to;
    work->mailboxes_changed = true;
    enum err err = mailbox_row_find(change, operation->mailbox, &row);
    if (!err) {
        err = mailbox_name_check(&change->arena, operation->rename.new_name, &to);
    }
    if (!err) {
        to = arena_copy(&change->arena, to);
        err = check_target(change, &row, to);
    }
    if (err) {
        return err;
    }
    if (slice_eq(row.name, S("INBOX"))) {
        err = rename_inbox(work, to, result);
    } else {
        err = rename_tree(&(struct renaming){.work = work, .from = row.name, .to = to}, &row);
        result->mailbox_id = row.id;
        result->uidvalidity = row.uidvalidity;
    }
    result->modseq = work->modseq;
    return err;
}
