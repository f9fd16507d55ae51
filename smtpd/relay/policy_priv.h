/* SPDX-License-Identifier: ISC */
/* What the files of the TLS policy share. */
#ifndef SMTPD_RELAY_POLICY_PRIV_H
#define SMTPD_RELAY_POLICY_PRIV_H

#include <stdatomic.h>

#include "net/event.h"
#include "relay_policy.h"
#include "storage/tls_policy.h"

#define SECOND_US INT64_C(1000000)
#define HOUR_US   (3600 * SECOND_US)
#define DAY_US    (24 * HOUR_US)

/* How well a session was protected, as the store keeps it. */
enum protection { PROTECTION_UNKNOWN, PROTECTION_PLAIN, PROTECTION_TLS, PROTECTION_STS, PROTECTION_DANE };

struct policy_cache;
struct policy_counts;

struct relay_policy {
    struct loop *loop;
    struct dns *dns;
    struct work_pool *work, *https;
    struct store *store;
    const struct conf *conf;
    struct policy_cache *cache;
    struct policy_counts *counts;
    struct task *task;
    atomic_bool stopping;     /* requests under way look at it */
    int64_t report_offset_us; /* how long after midnight reports are sent */
    int64_t next_care_us, next_report_us;
};

/* --- what is known of domains (policy_cache.c) --- */

struct policy_entry {
    struct arena arena; /* owns the texts of `known` */
    struct tls_policy known;
    bool is_changed; /* since it was written to the store */
    unsigned users;  /* tasks that hold it: it stays */
    bool is_busy;    /* one of them looks it up */
    struct event idle;
    int64_t asked_until_ms; /* loop_now(): no look into the DNS before */
    int64_t fail_until_ms;  /* no fetch before */
    enum tls_result problem;
    char problem_text[300];
};

struct policy_cache *policy_cache_new(void) NEVER_NULL;
void policy_cache_free(struct policy_cache *cache);
/* Suspends when it must be read from the store. To be released. ERR_OK, ERR_CANCELED, or the store's. */
enum err policy_entry_take(struct relay_policy *policy, struct slice domain,
                           struct policy_entry **entry_r) MUST_CHECK;
void policy_entry_release(struct policy_entry *entry);
/* NULL when it is not in memory. Does not suspend; not to be held over a wait. */
struct policy_entry *policy_entry_find(struct relay_policy *policy, struct slice domain);
/* Replaces what is fetched; it is written with the next policy_cache_write. */
void policy_entry_set_text(struct policy_entry *entry, struct slice id, struct slice text, int64_t fetched_us,
                           int64_t ends_us, int64_t refresh_us);
/* Writes what changed; suspends. */
void policy_cache_write(struct relay_policy *policy);

/* --- MTA-STS (policy_sts.c) --- */

/* Fetches again what is due; suspends. */
void policy_sts_refresh(struct relay_policy *policy);

/* --- counts (policy_note.c) --- */

struct policy_counts *policy_counts_new(void) NEVER_NULL;
void policy_counts_free(struct policy_counts *counts);
void policy_counts_write(struct relay_policy *policy);

/* --- reports (policy_report.c) --- */

/* Sends the reports of days that are over; suspends. */
void policy_report_send(struct relay_policy *policy);

#endif
