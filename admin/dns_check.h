/* SPDX-License-Identifier: ISC */
/*
 * What the server sees when it is to send mail to a domain: the route, the hosts of its MX records with their
 * addresses, and what the domain publishes about TLS; gathered by the same functions that relayd sends by.
 * Also in words, and as JSON.
 */
#ifndef ADMIN_DNS_CHECK_H
#define ADMIN_DNS_CHECK_H

#include <jansson.h>

#include "destination.h"
#include "limits.h"
#include "relay_policy.h"

struct dns_check_host {
    struct relay_host host;
    struct relay_addresses addresses;
    enum dns_result tlsa_result;
    bool tlsa_secure;   /* of what was found, and of that there is nothing */
    struct slice *tlsa; /* "3 1 1 A0B1…" */
    size_t tlsa_count;
    struct relay_protection protection; /* when there are addresses */
};

struct dns_check {
    struct slice domain; /* A-labels */
    struct slice destination_text;
    struct destination destination;
    struct limits limits;
    struct relay_route route; /* a configured host stands in it as if it were the only one */
    struct dns_check_host *hosts;
    size_t host_count;
    enum dns_result sts_result; /* of _mta-sts.<domain>, when mail goes by MX */
    enum err sts_err; /* ERR_OK: `sts_id`; ERR_NOT_FOUND, ERR_SYNTAX: what mta_sts_find_record says */
    struct slice sts_id;
    struct relay_rules rules; /* of MTA-STS, as they would be followed */
};

/* What it asks by. */
struct dns_check_tools {
    const struct conf *conf;
    struct dns *dns;
    struct relay_policy *policy;
};

/* Suspends. `domain` may be an address, whose domain then counts. ERR_SYNTAX: it is none; ERR_NOT_FOUND: its
 * route has gone; ERR_CANCELED. All lives in the arena. */
enum err dns_check_run(const struct dns_check_tools *tools, struct slice domain, struct arena *arena,
                       struct dns_check *check_r) MUST_CHECK;

/* Whether mail could be sent: a host has an address. */
bool dns_check_is_good(const struct dns_check *check);
void dns_check_append(const struct dns_check *check, struct buf *out);
json_t *dns_check_json(const struct dns_check *check);

#endif
