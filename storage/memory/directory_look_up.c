/* SPDX-License-Identifier: ISC */
/* The directory as the rules of resolution ask it. */
#include "directory_look_up.h"

#include "directory.h"

enum err directory_look_up_begin(struct store *store)
{
    return directory_lock(store);
}

void directory_look_up_end(struct store *store)
{
    directory_unlock(store);
}

enum err directory_look_up_domain(struct store *store, struct arena *arena, struct slice name,
                                  struct directory_domain_row *row_r)
{
    const struct directory_domain_entry *domain = directory_domain_by_name(&store->directory, name);
    if (!domain) {
        return ERR_NOT_FOUND;
    }
    row_r->id = domain->id;
    row_r->catchall = arena_copy(arena, text_slice(domain->catchall));
    return ERR_OK;
}

enum err directory_look_up_user(struct store *store, struct arena *arena, int64_t domain, struct slice local,
                                struct directory_user *user_r)
{
    const struct directory_user_entry *user = directory_user_by_name(&store->directory, domain, local);
    if (!user) {
        return ERR_NOT_FOUND;
    }
    directory_tell_user(user, arena, user_r);
    return ERR_OK;
}

enum err directory_look_up_alias(struct store *store, struct arena *arena, int64_t domain, struct slice local,
                                 struct slice **targets_r, size_t *count_r)
{
    const struct directory_alias_entry *alias = directory_alias_by_name(&store->directory, domain, local);
    if (!alias) {
        return ERR_NOT_FOUND;
    }
    struct slice *targets = arena_array(arena, struct slice, alias->target_count);
    for (size_t i = 0; i < alias->target_count; i++) {
        targets[i] = arena_copy(arena, text_slice(alias->targets[i]));
    }
    *targets_r = targets;
    *count_r = alias->target_count;
    return ERR_OK;
}

enum err directory_look_up_first_user(struct store *store, struct arena *arena, int64_t domain,
                                      struct directory_user *user_r)
{
    const struct directory *directory = &store->directory;
    const struct directory_user_entry *best = NULL;
    int best_rank = 4;
    for (size_t i = 0; i < directory->user_count; i++) { /* in the order in which they came */
        const struct directory_user_entry *user = &directory->users[i];
        int rank = (user->domain == domain ? 0 : 2) + user->disabled;
        if (rank < best_rank) {
            best = user;
            best_rank = rank;
        }
    }
    if (!best) {
        return ERR_NOT_FOUND;
    }
    directory_tell_user(best, arena, user_r);
    return ERR_OK;
}

enum err directory_look_up_postmaster_domain(struct store *store, int64_t *domain_r)
{
    struct directory *directory = &store->directory;
    for (size_t i = 0; i < directory->domain_count; i++) { /* in the order in which they came */
        int64_t id = directory->domains[i].id;
        if (directory_user_by_name(directory, id, S("postmaster")) ||
            directory_alias_by_name(directory, id, S("postmaster"))) {
            *domain_r = id;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

enum err directory_look_up_only_domain(struct store *store, struct arena *arena, struct slice *name_r)
{
    if (store->directory.domain_count != 1) {
        return ERR_NOT_FOUND;
    }
    *name_r = arena_copy(arena, text_slice(store->directory.domains[0].name));
    return ERR_OK;
}
