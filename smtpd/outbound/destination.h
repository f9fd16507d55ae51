/* SPDX-License-Identifier: ISC */
/*
 * The routing table: where mail for a domain goes, without a look into the DNS. What comes out is one text,
 * the `destination` of a recipient in the queue, and this file alone knows how to read it:
 *
 *     example.net, [192.0.2.1]     by MX (a literal: to that host)
 *     route:NAME                   as the configured route NAME says
 *
 * and those that an administrator chose by `postern queue route`, which stay when the configuration changes:
 *
 *     mx:example.net               by MX, whatever the routes say
 *     via:NAME                     by the route NAME, which takes other domains too
 *     smtp://host:25, lmtp:/path   there (base/next_hop.h)
 */
#ifndef SMTPD_OUTBOUND_DESTINATION_H
#define SMTPD_OUTBOUND_DESTINATION_H

#include "base/conf.h"
#include "base/next_hop.h"

/* The route that takes a domain: the one that names it, else the one with the longest ".suffix", else the one
 * with "*", else NULL. Letters of any case; U-labels and A-labels are the same, here and in the
 * configuration.
 */
const struct conf_route *destination_route(const struct conf *conf, struct slice domain);

/* Whether relay_domains names the domain, or a ".suffix" of it: we are its backup MX, and take its mail from
 * anybody. */
bool destination_is_relayed(const struct conf *conf, struct slice domain);

/* Whether such a list, one of the configuration, names the domain; "*" in it names none. */
bool destination_is_listed(const struct conf_list *domains, struct slice domain);

/* The destination for a recipient's domain; in the arena. */
struct slice destination_of(const struct conf *conf, struct slice domain, struct arena *arena);

struct destination {
    struct next_hop hop; /* NEXT_HOP_MX: the hosts of `domain` */
    struct slice domain; /* A-labels; empty when the hop names the host */
    const struct conf_route
        *route;     /* whose settings hold, also one with via = "mx"; NULL: the general ones */
    bool is_pinned; /* by an administrator */
};
/* What a destination means under this configuration. ERR_NOT_FOUND: that route is not configured (any more),
 * ask destination_of again; ERR_SYNTAX: nobody of us wrote it. Texts live in the arena. */
enum err destination_parse(const struct conf *conf, struct slice text, struct arena *arena,
                           struct destination *destination_r) MUST_CHECK;

/* The destination for `--to` of `postern queue route` ("mx", "route:NAME", "smtp://host:port", …) and a
 * recipient's domain. ERR_NOT_FOUND: no such route; ERR_SYNTAX. */
enum err destination_pin(const struct conf *conf, struct slice to, struct slice domain, struct arena *arena,
                         struct slice *destination_r) MUST_CHECK;

#endif
