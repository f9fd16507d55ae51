/* SPDX-License-Identifier: ISC */
/* Sieve scripts (RFC 5804): put, activate, delete, rename. */
#include "intents.h"
#include "op_mailbox.h"
#include "settings_check.h"

/* ERR_NOT_FOUND. */
static enum err find_script(struct change *change, struct slice name, bool *active_r)
{
    sqlite3_stmt *statement = db_statement(change->db, "SELECT active FROM sieve WHERE name=?1");
    db_bind_text(statement, 1, name);
    enum err err = row_found(db_step(change->db, statement));
    if (!err) {
        *active_r = sqlite3_column_int(statement, 0) != 0;
        sqlite3_reset(statement);
    }
    return err;
}

/* Runs a statement with one or two texts. */
static enum err run_texts(struct change *change, const char *sql, struct slice first,
                          const struct slice *second)
{
    sqlite3_stmt *statement = db_statement(change->db, sql);
    db_bind_text(statement, 1, first);
    if (second) {
        db_bind_text(statement, 2, second->data ? *second : SLICE_EMPTY);
    }
    return db_run(change->db, statement);
}

static enum err note_change(struct batch_work *work, struct batch_operation *operation)
{
    operation->result.modseq = work_modseq(work);
    return intent_put(work->change, INTENT_SETTINGS, 0, SLICE_EMPTY);
}

static enum err check_room(struct change *change)
{
    sqlite3_stmt *statement = db_statement(change->db, "SELECT count(*) FROM sieve");
    enum err err = row_found(db_step(change->db, statement));
    if (!err && sqlite3_column_int64(statement, 0) > SIEVE_SCRIPTS_MAX) {
        err = ERR_LIMIT;
    }
    sqlite3_reset(statement);
    return err ? err : settings_have_room(change);
}

enum err run_sieve_put(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_sieve *sieve = &operation->sieve;
    if (sieve->script.len > SIEVE_SCRIPT_MAX) {
        return ERR_LIMIT;
    }
    if (!sieve_name_is_valid(sieve->name) || !sieve_script_is_valid(sieve->script)) {
        return ERR_SYNTAX;
    }
    enum err err = run_texts(work->change,
                             "INSERT INTO sieve(name, active, script) VALUES(?1, 0, ?2)"
                             " ON CONFLICT DO UPDATE SET script=excluded.script",
                             sieve->name, &sieve->script);
    if (!err) {
        err = check_room(work->change);
    }
    return err ? err : note_change(work, operation);
}

enum err run_sieve_activate(struct batch_work *work, struct batch_operation *operation)
{
    struct slice name = operation->sieve.name;
    bool active = false;
    enum err err = name.len ? find_script(work->change, name, &active) : ERR_OK;
    if (!err) {
        err = run_texts(work->change, "UPDATE sieve SET active=(name=?1) WHERE active<>(name=?1)",
                        name.len ? name : SLICE_EMPTY, NULL);
    }
    if (err || sqlite3_changes(db_handle(work->change->db)) == 0) {
        return err;
    }
    return note_change(work, operation);
}

enum err run_sieve_delete(struct batch_work *work, struct batch_operation *operation)
{
    struct slice name = operation->sieve.name;
    bool active = false;
    enum err err = find_script(work->change, name, &active);
    if (!err && active) {
        err = ERR_DENIED;
    }
    if (!err) {
        err = run_texts(work->change, "DELETE FROM sieve WHERE name=?1", name, NULL);
    }
    return err ? err : note_change(work, operation);
}

enum err run_sieve_rename(struct batch_work *work, struct batch_operation *operation)
{
    const struct batch_sieve *sieve = &operation->sieve;
    bool active = false;
    if (!sieve_name_is_valid(sieve->new_name)) {
        return ERR_SYNTAX;
    }
    enum err err = find_script(work->change, sieve->name, &active);
    if (err || slice_eq(sieve->name, sieve->new_name)) {
        return err;
    }
    err = find_script(work->change, sieve->new_name, &active);
    if (err != ERR_NOT_FOUND) {
        return err ? err : ERR_EXISTS;
    }
    err = run_texts(work->change, "UPDATE sieve SET name=?2 WHERE name=?1", sieve->name, &sieve->new_name);
    return err ? err : note_change(work, operation);
}
