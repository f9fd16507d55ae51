/* SPDX-License-Identifier: ISC */
/* CREATE, DELETE, SET, SUBSCRIBE. */
#include <string.h>

#include "intents.h"
#include "op_mailbox.h"

static struct mailbox_row wanted_row(const struct batch_create *create, struct slice name)
{
    struct mailbox_row row = {
        .name = name,
        .special_use = create->special_use.len ? create->special_use : SLICE_EMPTY,
        .uidvalidity = create->wanted_uidvalidity,
        .uidnext = create->wanted_uidnext,
    };
    if (create->wanted_guid) {
        memcpy(row.guid, create->wanted_guid, GUID_SIZE);
    }
    return row;
}

static enum err check_special_use(struct change *change, struct slice special_use, int64_t id)
{
    if (special_use.len == 0) {
        return ERR_OK;
    }
    return special_use_is_valid(special_use) ? special_use_is_free(change, special_use, id) : ERR_SYNTAX;
}

enum err run_mailbox_create(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_create *create = &operation->create;
    struct batch_result *result = &operation->result;
    struct change *change = work->change;
    struct slice name;
    bool changed = false;
    enum err err = mailbox_name_check(&change->arena, operation->mailbox.name, &name);
    if (err) {
        return err;
    }
    struct mailbox_row row = wanted_row(create, arena_copy(&change->arena, name));
    err = check_special_use(change, row.special_use, 0);
    if (!err) {
        err = work_make_levels_above(work, row.name);
    }
    if (!err) {
        err = work_make_mailbox(work, &row);
    }
    if (!err && create->subscribed) {
        err = work_subscribe(work, row.name, true, &changed);
    }
    if (!err) {
        result->mailbox_id = row.id;
        result->uidvalidity = row.uidvalidity;
        result->modseq = work->modseq;
        memcpy(result->guid, row.guid, GUID_SIZE);
    }
    return err;
}

/* Annotations or rights: they stand in the copy of the settings. */
static enum err has_settings(struct change *change, int64_t id, bool *has_r)
{
    sqlite3_stmt *statement =
        db_statement(change->db, "SELECT EXISTS(SELECT 1 FROM annotation WHERE mailbox=?1) OR"
                                 " EXISTS(SELECT 1 FROM rights WHERE mailbox=?1)");
    db_bind_int(statement, 1, id);
    enum err err = row_found(db_step(change->db, statement));
    if (!err) {
        *has_r = sqlite3_column_int(statement, 0) != 0;
        sqlite3_reset(statement);
    }
    return err;
}

static enum err delete_mailbox(struct batch_work *work, const struct mailbox_row *row, size_t *removed_r)
{
    struct change *change = work->change;
    size_t index = 0;
    bool settings = false;
    enum err err = change_mailbox_to_delete(change, row->id, &index);
    if (!err) {
        (void)work_modseq(work);
        err = messages_remove(change, index, &work->modseq, &(struct removal){.uids = uid_set_all}, NULL,
                              removed_r);
    }
    if (!err) {
        err = has_settings(change, row->id, &settings);
    }
    if (!err && settings) {
        err = intent_put(change, INTENT_SETTINGS, 0, SLICE_EMPTY);
    }
    if (!err && settings) {
        err = intent_put(change, INTENT_SHARES, 0, SLICE_EMPTY);
    }
    if (!err) { /* the change knows better than the row where the folder is */
        err = intent_put(change, INTENT_REMOVE, row->id, change->mailboxes[index].dir);
    }
    return err ? err : mailbox_row_delete(change, row, work->modseq);
}

enum err run_mailbox_delete(struct batch_work *work, struct batch_operation *operation)
{
    struct batch_result *result = &operation->result;
    struct mailbox_row row;
    work->mailboxes_changed = true;
    enum err err = mailbox_row_find(work->change, operation->mailbox, &row);
    if (err) {
        return err;
    }
    if (slice_eq(row.name, S("INBOX"))) {
        return ERR_DENIED;
    }
    err = delete_mailbox(work, &row, &result->affected);
    if (!err) {
        result->mailbox_id = row.id;
        result->uidvalidity = row.uidvalidity;
        result->modseq = work->modseq;
    }
    return err;
}

