/* SPDX-License-Identifier: ISC */
/* The routing table, and the texts that name a destination. */
#include "destination.h"

#include <string.h>

#include "base/utf8.h"
#include "mail/address.h"

/* Lower case with A-labels; what is no domain stays as it is, in lower case. */
static struct slice domain_key(struct arena *arena, struct slice domain)
{
    struct slice key;
    return address_domain_key(arena, domain, &key) ? arena_lower(arena, domain) : key;
}

/* One entry of a route's `domains`, in lower case with A-labels. Only a few need the work. */
static struct slice entry_key(struct arena *arena, const char *entry)
{
    struct slice text = slice_from(entry);
    if (utf8_is_ascii(text))
        return text;
    bool is_suffix = text.data[0] == '.';
    struct slice key = domain_key(arena, slice_skip(text, is_suffix));
    return is_suffix ? slice_from(arena_printf(arena, ".%.*s", SLICE_ARG(key))) : key;
}

/* How well an entry fits: the more bytes, the better; 0: not at all. Named wholly beats any suffix. */
static size_t fit(struct slice entry, struct slice domain)
{
    if (slice_eq_nocase(entry, domain))
        return SIZE_MAX;
    if (slice_starts_with(entry, S(".")) && slice_ends_with_nocase(domain, entry))
        return 1 + entry.len;
    return slice_eq(entry, S("*")) ? 1 : 0;
}

static size_t best_fit(const struct conf_list *list, struct slice key, struct arena *arena)
{
    size_t best = 0;
    for (size_t i = 0; i < list->count; i++) {
        size_t this_fit = fit(entry_key(arena, list->items[i]), key);
        best = MAX_OF(best, this_fit);
    }
    return best;
}

static const struct conf_route *find_route(const struct conf *conf, struct slice key, struct arena *arena)
{
    const struct conf_route *best = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < conf->route_count; i++) {
        size_t this_fit = best_fit(&conf->routes[i].domains, key, arena);
        if (this_fit > longest) {
            best = &conf->routes[i];
            longest = this_fit;
        }
    }
    return best;
}

const struct conf_route *destination_route(const struct conf *conf, struct slice domain)
{
    struct arena scratch = {0};
    const struct conf_route *route = find_route(conf, domain_key(&scratch, domain), &scratch);
    arena_free(&scratch);
    return route;
}

bool destination_is_relayed(const struct conf *conf, struct slice domain)
{
    struct arena scratch = {0};
    size_t found = best_fit(&conf->relay_domains, domain_key(&scratch, domain), &scratch);
    arena_free(&scratch);
    return found > 0;
}

bool destination_is_listed(const struct conf_list *domains, struct slice domain)
{
    struct arena scratch = {0};
    bool found = false;
    struct slice key = domains->count > 0 ? domain_key(&scratch, domain) : SLICE_EMPTY;
    for (size_t i = 0; i < domains->count && !found; i++)
        found = fit(entry_key(&scratch, domains->items[i]), key) > 1;
    arena_free(&scratch);
    return found;
}

static bool goes_by_mx(const struct conf_route *route)
{
    return strcasecmp(route->via, "mx") == 0;
}

struct slice destination_of(const struct conf *conf, struct slice domain, struct arena *arena)
{
    struct slice key = domain_key(arena, domain);
    const struct conf_route *route = find_route(conf, key, arena);
    if (!route || goes_by_mx(route))
        return key;
    return slice_from(arena_printf(arena, "route:%s", route->name));
}

static const struct conf_route *route_named(const struct conf *conf, struct slice name)
{
    for (size_t i = 0; i < conf->route_count; i++) {
        if (slice_eq(slice_from(conf->routes[i].name), name))
            return &conf->routes[i];
    }
    return NULL;
}

/* By MX. Of a route only the settings count: one that goes elsewhere has none for this way. */
static enum err parse_domain(const struct conf *conf, struct slice domain, struct arena *arena,
                             struct destination *destination)
{
    bool is_domain =
        address_is_literal(domain) ? address_check_literal(domain) : !address_check_domain(domain, false);
    if (!is_domain)
        return ERR_SYNTAX;
    destination->hop = (struct next_hop){.kind = NEXT_HOP_MX};
    destination->domain = domain;
    const struct conf_route *route = find_route(conf, domain, arena);
    destination->route = route && goes_by_mx(route) ? route : NULL;
    return ERR_OK;
}

static enum err parse_route(const struct conf *conf, struct slice name, struct arena *arena,
                            struct destination *destination)
{
    destination->route = route_named(conf, name);
    if (!destination->route)
        return ERR_NOT_FOUND;
    enum err err = next_hop_parse(slice_from(destination->route->via), arena, &destination->hop);
    /* The route has learned to go by MX since; whose MX cannot be told from here. */
    return !err && destination->hop.kind == NEXT_HOP_MX ? ERR_NOT_FOUND : err;
}

enum err destination_parse(const struct conf *conf, struct slice text, struct arena *arena,
                           struct destination *destination_r)
{
    struct destination destination = {0};
    struct slice rest = arena_lower(arena, text);
    struct slice scheme = slice_split(&rest, ':');
    struct slice name = slice_skip(text, scheme.len + 1); /* names of routes keep their case */
    enum err err;
    if (address_is_literal(text) || !rest.data) {
        err = parse_domain(conf, arena_lower(arena, text), arena, &destination);
    } else if (slice_eq(scheme, S("route"))) {
        err = parse_route(conf, name, arena, &destination);
    } else if (slice_eq(scheme, S("via"))) {
        destination.is_pinned = true;
        err = parse_route(conf, name, arena, &destination);
    } else if (slice_eq(scheme, S("mx"))) {
        destination.is_pinned = true;
        err = parse_domain(conf, rest, arena, &destination);
    } else {
        destination.is_pinned = true;
        err = next_hop_parse(text, arena, &destination.hop);
    }
    if (!err)
        *destination_r = destination;
    return err;
}

static struct slice format_hop(const struct next_hop *hop, struct arena *arena)
{
    struct buf text;
    buf_init(&text, 1000);
    next_hop_format(hop, &text);
    struct slice result = arena_copy(arena, buf_slice(&text));
    buf_free(&text);
    return result;
}

enum err destination_pin(const struct conf *conf, struct slice to, struct slice domain, struct arena *arena,
                         struct slice *destination_r)
{
    struct slice route_scheme = S("route:");
    struct slice key = domain_key(arena, domain);
    const struct conf_route *route = NULL;
    if (slice_starts_with(to, route_scheme)) {
        route = route_named(conf, slice_skip(to, route_scheme.len));
        if (!route)
            return ERR_NOT_FOUND;
        if (!goes_by_mx(route)) {
            *destination_r = slice_from(arena_printf(arena, "via:%s", route->name));
            return ERR_OK;
        }
    }
    struct next_hop hop;
    enum err err = next_hop_parse(route ? slice_from(route->via) : to, arena, &hop);
    if (err)
        return err;
    *destination_r = hop.kind == NEXT_HOP_MX ? slice_from(arena_printf(arena, "mx:%.*s", SLICE_ARG(key)))
                                             : format_hop(&hop, arena);
    return ERR_OK;
}
