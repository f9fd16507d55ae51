/* SPDX-License-Identifier: ISC */
/*
 * The routes of the configuration: sections with a name, of which there may be any number, each a struct
 * conf_route. What its values say together is checked where the section ends.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/next_hop.h"
#include "conf_priv.h"

#define NAME_MAX_LENGTH 64
#define ROUTES_MAX      1000

static const struct conf_option *find_option(const char *name)
{
    for (size_t i = 0; i < conf_route_option_count; i++) {
        if (strcmp(conf_route_options[i].name, name) == 0) {
            return &conf_route_options[i];
        }
    }
    return NULL;
}

/* Where it was set; 0: it was not. */
static int line_of(const struct conf_routes *routes, const char *name)
{
    return routes->seen[find_option(name) - conf_route_options].line;
}

static void set_value(struct conf_routes *routes, const struct conf_option *option, int line,
                      const char *value)
{
    struct buf expected;
    buf_init(&expected, 4096);
    if (conf_value_set(routes->conf, &routes->route, option, slice_from(value), &expected)) {
        conf_wrong_value(routes->findings, line, option, value, &expected);
    }
    buf_free(&expected);
}

static void begin(struct conf_routes *routes, const char *title)
{
    if (!routes->seen) {
        routes->seen = mem_realloc_array(NULL, conf_route_option_count, sizeof(*routes->seen));
    }
    memset(routes->seen, 0, conf_route_option_count * sizeof(*routes->seen));
    routes->route = (struct conf_route){.name = arena_cstr(&routes->conf->arena, slice_from(title)),
                                        .via = "",
                                        .user = "",
                                        .password_file = "",
                                        .source_ipv4 = "",
                                        .source_ipv6 = ""};
    routes->is_open = true;
    for (size_t i = 0; i < conf_route_option_count; i++) {
        if (conf_route_options[i].type != CONF_TEXTS) {
            set_value(routes, &conf_route_options[i], 0, conf_route_options[i].default_text);
        }
    }
}

void conf_route_value(struct conf_routes *routes, const char *title, const char *name, int line,
                      const char *value, unsigned entries)
{
    const struct conf_option *option = find_option(name);
    if (!routes->is_open) {
        begin(routes, title);
    }
    conf_see(routes->findings, &routes->seen[option - conf_route_options], option, line, entries);
    if (option->type != CONF_TEXTS) {
        set_value(routes, option, line, value);
    }
}

/* The name stands in destinations, log lines and commands. */
static void check_name(struct conf_routes *routes, int line)
{
    struct slice name = slice_from(routes->route.name);
    bool good = name.len > 0 && name.len <= NAME_MAX_LENGTH;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        good = good && (char_is_alnum(c) || c == '-' || c == '_' || c == '.');
    }
    if (!good) {
        conf_finding(routes->findings, line,
                     "route \"%s\": the name must be of letters, digits, '-', '_' and '.', at most %d",
                     routes->route.name, NAME_MAX_LENGTH);
    }
    for (size_t i = 0; i < routes->count; i++) {
        if (slice_eq_nocase(slice_from(routes->list[i].name), name)) {
            conf_finding(routes->findings, line, "there are two routes named %s, one ends on line %d",
                         routes->route.name, routes->places[i].end);
        }
    }
}

static bool is_address(const char *text, int family)
{
    unsigned char binary[sizeof(struct in6_addr)];
    return inet_pton(family, text, binary) == 1;
}

static void check_source(struct conf_routes *routes, const char *name, const char *address, int family)
{
    if (address[0] && !is_address(address, family)) {
        conf_finding(routes->findings, line_of(routes, name), "%s = \"%s\": must be an %s address", name,
                     address, family == AF_INET ? "IPv4" : "IPv6");
    }
}

static bool is_this_host(const struct next_hop *hop)
{
    return hop->kind == NEXT_HOP_LMTP_UNIX || slice_eq(hop->host, S("localhost")) ||
           (hop->is_address && (slice_eq(hop->host, S("::1")) || slice_starts_with(hop->host, S("127."))));
}

/* A password goes only to whom it is for: without TLS anybody on the way reads it, and without a look at the
 * certificate anybody on the way can be the host. "required" is for those who know why. */
static void check_login(struct conf_routes *routes, const struct next_hop *hop)
{
    struct conf_route *route = &routes->route;
    int line = line_of(routes, "user");
    if (!route->user[0] && !route->password_file[0]) {
        return;
    }
    if (!route->user[0]) {
        conf_finding(routes->findings, line_of(routes, "password_file"), "password_file is set without user");
        return;
    }
    if (!route->password_file[0]) {
        conf_finding(routes->findings, line, "user is set without password_file");
    }
    if (hop->kind == NEXT_HOP_MX) {
        conf_finding(routes->findings, line, "user needs a host to log in at: via = \"smtp://host:587\"");
    } else if (!line_of(routes, "tls")) {
        route->tls = is_this_host(hop) ? ROUTE_TLS_OPTIONAL : ROUTE_TLS_VERIFIED;
    } else if (route->tls != ROUTE_TLS_REQUIRED && route->tls != ROUTE_TLS_VERIFIED && !is_this_host(hop)) {
        conf_finding(routes->findings, line_of(routes, "tls"),
                     "with a user, tls must be verified or required, or others could read the password");
    }
}

