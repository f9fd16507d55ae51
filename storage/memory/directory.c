/* SPDX-License-Identifier: ISC */
/* Domains and users, as lists under one mutex; and the look-ups that the rules of resolution make. */
#include "directory.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "directory_look_up.h"

enum err directory_lock(struct store *store)
{
    enum err err = store_step(store, MEMORY_DIRECTORY);
    if (!err) {
        pthread_mutex_lock(&store->directory.mutex);
    }
    return err;
}

void directory_unlock(struct store *store)
{
    pthread_mutex_unlock(&store->directory.mutex);
}

void directory_replace_text(struct text **text, struct slice value)
{
    struct text *old = *text;
    *text = text_new(value);
    text_release(old);
}

struct directory_domain_entry *directory_domain_by_name(struct directory *directory, struct slice name)
{
    for (size_t i = 0; i < directory->domain_count; i++) {
        if (slice_eq(text_slice(directory->domains[i].name), name)) {
            return &directory->domains[i];
        }
    }
    return NULL;
}

static struct directory_domain_entry *domain_by_id(struct directory *directory, int64_t id)
{
    for (size_t i = 0; i < directory->domain_count; i++) {
        if (directory->domains[i].id == id) {
            return &directory->domains[i];
        }
    }
    return NULL;
}

struct slice directory_domain_name(struct directory *directory, int64_t id)
{
    return text_slice(domain_by_id(directory, id)->name);
}

struct directory_user_entry *directory_user_by_name(struct directory *directory, int64_t domain,
                                                    struct slice local)
{
    for (size_t i = 0; i < directory->user_count; i++) {
        struct directory_user_entry *user = &directory->users[i];
        if (user->domain == domain && slice_eq(text_slice(user->local), local)) {
            return user;
        }
    }
    return NULL;
}

struct directory_alias_entry *directory_alias_by_name(struct directory *directory, int64_t domain,
                                                      struct slice local)
{
    for (size_t i = 0; i < directory->alias_count; i++) {
        struct directory_alias_entry *alias = &directory->aliases[i];
        if (alias->domain == domain && slice_eq(text_slice(alias->local), local)) {
            return alias;
        }
    }
    return NULL;
}

void directory_tell_user(const struct directory_user_entry *entry, struct arena *arena,
                         struct directory_user *user_r)
{
    *user_r = (struct directory_user){
        .login = arena_copy(arena, text_slice(entry->login)),
        .display_name = arena_copy(arena, text_slice(entry->display_name)),
        .disabled = entry->disabled,
        .quota_bytes = entry->quota_bytes,
        .created_us = entry->created_us,
    };
}

/* --- domains --- */

static enum err add_domain(struct directory *directory, struct slice key, struct buf *why)
{
    if (directory_domain_by_name(directory, key)) {
        directory_explain(why, "the domain %.*s is there already", SLICE_ARG(key));
        return ERR_EXISTS;
    }
    directory->domains = mem_realloc_array(directory->domains, directory->domain_count + 1,
                                           sizeof(struct directory_domain_entry));
    directory->domains[directory->domain_count++] = (struct directory_domain_entry){
        .id = ++directory->last_id,
        .name = text_new(key),
        .catchall = text_new(SLICE_EMPTY),
        .created_us = clock_wall_us(),
    };
    return ERR_OK;
}

enum err directory_domain_add(struct store *store, struct slice name, struct buf *why)
{
    struct arena arena = {0};
    struct slice key;
    enum err err = directory_domain_key(&arena, name, &key, why);
    if (!err) {
        err = directory_lock(store);
    }
    if (!err) {
        err = add_domain(&store->directory, key, why);
        directory_unlock(store);
    }
    arena_free(&arena);
    return err;
}

static void count_domain(const struct directory *directory, int64_t id, uint64_t *users_r,
                         uint64_t *aliases_r)
{
    *users_r = *aliases_r = 0;
    for (size_t i = 0; i < directory->user_count; i++) {
        *users_r += directory->users[i].domain == id;
    }
    for (size_t i = 0; i < directory->alias_count; i++) {
        *aliases_r += directory->aliases[i].domain == id;
    }
}

