/* SPDX-License-Identifier: ISC */
/*
 * Which hosts take mail for a domain, in the order in which they are to be tried (RFC 5321 section 5.1,
 * RFC 7505), and their addresses. Suspends.
 */
#ifndef SMTPD_RELAY_MX_H
#define SMTPD_RELAY_MX_H

#include "base/arena.h"
#include "net/dns.h"

#define RELAY_HOSTS_MAX     20 /* that are tried; a domain may name thousands */
#define RELAY_ADDRESSES_MAX 10 /* of one host */

struct relay_host {
    struct slice name; /* "mx.example.net"; empty when `address` is all that is known */
    unsigned preference;
};

enum relay_route_result {
    RELAY_ROUTE_FOUND,
    RELAY_ROUTE_LATER, /* nobody could tell */
    RELAY_ROUTE_NEVER  /* no such domain; no mail wanted; the mail would come back to us */
};

struct relay_route {
    enum relay_route_result result;
    struct relay_host *hosts;
    size_t count;
    bool is_secure;      /* the list is proven (RFC 7672 section 2.2.1) */
    struct slice domain; /* behind CNAMEs: the name that the list stands at */
    unsigned code;       /* not found: for the log and the sender */
    struct slice text;   /* "5.1.10 example.net takes no mail (null MX)" */
};

/* `domain` with A-labels, lower case, or an address literal with its brackets. Hosts named as one of `own`
 * are us: they and what is not better is left out, so that mail never comes back. ERR_OK or ERR_CANCELED. */
enum err relay_find_hosts(struct dns *dns, struct slice domain, const struct slice *own, size_t own_count,
                          int64_t timeout_ms, struct arena *arena, struct relay_route *route_r) MUST_CHECK;

struct relay_addresses {
    enum relay_route_result result; /* RELAY_ROUTE_NEVER: the host has none */
    struct slice *list;             /* "192.0.2.1", "2001:db8::1" */
    size_t count;
    bool is_secure;
    struct slice canonical; /* behind CNAMEs */
    struct slice text;
};
/* Both families in turn, `ipv6_first` or not, each in an order by chance. ERR_OK or ERR_CANCELED. */
enum err relay_find_addresses(struct dns *dns, struct slice host, bool ipv6_first, int64_t timeout_ms,
                              struct arena *arena, struct relay_addresses *addresses_r) MUST_CHECK;

#endif
