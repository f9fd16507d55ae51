/* SPDX-License-Identifier: ISC */
/* Prepared statements, kept for the life of the handle: parsing SQL costs more than most of our statements
 * run. */
#include "db_private.h"

#include <string.h>

#include "base/mem.h"

static sqlite3_stmt *find_statement(struct db *db, const char *sql)
{
    for (size_t i = 0; i < db->statement_count; i++) {
        /* The text is compared too: the caller may have put other words into the same memory. */
        if (db->statements[i].sql == sql && strcmp(sqlite3_sql(db->statements[i].statement), sql) == 0) {
            return db->statements[i].statement;
        }
    }
    for (size_t i = 0; i < db->statement_count; i++) {
        if (strcmp(sqlite3_sql(db->statements[i].statement), sql) == 0) {
            return db->statements[i].statement;
        }
    }
    return NULL;
}

sqlite3_stmt *db_statement(struct db *db, const char *sql)
{
    sqlite3_stmt *statement = find_statement(db, sql);
    if (statement) {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return statement;
    }
    int result = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (result != SQLITE_OK) {
        db->prepare_error = db_error(db, result, sql);
        return NULL;
    }
    db->statements =
        mem_realloc_array(db->statements, db->statement_count + 1, sizeof(struct db_cached_statement));
    db->statements[db->statement_count++] = (struct db_cached_statement){.sql = sql, .statement = statement};
    return statement;
}

void db_bind_text(sqlite3_stmt *statement, int index, struct slice text)
{
    sqlite3_bind_text64(statement, index, text.len ? text.data : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

void db_bind_blob(sqlite3_stmt *statement, int index, struct slice bytes)
{
    sqlite3_bind_blob64(statement, index, bytes.len ? bytes.data : "", bytes.len, SQLITE_STATIC);
}

void db_bind_int(sqlite3_stmt *statement, int index, int64_t value)
{
    sqlite3_bind_int64(statement, index, value);
}

struct slice db_column_text(sqlite3_stmt *statement, int index, struct arena *arena)
{
    const void *bytes = sqlite3_column_blob(statement, index);
    int length = sqlite3_column_bytes(statement, index);
    return bytes ? arena_copy(arena, slice_of(bytes, (size_t)length)) : SLICE_EMPTY;
}

int db_step(struct db *db, sqlite3_stmt *statement)
{
    if (!statement) { /* could not be prepared, which is logged: damaged, or the schema could not be read */
        return -(int)db->prepare_error;
    }
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        return 1;
    }
    if (result == SQLITE_DONE) {
        sqlite3_reset(statement);
        return 0;
    }
    enum err err = db_error(db, result, sqlite3_sql(statement));
    sqlite3_reset(statement);
    return -(int)err;
}

enum err db_run(struct db *db, sqlite3_stmt *statement)
{
    int more = 1;
    while (more == 1) {
        more = db_step(db, statement);
    }
    return db_step_err(more);
}
