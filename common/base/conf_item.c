/* SPDX-License-Identifier: ISC */
/* The entries of lists: addresses to listen at, networks, domains, resolvers. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "base/ip_network.h"
#include "base/utf8.h"
#include "conf_priv.h"

static bool is_address(struct slice text, int family)
{
    char address[INET6_ADDRSTRLEN];
    unsigned char binary[sizeof(struct in6_addr)];
    if (text.len == 0 || text.len >= sizeof(address)) {
        return false;
    }
    memcpy(address, text.data, text.len);
    address[text.len] = '\0';
    return inet_pton(family, address, binary) == 1;
}

static bool is_port(struct slice text)
{
    uint64_t port;
    return slice_to_u64(text, 65535, &port) && port > 0;
}

/* "192.0.2.1:25" or "[2001:db8::1]:25". */
static bool is_address_and_port(struct slice text)
{
    size_t colon = slice_find_last(text, ':');
    struct slice host = slice_take(text, colon);
    bool v6 = host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';
    if (v6) {
        host = slice_take(slice_skip(host, 1), host.len - 2);
    }
    return is_port(slice_skip(text, colon + 1)) && is_address(host, v6 ? AF_INET6 : AF_INET);
}

static enum err check_listen(struct conf *conf, struct slice text, const char **item_r, struct buf *expected)
{
    struct sockaddr_un socket_address;
    bool is_path = text.len && (slice_has(text, '/') || !slice_has(text, ':'));
    if (is_path && !conf_has_control(text)) {
        const char *path = conf_absolute_path(conf, text);
        if (strlen(path) < sizeof(socket_address.sun_path)) {
            *item_r = path;
            return ERR_OK;
        }
        buf_printf(expected, "the path of a Unix socket, at most %zu bytes with its folder",
                   sizeof(socket_address.sun_path) - 1);
        return ERR_CONFIG;
    }
    if (!is_path && is_address_and_port(text)) {
        *item_r = arena_cstr(&conf->arena, text);
        return ERR_OK;
    }
    buf_append(expected,
               S("\"address:port\" with a numeric address, \"[IPv6 address]:port\", or the path of a Unix "
                 "socket"));
    return ERR_CONFIG;
}

static bool is_network(struct slice text)
{
    struct ip_network network;
    return ip_network_parse(text, &network) == ERR_OK;
}

/* Whether IDNA takes a U-label is found out where names are compared; here only what can be no domain. */
static bool is_domain(struct slice text)
{
    if (text.len > 255 || !utf8_is_valid(text)) {
        return false;
    }
    while (text.data) {
        struct slice label = slice_split(&text, '.');
        if (label.len == 0 || label.len > 63) {
            return false;
        }
        for (size_t i = 0; i < label.len; i++) {
            char c = label.data[i];
            if (!char_is_alnum(c) && c != '-' && c != '_' && (unsigned char)c < 0x80) {
                return false;
            }
        }
    }
    return true;
}

static bool is_domain_or_suffix(struct slice text)
{
    return is_domain(slice_skip(text, slice_starts_with(text, S("."))));
}

/* RFC 5321 section 4.1.3: "[192.0.2.1]", "[IPv6:2001:db8::1]". */
static bool is_literal(struct slice text)
{
    struct slice v6 = S("[IPv6:");
    if (text.len < 3 || text.data[0] != '[' || text.data[text.len - 1] != ']') {
        return false;
    }
    bool is_v6 = slice_starts_with_nocase(text, v6);
    struct slice inner = slice_skip(slice_take(text, text.len - 1), is_v6 ? v6.len : 1);
    return is_address(inner, is_v6 ? AF_INET6 : AF_INET);
}

static bool is_route_domain(struct slice text)
{
    return slice_eq(text, S("*")) || is_literal(text) || is_domain_or_suffix(text);
}

/* The port stands behind '@', as libunbound reads it. */
static bool is_resolver(struct slice text)
{
    struct slice address = slice_split(&text, '@');
    return (is_address(address, AF_INET) || is_address(address, AF_INET6)) && (!text.data || is_port(text));
}

static const struct {
    bool (*is_good)(struct slice text);
    const char *expected;
} kinds[] = {
    [CONF_ITEM_NETWORK] = {is_network,
                           "a network such as \"192.0.2.0/24\" or \"2001:db8::/32\", with no bit set "
                           "behind the prefix, or an address"},
    [CONF_ITEM_DOMAIN] = {is_domain_or_suffix,
                          "a domain such as \"example.net\", or \".example.net\" for all below it"},
    [CONF_ITEM_ROUTE_DOMAIN] =
        {is_route_domain,
         "a domain such as \"example.net\", \".example.net\" for all below it, \"[192.0.2.1]\", "
         "or \"*\" for all that no other route takes"},
    [CONF_ITEM_RESOLVER] = {is_resolver, "a numeric address, with a port: \"192.0.2.53@5353\""},
};

enum err conf_item_check(struct conf *conf, enum conf_item item, struct slice text, const char **item_r,
                         struct buf *expected)
{
    if (item == CONF_ITEM_LISTEN) {
        return check_listen(conf, text, item_r, expected);
    }
    if (!kinds[item].is_good(text)) {
        buf_append(expected, slice_from(kinds[item].expected));
        return ERR_CONFIG;
    }
    *item_r = arena_cstr(&conf->arena, text);
    return ERR_OK;
}
