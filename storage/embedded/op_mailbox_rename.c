/* SPDX-License-Identifier: ISC */
/*
 * RENAME: rows get new names, folders follow by intents (intent_folder.c). INBOX, which must always be there,
 * gives its messages to a new mailbox instead.
 */
#include "base/mem.h"
#include "intents.h"
#include "op_mailbox.h"

/* One tree on its way. */
struct renaming {
    struct batch_work *work;
    struct slice from, to;
    size_t count;
};

static struct slice new_name(const struct renaming *renaming, struct slice old)
{
    struct slice rest = slice_skip(old, renaming->from.len);
    return slice_from(
        arena_printf(&renaming->work->change->arena, "%.*s%.*s", SLICE_ARG(renaming->to), SLICE_ARG(rest)));
}

static enum err rename_one(struct renaming *renaming, const struct mailbox_row *row)
{
    struct change *change = renaming->work->change;
    struct slice name = new_name(renaming, row->name);
    /* A name further down may become too long or too deep. */
    enum err err = mailbox_name_check(&change->arena, name, &name);
    if (!err) {
        err = mailbox_name_given_up(change, row, work_modseq(renaming->work));
    }
    if (!err) {
        err = mailbox_row_rename(change, row, name, renaming->work->modseq);
    }
    if (!err) {
        err = intent_put(change, INTENT_FOLDER, row->id, SLICE_EMPTY);
    }
    renaming->count += !err;
    return err;
}

/* In the order of names: what is renamed to a name further up in its own tree finds it free. */
static enum err rename_rows(struct renaming *renaming, const struct mailbox_row *top)
{
    struct mailbox_row *list = NULL;
    size_t count = 0;
    enum err err = mailbox_rows_below(renaming->work->change, renaming->from, &list, &count);
    if (!err && top) {
        err = rename_one(renaming, top);
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = rename_one(renaming, &list[i]);
    }
    return err;
}

#define SUBSCRIPTIONS_BELOW \
    "SELECT name FROM subscription WHERE name=?1 OR (name>?1||'/' AND name<?1||'0') ORDER BY name"

static enum err read_subscriptions(struct renaming *renaming, struct slice **list_r, size_t *count_r)
{
    struct change *change = renaming->work->change;
    struct slice *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement = db_statement(change->db, SUBSCRIPTIONS_BELOW);
    db_bind_text(statement, 1, renaming->from);
    while ((more = db_step(change->db, statement)) == 1) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        list[count++] = db_column_text(statement, 0, &change->arena);
    }
    *list_r = arena_take_array(&change->arena, list, count, sizeof(*list));
    *count_r = count;
    return db_step_err(more);
}

static enum err rename_subscriptions(struct renaming *renaming)
{
    struct batch_work *work = renaming->work;
    struct slice *list = NULL;
    size_t count = 0;
    bool changed;
    enum err err = read_subscriptions(renaming, &list, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = work_subscribe(work, list[i], false, &changed);
        if (!err) {
            err = work_subscribe(work, new_name(renaming, list[i]), true, &changed);
        }
    }
    return err;
}

static enum err rename_tree(struct renaming *renaming, const struct mailbox_row *top)
{
    size_t made = 0;
    enum err err = work_make_levels_above(renaming->work, renaming->to, &made);
    if (!err) {
        err = rename_rows(renaming, top);
    }
    return err ? err : rename_subscriptions(renaming);
}

/* RFC 3501 section 6.3.5 */
static enum err rename_inbox(struct batch_work *work, struct slice to, struct batch_result *result)
{
    struct mailbox_row row = {.name = to, .special_use = SLICE_EMPTY};
    size_t made = 0;
    enum err err = work_make_levels_above(work, to, &made);
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
    result->affected = 1;
    return err;
}

/* The mailbox, or a name that only has mailboxes below it (its own was deleted). */
static enum err find_source(struct change *change, struct mailbox_ref ref, struct mailbox_row *row_r,
                            bool *exists_r)
{
    struct mailbox_row *below = NULL;
    size_t count = 0;
    enum err err = mailbox_row_find(change, ref, row_r);
    *exists_r = !err;
    if (err != ERR_NOT_FOUND || ref.id) {
        return err;
    }
    *row_r = (struct mailbox_row){.name = mailbox_name_canonical(&change->arena, ref.name)};
    err = mailbox_rows_below(change, row_r->name, &below, &count);
    return err ? err : count ? ERR_OK : ERR_NOT_FOUND;
}

static enum err check_target(struct change *change, const struct mailbox_row *row, struct slice to)
{
    struct mailbox_row other;
    if (mailbox_name_is_below(to, row->name) && !slice_eq(row->name, S("INBOX"))) {
        return ERR_SYNTAX;
    }
    if (slice_eq(to, row->name)) {
        return ERR_EXISTS;
    }
    enum err err = mailbox_row_by_name(change, to, &other);
    return err == ERR_NOT_FOUND ? ERR_OK : err ? err : ERR_EXISTS;
}

enum err run_mailbox_rename(struct batch_work *work, struct batch_operation *operation)
{
    struct batch_result *result = &operation->result;
    struct change *change = work->change;
    struct mailbox_row row;
    struct slice to;
    bool exists = false;
    work->mailboxes_changed = true;
    enum err err = mailbox_name_check(&change->arena, operation->rename.new_name, &to);
    if (!err) {
        to = arena_copy(&change->arena, to);
        err = find_source(change, operation->mailbox, &row, &exists);
    }
    if (!err) {
        err = check_target(change, &row, to);
    }
    if (err) {
        return err;
    }
    if (slice_eq(row.name, S("INBOX"))) {
        err = rename_inbox(work, to, result);
    } else {
        struct renaming renaming = {.work = work, .from = row.name, .to = to};
        err = rename_tree(&renaming, exists ? &row : NULL);
        result->mailbox_id = row.id;
        result->uidvalidity = row.uidvalidity;
        result->affected = renaming.count;
    }
    result->modseq = work->modseq;
    return err;
}
