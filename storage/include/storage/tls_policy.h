/* SPDX-License-Identifier: ISC */
/*
 * What the deliverer remembers of the TLS of other domains: the policies that they publish by MTA-STS (RFC
 * 8461), how well the last connection was protected, and the counts of which reports are made (RFC 8460). All
 * of it could be lost without harm to any message; what a call changed survives a restart.
 */
#ifndef STORAGE_TLS_POLICY_H
#define STORAGE_TLS_POLICY_H

#include "base/arena.h"
#include "storage/store.h"

struct tls_policy {
    struct slice domain;
    struct slice id, text;       /* MTA-STS, as it was fetched; empty: none */
    int64_t fetched_us, ends_us; /* of the text */
    int64_t refresh_us;          /* when it is to be fetched again, used or not */
    unsigned protection;         /* who delivers knows what it means; 0: not known */
    int64_t protected_us;        /* when that was noted */
};

/* ERR_NOT_FOUND: nothing is known of the domain. */
enum err tls_policy_find(struct store *store, struct slice domain, struct arena *arena,
                         struct tls_policy *policy_r) MUST_CHECK;
/* Sets all that is known of these domains. */
enum err tls_policy_put(struct store *store, const struct tls_policy *policies, size_t count) MUST_CHECK;
/* Domains whose text was to be fetched again before this time, those first that wait longest, `limit` at
 * most. */
enum err tls_policy_due(struct store *store, int64_t before_us, size_t limit, struct arena *arena,
                        struct slice **domains_r, size_t *count_r) MUST_CHECK;
/* Forgets the domains whose text ended, and whose protection was noted, before this time. */
enum err tls_policy_forget(struct store *store, int64_t before_us) MUST_CHECK;

/* Sessions of one day that are alike. */
struct tls_count {
    int64_t day; /* since 1970, UTC */
    struct slice domain;
    struct slice policy_type,
        policy_text;     /* the words of RFC 8460 section 4.4; the text's lines end with LF */
    struct slice result; /* "certificate-expired"; empty: success */
    struct slice sending_address, host, host_address, reason; /* of failures; empty: not known */
    uint64_t sessions;
};
/* Adds to what is counted. */
enum err tls_count_add(struct store *store, const struct tls_count *counts, size_t count) MUST_CHECK;
/* Days before `day` and domains for which there are counts, the oldest first, `limit` at most; the other
 * fields are empty. */
enum err tls_count_due(struct store *store, int64_t day, size_t limit, struct arena *arena,
                       struct tls_count **days_r, size_t *count_r) MUST_CHECK;
/* All of one day and one domain, in an order that stays the same, `limit` at most. */
enum err tls_count_list(struct store *store, int64_t day, struct slice domain, size_t limit,
                        struct arena *arena, struct tls_count **counts_r, size_t *count_r) MUST_CHECK;
enum err tls_count_remove(struct store *store, int64_t day, struct slice domain) MUST_CHECK;

#endif
