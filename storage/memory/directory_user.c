/* SPDX-License-Identifier: ISC */
/* Users; each comes and goes with its account. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "directory.h"
#include "rights_forget.h"

void directory_user_release(struct directory_user_entry *user)
{
    text_release(user->local);
    text_release(user->login);
    text_release(user->display_name);
}

static enum err check_free(struct directory *directory, const struct directory_key *key, int64_t domain,
                           struct buf *why)
{
    bool user = directory_user_by_name(directory, domain, key->local);
    bool alias = directory_alias_by_name(directory, domain, key->local);
    if (!user && !alias) {
        return ERR_OK;
    }
    directory_explain(why, "%.*s is %s already", SLICE_ARG(key->text), alias ? "an alias" : "a user");
    return ERR_EXISTS;
}

static enum err add_user(struct store *store, const struct directory_key *key, struct slice name,
                         uint64_t quota, struct buf *why)
{
    struct directory *directory = &store->directory;
    struct directory_domain_entry *domain = directory_domain_by_name(directory, key->domain);
    if (!domain) {
        directory_explain(why, "there is no domain %.*s", SLICE_ARG(key->domain));
        return ERR_NOT_FOUND;
    }
    enum err err = check_free(directory, key, domain->id, why);
    if (err) {
        return err;
    }
    directory->users =
        mem_realloc_array(directory->users, directory->user_count + 1, sizeof(struct directory_user_entry));
    directory->users[directory->user_count++] = (struct directory_user_entry){
        .id = ++directory->last_id,
        .domain = domain->id,
        .local = text_new(key->local),
        .login = text_new(key->text),
        .display_name = text_new(name),
        .quota_bytes = quota,
        .created_us = clock_wall_us(),
    };
    /* A number that no account had before. */
    uint32_t now = (uint32_t)(clock_wall_us() / 1000000);
    directory->last_uidvalidity = MAX_OF(directory->last_uidvalidity + 1, now);
    account_add(store, key->text, directory->last_uidvalidity, quota);
    return ERR_OK;
}

enum err directory_user_add(struct store *store, struct slice address, struct slice display_name,
                            uint64_t quota_bytes, struct buf *why)
{
    struct arena arena = {0};
    struct directory_key key;
    enum err err = directory_key_parse(&arena, address, &key, why);
    if (!err) {
        err = directory_lock(store);
    }
    if (!err) {
        err = add_user(store, &key, display_name, quota_bytes, why);
        directory_unlock(store);
    }
    arena_free(&arena);
    return err;
}

/* Locks the directory and finds the user; with an error it is not locked. What is no address at all is no
 * user either. */
static enum err lock_user(struct store *store, struct slice address, struct directory_user_entry **user_r)
{
    struct arena arena = {0};
    struct directory_key key;
    if (directory_key_parse(&arena, address, &key, NULL)) {
        arena_free(&arena);
        return ERR_NOT_FOUND;
    }
    enum err err = directory_lock(store);
    if (!err) {
        struct directory_domain_entry *domain = directory_domain_by_name(&store->directory, key.domain);
        *user_r = domain ? directory_user_by_name(&store->directory, domain->id, key.local) : NULL;
        if (!*user_r) {
            directory_unlock(store);
            err = ERR_NOT_FOUND;
        }
    }
    arena_free(&arena);
    return err;
}

enum err directory_user_get(struct store *store, struct arena *arena, struct slice address,
                            struct directory_user *user_r)
{
    struct directory_user_entry *user;
    enum err err = lock_user(store, address, &user);
    if (!err) {
        directory_tell_user(user, arena, user_r);
        directory_unlock(store);
    }
    return err;
}

enum err directory_user_set_disabled(struct store *store, struct slice address, bool disabled)
{
    struct directory_user_entry *user;
    enum err err = lock_user(store, address, &user);
    if (!err) {
        user->disabled = disabled;
        directory_unlock(store);
    }
    return err;
}

