/* SPDX-License-Identifier: ISC */
/*
 * MTA-STS (RFC 8461): a domain says in the DNS that it has a policy, and over HTTPS which of its mail hosts
 * are its own and that they have good certificates. Here is what both texts mean; pure.
 */
#ifndef SMTPD_RELAY_MTA_STS_H
#define SMTPD_RELAY_MTA_STS_H

#include "base/arena.h"
#include "base/error.h"

#define MTA_STS_ID_MAX     32
#define MTA_STS_POLICY_MAX 65536    /* section 3.3 */
#define MTA_STS_AGE_MAX    31557600 /* seconds; section 3.2: about a year */

/* The one policy record among the TXT records of _mta-sts.<domain> (section 3.1), of which the id is part.
 * ERR_NOT_FOUND: there is none; ERR_SYNTAX: it is malformed, or there are several. Both mean that the domain
 * says nothing. */
enum err mta_sts_find_record(const struct slice *texts, size_t count, struct slice *id_r) MUST_CHECK;

enum sts_mode { STS_MODE_NONE, STS_MODE_TESTING, STS_MODE_ENFORCE };

struct mta_sts_policy {
    enum sts_mode mode;
    struct slice *mx; /* "mx.example.net", "*.example.net"; lower case */
    size_t mx_count;
    uint64_t max_age; /* seconds, MTA_STS_AGE_MAX at most */
};
/* What was fetched. ERR_SYNTAX with a reason in *why_r (static). */
enum err mta_sts_parse_policy(struct arena *arena, struct slice text, struct mta_sts_policy *policy_r,
                              const char **why_r) MUST_CHECK;

/* Whether the host is one of the policy's (section 4.1). */
bool mta_sts_has_host(const struct slice *mx, size_t count, struct slice host);

#endif
