/* SPDX-License-Identifier: ISC */
/*
 * The directory as the rules of resolution ask it.
 *
 * There is no cache: the look-ups are some prepared statements on pages in memory, about 10 µs, and so a
 * change by `postern` is seen by the next command of any session.
 */
#include "directory_look_up.h"

#include "base/mem.h"
#include "directory_private.h"

enum err directory_look_up_begin(struct store *store)
{
    return db_begin_read(store->directory);
}

void directory_look_up_end(struct store *store)
{
    db_end_read(store->directory);
}

enum err directory_look_up_domain(struct store *store, struct arena *arena, struct slice name,
                                  struct directory_domain_row *row_r)
{
    return directory_find_domain(store->directory, arena, name, row_r);
}

enum err directory_look_up_user(struct store *store, struct arena *arena, int64_t domain, struct slice local,
                                struct directory_user *user_r)
{
    return directory_find_user(store->directory, arena, domain, local, user_r);
}

enum err directory_look_up_alias(struct store *store, struct arena *arena, int64_t domain, struct slice local,
                                 struct slice **targets_r, size_t *count_r)
{
    struct db *db = store->directory;
    sqlite3_stmt *statement = db_statement(db, "SELECT target FROM alias WHERE domain=?1 AND local=?2");
    struct slice *list = NULL;
    size_t count = 0;
    int more;
    db_bind_int(statement, 1, domain);
    db_bind_text(statement, 2, local);
    while ((more = db_step(db, statement)) == 1) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        list[count++] = db_column_text(statement, 0, arena);
    }
    if (more < 0 || count == 0) {
        mem_free(list);
        return more < 0 ? db_step_err(more) : ERR_NOT_FOUND;
    }
    *targets_r = arena_take_array(arena, list, count, sizeof(*list));
    *count_r = count;
    return ERR_OK;
}

enum err directory_look_up_first_user(struct store *store, struct arena *arena, int64_t domain,
                                      struct directory_user *user_r)
{
    struct db *db = store->directory;
    sqlite3_stmt *statement = db_statement(db, "SELECT " DIRECTORY_USER_COLUMNS " FROM user"
                                               " ORDER BY domain<>?1, disabled, id LIMIT 1");
    db_bind_int(statement, 1, domain);
    int step = db_step(db, statement);
    if (step != 1) {
        return step == 0 ? ERR_NOT_FOUND : db_step_err(step);
    }
    directory_read_user(statement, arena, user_r);
    sqlite3_reset(statement);
    return ERR_OK;
}

enum err directory_look_up_postmaster_domain(struct store *store, int64_t *domain_r)
{
    struct db *db = store->directory;
    sqlite3_stmt *statement = db_statement(db, "SELECT min(domain) FROM"
                                               " (SELECT domain FROM user WHERE local='postmaster' UNION"
                                               "  SELECT domain FROM alias WHERE local='postmaster')");
    int step = db_step(db, statement);
    if (step != 1) {
        return step == 0 ? ERR_NOT_FOUND : db_step_err(step);
    }
    int64_t domain = sqlite3_column_int64(statement, 0); /* 0, which no domain has, for NULL */
    sqlite3_reset(statement);
    if (domain == 0) {
        return ERR_NOT_FOUND;
    }
    *domain_r = domain;
    return ERR_OK;
}

enum err directory_look_up_only_domain(struct store *store, struct arena *arena, struct slice *name_r)
{
    struct db *db = store->directory;
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
