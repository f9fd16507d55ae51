/* SPDX-License-Identifier: ISC */
/*
 * Users: a row in directory.db and a folder with the mail.
 *
 * Both cannot change in one step. A user is added folder first, so that an account always has its mailboxes;
 * a folder that is there already belongs to somebody who had the name before, and is moved aside, never
 * handed on. A user is removed in three steps: disabled (mail is refused for now), folder away, row away; a
 * crash in between leaves a disabled user that can be removed again. Then others take their rights back.
 */
#include "directory_private.h"

#include <string.h>

#include "account_folder.h"
#include "account_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "rights_forget.h"

static enum err check_free(struct db *db, struct arena *arena, const struct directory_key *key,
                           int64_t domain, struct buf *why)
{
    struct directory_user user;
    bool alias = false;
    enum err err = directory_find_user(db, arena, domain, key->local, &user);
    if (err == ERR_NOT_FOUND) {
        err = directory_alias_exists(db, domain, key->local, &alias);
        if (!err && !alias) {
            return ERR_OK;
        }
    }
    if (err) {
        return err;
    }
    directory_explain(why, "%.*s is %s already", SLICE_ARG(key->text), alias ? "an alias" : "a user");
    return ERR_EXISTS;
}

/* A number that no account had before: seconds since 1970, or one more than the last. */
static enum err next_uidvalidity(struct db *db, uint32_t *value_r)
{
    sqlite3_stmt *statement =
        db_statement(db, "UPDATE meta SET v=max(v+1, ?1) WHERE k='uidvalidity' RETURNING v");
    db_bind_int(statement, 1, clock_wall_us() / 1000000);
    int step = db_step(db, statement);
    if (step != 1) {
        return step < 0 ? db_step_err(step) : ERR_CORRUPT;
    }
    *value_r = (uint32_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return ERR_OK;
}

static enum err insert_user(struct db *db, const struct directory_key *key, int64_t domain, struct slice name,
                            uint64_t quota)
{
    sqlite3_stmt *statement = db_statement(db, "INSERT INTO user(domain, local, login, display_name, "
                                               "quota_bytes, created) VALUES(?1,?2,?3,?4,?5,?6)");
    db_bind_int(statement, 1, domain);
    db_bind_text(statement, 2, key->local);
    db_bind_text(statement, 3, key->text);
    db_bind_text(statement, 4, name);
    db_bind_int(statement, 5, (int64_t)quota);
    db_bind_int(statement, 6, clock_wall_us());
    return db_run(db, statement);
}

static enum err add_user(struct store *store, struct arena *arena, const struct directory_key *key,
                         struct slice name, uint64_t quota, struct buf *why)
{
    struct db *db = store->directory;
    struct directory_domain_row domain;
    uint32_t uidvalidity = 0;
    enum err err = directory_find_domain(db, arena, key->domain, &domain);
    if (err == ERR_NOT_FOUND) {
        directory_explain(why, "there is no domain %.*s", SLICE_ARG(key->domain));
    }
    if (!err) {
        err = check_free(db, arena, key, domain.id, why);
    }
    if (!err) {
        err = insert_user(db, key, domain.id, name, quota);
    }
    if (!err) {
        err = next_uidvalidity(db, &uidvalidity);
    }
    if (!err) {
        err = account_folder_create(store, key->text, uidvalidity);
        if (err) {
            directory_explain(why, "the folder for the mail cannot be made: %s", err_text(err));
        }
    }
    return err;
}

/* The index keeps a copy of the quota, so that a delivery looks at one database only. */
static enum err copy_quota(struct store *store, struct slice login, uint64_t quota)
{
    struct account *account = NULL;
    enum err err = account_open(store, login, &account);
    if (!err) {
        err = account_set_quota(account, quota);
        account_close(account);
    }
    return err;
}

enum err directory_user_add(struct store *store, struct slice address, struct slice display_name,
                            uint64_t quota_bytes, struct buf *why)
{
    struct arena arena = {0};
    struct directory_key key;
    enum err err = directory_key_parse(&arena, address, &key, why);
    if (!err) {
        err = db_begin(store->directory);
    }
    if (!err) {
        err = add_user(store, &arena, &key, display_name, quota_bytes, why);
        err = directory_end(store->directory, err);
    }
    if (!err) { /* makes the index, too */
        err = copy_quota(store, key.text, quota_bytes);
    }
    arena_free(&arena);
    return err;
}

/* Finds a user inside a transaction. */
static enum err find_by_key(struct db *db, struct arena *arena, const struct directory_key *key,
                            struct directory_user *user_r)
{
    struct directory_domain_row domain;
    enum err err = directory_find_domain(db, arena, key->domain, &domain);
    return err ? err : directory_find_user(db, arena, domain.id, key->local, user_r);
}

/* What is no address at all is no user either. */
static enum err parse_or_not_found(struct arena *arena, struct slice address, struct directory_key *key_r)
{
    return directory_key_parse(arena, address, key_r, NULL) ? ERR_NOT_FOUND : ERR_OK;
}

enum err directory_user_get(struct store *store, struct arena *arena, struct slice address,
                            struct directory_user *user_r)
{
    struct directory_key key;
    struct directory_user user;
    enum err err = parse_or_not_found(arena, address, &key);
    if (!err) {
        err = db_begin_read(store->directory);
    }
    if (!err) {
        err = find_by_key(store->directory, arena, &key, &user);
        db_end_read(store->directory);
    }
    if (!err) {
        *user_r = user;
    }
    return err;
}

/* Runs one statement with the login as ?1 and a value, given as text or as number, as ?2. */
static enum err update_user(struct store *store, const char *sql, struct slice address,
                            const struct slice *text, int64_t number)
{
    struct db *db = store->directory;
    struct arena arena = {0};
    struct directory_key key;
    enum err err = parse_or_not_found(&arena, address, &key);
    if (!err) {
        err = db_begin(db);
    }
    if (!err) {
        sqlite3_stmt *statement = db_statement(db, sql);
        db_bind_text(statement, 1, key.text);
        if (text) {
            db_bind_text(statement, 2, *text);
        } else {
            db_bind_int(statement, 2, number);
        }
        err = db_run(db, statement);
        if (!err && sqlite3_changes(db_handle(db)) == 0) {
            err = ERR_NOT_FOUND;
        }
        err = directory_end(db, err);
    }
    arena_free(&arena);
    return err;
}

enum err directory_user_set_disabled(struct store *store, struct slice address, bool disabled)
{
    return update_user(store, "UPDATE user SET disabled=?2 WHERE login=?1", address, NULL, disabled);
}

enum err directory_user_set_name(struct store *store, struct slice address, struct slice display_name)
{
    return update_user(store, "UPDATE user SET display_name=?2 WHERE login=?1", address, &display_name, 0);
}

enum err directory_user_set_quota(struct store *store, struct slice address, uint64_t quota_bytes)
{
    struct arena arena = {0};
    struct directory_user user;
    enum err err = update_user(store, "UPDATE user SET quota_bytes=?2 WHERE login=?1", address, NULL,
                               (int64_t)quota_bytes);
    if (!err) {
        err = directory_user_get(store, &arena, address, &user);
    }
    if (!err) {
        err = copy_quota(store, user.login, quota_bytes);
    }
    arena_free(&arena);
    return err;
}

enum err directory_user_remove(struct store *store, struct slice address, bool purge, struct buf *why)
{
    struct arena arena = {0};
    struct directory_user user;
    enum err err = directory_user_get(store, &arena, address, &user);
    if (err == ERR_NOT_FOUND) {
        directory_explain(why, "there is no user %.*s", SLICE_ARG(address));
    }
    if (!err) {
        err = directory_user_set_disabled(store, user.login, true);
    }
    if (!err) {
        err = account_folder_remove(store, user.login, purge);
        if (err) {
            directory_explain(why, "the folder of %.*s cannot be removed: %s", SLICE_ARG(user.login),
                              err_text(err));
        }
    }
    if (!err) {
        err = update_user(store, "DELETE FROM user WHERE login=?1 AND ?2=0", user.login, NULL, 0);
    }
    if (!err) {
        rights_forget_user(store, user.login);
    }
    arena_free(&arena);
    return err;
}

#define LIST_USERS                                                                     \
    "SELECT " DIRECTORY_USER_COLUMNS " FROM user JOIN domain ON domain.id=user.domain" \
    " WHERE ?1='' OR domain.name=?1 ORDER BY domain.name, user.local"

enum err directory_user_list(struct store *store, struct arena *arena, struct slice domain,
                             struct directory_user **list_r, size_t *count_r)
{
    struct db *db = store->directory;
    struct directory_user *list = NULL;
    struct slice key = SLICE_EMPTY;
    size_t count = 0;
    int more;
    if (domain.len && address_domain_key(arena, domain, &key)) {
        return ERR_NOT_FOUND;
    }
    enum err err = db_begin_read(db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, LIST_USERS);
    db_bind_text(statement, 1, key);
    while ((more = db_step(db, statement)) == 1) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        directory_read_user(statement, arena, &list[count++]);
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
