/* SPDX-License-Identifier: ISC */
/* What stands in the records of the DNS (RFC 1035 section 3.3, RFC 3596, RFC 6698 section 2.1): RDATA without
 * compression to values. Pure; ERR_SYNTAX for what is none. */
#ifndef NET_DNS_RECORD_H
#define NET_DNS_RECORD_H

#include "base/arena.h"
#include "base/buf.h"

#define DNS_NAME_MAX 253 /* characters, without the dot at the end */

struct dns_mx {
    uint16_t preference;
    struct slice host; /* "mx.example.net", lower case; empty: the root, as the null MX has it (RFC 7505) */
};
enum err dns_parse_mx(struct arena *arena, struct slice record, struct dns_mx *mx_r) MUST_CHECK;

/* A or AAAA as text, by its length. */
enum err dns_parse_address(struct arena *arena, struct slice record, struct slice *address_r) MUST_CHECK;

/* PTR, CNAME. */
enum err dns_parse_name(struct arena *arena, struct slice record, struct slice *name_r) MUST_CHECK;

/* The strings joined, as SPF, DKIM and MTA-STS want it. */
enum err dns_parse_text(struct arena *arena, struct slice record, struct slice *text_r) MUST_CHECK;

struct dns_tlsa {
    uint8_t usage, selector, matching;
    struct slice data; /* of the record */
};
enum err dns_parse_tlsa(struct slice record, struct dns_tlsa *tlsa_r) MUST_CHECK;

#endif
