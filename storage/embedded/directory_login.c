/* SPDX-License-Identifier: ISC */
/* Who logs in: people type their address, or, where there is one domain only, just what stands before the @.
 */
#include "directory_private.h"

/* The only domain; ERR_NOT_FOUND when there is none or more than one. */
static enum err only_domain(struct db *db, struct arena *arena, struct slice *name_r)
{
    sqlite3_stmt *statement = db_statement(db, "SELECT name FROM domain LIMIT 2");
    int step = db_step(db, statement);
    if (step != 1) {
        return step == 0 ? ERR_NOT_FOUND : db_step_err(step);
    }
    *name_r = db_column_text(statement, 0, arena);
    step = db_step(db, statement);
    sqlite3_reset(statement);
    return step == 0 ? ERR_OK : step == 1 ? ERR_NOT_FOUND : db_step_err(step);
}

enum err directory_login(struct store *store, struct arena *arena, struct slice typed,
                         struct directory_user *user_r)
{
    typed = slice_trim(typed);
    if (slice_has(typed, '@')) {
        return directory_user_get(store, arena, typed, user_r);
    }
    struct slice domain;
    enum err err = db_begin_read(store->directory);
    if (err) {
        return err;
    }
    err = only_domain(store->directory, arena, &domain);
    db_end_read(store->directory);
    if (err) {
        return err;
    }
    struct address address = {.local = typed, .domain = domain};
    struct slice key;
    if (typed.len == 0 || address_key(arena, &address, &key)) {
        return ERR_NOT_FOUND;
    }
    return directory_user_get(store, arena, key, user_r);
}
