/* SPDX-License-Identifier: ISC */
/* Aliases: an address that stands for others. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "directory.h"

void directory_alias_release(struct directory_alias_entry *alias)
{
    text_release(alias->local);
    for (size_t i = 0; i < alias->target_count; i++) {
        text_release(alias->targets[i]);
    }
    mem_free(alias->targets);
}

static struct directory_alias_entry *alias_made(struct directory *directory, int64_t domain,
                                                struct slice local)
{
    struct directory_alias_entry *alias = directory_alias_by_name(directory, domain, local);
    if (!alias) {
        directory->aliases =
            mem_realloc_array(directory->aliases, directory->alias_count + 1, sizeof(*alias));
        alias = &directory->aliases[directory->alias_count++];
        *alias = (struct directory_alias_entry){.domain = domain, .local = text_new(local)};
    }
    return alias;
}

/* Sorted, each once. */
static void add_target(struct directory_alias_entry *alias, struct slice target)
{
    size_t at = 0;
    while (at < alias->target_count && slice_cmp(text_slice(alias->targets[at]), target) < 0) {
        at++;
    }
    if (at < alias->target_count && slice_eq(text_slice(alias->targets[at]), target)) {
        return;
    }
    alias->targets = mem_realloc_array(alias->targets, alias->target_count + 1, sizeof(struct text *));
    memmove(&alias->targets[at + 1], &alias->targets[at], (alias->target_count - at) * sizeof(struct text *));
    alias->targets[at] = text_new(target);
    alias->target_count++;
}

static enum err add_targets(struct directory *directory, const struct directory_key *key,
                            const struct directory_key *targets, size_t count, struct buf *why)
{
    struct directory_domain_entry *domain = directory_domain_by_name(directory, key->domain);
    if (!domain) {
        directory_explain(why, "there is no domain %.*s", SLICE_ARG(key->domain));
        return ERR_NOT_FOUND;
    }
    if (directory_user_by_name(directory, domain->id, key->local)) {
        directory_explain(why, "%.*s is a user", SLICE_ARG(key->text));
        return ERR_EXISTS;
    }
    struct directory_alias_entry *alias = alias_made(directory, domain->id, key->local);
    for (size_t i = 0; i < count; i++) {
        add_target(alias, targets[i].text);
    }
    return ERR_OK;
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
        err = directory_lock(store);
    }
    if (!err) {
        err = add_targets(&store->directory, &key, keys, count, why);
        directory_unlock(store);
    }
    arena_free(&arena);
    return err;
}

static void drop_alias(struct directory *directory, struct directory_alias_entry *alias)
{
    directory_alias_release(alias);
    size_t behind = (size_t)(directory->aliases + directory->alias_count - (alias + 1));
    memmove(alias, alias + 1, behind * sizeof(*alias));
    directory->alias_count--;
}

static bool drop_target(struct directory_alias_entry *alias, struct slice target)
{
    for (size_t i = 0; i < alias->target_count; i++) {
        if (slice_eq(text_slice(alias->targets[i]), target)) {
            text_release(alias->targets[i]);
            alias->target_count--;
            memmove(&alias->targets[i], &alias->targets[i + 1],
                    (alias->target_count - i) * sizeof(struct text *));
            return true;
        }
    }
    return false;
}

static enum err remove_targets(struct directory *directory, const struct directory_key *key,
                               struct slice target)
{
    struct directory_domain_entry *domain = directory_domain_by_name(directory, key->domain);
    struct directory_alias_entry *alias =
        domain ? directory_alias_by_name(directory, domain->id, key->local) : NULL;
    if (!alias || (target.len && !drop_target(alias, target))) {
        return ERR_NOT_FOUND;
    }
    if (target.len == 0 || alias->target_count == 0) {
        drop_alias(directory, alias);
    }
    return ERR_OK;
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
        err = directory_lock(store);
    }
    if (!err) {
        err = remove_targets(&store->directory, &key, target_key.text);
        directory_unlock(store);
    }
    arena_free(&arena);
    return err;
}

struct alias_of_list {
    struct slice domain, local;
    struct directory_alias alias;
};

static int compare_aliases(const void *a, const void *b)
{
    const struct alias_of_list *left = a, *right = b;
    int order = slice_cmp(left->domain, right->domain);
    return order ? order : slice_cmp(left->local, right->local);
}

static struct slice format_address(struct arena *arena, struct slice local, struct slice domain)
{
    struct buf text;
    struct address address = {.local = local, .domain = domain};
    buf_init(&text, 4096);
    address_format(&text, &address);
    struct slice copy = arena_copy(arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static struct slice *copy_targets(const struct directory_alias_entry *entry, struct arena *arena)
{
    struct slice *targets = arena_array(arena, struct slice, entry->target_count);
    for (size_t i = 0; i < entry->target_count; i++) {
        targets[i] = arena_copy(arena, text_slice(entry->targets[i]));
    }
    return targets;
}

enum err directory_alias_list(struct store *store, struct arena *arena, struct directory_alias **list_r,
                              size_t *count_r)
{
    struct directory *directory = &store->directory;
    enum err err = directory_lock(store);
    if (err) {
        return err;
    }
    size_t count = directory->alias_count;
    struct alias_of_list *found = arena_array(arena, struct alias_of_list, count);
    for (size_t i = 0; i < count; i++) {
        const struct directory_alias_entry *entry = &directory->aliases[i];
        struct alias_of_list *item = &found[i];
        item->domain = arena_copy(arena, directory_domain_name(directory, entry->domain));
        item->local = arena_copy(arena, text_slice(entry->local));
        item->alias.address = format_address(arena, item->local, item->domain);
        item->alias.targets = copy_targets(entry, arena);
        item->alias.target_count = entry->target_count;
    }
    directory_unlock(store);
    qsort(found, count, sizeof(*found), compare_aliases);
    struct directory_alias *list = arena_array(arena, struct directory_alias, count);
    for (size_t i = 0; i < count; i++) {
        list[i] = found[i].alias;
    }
    *list_r = list;
    *count_r = count;
    return ERR_OK;
}
