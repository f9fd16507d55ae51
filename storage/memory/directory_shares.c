/* SPDX-License-Identifier: ISC */
/* Who shares with whom: asked of every account, as tests have few. */
#include <stdlib.h>

#include "directory.h"

static bool gives_rights(const struct state *state, struct slice login)
{
    for (size_t i = 0; i < state->rights->count; i++) {
        struct slice identifier = text_slice(state->rights->records[i].name);
        if (slice_eq(identifier, login) || slice_eq(identifier, S(RIGHTS_ANYONE)) ||
            slice_eq(identifier, S(RIGHTS_AUTHENTICATED))) {
            return true;
        }
    }
    return false;
}

static int compare(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

enum err directory_shares(struct store *store, struct slice login, struct arena *arena,
                          struct slice **owners_r, size_t *count_r)
{
    size_t count = 0;
    enum err err = store_step(store, MEMORY_DIRECTORY);
    if (err) {
        return err;
    }
    pthread_mutex_lock(&store->accounts_mutex);
    for (struct account *account = store->accounts; account; account = account->next) {
        count++;
    }
    struct slice *owners = arena_array(arena, struct slice, count + 1);
    count = 0;
    for (struct account *account = store->accounts; account; account = account->next) {
        struct state *state = account_state(account);
        if (!slice_eq(text_slice(account->login), login) && gives_rights(state, login)) {
            owners[count++] = arena_copy(arena, text_slice(account->login));
        }
        state_release(state);
    }
    pthread_mutex_unlock(&store->accounts_mutex);
    qsort(owners, count, sizeof(*owners), compare);
    *owners_r = owners;
    *count_r = count;
    return ERR_OK;
}
