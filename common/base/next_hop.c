/* SPDX-License-Identifier: ISC */
/* The forms of a next hop, read and written. */
#include "base/next_hop.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

struct scheme {
    const char *text;
    enum next_hop_kind kind;
    unsigned port; /* when none is given */
};
static const struct scheme schemes[] = {
    {"smtp://", NEXT_HOP_SMTP, 25},
    {"smtps://", NEXT_HOP_SMTPS, 465},
    {"lmtp://", NEXT_HOP_LMTP, 24},
};

bool host_name_is_valid(struct slice name)
{
    if (name.len > 255)
        return false;
    while (name.data) {
        struct slice label = slice_split(&name, '.');
        if (label.len == 0 || label.len > 63 || label.data[0] == '-' || label.data[label.len - 1] == '-')
            return false;
        for (size_t i = 0; i < label.len; i++) {
            if (!char_is_alnum(label.data[i]) && label.data[i] != '-')
                return false;
        }
    }
    return true;
}

static bool is_address(struct slice text, int family)
{
    char address[INET6_ADDRSTRLEN];
    unsigned char binary[sizeof(struct in6_addr)];
    if (text.len == 0 || text.len >= sizeof(address) || slice_has(text, '\0'))
        return false;
    memcpy(address, text.data, text.len);
    address[text.len] = '\0';
    return inet_pton(family, address, binary) == 1;
}

/* A name whose last label is a number would be an address that somebody mistyped. */
static bool looks_like_address(struct slice name)
{
    size_t dot = slice_find_last(name, '.');
    struct slice last = dot == name.len ? name : slice_skip(name, dot + 1);
    uint64_t ignored;
    return slice_to_u64(last, UINT64_MAX, &ignored);
}

/* host [":" port], the host a name, an IPv4 address, or an IPv6 address in brackets. */
static enum err parse_host(struct slice text, struct next_hop *hop)
{
    struct slice port = {0};
    bool v6 = slice_starts_with(text, S("["));
    if (v6) {
        size_t end = slice_find(text, ']');
        struct slice behind = slice_skip(text, end + 1);
        if (end == text.len || (behind.len && behind.data[0] != ':'))
            return ERR_SYNTAX;
        hop->host = slice_skip(slice_take(text, end), 1);
        if (behind.len)
            port = slice_skip(behind, 1);
    } else {
        hop->host = slice_split(&text, ':');
        port = text;
    }
    uint64_t number = hop->port;
    if (port.data && (!slice_to_u64(port, 65535, &number) || number == 0))
        return ERR_SYNTAX;
    hop->port = (unsigned)number;
    hop->is_address = is_address(hop->host, v6 ? AF_INET6 : AF_INET);
    if (hop->is_address)
        return ERR_OK;
    return !v6 && host_name_is_valid(hop->host) && !looks_like_address(hop->host) ? ERR_OK : ERR_SYNTAX;
}

static enum err parse_socket(struct slice path, struct next_hop *hop)
{
    struct sockaddr_un address;
    if (path.len < 2 || path.len >= sizeof(address.sun_path))
        return ERR_SYNTAX;
    for (size_t i = 0; i < path.len; i++) {
        if (char_is_ctl(path.data[i]))
            return ERR_SYNTAX;
    }
    *hop = (struct next_hop){.kind = NEXT_HOP_LMTP_UNIX, .path = path};
    return ERR_OK;
}

static enum err parse(struct slice text, struct next_hop *hop)
{
    if (slice_eq_nocase(text, S("mx"))) {
        *hop = (struct next_hop){.kind = NEXT_HOP_MX};
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct slice name = slice_from(schemes[i].text);
        if (slice_starts_with_nocase(text, name)) {
            *hop = (struct next_hop){.kind = schemes[i].kind, .port = schemes[i].port};
            return parse_host(slice_skip(text, name.len), hop);
        }
    }
    struct slice unix_scheme = S("lmtp:");
    if (slice_starts_with_nocase(text, S("lmtp:/")))
        return parse_socket(slice_skip(text, unix_scheme.len), hop);
    return ERR_SYNTAX;
}

enum err next_hop_parse(struct slice text, struct arena *arena, struct next_hop *hop_r)
{
    struct next_hop hop;
    enum err err = parse(text, &hop);
    if (err)
        return err;
    hop.host = arena_lower(arena, hop.host);
    hop.path = arena_copy(arena, hop.path);
    *hop_r = hop;
    return ERR_OK;
}

void next_hop_format(const struct next_hop *hop, struct buf *out)
{
    if (hop->kind == NEXT_HOP_MX) {
        buf_append(out, S("mx"));
        return;
    }
    if (hop->kind == NEXT_HOP_LMTP_UNIX) {
        buf_append(out, S("lmtp:"));
        buf_append(out, hop->path);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (schemes[i].kind == hop->kind)
            buf_append(out, slice_from(schemes[i].text));
    }
    bool v6 = slice_has(hop->host, ':');
    buf_append(out, v6 ? S("[") : S(""));
    buf_append(out, hop->host);
    buf_append(out, v6 ? S("]:") : S(":"));
    buf_append_number(out, hop->port, 1);
}
