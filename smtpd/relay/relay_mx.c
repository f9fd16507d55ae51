/* SPDX-License-Identifier: ISC */
#include "relay_mx.h"

#include <stdlib.h>

#include "mail/address.h"
#include "net/dns_record.h"

static enum err conclude(struct relay_route *route, enum relay_route_result result, unsigned code,
                         const char *text)
{
    route->result = result;
    route->count = 0;
    route->code = code;
    route->text = slice_from(text);
    return ERR_OK;
}

static unsigned by_chance(unsigned below)
{
    return (unsigned)(random() % below);
}

static int compare_preferences(const void *a, const void *b)
{
    const struct relay_host *left = a, *right = b;
    return left->preference < right->preference ? -1 : left->preference > right->preference;
}

/* RFC 5321 section 5.1: among equals by chance, so that the load is shared. */
static void put_in_order(struct relay_host *hosts, size_t count)
{
    for (size_t i = count; i-- > 1;) {
        size_t j = by_chance((unsigned)i + 1);
        struct relay_host host = hosts[i];
        hosts[i] = hosts[j];
        hosts[j] = host;
    }
    /* A stable sort keeps the order by chance: there are few. */
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && compare_preferences(&hosts[j - 1], &hosts[j]) > 0; j--) {
            struct relay_host host = hosts[j];
            hosts[j] = hosts[j - 1];
            hosts[j - 1] = host;
        }
}

static bool is_own(struct slice name, const struct slice *own, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_nocase(name, own[i]))
            return true;
    return false;
}

/* How many are better than ourselves. */
static size_t before_own(const struct relay_host *hosts, size_t count, const struct slice *own,
                         size_t own_count)
{
    for (size_t i = 0; i < count; i++)
        if (is_own(hosts[i].name, own, own_count)) {
            size_t better = i;
            while (better > 0 && hosts[better - 1].preference == hosts[i].preference)
                better--;
            return better;
        }
    return count;
}

static enum err read_exchangers(const struct dns_answer *answer, struct slice domain, const struct slice *own,
                                size_t own_count, struct arena *arena, struct relay_route *route)
{
    bool null_mx = false;
    route->hosts = arena_array(arena, struct relay_host, answer->count);
    for (size_t i = 0; i < answer->count; i++) {
        struct dns_mx mx;
        if (dns_parse_mx(arena, answer->records[i], &mx))
            continue; /* no host has such a name */
        if (mx.host.len == 0)
            null_mx = true;
        else
            route->hosts[route->count++] = (struct relay_host){mx.host, mx.preference};
    }
    if (route->count == 0 && null_mx) /* RFC 7505 section 4.2 */
        return conclude(
            route, RELAY_ROUTE_NEVER, 556,
            arena_printf(arena, "5.1.10 the domain %.*s takes no mail (null MX)", SLICE_ARG(domain)));
    if (route->count == 0)
        return conclude(route, RELAY_ROUTE_NEVER, 550,
                        arena_printf(arena, "5.4.4 the mail hosts of %.*s have names that no host can have",
                                     SLICE_ARG(domain)));
    put_in_order(route->hosts, route->count);
    route->count = before_own(route->hosts, route->count, own, own_count);
    if (route->count == 0)
        return conclude(
            route, RELAY_ROUTE_NEVER, 554,
            arena_printf(
                arena, "5.4.6 mail for %.*s would come back to this server, which does not know that domain",
                SLICE_ARG(domain)));
    route->count = MIN_OF(route->count, (size_t)RELAY_HOSTS_MAX);
    return ERR_OK;
}

static enum err take_literal(struct slice domain, struct arena *arena, struct relay_route *route)
{
    struct slice address = slice_take(slice_skip(domain, 1), domain.len - 2);
    if (!address_check_literal(domain))
        return conclude(route, RELAY_ROUTE_NEVER, 550, "5.1.2 the address literal is none");
    if (slice_starts_with_nocase(address, S("IPv6:")))
        address = slice_skip(address, 5);
    route->hosts = arena_array(arena, struct relay_host, 1);
    route->hosts[0] = (struct relay_host){arena_copy(arena, address), 0};
    route->count = 1;
    return ERR_OK;
}

/* The implicit MX (RFC 5321 section 5.1): the domain is its own host. */
static enum err take_domain(struct slice domain, struct arena *arena, struct relay_route *route)
{
    route->hosts = arena_array(arena, struct relay_host, 1);
    route->hosts[0] = (struct relay_host){arena_copy(arena, domain), 0};
    route->count = 1;
    return ERR_OK;
}

