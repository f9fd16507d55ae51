/* SPDX-License-Identifier: ISC */
/* Aliases: an address that stands for others, one row per target. */
#include "directory_private.h"

#include <string.h>

#include "base/mem.h"

static enum err require_alias_domain(struct db *db, struct arena *arena, const struct directory_key *key,
                                     struct directory_domain_row *domain_r, struct buf *why)
{
    enum err err = directory_find_domain(db, arena, key->domain, domain_r);
    if (err == ERR_NOT_FOUND) {
        directory_explain(why, "there is no domain %.*s", SLICE_ARG(key->domain));
    }
    return err;
}

static enum err insert_targets(struct db *db, struct arena *arena, const struct directory_key *key,
                               const struct directory_key *targets, size_t count, struct buf *why)
{
    struct directory_domain_row domain;
    struct directory_user user;
    enum err err = require_alias_domain(db, arena, key, &domain, why);
    if (err) {
        return err;
    }
    err = directory_find_user(db, arena, domain.id, key->local, &user);
    if (err != ERR_NOT_FOUND) {
        directory_explain(why, "%.*s is a user", SLICE_ARG(key->text));
        return err ? err : ERR_EXISTS;
    }
    err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        sqlite3_stmt *statement =
            db_statement(db, "INSERT INTO alias VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING");
        db_bind_int(statement, 1, domain.id);
        db_bind_text(statement, 2, key->local);
        db_bind_text(statement, 3, targets[i].text);
        err = db_run(db, statement);
    }
    return err;
}

enum err directory_alias_add(struct store *store, struct slice address, const struct slice *targets,
                             size_t count, struct buf *why)
{
    struct arena arena = {0};
    struct directory_key key;
    struct directory_key *keys = arena_array(&arena, struct directory_key, count);
    enum err err = directory_key_parse(&arena, address, &key, why);
    for (size_t i = 0; i < count && !err; i++) {
        err = directory_key_parse(&arena, targets[i], &keys[i], why);
    }
    if (!err && count == 0) {
        directory_explain(why, "an alias needs at least one target");
        err = ERR_SYNTAX;
    }
    if (!err) {
        err = db_begin(store->directory);
    }
    if (!err) {
        err = insert_targets(store->directory, &arena, &key, keys, count, why);
        err = directory_end(store->directory, err);
    }
    arena_free(&arena);
    return err;
}

static enum err delete_targets(struct db *db, struct arena *arena, const struct directory_key *key,
                               struct slice target)
{
    struct directory_domain_row domain;
    enum err err = directory_find_domain(db, arena, key->domain, &domain);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement =
        db_statement(db, "DELETE FROM alias WHERE domain=?1 AND local=?2 AND (?3='' OR target=?3)");
    db_bind_int(statement, 1, domain.id);
    db_bind_text(statement, 2, key->local);
    db_bind_text(statement, 3, target);
    err = db_run(db, statement);
    return !err && sqlite3_changes(db_handle(db)) == 0 ? ERR_NOT_FOUND : err;
}

enum err directory_alias_remove(struct store *store, struct slice address, struct slice target)
{
    struct arena arena = {0};
    struct directory_key key, target_key = {.text = SLICE_EMPTY};
    enum err err = directory_key_parse(&arena, address, &key, NULL);
    if (!err && target.len) {
        err = directory_key_parse(&arena, target, &target_key, NULL);
    }
    if (err) { /* what is no address is no alias */
        err = ERR_NOT_FOUND;
    } else {
        err = db_begin(store->directory);
    }
    if (!err) {
        err = delete_targets(store->directory, &arena, &key, target_key.text);
        err = directory_end(store->directory, err);
    }
    arena_free(&arena);
    return err;
}

struct alias_list {
    struct directory_alias *items;
    size_t count;
};

/* Rows come sorted by address: a new item begins whenever it changes. */
static void add_row(struct alias_list *list, struct slice address, struct slice target)
{
    struct directory_alias *last = list->count ? &list->items[list->count - 1] : NULL;
    if (!last || !slice_eq(last->address, address)) {
        list->items = mem_realloc_array(list->items, list->count + 1, sizeof(*list->items));
        last = &list->items[list->count++];
        *last = (struct directory_alias){.address = address};
    }
    last->targets = mem_realloc_array(last->targets, last->target_count + 1, sizeof(*last->targets));
    last->targets[last->target_count++] = target;
}

/* Moves the lists into the arena. */
static struct directory_alias *finish_list(struct alias_list *list, struct arena *arena)
{
    struct directory_alias *items = arena_array(arena, struct directory_alias, list->count);
    for (size_t i = 0; i < list->count; i++) {
        struct slice *targets = list->items[i].targets;
        items[i] = list->items[i];
        items[i].targets = arena_array(arena, struct slice, items[i].target_count);
        memcpy(items[i].targets, targets, items[i].target_count * sizeof(*targets));
        mem_free(targets);
    }
    mem_free(list->items);
    return items;
}

static struct slice format_key(struct arena *arena, struct slice local, struct slice domain)
{
    struct buf text;
    struct address address = {.local = local, .domain = domain};
    buf_init(&text, 4096);
    address_format(&text, &address);
    struct slice copy = arena_copy(arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

enum err directory_alias_list(struct store *store, struct arena *arena, struct directory_alias **list_r,
                              size_t *count_r)
{
    struct db *db = store->directory;
    struct alias_list list = {0};
    int more;
    enum err err = db_begin_read(db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, "SELECT alias.local, domain.name, alias.target FROM alias"
                                               " JOIN domain ON domain.id=alias.domain"
                                               " ORDER BY domain.name, alias.local, alias.target");
    while ((more = db_step(db, statement)) == 1) {
        struct slice local = db_column_text(statement, 0, arena);
        struct slice domain = db_column_text(statement, 1, arena);
        add_row(&list, format_key(arena, local, domain), db_column_text(statement, 2, arena));
    }
    db_end_read(db);
    size_t count = list.count;
    struct directory_alias *items = finish_list(&list, arena);
    if (more < 0) {
        return db_step_err(more);
    }
    *list_r = items;
    *count_r = count;
    return ERR_OK;
}
