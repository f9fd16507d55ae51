/* SPDX-License-Identifier: ISC */
/*
 * How much mail one destination gets at a time, and when it is tried again. What the configuration says of a
 * route counts most; then, for mail that goes by MX, what the big providers put up with from a server that
 * they hardly know, at their own domains and at those that they host; then what is set for all.
 */
#ifndef SMTPD_OUTBOUND_LIMITS_H
#define SMTPD_OUTBOUND_LIMITS_H

#include "destination.h"

struct limits {
    unsigned concurrency; /* connections at a time, at least 1 */
    unsigned messages;    /* over one connection; 0: as many as it takes */
    unsigned rate;        /* messages per minute; 0: any */
    int64_t retry_first_us, retry_longest_us;
    int64_t expire_after_us;
    int64_t delay_notice_after_us; /* 0: never */
    /* Concurrency and rate hold for all destinations together that have the same name here (static); NULL:
     * for this one alone, also when a route of the configuration set one of them. */
    const char *provider;
};
/* `host_provider`: what limits_provider_of_host said of the host that takes the destination's mail; NULL: it
 * said nothing, or the host is not known. */
struct limits limits_for(const struct conf *conf, const struct destination *destination,
                         const char *host_provider);

/* The big provider that a mail host belongs to, by its name ("aspmx.l.google.com", lower case): a static
 * text. NULL: none that is known here. */
const char *limits_provider_of_host(struct slice host);

/*
 * When to try again after `attempts` failed for a while (1: the first one), the last at `now_us`. Pauses grow
 * from retry_first to twice the one before, up to retry_longest, each a tenth longer or shorter by `chance`
 * (any number), so that what failed together does not come back together. What would come after `expires_us`
 * comes at that time, as the last attempt. 0: that one was it.
 */
int64_t limits_retry_at(const struct limits *limits, uint32_t attempts, int64_t now_us, int64_t expires_us,
                        uint32_t chance);

#endif