static enum err require_domain(struct directory *directory, struct slice key,
                               struct directory_domain_entry **entry_r, struct buf *why)
{
    *entry_r = directory_domain_by_name(directory, key);
    if (!*entry_r) {
        directory_explain(why, "there is no domain %.*s", SLICE_ARG(key));
        return ERR_NOT_FOUND;
    }
    return ERR_OK;
}

static enum err remove_domain(struct directory *directory, struct slice key, struct buf *why)
{
    struct directory_domain_entry *entry;
    uint64_t users, aliases;
    enum err err = require_domain(directory, key, &entry, why);
    if (err) {
        return err;
    }
    count_domain(directory, entry->id, &users, &aliases);
    if (users + aliases > 0) {
        directory_explain(why, "users or aliases are left in %.*s", SLICE_ARG(key));
        return ERR_BUSY;
    }
    text_release(entry->name);
    text_release(entry->catchall);
    size_t behind = (size_t)(directory->domains + directory->domain_count - (entry + 1));
    memmove(entry, entry + 1, behind * sizeof(*entry));
    directory->domain_count--;
    return ERR_OK;
}

enum err directory_domain_remove(struct store *store, struct slice name, struct buf *why)
{
    struct arena arena = {0};
    struct slice key;
    enum err err = directory_domain_key(&arena, name, &key, why);
    if (!err) {
        err = directory_lock(store);
    }
    if (!err) {
        err = remove_domain(&store->directory, key, why);
        directory_unlock(store);
    }
    arena_free(&arena);
    return err;
}

enum err directory_domain_set_catchall(struct store *store, struct slice name, struct slice address,
                                       struct buf *why)
{
    struct arena arena = {0};
    struct slice key;
    struct directory_key target = {.text = SLICE_EMPTY};
    struct directory_domain_entry *entry;
    enum err err = directory_domain_key(&arena, name, &key, why);
    if (!err && address.len) {
        err = directory_key_parse(&arena, address, &target, why);
    }
    if (!err) {
        err = directory_lock(store);
    }
    if (!err) {
        err = require_domain(&store->directory, key, &entry, why);
        if (!err) {
            directory_replace_text(&entry->catchall, target.text);
        }
        directory_unlock(store);
    }
    arena_free(&arena);
    return err;
}

static int compare_domains(const void *a, const void *b)
{
    return slice_cmp(((const struct directory_domain *)a)->name, ((const struct directory_domain *)b)->name);
}

enum err directory_domain_list(struct store *store, struct arena *arena, struct directory_domain **list_r,
                               size_t *count_r)
{
    struct directory *directory = &store->directory;
    enum err err = directory_lock(store);
    if (err) {
        return err;
    }
    size_t count = directory->domain_count;
    struct directory_domain *list = arena_array(arena, struct directory_domain, count);
    for (size_t i = 0; i < count; i++) {
        const struct directory_domain_entry *entry = &directory->domains[i];
        list[i] = (struct directory_domain){
            .name = arena_copy(arena, text_slice(entry->name)),
            .catchall = arena_copy(arena, text_slice(entry->catchall)),
            .created_us = entry->created_us,
        };
        count_domain(directory, entry->id, &list[i].users, &list[i].aliases);
    }
    directory_unlock(store);
    qsort(list, count, sizeof(*list), compare_domains);
    *list_r = list;
    *count_r = count;
    return ERR_OK;
}

enum err directory_is_local_domain(struct store *store, struct slice domain, bool *local_r)
{
    struct arena arena = {0};
    struct slice key;
    bool is_name = !address_domain_key(&arena, domain, &key);
    enum err err = directory_lock(store);
    if (!err) {
        *local_r = is_name && directory_domain_by_name(&store->directory, key);
        directory_unlock(store);
    }
    arena_free(&arena);
    return err;
}

void directory_free(struct directory *directory)
{
    for (size_t i = 0; i < directory->domain_count; i++) {
        text_release(directory->domains[i].name);
        text_release(directory->domains[i].catchall);
    }
    for (size_t i = 0; i < directory->user_count; i++) {
        directory_user_release(&directory->users[i]);
    }
    for (size_t i = 0; i < directory->alias_count; i++) {
        directory_alias_release(&directory->aliases[i]);
    }
    mem_free(directory->domains);
    mem_free(directory->users);
    mem_free(directory->aliases);
}
