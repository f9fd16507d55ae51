/* SPDX-License-Identifier: ISC */
/*
 * The domain name system: libunbound on the loop. It validates DNSSEC itself, so what is said to be secure
 * was proven here, whatever the resolver that was asked; and it keeps answers as long as they live.
 *
 * Three things must never be taken for each other: that a name does not exist, that it has no such records,
 * and that nobody could tell. The last one is temporary, and bogus signatures are a case of it (RFC 4035
 * section 5.5): mail waits.
 */
#ifndef NET_DNS_H
#define NET_DNS_H

#include "base/arena.h"
#include "base/buf.h"
#include "net/loop.h"

struct dns;

struct dns_settings {
    /* "192.0.2.53", "2001:db8::53@5353": asked in turn; none: from the root servers on. */
    const char *const *resolvers;
    size_t resolver_count;
    /* Keys that signatures begin with, as unbound-anchor or dns-root-data have them; NULL or missing: nothing
     * is secure. */
    const char *trust_anchor_path;
};

/* ERR_CONFIG with the reason in `why`. */
enum err dns_new(struct loop *loop, const struct dns_settings *settings, struct dns **dns_r,
                 struct buf *why) MUST_CHECK;
/* No task may be inside dns_ask any more. */
void dns_free(struct dns *dns);

enum dns_type {
    DNS_A = 1,
    DNS_CNAME = 5,
    DNS_PTR = 12,
    DNS_MX = 15,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_TLSA = 52
};

enum dns_result {
    DNS_FOUND,   /* at least one record */
    DNS_NO_DATA, /* the name is there, without such records */
    DNS_NO_NAME, /* NXDOMAIN */
    DNS_TEMPORARY,
    DNS_BOGUS /* signatures are wrong or missing where they must be: somebody forged it, or it is broken */
};

#define DNS_RECORDS_MAX 1000 /* further ones are left out */

struct dns_answer {
    enum dns_result result;
    bool secure;            /* proven, also that there is nothing */
    uint32_t ttl;           /* seconds */
    struct slice canonical; /* the name that the records belong to, behind CNAMEs; without a dot at its end */
    struct slice *records;  /* RDATA as on the wire (net/dns_record.h) */
    size_t count;
    struct slice why; /* DNS_TEMPORARY, DNS_BOGUS: for people */
};

/* Asks for the records of a name (A-labels; a dot at its end is fine) and suspends until the answer is there
 * or time is up, which is DNS_TEMPORARY. A name that can be none is DNS_NO_NAME. ERR_OK or ERR_CANCELED. The
 * answer lives in the arena. */
enum err dns_ask(struct dns *dns, struct slice name, enum dns_type type, int64_t timeout_ms,
                 struct arena *arena, struct dns_answer *answer_r) MUST_CHECK;

#endif
