/* SPDX-License-Identifier: ISC */
#include "base/ip_network.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/conf.h"

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 section 2.5.5.2 */

/* *bits_r: how many bits an address of its kind has. */
static bool read_address(struct slice text, unsigned char bytes[16], unsigned *bits_r)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof(copy) || slice_has(text, '\0')) {
        return false;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    *bits_r = slice_has(text, ':') ? 128 : 32;
    if (*bits_r == 128) {
        return inet_pton(AF_INET6, copy, bytes) == 1;
    }
    memcpy(bytes, mapped, sizeof(mapped));
    return inet_pton(AF_INET, copy, bytes + sizeof(mapped)) == 1;
}

static bool is_clear_behind(const unsigned char bytes[16], unsigned bits)
{
    for (unsigned i = bits; i < 128; i++) {
        if (bytes[i / 8] & 0x80 >> i % 8) {
            return false;
        }
    }
    return true;
}

enum err ip_network_parse(struct slice text, struct ip_network *out)
{
    struct ip_network network;
    struct slice length = text, address = slice_split(&length, '/');
    unsigned width;
    uint64_t bits;
    if (!read_address(address, network.bytes, &width)) {
        return ERR_SYNTAX;
    }
    bits = width;
    if (length.data && (length.len > 3 || !slice_to_u64(length, width, &bits))) {
        return ERR_SYNTAX;
    }
    network.bits = (unsigned)bits + 128 - width;
    if (!is_clear_behind(network.bytes, network.bits)) {
        return ERR_SYNTAX;
    }
    *out = network;
    return ERR_OK;
}

/* "::/0" is all of IPv6, and nothing of IPv4. */
static bool has(const struct ip_network *network, const unsigned char bytes[16])
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (whole < sizeof(mapped) && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
        return false;
    }
    if (memcmp(network->bytes, bytes, whole) != 0) {
        return false;
    }
    return rest == 0 || (network->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

/* What stands before a '%'. */
static bool read_host(struct slice text, unsigned char bytes[16])
{
    unsigned width;
    return read_address(slice_take(text, slice_find(text, '%')), bytes, &width);
}

bool ip_network_has(const struct ip_network *network, struct slice address)
{
    unsigned char bytes[16];
    return read_host(address, bytes) && has(network, bytes);
}

bool ip_networks_have(const struct conf_list *networks, struct slice address)
{
    unsigned char bytes[16];
    if (networks->count == 0 || !read_host(address, bytes)) {
        return false;
    }
    for (size_t i = 0; i < networks->count; i++) {
        struct ip_network network;
        if (!ip_network_parse(slice_from(networks->items[i]), &network) && has(&network, bytes)) {
            return true;
        }
    }
    return false;
}
