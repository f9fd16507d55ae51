/* SPDX-License-Identifier: ISC */
/*
 * MTA-STS for one domain (RFC 8461 section 5.1): the record in the DNS says whether there is a policy and by
 * its id whether it is new; the policy comes over HTTPS and is kept as long as it says. What cannot be looked
 * up or fetched changes nothing about a policy that is kept: otherwise whoever stops us from asking could
 * take it away.
 */
#include <stdio.h>

#include "base/log.h"
#include "mail/address.h"
#include "net/dns.h"
#include "net/https.h"
#include "policy_priv.h"

#define ASK_MS       10000       /* for one question to the DNS */
#define FETCH_MS     60000       /* section 3.3 */
#define FETCH_PAUSE  (5 * 60000) /* section 3.3: after a fetch that failed */
#define ASKED_MIN_MS 60000       /* between two looks at the record */
#define ASKED_MAX_MS (15 * 60000)
#define UNUSED_US    (30 * DAY_US) /* policies that nobody needs are left to their end */
#define REFRESH_MAX  100           /* at a time */

static void set_problem(struct policy_entry *entry, enum tls_result problem, struct slice text)
{
    entry->problem = problem;
    snprintf(entry->problem_text, sizeof(entry->problem_text), "%.*s", SLICE_ARG(text));
}

/* --- the record --- */

struct look {
    enum { RECORD_FOUND, RECORD_NONE, RECORD_UNKNOWN } result;
    struct slice id;
    int64_t valid_ms;
};

static enum err look_at_record(struct relay_policy *policy, struct slice domain, struct arena *arena,
                               struct look *look_r)
{
    struct dns_answer answer;
    struct slice name = slice_from(arena_printf(arena, "_mta-sts.%.*s", SLICE_ARG(domain)));
    enum err err = dns_ask(policy->dns, name, DNS_TXT, ASK_MS, arena, &answer);
    if (err)
        return err;
    *look_r = (struct look){.result = RECORD_NONE, .valid_ms = ASKED_MIN_MS};
    if (answer.result == DNS_TEMPORARY || answer.result == DNS_BOGUS) {
        look_r->result = RECORD_UNKNOWN;
        return ERR_OK;
    }
    look_r->valid_ms =
        MIN_OF(MAX_OF((int64_t)answer.ttl * 1000, (int64_t)ASKED_MIN_MS), (int64_t)ASKED_MAX_MS);
    struct slice *texts = arena_array(arena, struct slice, answer.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < answer.count && answer.result == DNS_FOUND; i++)
        count += dns_parse_text(arena, answer.records[i], &texts[count]) == ERR_OK;
    err = mta_sts_find_record(texts, count, &look_r->id);
    if (!err)
        look_r->result = RECORD_FOUND;
    else if (err != ERR_NOT_FOUND)
        log_info("sts.bad_record", log_text("name", name));
    return ERR_OK;
}

/* --- the policy --- */

struct fetch {
    struct https_request request;
    struct arena arena;
    struct https_answer answer;
    struct buf why;
    enum err err;
};

static void run_fetch(void *arg)
{
    struct fetch *fetch = arg;
    fetch->err = https_run(&fetch->request, &fetch->arena, &fetch->answer, &fetch->why);
}

/* "text/plain", parameters aside (section 3.2). */
static bool is_plain_text(struct slice type)
{
    return slice_eq_nocase(slice_trim(slice_split(&type, ';')), S("text/plain"));
}

/* What came over HTTPS, told from what did not. */
static enum tls_result judge(struct fetch *fetch, struct mta_sts_policy *read_r)
{
    const char *why = "";
    if (fetch->err)
        return fetch->err == ERR_TLS ? TLS_RESULT_STS_WEBPKI_INVALID : TLS_RESULT_STS_POLICY_FETCH_ERROR;
    if (fetch->answer.status != 200) {
        buf_printf(&fetch->why, "the server answered with status %u", fetch->answer.status);
        return TLS_RESULT_STS_POLICY_FETCH_ERROR;
    }
    if (!is_plain_text(fetch->answer.content_type)) {
        buf_append(&fetch->why, S("it is not of the type text/plain"));
        return TLS_RESULT_STS_POLICY_INVALID;
    }
    if (mta_sts_parse_policy(&fetch->arena, fetch->answer.body, read_r, &why)) {
        buf_append(&fetch->why, slice_from(why));
        return TLS_RESULT_STS_POLICY_INVALID;
    }
    return TLS_RESULT_SUCCESS;
}

