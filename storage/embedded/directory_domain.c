/* SPDX-License-Identifier: ISC */
/* Domains: those that mail is taken for. */
#include "directory_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

static enum err insert_domain(struct db *db, struct slice key, struct buf *why)
{
    sqlite3_stmt *statement = db_statement(db, "INSERT INTO domain(name, created) VALUES(?1, ?2)");
    db_bind_text(statement, 1, key);
    db_bind_int(statement, 2, clock_wall_us());
    enum err err = db_run(db, statement);
    if (err == ERR_EXISTS) {
        directory_explain(why, "the domain %.*s is there already", SLICE_ARG(key));
    }
    return err;
}

enum err directory_domain_add(struct store *store, struct slice name, struct buf *why)
{
    struct arena arena = {0};
    struct slice key;
    enum err err = directory_domain_key(&arena, name, &key, why);
    if (!err) {
        err = db_begin(store->directory);
    }
    if (!err) {
        err = directory_end(store->directory, insert_domain(store->directory, key, why));
    }
    arena_free(&arena);
    return err;
}

/* Finds the domain, or says that it is not there. */
static enum err require_domain(struct db *db, struct arena *arena, struct slice key,
                               struct directory_domain_row *row_r, struct buf *why)
{
    enum err err = directory_find_domain(db, arena, key, row_r);
    if (err == ERR_NOT_FOUND) {
        directory_explain(why, "there is no domain %.*s", SLICE_ARG(key));
    }
    return err;
}

static enum err delete_domain(struct db *db, struct arena *arena, struct slice key, struct buf *why)
{
    struct directory_domain_row row;
    enum err err = require_domain(db, arena, key, &row, why);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, "DELETE FROM domain WHERE id=?1"
                                               " AND NOT EXISTS(SELECT 1 FROM user WHERE domain=?1)"
                                               " AND NOT EXISTS(SELECT 1 FROM alias WHERE domain=?1)");
    db_bind_int(statement, 1, row.id);
    err = db_run(db, statement);
    if (!err && sqlite3_changes(db_handle(db)) == 0) {
        directory_explain(why, "users or aliases are left in %.*s", SLICE_ARG(key));
        return ERR_BUSY;
    }
    return err;
}

enum err directory_domain_remove(struct store *store, struct slice name, struct buf *why)
{
    struct arena arena = {0};
    struct slice key;
    enum err err = directory_domain_key(&arena, name, &key, why);
    if (!err) {
        err = db_begin(store->directory);
    }
    if (!err) {
        err = directory_end(store->directory, delete_domain(store->directory, &arena, key, why));
    }
    arena_free(&arena);
    return err;
}

static enum err update_catchall(struct db *db, struct arena *arena, struct slice key, struct slice address,
                                struct buf *why)
{
    struct directory_domain_row row;
    enum err err = require_domain(db, arena, key, &row, why);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, "UPDATE domain SET catchall=?2 WHERE id=?1");
    db_bind_int(statement, 1, row.id);
    db_bind_text(statement, 2, address);
    return db_run(db, statement);
}

enum err directory_domain_set_catchall(struct store *store, struct slice name, struct slice address,
                                       struct buf *why)
{
    struct arena arena = {0};
    struct slice key;
    struct directory_key target = {.text = SLICE_EMPTY};
    enum err err = directory_domain_key(&arena, name, &key, why);
    if (!err && address.len) {
        err = directory_key_parse(&arena, address, &target, why);
    }
    if (!err) {
        err = db_begin(store->directory);
    }
    if (!err) {
        err =
            directory_end(store->directory, update_catchall(store->directory, &arena, key, target.text, why));
    }
    arena_free(&arena);
    return err;
}

#define LIST_DOMAINS                                                          \
    "SELECT name, catchall, created,"                                         \
    " (SELECT count(*) FROM user WHERE user.domain=domain.id),"               \
    " (SELECT count(DISTINCT local) FROM alias WHERE alias.domain=domain.id)" \
    " FROM domain ORDER BY name"

enum err directory_domain_list(struct store *store, struct arena *arena, struct directory_domain **list_r,
                               size_t *count_r)
{
    struct db *db = store->directory;
    struct directory_domain *list = NULL;
    size_t count = 0;
    enum err err = db_begin_read(db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, LIST_DOMAINS);
    int more;
    while ((more = db_step(db, statement)) == 1) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        list[count++] = (struct directory_domain){
            .name = db_column_text(statement, 0, arena),
            .catchall = db_column_text(statement, 1, arena),
            .created_us = sqlite3_column_int64(statement, 2),
            .users = (uint64_t)sqlite3_column_int64(statement, 3),
            .aliases = (uint64_t)sqlite3_column_int64(statement, 4),
        };
    }
    db_end_read(db);
    if (more != 0) {
        mem_free(list);
        return db_step_err(more);
    }
    *list_r = arena_take_array(arena, list, count, sizeof(*list));
    *count_r = count;
    return ERR_OK;
}

enum err directory_is_local_domain(struct store *store, struct slice domain, bool *local_r)
{
    struct arena arena = {0};
    struct directory_domain_row row;
    struct slice key;
    enum err err = address_domain_key(&arena, domain, &key);
    if (err) { /* what is no domain name is not one of ours */
        *local_r = false;
        arena_free(&arena);
        return ERR_OK;
    }
    err = db_begin_read(store->directory);
    if (!err) {
        err = directory_find_domain(store->directory, &arena, key, &row);
        db_end_read(store->directory);
    }
    arena_free(&arena);
    if (err && err != ERR_NOT_FOUND) {
        return err;
    }
    *local_r = err == ERR_OK;
    return ERR_OK;
}
