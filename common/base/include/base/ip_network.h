/* SPDX-License-Identifier: ISC */
/*
 * Networks of the internet by their prefix (RFC 4632 section 3.1, RFC 4291 section 2.3): "192.0.2.0/24",
 * "2001:db8::/32". An address alone is a network of one host. An IPv4 address is the same whether written as
 * such or mapped into IPv6 ("::ffff:192.0.2.1"), as sockets that take both show it.
 */
#ifndef BASE_IP_NETWORK_H
#define BASE_IP_NETWORK_H

#include "base/error.h"
#include "base/slice.h"

struct conf_list;

struct ip_network {
    unsigned char bytes[16]; /* IPv4 is mapped into IPv6 */
    unsigned bits;           /* of the prefix, 0–128 */
};

/* ERR_SYNTAX, also when bits behind the prefix are set: "192.0.2.1/24" names a host or a network, who knows.
 */
enum err ip_network_parse(struct slice text, struct ip_network *out) MUST_CHECK;
/* False for what is no address. No brackets; a zone ("fe80::1%eth0") is not looked at. */
bool ip_network_has(const struct ip_network *network, struct slice address);
/* Whether one of these networks has it; entries that are none have nothing. */
bool ip_networks_have(const struct conf_list *networks, struct slice address);

#endif