enum err directory_user_set_name(struct store *store, struct slice address, struct slice display_name)
{
    struct directory_user_entry *user;
    enum err err = lock_user(store, address, &user);
    if (!err) {
        directory_replace_text(&user->display_name, display_name);
        directory_unlock(store);
    }
    return err;
}

/* The account keeps the limit that counts: it is set by a batch, which leaves that for messages alone. */
static enum err copy_quota(struct store *store, struct slice login, uint64_t quota_bytes)
{
    struct account *account = NULL;
    struct snapshot *snapshot = NULL;
    struct quota_state quota = {0};
    enum err err = account_open(store, login, &account);
    if (err) {
        return err;
    }
    err = snapshot_open(account, &snapshot);
    if (!err) {
        err = snapshot_quota(snapshot, &quota);
        snapshot_close(snapshot);
    }
    if (!err) {
        struct batch_operation set = {
            .kind = BATCH_QUOTA_SET,
            .quota = {.limit_bytes = quota_bytes, .limit_messages = quota.limit_messages},
        };
        err = batch_commit(account, &set, 1, NULL);
    }
    account_close(account);
    return err;
}

enum err directory_user_set_quota(struct store *store, struct slice address, uint64_t quota_bytes)
{
    struct directory_user_entry *user;
    struct arena arena = {0};
    enum err err = lock_user(store, address, &user);
    if (!err) {
        user->quota_bytes = quota_bytes;
        struct slice login = arena_copy(&arena, text_slice(user->login));
        directory_unlock(store);
        err = copy_quota(store, login, quota_bytes);
    }
    arena_free(&arena);
    return err;
}

enum err directory_user_remove(struct store *store, struct slice address, bool purge, struct buf *why)
{
    struct directory *directory = &store->directory;
    struct directory_user_entry *user;
    (void)purge; /* there is nowhere to move it to */
    enum err err = lock_user(store, address, &user);
    if (err == ERR_NOT_FOUND) {
        directory_explain(why, "there is no user %.*s", SLICE_ARG(address));
    }
    if (err) {
        return err;
    }
    struct text *login = text_share(user->login);
    account_remove(store, text_slice(login));
    directory_user_release(user);
    size_t behind = (size_t)(directory->users + directory->user_count - (user + 1));
    memmove(user, user + 1, behind * sizeof(*user));
    directory->user_count--;
    directory_unlock(store);
    rights_forget_user(store, text_slice(login));
    text_release(login);
    return ERR_OK;
}

struct user_of_list {
    struct slice domain, local;
    struct directory_user user;
};

static int compare_users(const void *a, const void *b)
{
    const struct user_of_list *left = a, *right = b;
    int order = slice_cmp(left->domain, right->domain);
    return order ? order : slice_cmp(left->local, right->local);
}

enum err directory_user_list(struct store *store, struct arena *arena, struct slice domain,
                             struct directory_user **list_r, size_t *count_r)
{
    struct directory *directory = &store->directory;
    struct slice key = SLICE_EMPTY;
    size_t count = 0;
    if (domain.len && address_domain_key(arena, domain, &key)) {
        return ERR_NOT_FOUND;
    }
    enum err err = directory_lock(store);
    if (err) {
        return err;
    }
    struct user_of_list *found = arena_array(arena, struct user_of_list, directory->user_count);
    for (size_t i = 0; i < directory->user_count; i++) {
        const struct directory_user_entry *entry = &directory->users[i];
        struct slice name = directory_domain_name(directory, entry->domain);
        if (key.len == 0 || slice_eq(name, key)) {
            found[count].domain = arena_copy(arena, name);
            found[count].local = arena_copy(arena, text_slice(entry->local));
            directory_tell_user(entry, arena, &found[count++].user);
        }
    }
    directory_unlock(store);
    qsort(found, count, sizeof(*found), compare_users);
    struct directory_user *list = arena_array(arena, struct directory_user, count);
    for (size_t i = 0; i < count; i++) {
        list[i] = found[i].user;
    }
    *list_r = list;
    *count_r = count;
    return ERR_OK;
}