static void check_via(struct conf_routes *routes)
{
    struct conf_route *route = &routes->route;
    struct next_hop hop;
    struct buf text;
    if (next_hop_parse(slice_from(route->via), &routes->conf->arena, &hop)) {
        conf_finding(routes->findings, line_of(routes, "via"), "via = \"%s\": must be %s", route->via,
                     NEXT_HOP_FORMS);
        return;
    }
    buf_init(&text, 1000);
    next_hop_format(&hop, &text);
    route->via = arena_cstr(&routes->conf->arena, buf_slice(&text));
    buf_free(&text);
    if (hop.kind == NEXT_HOP_SMTPS && route->tls == ROUTE_TLS_OFF) {
        conf_finding(routes->findings, line_of(routes, "tls"), "tls = \"off\" contradicts smtps://");
    }
    check_login(routes, &hop);
}

static void check_pauses(struct conf_routes *routes)
{
    const struct conf_route *route = &routes->route;
    if (route->retry_first && route->retry_longest && route->retry_first > route->retry_longest) {
        conf_finding(routes->findings, line_of(routes, "retry_first"),
                     "retry_first is longer than retry_longest");
    }
}

static void take_domains(struct conf_routes *routes, int line, const char *const *domains, size_t count)
{
    const struct conf_option *option = find_option("domains");
    struct conf_list *list = &routes->route.domains;
    struct buf expected;
    *list = (struct conf_list){.items = arena_array(&routes->conf->arena, const char *, count), .count = 0};
    buf_init(&expected, 4096);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&expected);
        if (conf_item_check(routes->conf, option->item, slice_from(domains[i]), &list->items[list->count],
                            &expected)) {
            conf_wrong_value(routes->findings, line_of(routes, "domains"), option, domains[i], &expected);
        } else {
            list->count++;
        }
    }
    buf_free(&expected);
    if (count == 0) {
        conf_finding(routes->findings, line,
                     "route %s: domains is not set, write for example domains = { \"*\" }",
                     routes->route.name);
    }
}

void conf_route_end(struct conf_routes *routes, const char *title, int line, const char *const *domains,
                    size_t count)
{
    if (!routes->is_open) {
        begin(routes, title);
    }
    routes->is_open = false;
    check_name(routes, line);
    take_domains(routes, line, domains, count);
    check_via(routes);
    check_source(routes, "source_ipv4", routes->route.source_ipv4, AF_INET);
    check_source(routes, "source_ipv6", routes->route.source_ipv6, AF_INET6);
    check_pauses(routes);
    if (routes->count == ROUTES_MAX) {
        conf_finding(routes->findings, line, "there are more than %d routes", ROUTES_MAX);
        return;
    }
    size_t more = routes->count + 1;
    routes->list = mem_realloc_array(routes->list, more, sizeof(*routes->list));
    routes->places = mem_realloc_array(routes->places, more, sizeof(*routes->places));
    routes->list[routes->count] = routes->route;
    routes->places[routes->count] =
        (struct conf_route_lines){.domains = line_of(routes, "domains"), .end = line};
    routes->count++;
}

struct entry {
    struct slice domain;
    size_t route;
};

static int by_domain(const void *a, const void *b)
{
    const struct entry *first = a, *second = b;
    int order = slice_cmp_nocase(first->domain, second->domain);
    return order ? order : (first->route > second->route) - (first->route < second->route);
}

/* Two routes for one domain: which of them was meant? */
static void check_domains(const struct conf_routes *routes)
{
    struct arena scratch = {0};
    size_t total = 0, count = 0;
    for (size_t i = 0; i < routes->count; i++) {
        total += routes->list[i].domains.count;
    }
    struct entry *entries = arena_array(&scratch, struct entry, total);
    for (size_t i = 0; i < routes->count; i++) {
        for (size_t k = 0; k < routes->list[i].domains.count; k++) {
            entries[count++] = (struct entry){slice_from(routes->list[i].domains.items[k]), i};
        }
    }
    qsort(entries, count, sizeof(*entries), by_domain);
    for (size_t i = 1; i < count; i++) {
        if (slice_eq_nocase(entries[i - 1].domain, entries[i].domain)) {
            conf_finding(routes->findings, routes->places[entries[i].route].domains,
                         "%.*s is in the domains of route %s already", SLICE_ARG(entries[i].domain),
                         routes->list[entries[i - 1].route].name);
        }
    }
    arena_free(&scratch);
}

void conf_routes_finish(struct conf_routes *routes)
{
    check_domains(routes);
    routes->conf->routes =
        arena_take_array(&routes->conf->arena, routes->list, routes->count, sizeof(*routes->list));
    routes->conf->route_count = routes->count;
    routes->list = NULL;
}

void conf_routes_free(struct conf_routes *routes)
{
    mem_free(routes->list);
    mem_free(routes->places);
    mem_free(routes->seen);
}
