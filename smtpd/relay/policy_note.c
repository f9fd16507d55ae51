/* SPDX-License-Identifier: ISC */
/*
 * What came of sessions: counted for the reports, and compared with how the domain was protected before.
 * Counting costs no wait: counts are kept here and written down every now and then.
 */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "mail/address.h"
#include "net/task.h"
#include "policy_priv.h"

#define uthash_malloc(size)       mem_alloc(size)
#define uthash_free(memory, size) mem_free(memory)
#include <uthash.h>

/* Of kinds of sessions between two times that they are written; what is more is not counted. Most of a key
 * are texts that the other side chose. */
#define COUNTS_BYTES_MAX ((size_t)8 * 1024 * 1024)
#define KEY_MAX          70000

struct counted {
    UT_hash_handle hh;
    uint64_t sessions;
    int64_t day;
    size_t lengths[8]; /* of the texts of struct tls_count, in their order, in `key` */
    size_t key_length;
    char key[];
};

struct policy_counts {
    struct counted *table;
    size_t bytes;
};

struct policy_counts *policy_counts_new(void)
{
    return mem_new(struct policy_counts);
}

static void clear(struct policy_counts *counts)
{
    struct counted *counted, *next;
    HASH_ITER (hh, counts->table, counted, next) {
        HASH_DEL(counts->table, counted);
        mem_free(counted);
    }
    counts->bytes = 0;
}

void policy_counts_free(struct policy_counts *counts)
{
    clear(counts);
    mem_free(counts);
}

/* The texts one after the other; their lengths keep them apart. */
static bool make_key(struct buf *key, const struct tls_count *count, size_t lengths[8])
{
    const struct slice texts[8] = {count->domain,       count->policy_type,     count->policy_text,
                                   count->result,       count->sending_address, count->host,
                                   count->host_address, count->reason};
    buf_append_number(key, (uint64_t)count->day, 1);
    for (size_t i = 0; i < 8; i++) {
        buf_printf(key, ",%zu", texts[i].len);
        lengths[i] = texts[i].len;
    }
    buf_append(key, S(":"));
    for (size_t i = 0; i < 8; i++)
        buf_append(key, texts[i]);
    return buf_ok(key);
}

static void add(struct policy_counts *counts, const struct tls_count *count)
{
    struct counted *counted = NULL;
    size_t lengths[8];
    struct buf key;
    buf_init(&key, KEY_MAX + MTA_STS_POLICY_MAX);
    if (make_key(&key, count, lengths)) {
        HASH_FIND(hh, counts->table, key.data, key.len, counted);
        size_t size = sizeof(*counted) + key.len;
        if (!counted && counts->bytes + size <= COUNTS_BYTES_MAX) {
            counted = mem_alloc(size);
            counts->bytes += size;
            memcpy(counted->key, key.data, key.len);
            memcpy(counted->lengths, lengths, sizeof(lengths));
            counted->key_length = key.len;
            counted->day = count->day;
            HASH_ADD(hh, counts->table, key, key.len, counted);
        }
        if (counted)
            counted->sessions++;
    }
    buf_free(&key);
}

/* --- writing --- */

struct writing {
    struct store *store;
    struct arena arena;
    struct tls_count *list;
    size_t count;
    enum err err;
};

static void write_counts(void *arg)
{
    struct writing *writing = arg;
    writing->err = tls_count_add(writing->store, writing->list, writing->count);
}

static struct tls_count take(const struct counted *counted, struct arena *arena)
{
    struct slice all = arena_copy(arena, slice_of(counted->key, counted->key_length)), texts[8];
    size_t total = 0;
    for (size_t i = 0; i < 8; i++)
        total += counted->lengths[i];
    all = slice_skip(all, all.len - total);
    for (size_t i = 0; i < 8; i++) {
        texts[i] = slice_take(all, counted->lengths[i]);
        all = slice_skip(all, counted->lengths[i]);
    }
    return (struct tls_count){.day = counted->day,
                              .domain = texts[0],
                              .policy_type = texts[1],
                              .policy_text = texts[2],
                              .result = texts[3],
                              .sending_address = texts[4],
                              .host = texts[5],
                              .host_address = texts[6],
                              .reason = texts[7],
                              .sessions = counted->sessions};
}

void policy_counts_write(struct relay_policy *policy)
{
    struct writing writing = {.store = policy->store};
    struct counted *counted, *next;
    if (!policy->counts->table || (task_current() && task_is_canceled()))
        return;
    writing.list = arena_array(&writing.arena, struct tls_count, HASH_COUNT(policy->counts->table));
    HASH_ITER (hh, policy->counts->table, counted, next)
        writing.list[writing.count++] = take(counted, &writing.arena);
    clear(policy->counts);
    enum err err = work_run(policy->work, 0, write_counts, &writing);
    err = err ? err : writing.err;
    if (err)
        log_warning("tls_policy.not_counted", log_number("kinds", writing.count), log_err(err));
    arena_free(&writing.arena);
}

/* --- one session --- */

