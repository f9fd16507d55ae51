/* SPDX-License-Identifier: ISC */
#include "refresh.h"

#include "mail/address.h"

struct refresh {
    const struct conf *conf;
    /* What was found out last: mail for one domain often stands together. */
    struct arena arena;
    struct slice before, domain, after;
};

static struct slice find(const struct conf *conf, struct slice now, struct slice domain, struct arena *arena)
{
    struct destination meaning;
    enum err err = destination_parse(conf, now, arena, &meaning);
    return !err && meaning.is_pinned ? now : destination_of(conf, domain, arena);
}

static struct slice destination(void *data, struct slice now, struct slice address, struct arena *arena)
{
    struct refresh *refresh = data;
    struct slice domain = address_domain_of(address);
    (void)arena;
    if (domain.len == 0) {
        return SLICE_EMPTY;
    }
    if (!slice_eq(now, refresh->before) || !slice_eq(domain, refresh->domain)) {
        arena_reset(&refresh->arena);
        refresh->before = arena_copy(&refresh->arena, now);
        refresh->domain = arena_copy(&refresh->arena, domain);
        refresh->after = find(refresh->conf, refresh->before, refresh->domain, &refresh->arena);
    }
    return refresh->after;
}

enum err destination_refresh(struct store *store, const struct conf *conf, int64_t now_us, uint64_t *count_r)
{
    struct refresh refresh = {.conf = conf};
    struct queue_router router = {destination, &refresh};
    enum err err = queue_reroute(store, &(struct queue_filter){0}, &router, now_us, count_r);
    arena_free(&refresh.arena);
    return err;
}
