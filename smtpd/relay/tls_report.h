/* SPDX-License-Identifier: ISC */
/*
 * TLS reports (RFC 8460): who wants one, and what stands in it. Pure.
 */
#ifndef SMTPD_RELAY_TLS_REPORT_H
#define SMTPD_RELAY_TLS_REPORT_H

#include "base/arena.h"
#include "base/buf.h"
#include "storage/tls_policy.h"

#define TLS_REPORT_TARGETS_MAX 5 /* of one domain that are used */

struct tls_report_target {
    bool is_mail;
    struct slice address; /* "reports@example.net", or "https://reports.example.net/tlsrpt" */
};
/* Where the TXT records of _smtp._tls.<domain> want reports to go (section 3); other kinds of addresses than
 * these two are left out. ERR_NOT_FOUND: nobody wants any; ERR_SYNTAX: the record is malformed, or there are
 * several. */
enum err tls_report_find_targets(const struct slice *texts, size_t count, struct arena *arena,
                                 struct tls_report_target **targets_r, size_t *count_r) MUST_CHECK;

/* Of one day and one domain. */
struct tls_report {
    struct slice organization; /* our host's name: who reports */
    struct slice contact;      /* "postmaster@mail.example.org" */
    struct slice id;
    struct slice domain;
    int64_t day;
    const struct tls_count *counts; /* ordered by policy */
    size_t count;
};

/* Section 4.4. */
enum err tls_report_json(const struct tls_report *report, struct buf *out) MUST_CHECK;
/* "mail.example.org!example.net!1013662812!1013749130.json.gz": section 5.1. In the arena. */
const char *tls_report_file_name(const struct tls_report *report, struct arena *arena);
/* The message that brings it (section 5.3); `packed` is the report under gzip. */
void tls_report_message(const struct tls_report *report, struct slice to, struct slice packed, int64_t now_us,
                        struct buf *out);

#endif