enum err relay_find_hosts(struct dns *dns, struct slice domain, const struct slice *own, size_t own_count,
                          int64_t timeout_ms, struct arena *arena, struct relay_route *route_r)
{
    struct dns_answer answer;
    *route_r = (struct relay_route){.result = RELAY_ROUTE_FOUND, .domain = domain};
    if (address_is_literal(domain))
        return take_literal(domain, arena, route_r);
    enum err err = dns_ask(dns, domain, DNS_MX, timeout_ms, arena, &answer);
    if (err)
        return err;
    route_r->is_secure = answer.secure;
    route_r->domain = answer.canonical;
    switch (answer.result) {
    case DNS_FOUND:
        return read_exchangers(&answer, domain, own, own_count, arena, route_r);
    case DNS_NO_DATA:
        return take_domain(domain, arena, route_r);
    case DNS_NO_NAME:
        return conclude(route_r, RELAY_ROUTE_NEVER, 550,
                        arena_printf(arena, "5.1.2 there is no domain %.*s", SLICE_ARG(domain)));
    case DNS_TEMPORARY:
    case DNS_BOGUS:
        break;
    }
    return conclude(route_r, RELAY_ROUTE_LATER, 451,
                    arena_printf(arena, "4.4.3 the mail hosts of %.*s could not be found out: %.*s",
                                 SLICE_ARG(domain), SLICE_ARG(answer.why)));
}

/* --- addresses --- */

static size_t read_addresses(const struct dns_answer *answer, struct arena *arena, struct slice *list)
{
    size_t count = 0;
    for (size_t i = 0; i < answer->count && count < RELAY_ADDRESSES_MAX; i++)
        count += dns_parse_address(arena, answer->records[i], &list[count]) == ERR_OK;
    for (size_t i = count; i-- > 1;) {
        size_t j = by_chance((unsigned)i + 1);
        struct slice address = list[i];
        list[i] = list[j];
        list[j] = address;
    }
    return count;
}

/* One of each family in turn: when one of the two does not work, the other is the next to be tried. */
static void mix(struct relay_addresses *addresses, const struct slice *first, size_t first_count,
                const struct slice *second, size_t second_count)
{
    for (size_t i = 0; i < MAX_OF(first_count, second_count); i++) {
        if (i < first_count)
            addresses->list[addresses->count++] = first[i];
        if (i < second_count)
            addresses->list[addresses->count++] = second[i];
    }
    addresses->count = MIN_OF(addresses->count, (size_t)RELAY_ADDRESSES_MAX);
}

static bool is_unknown(const struct dns_answer *answer)
{
    return answer->result == DNS_TEMPORARY || answer->result == DNS_BOGUS;
}

static bool is_address(struct slice host)
{
    bool digits = true;
    for (size_t i = 0; i < host.len; i++)
        digits = digits && (char_is_digit(host.data[i]) || host.data[i] == '.');
    return digits || slice_has(host, ':');
}

enum err relay_find_addresses(struct dns *dns, struct slice host, bool ipv6_first, int64_t timeout_ms,
                              struct arena *arena, struct relay_addresses *addresses_r)
{
    struct dns_answer v4, v6;
    struct slice list4[RELAY_ADDRESSES_MAX], list6[RELAY_ADDRESSES_MAX];
    *addresses_r = (struct relay_addresses){.list = arena_array(arena, struct slice, 2 * RELAY_ADDRESSES_MAX),
                                            .canonical = host};
    if (is_address(host)) {
        addresses_r->list[addresses_r->count++] = host;
        return ERR_OK;
    }
    enum err err = dns_ask(dns, host, DNS_A, timeout_ms, arena, &v4);
    if (!err)
        err = dns_ask(dns, host, DNS_AAAA, timeout_ms, arena, &v6);
    if (err)
        return err;
    size_t count4 = read_addresses(&v4, arena, list4), count6 = read_addresses(&v6, arena, list6);
    if (ipv6_first)
        mix(addresses_r, list6, count6, list4, count4);
    else
        mix(addresses_r, list4, count4, list6, count6);
    addresses_r->is_secure = v4.secure && v6.secure;
    addresses_r->canonical = v4.result == DNS_FOUND ? v4.canonical : v6.canonical;
    if (addresses_r->count > 0)
        return ERR_OK;
    bool unknown = is_unknown(&v4) || is_unknown(&v6);
    struct slice why = is_unknown(&v4) ? v4.why : v6.why;
    addresses_r->result = unknown ? RELAY_ROUTE_LATER : RELAY_ROUTE_NEVER;
    addresses_r->text =
        slice_from(unknown ? arena_printf(arena, "4.4.3 the address of %.*s could not be found out: %.*s",
                                          SLICE_ARG(host), SLICE_ARG(why))
                           : arena_printf(arena, "5.4.4 the mail host %.*s has no address", SLICE_ARG(host)));
    return ERR_OK;
}
