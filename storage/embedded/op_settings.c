/* SPDX-License-Identifier: ISC */
/* Annotations, rights, the quota, remembered keys, conditions. */
#include "base/clock.h"
#include "intents.h"
#include "op_mailbox.h"
#include "settings_check.h"

/* One number from a statement that is bound. */
static enum err read_number(struct change *change, sqlite3_stmt *statement, int64_t *value_r)
{
    enum err err = row_found(db_step(change->db, statement));
    if (!err) {
        *value_r = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return err;
}

enum err settings_have_room(struct change *change)
{
    int64_t bytes = 0;
    enum err err = read_number(
        change,
        db_statement(change->db, "SELECT (SELECT coalesce(sum(length(value)), 0) FROM annotation) +"
                                 " (SELECT coalesce(sum(length(CAST(script AS BLOB))), 0) FROM sieve)"),
        &bytes);
    return err ? err : bytes > SETTINGS_BYTES_MAX ? ERR_LIMIT : ERR_OK;
}

static enum err count_is_below(struct change *change, const char *sql, int64_t max)
{
    int64_t count = 0;
    enum err err = read_number(change, db_statement(change->db, sql), &count);
    return err ? err : count > max ? ERR_LIMIT : ERR_OK;
}

/* After each change of what the copy of the settings holds. `mailbox` 0: of the account. */
static enum err note_change(struct batch_work *work, int64_t mailbox, struct batch_result *result)
{
    uint64_t modseq = work_modseq(work);
    enum err err = mailbox ? mailbox_touch(work->change, mailbox, modseq) : ERR_OK;
    result->modseq = modseq;
    return err ? err : intent_put(work->change, INTENT_SETTINGS, 0, SLICE_EMPTY);
}

/* The mailbox that the operation names; id 0 when it names none. */
static enum err find_mailbox(struct batch_work *work, const struct batch_operation *operation,
                             struct mailbox_row *row_r)
{
    *row_r = (struct mailbox_row){0};
    return operation->mailbox.id || operation->mailbox.name.len
               ? mailbox_row_find(work->change, operation->mailbox, row_r)
               : ERR_OK;
}

static enum err put_annotation(struct change *change, int64_t mailbox, const struct batch_annotate *annotate)
{
    sqlite3_stmt *statement = db_statement(
        change->db, annotate->remove
                        ? "DELETE FROM annotation WHERE mailbox=?1 AND entry=?2"
                        : "INSERT INTO annotation(mailbox, entry, value) VALUES(?1, ?2, ?3)"
                          " ON CONFLICT DO UPDATE SET value=excluded.value WHERE value<>excluded.value");
    db_bind_int(statement, 1, mailbox);
    db_bind_text(statement, 2, annotate->entry);
    if (!annotate->remove) {
        db_bind_blob(statement, 3, annotate->value.data ? annotate->value : SLICE_EMPTY);
    }
    return db_run(change->db, statement);
}

/* RFC 7162 section 3.2: it "MUST increment the per-mailbox mod-sequence when SETMETADATA successfully changes
 * an annotation on the corresponding mailbox". */
static enum err raise_highestmodseq(struct batch_work *work, int64_t mailbox)
{
    size_t index;
    enum err err = mailbox ? change_mailbox_by_id(work->change, mailbox, &index) : ERR_OK;
    if (!err && mailbox)
        work->change->mailboxes[index].counters.highestmodseq = work_modseq(work);
    return err;
}

enum err run_annotate(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_annotate *annotate = &operation->annotate;
    struct change *change = work->change;
    struct mailbox_row row;
    if (!annotation_entry_is_valid(annotate->entry)) {
        return ERR_SYNTAX;
    }
    if (annotate->value.len > ANNOTATION_VALUE_MAX) {
        return ERR_LIMIT;
    }
    enum err err = find_mailbox(work, operation, &row);
    if (!err) {
        operation->result.mailbox_id = row.id;
        operation->result.uidvalidity = row.uidvalidity;
        err = put_annotation(change, row.id, annotate);
    }
    if (err || sqlite3_changes(db_handle(change->db)) == 0) {
        return err;
    }
    if (!annotate->remove) {
        err = count_is_below(change, "SELECT count(*) FROM annotation", ANNOTATIONS_MAX);
    }
    if (!err && !annotate->remove) {
        err = settings_have_room(change);
    }
    if (!err)
        err = raise_highestmodseq(work, row.id);
    return err ? err : note_change(work, row.id, &operation->result);
}

static enum err put_rights(struct change *change, int64_t mailbox, const struct batch_rights *rights)
{
    sqlite3_stmt *statement = db_statement(
        change->db, rights->rights.len
                        ? "INSERT INTO rights(mailbox, identifier, rights) VALUES(?1, ?2, ?3)"
                          " ON CONFLICT DO UPDATE SET rights=excluded.rights WHERE rights<>excluded.rights"
                        : "DELETE FROM rights WHERE mailbox=?1 AND identifier=?2");
    db_bind_int(statement, 1, mailbox);
    db_bind_text(statement, 2, rights->identifier);
    if (rights->rights.len) {
        db_bind_text(statement, 3, rights->rights);
    }
    return db_run(change->db, statement);
}

enum err run_set_rights(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_rights *rights = &operation->rights;
    struct change *change = work->change;
    struct mailbox_row row;
    if (!rights_identifier_is_valid(rights->identifier) || !rights_are_valid(rights->rights)) {
        return ERR_SYNTAX;
    }
    enum err err = mailbox_row_find(change, operation->mailbox, &row);
    if (!err) {
        operation->result.mailbox_id = row.id;
        operation->result.uidvalidity = row.uidvalidity;
        err = put_rights(change, row.id, rights);
    }
    if (err || sqlite3_changes(db_handle(change->db)) == 0) {
        return err;
    }
    err = count_is_below(change, "SELECT count(*) FROM rights", RIGHTS_MAX);
    if (!err) {
        err = intent_put(change, INTENT_SHARES, 0, SLICE_EMPTY);
    }
    return err ? err : note_change(work, row.id, &operation->result);
}

enum err run_quota_set(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_quota *quota = &operation->quota;
    struct counters *counters = &work->change->counters;
    bool changed = counters->limit_messages != (int64_t)quota->limit_messages;
    if (quota->limit_bytes > INT64_MAX || quota->limit_messages > INT64_MAX) {
        return ERR_LIMIT;
    }
    counters->limit_bytes = (int64_t)quota->limit_bytes;
    counters->limit_messages = (int64_t)quota->limit_messages;
    /* The limit of bytes comes from the directory. */
    return changed ? intent_put(work->change, INTENT_SETTINGS, 0, SLICE_EMPTY) : ERR_OK;
}

/* ---- remembered keys ---- */

#define SEEN_PURGE 20 /* expired keys that go with each new one */

static enum err purge_seen(struct change *change, int64_t now)
{
    sqlite3_stmt *statement =
        db_statement(change->db, "DELETE FROM seen WHERE (kind, key) IN"
                                 " (SELECT kind, key FROM seen WHERE expires<=?1 ORDER BY expires LIMIT ?2)");
    db_bind_int(statement, 1, now);
    db_bind_int(statement, 2, SEEN_PURGE);
    return db_run(change->db, statement);
}

enum err run_seen(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_seen *seen = &operation->seen;
    struct change *change = work->change;
    int64_t now = clock_wall_us();
    if (seen->key.len == 0 || seen->key.len > SEEN_KEY_MAX) {
        return ERR_LIMIT;
    }
    sqlite3_stmt *statement =
        db_statement(change->db, "INSERT INTO seen(kind, key, expires) VALUES(?1, ?2, ?3)"
                                 " ON CONFLICT DO UPDATE SET expires=excluded.expires WHERE expires<=?4");
    db_bind_int(statement, 1, seen->kind);
    db_bind_blob(statement, 2, seen->key);
    db_bind_int(statement, 3, seen->expires_us);
    db_bind_int(statement, 4, now);
    enum err err = db_run(change->db, statement);
    operation->result.was_new = !err && sqlite3_changes(db_handle(change->db)) > 0;
    return err || !operation->result.was_new ? err : purge_seen(change, now);
}

/* ---- conditions ---- */

static enum err assert_mailbox(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_assert *expect = &operation->expect;
    size_t index = 0;
    if (expect->uidvalidity == 0 && expect->highestmodseq_max == 0) {
        return ERR_OK;
    }
    enum err err = work_mailbox(work, operation->mailbox, &operation->result, &index);
    if (err) {
        return err == ERR_NOT_FOUND ? ERR_CONFLICT : err;
    }
    const struct change_mailbox *mailbox = &work->change->mailboxes[index];
    bool holds =
        (expect->uidvalidity == 0 || expect->uidvalidity == mailbox->uidvalidity) &&
        (expect->highestmodseq_max == 0 || mailbox->counters.highestmodseq <= expect->highestmodseq_max);
    return holds ? ERR_OK : ERR_CONFLICT;
}

static enum err assert_absent(struct batch_work *work, const struct batch_operation *operation)
{
    struct mailbox_row row;
    if (!operation->expect.absent) {
        return ERR_OK;
    }
    enum err err = mailbox_row_find(work->change, operation->mailbox, &row);
    return err == ERR_NOT_FOUND ? ERR_OK : err ? err : ERR_CONFLICT;
}

static bool has_room(int64_t used, int64_t limit, uint64_t wanted)
{
    return wanted == 0 || limit == 0 ||
           (used <= limit && wanted <= (uint64_t)limit - (uint64_t)MAX_OF(used, (int64_t)0));
}

enum err run_assert(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_assert *expect = &operation->expect;
    const struct counters *counters = &work->change->counters;
    enum err err = assert_mailbox(work, operation);
    if (!err) {
        err = assert_absent(work, operation);
    }
    if (!err && (!has_room(counters->bytes, counters->limit_bytes, expect->room_bytes) ||
                 !has_room(counters->messages, counters->limit_messages, expect->room_messages))) {
        err = ERR_OVER_QUOTA;
    }
    return err;
}