static void count(struct relay_policy *policy, const struct relay_tls_session *session, const char *type,
                  struct slice text, enum tls_result result, struct slice reason)
{
    struct tls_count count = {.day = clock_wall_us() / DAY_US,
                              .domain = session->rules->domain,
                              .policy_type = slice_from(type),
                              .policy_text = text};
    if (result != TLS_RESULT_SUCCESS) {
        count.result = slice_from(tls_result_name(result));
        count.sending_address = session->local_address;
        count.host = session->host;
        count.host_address = session->remote_address;
        count.reason = slice_take(reason, 200);
    }
    add(policy->counts, &count);
}

static enum tls_result result_of(const struct relay_tls_session *session)
{
    switch (session->outcome) {
    case RELAY_TLS_NOT_OFFERED:
        return TLS_RESULT_STARTTLS_NOT_SUPPORTED;
    case RELAY_TLS_ON:
    case RELAY_TLS_FAILED:
        if (session->failure == TLS_FAILURE_RECORDS)
            return TLS_RESULT_TLSA_INVALID;
        if (session->failure != TLS_FAILURE_NONE)
            return tls_result_of(session->failure);
        return session->outcome == RELAY_TLS_FAILED ? TLS_RESULT_VALIDATION_FAILURE
                                                    : session->protection->failure;
    case RELAY_TLS_SKIPPED:
    case RELAY_TLS_GIVEN_UP:
        break;
    }
    return session->protection->failure;
}

/* RFC 8460 section 4.4: the policy that was applied. */
static void count_session(struct relay_policy *policy, const struct relay_tls_session *session)
{
    const struct relay_rules *rules = session->rules;
    enum tls_result result = result_of(session);
    struct slice reason = session->why.len > 0 ? session->why : session->protection->reason;
    bool is_dane = session->protection->basis == RELAY_BASIS_DANE || result == TLS_RESULT_DNSSEC_INVALID;
    if (is_dane)
        count(policy, session, "tlsa", session->protection->dane_text, result, reason);
    else if (rules->mode != STS_MODE_NONE)
        count(policy, session, "sts", rules->text, result, reason);
    else
        count(policy, session, "no-policy-found", SLICE_EMPTY, result, reason);
    if (!is_dane && rules->problem != TLS_RESULT_SUCCESS)
        count(policy, session, "sts", SLICE_EMPTY, rules->problem, rules->problem_text);
}

static enum protection protection_of(const struct relay_tls_session *session)
{
    const struct relay_protection *protection = session->protection;
    bool is_known = protection->expectation.check != TLS_CHECK_NOTHING && protection->level == RELAY_TLS_MUST;
    switch (session->outcome) {
    case RELAY_TLS_ON:
        if (protection->basis == RELAY_BASIS_DANE && is_known)
            return PROTECTION_DANE;
        return protection->basis == RELAY_BASIS_STS && is_known ? PROTECTION_STS : PROTECTION_TLS;
    case RELAY_TLS_NOT_OFFERED:
    case RELAY_TLS_GIVEN_UP:
        return protection->level == RELAY_TLS_MUST ? PROTECTION_UNKNOWN : PROTECTION_PLAIN;
    case RELAY_TLS_FAILED:
    case RELAY_TLS_SKIPPED:
        break;
    }
    return PROTECTION_UNKNOWN; /* nothing was sent */
}

static struct slice reason_for(const struct relay_tls_session *session)
{
    if (session->outcome == RELAY_TLS_NOT_OFFERED)
        return S("the host offers no TLS");
    if (session->outcome == RELAY_TLS_GIVEN_UP)
        return session->why.len > 0 ? session->why : S("the handshake failed");
    return session->protection->reason;
}

static void remember(struct relay_policy *policy, const struct relay_tls_session *session)
{
    static const char *const names[] = {[PROTECTION_UNKNOWN] = "unknown",
                                        [PROTECTION_PLAIN] = "none",
                                        [PROTECTION_TLS] = "tls",
                                        [PROTECTION_STS] = "mta-sts",
                                        [PROTECTION_DANE] = "dane"};
    enum protection now = protection_of(session);
    struct policy_entry *entry = policy_entry_find(policy, session->rules->domain);
    int64_t now_us = clock_wall_us();
    if (!entry)
        return;
    enum protection before = (enum protection)MIN_OF(entry->known.protection, (unsigned)PROTECTION_DANE);
    if (now != PROTECTION_UNKNOWN && now < before)
        log_warning("relay.less_protected", log_text("domain", session->rules->domain),
                    log_text("host", session->host), log_cstr("before", names[before]),
                    log_cstr("now", names[now]), log_text("reason", reason_for(session)));
    now = now == PROTECTION_UNKNOWN ? before : now; /* nothing was sent; but its policy is in use */
    /* A message that wants less says nothing about its domain. */
    if (session->protection->counts && (now != before || entry->known.protected_us < now_us - DAY_US)) {
        entry->known.protection = now;
        entry->known.protected_us = now_us;
        entry->is_changed = true;
    }
}

void relay_policy_note(struct relay_policy *policy, const struct relay_tls_session *session)
{
    if (!session->rules || address_is_literal(session->rules->domain))
        return;
    /* What follows a failure belongs to the session that failed. */
    if (session->protection->counts && session->outcome != RELAY_TLS_GIVEN_UP)
        count_session(policy, session);
    remember(policy, session);
}
