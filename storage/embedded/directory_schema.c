/* SPDX-License-Identifier: ISC */
/* The tables of directory.db, and the look-ups that its files share. Names stand in lookup form. */
#include "directory_private.h"

static const char *const steps[] = {
    "CREATE TABLE meta(k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;"
    /* The UIDVALIDITY given last: an account that is removed and made again within a second gets another. */
    "INSERT INTO meta VALUES('uidvalidity', 0);"
    "CREATE TABLE domain("
    "  id INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  catchall TEXT NOT NULL DEFAULT '',"
    "  created INTEGER NOT NULL) STRICT;"
    "CREATE TABLE user("
    "  id INTEGER PRIMARY KEY,"
    "  domain INTEGER NOT NULL,"
    "  local TEXT NOT NULL,"
    "  login TEXT NOT NULL UNIQUE,"
    "  display_name TEXT NOT NULL DEFAULT '',"
    "  disabled INTEGER NOT NULL DEFAULT 0,"
    "  quota_bytes INTEGER NOT NULL DEFAULT 0,"
    "  created INTEGER NOT NULL,"
    "  UNIQUE(domain, local)) STRICT;"
    "CREATE TABLE alias("
    "  domain INTEGER NOT NULL,"
    "  local TEXT NOT NULL,"
    "  target TEXT NOT NULL,"
    "  PRIMARY KEY(domain, local, target)) STRICT, WITHOUT ROWID;",

    /* To whom the accounts give rights (shares.h). */
    "CREATE TABLE share(identifier TEXT NOT NULL, owner INTEGER NOT NULL, PRIMARY KEY(identifier, owner))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE INDEX share_owner ON share(owner);"
    "CREATE TRIGGER user_leaves_shares AFTER DELETE ON user BEGIN DELETE FROM share WHERE owner=old.id; END;",
};

const struct db_schema directory_schema = {steps, ARRAY_LEN(steps)};

enum err directory_end(struct db *db, enum err err)
{
    if (err) {
        db_rollback(db);
        return err;
    }
    return db_commit(db);
}

/* ERR_OK when the step found a row. */
static enum err found(int step)
{
    return step == 1 ? ERR_OK : step == 0 ? ERR_NOT_FOUND : db_step_err(step);
}

enum err directory_find_domain(struct db *db, struct arena *arena, struct slice name,
                               struct directory_domain_row *row_r)
{
    sqlite3_stmt *statement = db_statement(db, "SELECT id, catchall FROM domain WHERE name=?1");
    db_bind_text(statement, 1, name);
    enum err err = found(db_step(db, statement));
    if (!err) {
        row_r->id = sqlite3_column_int64(statement, 0);
        row_r->catchall = db_column_text(statement, 1, arena);
        sqlite3_reset(statement);
    }
    return err;
}

void directory_read_user(sqlite3_stmt *statement, struct arena *arena, struct directory_user *user_r)
{
    user_r->login = db_column_text(statement, 0, arena);
    user_r->display_name = db_column_text(statement, 1, arena);
    user_r->disabled = sqlite3_column_int(statement, 2) != 0;
    user_r->quota_bytes = (uint64_t)sqlite3_column_int64(statement, 3);
    user_r->created_us = sqlite3_column_int64(statement, 4);
}

enum err directory_find_user(struct db *db, struct arena *arena, int64_t domain, struct slice local,
                             struct directory_user *user_r)
{
    sqlite3_stmt *statement =
        db_statement(db, "SELECT " DIRECTORY_USER_COLUMNS " FROM user WHERE domain=?1 AND local=?2");
    db_bind_int(statement, 1, domain);
    db_bind_text(statement, 2, local);
    enum err err = found(db_step(db, statement));
    if (!err) {
        directory_read_user(statement, arena, user_r);
        sqlite3_reset(statement);
    }
    return err;
}

enum err directory_alias_exists(struct db *db, int64_t domain, struct slice local, bool *exists_r)
{
    sqlite3_stmt *statement = db_statement(db, "SELECT 1 FROM alias WHERE domain=?1 AND local=?2 LIMIT 1");
    db_bind_int(statement, 1, domain);
    db_bind_text(statement, 2, local);
    int step = db_step(db, statement);
    *exists_r = step == 1;
    sqlite3_reset(statement);
    return db_step_err(step);
}
