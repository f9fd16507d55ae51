/* SPDX-License-Identifier: ISC */
/* Schema upgrades: user_version counts the steps that a database has seen; each further step is a
 * transaction. */
#include "db_private.h"

static enum err read_version(struct db *db, int64_t *version_r)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
    }
    if (result == SQLITE_ROW) {
        *version_r = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_ROW ? ERR_OK : db_error(db, result, "read the schema version");
}

static enum err run_step(struct db *db, const char *step, size_t version)
{
    char stamp[64];
    sqlite3_snprintf(sizeof(stamp), stamp, "PRAGMA user_version=%d", (int)version);
    enum err err = db_execute(db, "BEGIN IMMEDIATE");
    if (err) {
        return err;
    }
    err = db_execute(db, step);
    if (!err) {
        err = db_execute(db, stamp);
    }
    if (!err) {
        err = db_execute(db, "COMMIT");
    }
    if (err) {
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    return err;
}

static enum err set_page_size(struct db *db, unsigned bytes)
{
    char sql[64];
    if (bytes == 0) {
        return ERR_OK;
    }
    sqlite3_snprintf(sizeof(sql), sql, "PRAGMA page_size=%u", bytes);
    return db_execute(db, sql);
}

static enum err run_missing_steps(struct db *db, const struct db_schema *schema)
{
    int64_t version = 0;
    /* Both are kept in the file, so this changes something only at the first opening of all. */
    enum err err = set_page_size(db, schema->page_size);
    if (!err) {
        err = db_execute(db, "PRAGMA journal_mode=WAL");
    }
    if (!err) { /* again, under the lock: another process may have been faster */
        err = read_version(db, &version);
    }
    for (size_t n = (size_t)version; !err && n < schema->step_count; n++) {
        err = run_step(db, schema->steps[n], n + 1);
    }
    return err;
}

enum err db_upgrade(struct db *db, const struct db_schema *schema, struct buf *why)
{
    int64_t version = 0;
    enum err err = read_version(db, &version);
    if (err) {
        return err;
    }
    if (version > (int64_t)schema->step_count) {
        if (why) {
            buf_printf(why, "%s was written by a newer version of this program (schema %d, known %d)",
                       db->path, (int)version, (int)schema->step_count);
        }
        return ERR_CONFLICT;
    }
    if (version > 0 && version == (int64_t)schema->step_count) {
        return ERR_OK;
    }
    err = db_lock(db);
    if (!err) {
        err = run_missing_steps(db, schema);
        db_unlock(db);
    }
    return err;
}
