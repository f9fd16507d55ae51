/* SPDX-License-Identifier: ISC */
#include "resolve.h"

#include "base/clock.h"
#include "base/log.h"
#include "srs.h"

/* Whom an address of ours that looks rewritten stands for: one of our users by now, or somebody elsewhere. */
static enum err resolve_return(struct store *store, const struct conf *conf, struct slice local,
                               struct arena *arena, struct directory_route *route_r)
{
    struct srs_key key;
    struct address original;
    enum err err = srs_key_load(conf->data_directory, &key);
    if (err)
        return err;
    err = srs_reverse(&key, local, clock_wall_us(), arena, &original);
    if (err) {
        log_info("srs.refused", log_text("local", local), log_err(err));
        *route_r = (struct directory_route){.outcome = DIRECTORY_NO_USER};
        return ERR_OK;
    }
    err = directory_resolve(store, arena, &original, conf->recipient_delimiter, route_r);
    if (!err && route_r->outcome == DIRECTORY_REMOTE) {
        struct slice *forwards = arena_array(arena, struct slice, 1);
        forwards[0] = address_text(arena, &original);
        *route_r =
            (struct directory_route){.outcome = DIRECTORY_OK, .forwards = forwards, .forward_count = 1};
    }
    return err;
}

enum err resolve_address(struct store *store, const struct conf *conf, const struct address *address,
                         struct arena *arena, struct resolution *resolution_r)
{
    struct resolution resolution = {.is_return = false};
    enum err err = ERR_OK;
    if (srs_is_rewritten(address->local))
        err = directory_is_local_domain(store, address->domain, &resolution.is_return);
    if (!err && resolution.is_return)
        err = resolve_return(store, conf, address->local, arena, &resolution.route);
    else if (!err)
        err = directory_resolve(store, arena, address, conf->recipient_delimiter, &resolution.route);
    if (!err)
        *resolution_r = resolution;
    return err;
}