static void keep(struct policy_entry *entry, struct slice id, struct slice text,
                 const struct mta_sts_policy *read)
{
    static const char *const modes[] = {
        [STS_MODE_NONE] = "none", [STS_MODE_TESTING] = "testing", [STS_MODE_ENFORCE] = "enforce"};
    int64_t now = clock_wall_us(), age = (int64_t)read->max_age * SECOND_US;
    bool is_same = slice_eq(entry->known.text, text);
    policy_entry_set_text(entry, id, text, now, now + age, now + MIN_OF(age / 2, DAY_US));
    set_problem(entry, TLS_RESULT_SUCCESS, SLICE_EMPTY);
    if (!is_same)
        log_info("sts.policy", log_text("domain", entry->known.domain), log_text("id", id),
                 log_cstr("mode", modes[read->mode]), log_number("max_age", read->max_age));
}

static enum err fetch_policy(struct relay_policy *policy, struct policy_entry *entry, struct slice id)
{
    struct fetch fetch = {0};
    struct mta_sts_policy read;
    struct relay_addresses addresses;
    struct slice domain = entry->known.domain;
    struct slice host = slice_from(arena_printf(&fetch.arena, "mta-sts.%.*s", SLICE_ARG(domain)));
    buf_init(&fetch.why, 1000);
    enum err err = relay_find_addresses(policy->dns, host, false, ASK_MS, &fetch.arena, &addresses);
    if (!err && addresses.count == 0) {
        buf_append(&fetch.why, addresses.text);
        fetch.err = ERR_UNAVAILABLE;
    } else if (!err) {
        const char *url = arena_printf(&fetch.arena, "https://%.*s:%u/.well-known/mta-sts.txt",
                                       SLICE_ARG(host), (unsigned)policy->conf->sts_port);
        fetch.request = (struct https_request){.url = url,
                                               .addresses = addresses.list,
                                               .address_count = addresses.count,
                                               .ca_path = policy->conf->relay_ca_file,
                                               .timeout_ms = FETCH_MS,
                                               .answer_max = MTA_STS_POLICY_MAX,
                                               .stop = &policy->stopping};
        err = work_run(policy->https, 0, run_fetch, &fetch);
    }
    if (err == ERR_LIMIT) { /* too many at once: the next delivery tries again */
        buf_append(&fetch.why, S("too many policies are fetched at the same time"));
        fetch.err = err;
        err = ERR_OK;
    }
    enum tls_result problem = err ? TLS_RESULT_SUCCESS : judge(&fetch, &read);
    if (!err && problem == TLS_RESULT_SUCCESS) {
        keep(entry, id, fetch.answer.body, &read);
    } else if (!err) {
        entry->fail_until_ms = loop_now(policy->loop) + FETCH_PAUSE;
        set_problem(entry, problem, buf_slice(&fetch.why));
        log_warning("sts.fetch_failed", log_text("domain", domain),
                    log_cstr("result", tls_result_name(problem)), log_text("reason", buf_slice(&fetch.why)));
    }
    buf_free(&fetch.why);
    arena_free(&fetch.arena);
    return err;
}

static bool has_policy(const struct policy_entry *entry)
{
    return entry->known.text.len > 0 && entry->known.ends_us > clock_wall_us();
}

/* `refresh`: fetch it, whether the id changed or not. */
static enum err look_up(struct relay_policy *policy, struct policy_entry *entry, bool refresh)
{
    struct arena arena = {0};
    struct look look;
    enum err err = look_at_record(policy, entry->known.domain, &arena, &look);
    if (!err) {
        entry->asked_until_ms = loop_now(policy->loop) + look.valid_ms;
        if (look.result == RECORD_NONE)
            set_problem(entry, TLS_RESULT_SUCCESS, SLICE_EMPTY);
        bool is_new =
            look.result == RECORD_FOUND && (!has_policy(entry) || !slice_eq(look.id, entry->known.id));
        if ((is_new || (refresh && look.result == RECORD_FOUND)) &&
            entry->fail_until_ms <= loop_now(policy->loop))
            err = fetch_policy(policy, entry, look.id);
    }
    arena_free(&arena);
    return err;
}