static enum err set_special_use(struct batch_work *work, const struct mailbox_row *row,
                                struct slice special_use)
{
    struct change *change = work->change;
    if (slice_eq_nocase(row->special_use, special_use)) {
        return ERR_OK;
    }
    enum err err = check_special_use(change, special_use, row->id);
    if (!err) {
        err = mailbox_row_set_special_use(change, row->id, special_use);
    }
    if (!err) {
        err = mailbox_touch(change, row->id, work_modseq(work));
    }
    return err ? err : intent_put(change, INTENT_FOLDER, row->id, SLICE_EMPTY);
}

/* Of a mailbox that never had a message. */
static enum err set_validity(struct batch_work *work, const struct mailbox_row *row,
                             const struct batch_set *set)
{
    struct change *change = work->change;
    size_t index = 0;
    if (set->wanted_uidvalidity == 0 && set->wanted_uidnext <= 1) {
        return ERR_OK;
    }
    enum err err = change_mailbox_by_id(change, row->id, &index);
    if (err) {
        return err;
    }
    struct change_mailbox *mailbox = &change->mailboxes[index];
    if (mailbox->counters.uidnext != 1) {
        return ERR_CONFLICT;
    }
    mailbox->counters.uidnext = MAX_OF(set->wanted_uidnext, 1U);
    mailbox->uidvalidity = set->wanted_uidvalidity ? set->wanted_uidvalidity : mailbox->uidvalidity;
    err = mailbox_row_set_uidvalidity(change, row->id, mailbox->uidvalidity);
    if (!err) {
        err = mailbox_touch(change, row->id, work_modseq(work));
    }
    return err ? err : intent_put(change, INTENT_FOLDER, row->id, SLICE_EMPTY);
}

enum err run_mailbox_set(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_set *set = &operation->set;
    struct batch_result *result = &operation->result;
    struct mailbox_row row;
    work->mailboxes_changed = true;
    enum err err = mailbox_row_find(work->change, operation->mailbox, &row);
    if (!err) {
        err = set_special_use(work, &row, set->special_use.len ? set->special_use : SLICE_EMPTY);
    }
    if (!err) {
        err = set_validity(work, &row, set);
    }
    if (!err) {
        result->mailbox_id = row.id;
        result->uidvalidity = set->wanted_uidvalidity ? set->wanted_uidvalidity : row.uidvalidity;
        result->modseq = work->modseq;
    }
    return err;
}

/* ---- subscriptions ---- */

static enum err run_name(struct change *change, const char *sql, struct slice name)
{
    sqlite3_stmt *statement = db_statement(change->db, sql);
    db_bind_text(statement, 1, name);
    return db_run(change->db, statement);
}

static enum err check_subscriptions(struct change *change)
{
    sqlite3_stmt *statement = db_statement(change->db, "SELECT count(*) FROM subscription");
    enum err err = row_found(db_step(change->db, statement));
    if (!err && sqlite3_column_int64(statement, 0) > SUBSCRIPTIONS_MAX) {
        err = ERR_LIMIT;
    }
    sqlite3_reset(statement);
    return err;
}

enum err work_subscribe(struct batch_work *work, struct slice name, bool subscribed, bool *changed_r)
{
    struct change *change = work->change;
    struct mailbox_row row;
    enum err err = run_name(change,
                            subscribed ? "INSERT OR IGNORE INTO subscription VALUES(?1)"
                                       : "DELETE FROM subscription WHERE name=?1",
                            name);
    *changed_r = !err && sqlite3_changes(db_handle(change->db)) > 0;
    if (err || !*changed_r) {
        return err;
    }
    err = subscribed ? check_subscriptions(change) : ERR_OK;
    if (!err) {
        err = mailbox_row_by_name(change, name, &row);
        err = err ? err : mailbox_touch(change, row.id, work_modseq(work));
    }
    if (err && err != ERR_NOT_FOUND) {
        return err;
    }
    (void)work_modseq(work); /* also when there is no mailbox: others are to hear of it */
    return intent_put(change, INTENT_SETTINGS, 0, SLICE_EMPTY);
}

enum err run_subscribe(struct batch_work *work, struct batch_operation *operation)
{
    struct batch_result *result = &operation->result;
    struct slice name;
    bool subscribed = operation->subscribe.subscribed;
    bool changed = false;
    enum err err = mailbox_name_check(&work->change->arena, operation->mailbox.name, &name);
    if (err) { /* nobody can have subscribed to it */
        return subscribed ? err : ERR_OK;
    }
    err = work_subscribe(work, name, subscribed, &changed);
    if (!err && changed) {
        result->modseq = work->modseq;
    }
    return err;
}
