/* SPDX-License-Identifier: ISC */
/* Who logs in: people type their address, or, where there is one domain only, just what stands before the @.
 */
#include "directory_look_up.h"

enum err directory_login(struct store *store, struct arena *arena, struct slice typed,
                         struct directory_user *user_r)
{
    typed = slice_trim(typed);
    if (slice_has(typed, '@')) {
        return directory_user_get(store, arena, typed, user_r);
    }
    struct slice domain;
    enum err err = directory_look_up_begin(store);
    if (err) {
        return err;
    }
    err = directory_look_up_only_domain(store, arena, &domain);
    directory_look_up_end(store);
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