/* What was looked up a moment ago holds, but for a policy that has ended since: that may not be a gap. */
static bool is_fresh(const struct relay_policy *policy, const struct policy_entry *entry)
{
    int64_t now_ms = loop_now(policy->loop);
    bool has_ended = entry->known.text.len > 0 && !has_policy(entry);
    return entry->asked_until_ms > now_ms && (!has_ended || entry->fail_until_ms > now_ms);
}

/* One task looks, the others wait for it. */
static enum err look_up_once(struct relay_policy *policy, struct policy_entry *entry, bool refresh)
{
    enum err err = ERR_OK;
    while (entry->is_busy && !err)
        err = event_wait(&entry->idle, NO_DEADLINE);
    if (err || (!refresh && is_fresh(policy, entry)))
        return err;
    entry->is_busy = true;
    event_clear(&entry->idle);
    err = look_up(policy, entry, refresh);
    entry->is_busy = false;
    event_raise(&entry->idle);
    return err;
}

static void tell(const struct policy_entry *entry, struct arena *arena, struct relay_rules *rules_r)
{
    struct mta_sts_policy read;
    const char *why;
    struct slice text = has_policy(entry) ? arena_copy(arena, entry->known.text) : SLICE_EMPTY;
    if (text.len > 0 && mta_sts_parse_policy(arena, text, &read, &why) == ERR_OK) {
        rules_r->mode = read.mode;
        rules_r->mx = read.mx;
        rules_r->mx_count = read.mx_count;
        rules_r->text = text;
    } else if (entry->problem != TLS_RESULT_SUCCESS) {
        rules_r->problem = entry->problem;
        rules_r->problem_text = arena_copy(arena, slice_from(entry->problem_text));
    }
}

enum err relay_policy_domain(struct relay_policy *policy, struct slice domain, struct arena *arena,
                             struct relay_rules *rules_r)
{
    struct policy_entry *entry;
    *rules_r = (struct relay_rules){.domain = arena_copy(arena, domain)};
    if (address_is_literal(domain))
        return ERR_OK;
    enum err err = policy_entry_take(policy, domain, &entry);
    if (err && err != ERR_CANCELED) {
        log_warning("tls_policy.not_read", log_text("domain", domain), log_err(err));
        return ERR_OK;
    }
    if (err)
        return err;
    err = look_up_once(policy, entry, false);
    if (!err)
        tell(entry, arena, rules_r);
    policy_entry_release(entry);
    return err;
}

/* --- in the background --- */

struct due {
    struct store *store;
    struct arena arena;
    struct slice *domains;
    size_t count;
    enum err err;
};

static void find_due(void *arg)
{
    struct due *due = arg;
    due->err =
        tls_policy_due(due->store, clock_wall_us(), REFRESH_MAX, &due->arena, &due->domains, &due->count);
}

static enum err refresh(struct relay_policy *policy, struct slice domain)
{
    struct policy_entry *entry;
    int64_t now = clock_wall_us();
    enum err err = policy_entry_take(policy, domain, &entry);
    if (err)
        return err;
    if (!has_policy(entry) || entry->known.protected_us < now - UNUSED_US) {
        entry->known.refresh_us = INT64_MAX;
        entry->is_changed = true;
    } else {
        int64_t before = entry->known.refresh_us;
        err = look_up_once(policy, entry, true);
        if (entry->known.refresh_us == before) { /* it failed, or nobody could tell */
            entry->known.refresh_us = now + HOUR_US;
            entry->is_changed = true;
        }
    }
    policy_entry_release(entry);
    return err;
}

void policy_sts_refresh(struct relay_policy *policy)
{
    struct due due = {.store = policy->store};
    policy_cache_write(policy); /* what the store says is due must be so */
    enum err err = work_run(policy->work, 0, find_due, &due);
    err = err ? err : due.err;
    for (size_t i = 0; i < due.count && err != ERR_CANCELED; i++)
        err = refresh(policy, due.domains[i]);
    policy_cache_write(policy);
    arena_free(&due.arena);
}
