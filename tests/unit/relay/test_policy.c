/* SPDX-License-Identifier: ISC */
/*
 * What a host must do to get mail, by all that the DNS, a policy, a route and a message may say. The DNS is a
 * table here (dns_ask below), so that it can say what no name server without a signed zone could.
 */
#include "base/log.h"
#include "fake_https.h"
#include "policy_priv.h"
#include "storage/queue.h"
#include "task_case.h"

/* --- the DNS --- */

struct row {
    const char *name;
    enum dns_type type;
    enum dns_result result;
    bool secure;
    const char *rdata; /* of the one record */
    size_t size;
};
static struct row rows[40];
static size_t row_count;
static unsigned questions; /* about TLSA records */

static void say(const char *name, enum dns_type type, enum dns_result result, bool secure, struct slice rdata)
{
    rows[row_count++] = (struct row){name, type, result, secure, rdata.data, rdata.len};
}

enum err dns_ask(struct dns *dns, struct slice name, enum dns_type type, int64_t timeout_ms,
                 struct arena *arena, struct dns_answer *answer_r)
{
    (void)dns, (void)timeout_ms;
    questions += type == DNS_TLSA;
    *answer_r = (struct dns_answer){.result = DNS_NO_NAME, .secure = true, .ttl = 1, .canonical = name};
    for (size_t i = row_count; i-- > 0;) { /* the last word counts */
        if (rows[i].type != type || !slice_eq_nocase(slice_from(rows[i].name), name))
            continue;
        answer_r->result = rows[i].result;
        answer_r->secure = rows[i].secure;
        answer_r->why = S("the name server says so");
        answer_r->records = arena_new(arena, struct slice);
        answer_r->records[0] = slice_of(rows[i].rdata, rows[i].size);
        answer_r->count = rows[i].result == DNS_FOUND;
        break;
    }
    return task_sleep(0);
}

#define DIGEST   "0123456789abcdef0123456789abcdef"
#define USABLE   S("\x03\x01\x01" DIGEST)
#define UNUSABLE S("\x01\x01\x01" DIGEST)

/* --- a policy of its own --- */

static struct arena arena;
static char *directory;
static struct conf conf;
static struct store *store;
static struct work_pool *work;

static int start_group(void **state)
{
    static const char *const names[] = {"mta-sts.example.net"};
    (void)state;
    return fake_https_prepare(names, ARRAY_LEN(names));
}

static int stop_group(void **state)
{
    (void)state;
    fake_https_remove();
    arena_free(&arena);
    return 0;
}

static struct relay_policy *make_policy(void)
{
    struct relay_policy_settings settings = {
        .loop = task_loop(), .work = work, .store = store, .conf = &conf};
    struct relay_policy *policy;
    assert_ok(relay_policy_new(&settings, &policy, NULL));
    return policy;
}

static struct relay_policy *begin(void)
{
    row_count = 0;
    questions = 0;
    directory = check_temporary_directory();
    assert_ok(store_open(directory, "mail.example.org", &store, NULL));
    work = work_pool_new(task_loop(), 2, 100);
    conf = (struct conf){.hostname = "mail.example.org",
                         .relay_ca_file = fake_https.ca_path,
                         .sts_port = fake_https.port,
                         .tls_reports = SWITCH_ON};
    return make_policy();
}

static void end(struct relay_policy *policy)
{
    relay_policy_stop(policy);
    relay_policy_free(policy);
    work_pool_free(work);
    store_close(store);
    check_remove_directory(directory);
}

/* --- one host --- */

/* "may", "must mta-sts mx.example.net", "dane base name,name", "skip 451 dnssec-invalid" */
static const char *show(const struct relay_protection *protection)
{
    const struct tls_expectation *expectation = &protection->expectation;
    const char *levels[] = {"off", "may", "must"}, *text = "";
    if (protection->skip) {
        assert_true(protection->text.len > 0);
        return arena_printf(&arena, "skip %u %s", protection->code, tls_result_name(protection->failure));
    }
    text = arena_printf(&arena, "%s%s%s", levels[protection->level],
                        expectation->check == TLS_CHECK_DANE    ? " dane"
                        : expectation->check == TLS_CHECK_NAMES ? " names"
                                                                : "",
                        expectation->is_observed ? " observed" : "");
    for (size_t i = 0; i < expectation->name_count; i++)
        text = arena_printf(&arena, "%s %s", text, expectation->names[i]);
    if (expectation->check == TLS_CHECK_DANE)
        assert_string_equal(expectation->server_name, expectation->names[0]);
    return text;
}

enum sts { STS_ABSENT, STS_ENFORCED, STS_TESTED, STS_BROKEN };

static const struct slice patterns[] = {{"mx.example.net", 14}};
static const struct relay_rules all_rules[] = {
    [STS_ABSENT] = {.domain = {"example.net", 11}},
    [STS_ENFORCED] = {.domain = {"example.net", 11}, .mode = STS_MODE_ENFORCE, .mx = patterns, .mx_count = 1},
    [STS_TESTED] = {.domain = {"example.net", 11}, .mode = STS_MODE_TESTING, .mx = patterns, .mx_count = 1},
    [STS_BROKEN] = {.domain = {"example.net", 11},
                    .problem = TLS_RESULT_STS_WEBPKI_INVALID,
                    .problem_text = {"certificate", 11}},
};

static struct relay_hop hop_to(const char *host, enum sts sts, bool secure)
{
    struct relay_addresses *addresses = arena_new(&arena, struct relay_addresses);
    *addresses = (struct relay_addresses){.is_secure = secure, .canonical = slice_from(host)};
    return (struct relay_hop){.rules = &all_rules[sts],
                              .is_list_secure = secure,
                              .list_domain = S("example.net"),
                              .host = slice_from(host),
                              .port = 25,
                              .addresses = addresses};
}

static const char *decide(struct relay_policy *policy, const struct relay_hop *hop)
{
    struct relay_protection protection;
    assert_ok(relay_policy_host(policy, hop, &arena, &protection));
    return show(&protection);
}

static const char *host(struct relay_policy *policy, const char *name, enum sts sts, bool secure)
{
    struct relay_hop hop = hop_to(name, sts, secure);
    return decide(policy, &hop);
}

static void without_dnssec_only_mta_sts_counts(void *arg)
{
    (void)arg;
    struct relay_policy *policy = begin();
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_BOGUS, false, SLICE_EMPTY);
    assert_string_equal(host(policy, "mx.example.net", STS_ABSENT, false), "may");
    assert_string_equal(host(policy, "mx.example.net", STS_BROKEN, false), "may");
    assert_string_equal(host(policy, "mx.example.net", STS_ENFORCED, false), "must names mx.example.net");
    assert_string_equal(host(policy, "evil.example", STS_ENFORCED, false), "skip 451 validation-failure");
    assert_string_equal(host(policy, "mx.example.net", STS_TESTED, false),
                        "may names observed mx.example.net");
    assert_string_equal(host(policy, "evil.example", STS_TESTED, false), "may");
    assert_int_equal(questions, 0); /* RFC 7672 section 2.2.2: such zones are not asked */
    end(policy);
}

static void dane_comes_before_mta_sts(void *arg)
{
    (void)arg;
    struct relay_policy *policy = begin();
    static const enum sts all[] = {STS_ABSENT, STS_ENFORCED, STS_TESTED, STS_BROKEN};
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_FOUND, true, USABLE);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_string_equal(host(policy, "mx.example.net", all[i], true),
                            "must dane mx.example.net example.net");
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_BOGUS, false, SLICE_EMPTY);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_string_equal(host(policy, "mx.example.net", all[i], true), "skip 451 dnssec-invalid");
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_TEMPORARY, false, SLICE_EMPTY);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_string_equal(host(policy, "mx.example.net", all[i], true), "skip 451 dnssec-invalid");
    end(policy);
}

static void records_that_are_no_use_mean_tls_at_least(void *arg)
{
    (void)arg;
    struct relay_policy *policy = begin();
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_FOUND, true, UNUSABLE);
    assert_string_equal(host(policy, "mx.example.net", STS_ABSENT, true), "must");
    assert_string_equal(host(policy, "mx.example.net", STS_TESTED, true), "must");
    assert_string_equal(host(policy, "mx.example.net", STS_ENFORCED, true), "must names mx.example.net");
    end(policy);
}

static void without_records_the_rest_decides(void *arg)
{
    (void)arg;
    struct relay_policy *policy = begin();
    assert_string_equal(host(policy, "mx.example.net", STS_ABSENT, true), "may");
    assert_string_equal(host(policy, "mx.example.net", STS_ENFORCED, true), "must names mx.example.net");
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_NO_DATA, true, SLICE_EMPTY);
    assert_string_equal(host(policy, "mx.example.net", STS_ABSENT, true), "may");
    /* Anybody could have said it. */
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_FOUND, false, USABLE);
    assert_string_equal(host(policy, "mx.example.net", STS_ABSENT, true), "may");
    end(policy);
}

static void a_list_that_is_not_signed_ends_dane(void *arg)
{
    (void)arg;
    struct relay_policy *policy = begin();
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_FOUND, true, USABLE);
    struct relay_hop hop = hop_to("mx.example.net", STS_ABSENT, true);
    hop.is_list_secure = false;
    assert_string_equal(decide(policy, &hop), "may");
    assert_int_equal(questions, 0);
    end(policy);
}

static void aliases_of_hosts_are_followed(void *arg)
{
    (void)arg;
    struct relay_policy *policy = begin();
    struct relay_hop hop = hop_to("mx.example.net", STS_ABSENT, true);
    struct relay_addresses addresses = {.is_secure = true, .canonical = S("real.example.com")};
    hop.addresses = &addresses;
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_FOUND, true, USABLE);
    assert_string_equal(decide(policy, &hop), "must dane mx.example.net example.net");
    say("_25._tcp.real.example.com", DNS_TLSA, DNS_FOUND, true, USABLE);
    assert_string_equal(decide(policy, &hop), "must dane real.example.com example.net");
    /* The alias is signed, what it points to is not (RFC 7672 section 2.2.2). */
    addresses.is_secure = false;
    assert_string_equal(decide(policy, &hop), "may");
    say("mx.example.net", DNS_CNAME, DNS_FOUND, true,
        S("\x04real\x07"
          "example\x03"
          "com\x00"));
    assert_string_equal(decide(policy, &hop), "must dane mx.example.net example.net");
    say("mx.example.net", DNS_CNAME, DNS_FOUND, false,
        S("\x04real\x07"
          "example\x03"
          "com\x00"));
    assert_string_equal(decide(policy, &hop), "may");
    say("mx.example.net", DNS_CNAME, DNS_BOGUS, false, SLICE_EMPTY);
    assert_string_equal(decide(policy, &hop), "skip 451 dnssec-invalid");
    end(policy);
}

static void a_route_has_the_first_word(void *arg)
{
    (void)arg;
    struct relay_policy *policy = begin();
    struct relay_hop hop = hop_to("mx.example.net", STS_ENFORCED, true);
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_BOGUS, false, SLICE_EMPTY);
    hop.setting = ROUTE_TLS_OPTIONAL;
    assert_string_equal(decide(policy, &hop), "may");
    hop.setting = ROUTE_TLS_REQUIRED;
    assert_string_equal(decide(policy, &hop), "must");
    hop.setting = ROUTE_TLS_VERIFIED;
    assert_string_equal(decide(policy, &hop), "must names mx.example.net");
    hop.flags = QUEUE_TLS_OPTIONAL; /* a smarthost that takes a password stays what it is */
    assert_string_equal(decide(policy, &hop), "must names mx.example.net");
    hop.flags = 0;
    hop.setting = ROUTE_TLS_OFF;
    assert_string_equal(decide(policy, &hop), "off");
    assert_int_equal(questions, 0);
    /* A configured host has no list; its port is asked for. */
    say("_587._tcp.smart.example", DNS_TLSA, DNS_FOUND, true, USABLE);
    hop = hop_to("smart.example", STS_ABSENT, true);
    hop.rules = NULL;
    hop.port = 587;
    hop.list_domain = S("smart.example");
    assert_string_equal(decide(policy, &hop), "must dane smart.example");
    end(policy);
}

static const char *with_flags(struct relay_policy *policy, const char *name, enum sts sts, bool secure,
                              unsigned flags)
{
    struct relay_hop hop = hop_to(name, sts, secure);
    hop.flags = flags;
    return decide(policy, &hop);
}

static void a_message_may_not_care(void *arg)
{
    (void)arg;
    struct relay_policy *policy = begin();
    const unsigned flag = QUEUE_TLS_OPTIONAL;
    assert_string_equal(with_flags(policy, "mx.example.net", STS_ENFORCED, false, flag), "may");
    assert_string_equal(with_flags(policy, "evil.example", STS_ENFORCED, false, flag), "may");
    assert_string_equal(with_flags(policy, "mx.example.net", STS_ABSENT, false, flag), "may");
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_FOUND, true, USABLE);
    assert_string_equal(with_flags(policy, "mx.example.net", STS_ABSENT, true, flag), "may");
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_BOGUS, false, SLICE_EMPTY);
    assert_string_equal(with_flags(policy, "mx.example.net", STS_ABSENT, true, flag), "may");
    end(policy);
}

static void a_message_may_demand_tls(void *arg)
{
    (void)arg;
    struct relay_policy *policy = begin();
    const unsigned flag = QUEUE_REQUIRETLS;
    const char *names = "must names mx.example.net";
    assert_string_equal(with_flags(policy, "mx.example.net", STS_ABSENT, false, flag),
                        "skip 550 validation-failure");
    assert_string_equal(with_flags(policy, "mx.example.net", STS_ABSENT, true, flag), names);
    assert_string_equal(with_flags(policy, "mx.example.net", STS_ENFORCED, false, flag), names);
    assert_string_equal(with_flags(policy, "mx.example.net", STS_TESTED, false, flag), names);
    assert_string_equal(with_flags(policy, "evil.example", STS_TESTED, false, flag),
                        "skip 550 validation-failure");
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_FOUND, true, UNUSABLE);
    assert_string_equal(with_flags(policy, "mx.example.net", STS_ABSENT, true, flag), names);
    say("_25._tcp.mx.example.net", DNS_TLSA, DNS_FOUND, true, USABLE);
    assert_string_equal(with_flags(policy, "mx.example.net", STS_ABSENT, true, flag | QUEUE_TLS_OPTIONAL),
                        "must dane mx.example.net example.net");
    struct relay_hop off = hop_to("mx.example.net", STS_ABSENT, true);
    off.flags = flag;
    off.setting = ROUTE_TLS_OFF;
    assert_string_equal(decide(policy, &off), "skip 550 validation-failure");
    end(policy);
}

/* --- policies over HTTPS --- */

static const char *domain(struct relay_policy *policy, const char *name)
{
    static const char *const modes[] = {"none", "testing", "enforce"};
    struct relay_rules rules;
    assert_ok(relay_policy_domain(policy, slice_from(name), &arena, &rules));
    assert_text(rules.domain, name);
    if (rules.problem != TLS_RESULT_SUCCESS)
        return tls_result_name(rules.problem);
    return arena_printf(&arena, "%s %.*s", modes[rules.mode],
                        SLICE_ARG(rules.mx_count ? rules.mx[0] : S("-")));
}

/* Time passes: the DNS is asked again, and a fetch that failed may be tried again. */
static void later(struct relay_policy *policy)
{
    struct policy_entry *entry = policy_entry_find(policy, S("example.net"));
    entry->asked_until_ms = entry->fail_until_ms = 0;
}

static const char *page(const char *type, const char *body)
{
    return arena_printf(&arena, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", type,
                        strlen(body), body);
}

#define ENFORCE "version: STSv1\nmode: enforce\nmx: mx.example.net\nmax_age: 86400\n"
#define TESTING "version: STSv1\nmode: testing\nmx: *.example.net\nmax_age: 86400\n"

static void publish(const char *record)
{
    char *rdata = arena_printf(&arena, "%c%s", (int)strlen(record), record);
    say("_mta-sts.example.net", DNS_TXT, DNS_FOUND, false, slice_from(rdata));
    say("mta-sts.example.net", DNS_A, DNS_FOUND, false, S("\x7f\0\0\1"));
}

static void a_policy_is_fetched_once_and_again_when_it_changed(void *arg)
{
    (void)arg;
    fake_https_start();
    struct relay_policy *policy = begin();
    assert_string_equal(domain(policy, "[192.0.2.1]"), "none -");
    assert_string_equal(domain(policy, "example.net"), "none -");
    publish("v=STSv1; id=1;");
    assert_string_equal(domain(policy, "example.net"), "none -"); /* a look a minute is enough */
    later(policy);
    fake_https.answer = page("text/plain", ENFORCE);
    assert_string_equal(domain(policy, "example.net"), "enforce mx.example.net");
    later(policy);
    fake_https.answer = page("text/plain; charset=utf-8", TESTING);
    assert_string_equal(domain(policy, "example.net"), "enforce mx.example.net");
    assert_int_equal(fake_https.requests, 1);
    publish("v=STSv1; id=2;");
    later(policy);
    assert_string_equal(domain(policy, "example.net"), "testing *.example.net");
    assert_int_equal(fake_https.requests, 2);
    end(policy);
    fake_https_stop();
}

static void a_fetch_that_fails_keeps_what_was_there(void *arg)
{
    const char *const broken[] = {
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 301 Moved\r\nLocation: https://mta-sts.example.net/\r\nContent-Length: 0\r\n\r\n",
        page("text/html", TESTING), page("text/plain", "version: STSv1\n"), page("text/plain", "")};
    const char *const told[] = {"sts-policy-fetch-error", "sts-policy-fetch-error", "sts-policy-invalid",
                                "sts-policy-invalid", "sts-policy-invalid"};
    (void)arg;
    fake_https_start();
    struct relay_policy *policy = begin();
    publish("v=STSv1; id=1;");
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        fake_https.answer = broken[i];
        assert_string_equal(domain(policy, "example.net"), told[i]);
        assert_string_equal(domain(policy, "example.net"), told[i]); /* not asked again at once */
        assert_int_equal(fake_https.requests, i + 1);
        later(policy);
    }
    fake_https.answer = page("text/plain", ENFORCE);
    assert_string_equal(domain(policy, "example.net"), "enforce mx.example.net");
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        fake_https.answer = broken[i];
        publish(arena_printf(&arena, "v=STSv1; id=n%zu;", i));
        later(policy);
        assert_string_equal(domain(policy, "example.net"), "enforce mx.example.net");
    }
    assert_int_equal(fake_https.requests, 2 * ARRAY_LEN(broken) + 1);
    end(policy);
    fake_https_stop();
}

static void a_certificate_for_another_name_is_told(void *arg)
{
    (void)arg;
    fake_https_start();
    struct relay_policy *policy = begin();
    fake_https.answer = page("text/plain", ENFORCE);
    say("_mta-sts.other.example", DNS_TXT, DNS_FOUND, false, S("\x0ev=STSv1; id=1;"));
    say("mta-sts.other.example", DNS_A, DNS_FOUND, false, S("\x7f\0\0\1"));
    assert_string_equal(domain(policy, "other.example"), "sts-webpki-invalid");
    end(policy);
    fake_https_stop();
}

static void a_policy_holds_though_nobody_can_be_asked(void *arg)
{
    (void)arg;
    fake_https_start();
    struct relay_policy *policy = begin();
    publish("v=STSv1; id=1;");
    fake_https.answer = page("text/plain", ENFORCE);
    assert_string_equal(domain(policy, "example.net"), "enforce mx.example.net");
    fake_https_stop();
    relay_policy_stop(policy); /* another process */
    relay_policy_free(policy);
    policy = make_policy();
    say("_mta-sts.example.net", DNS_TXT, DNS_TEMPORARY, false, SLICE_EMPTY);
    assert_string_equal(domain(policy, "example.net"), "enforce mx.example.net");
    say("_mta-sts.example.net", DNS_TXT, DNS_NO_NAME, false, SLICE_EMPTY);
    later(policy);
    assert_string_equal(domain(policy, "example.net"), "enforce mx.example.net");
    policy_entry_find(policy, S("example.net"))->known.ends_us = clock_wall_us() - 1;
    assert_string_equal(domain(policy, "example.net"), "none -");
    end(policy);
}

static void the_end_of_a_policy_is_no_gap(void *arg)
{
    (void)arg;
    fake_https_start();
    struct relay_policy *policy = begin();
    publish("v=STSv1; id=1;");
    fake_https.answer = page("text/plain", ENFORCE);
    assert_string_equal(domain(policy, "example.net"), "enforce mx.example.net");
    policy_entry_find(policy, S("example.net"))->known.ends_us = clock_wall_us() - 1;
    assert_string_equal(domain(policy, "example.net"), "enforce mx.example.net");
    assert_int_equal(fake_https.requests, 2);
    end(policy);
    fake_https_stop();
}

static void policies_are_fetched_again_before_they_end(void *arg)
{
    (void)arg;
    fake_https_start();
    struct relay_policy *policy = begin();
    publish("v=STSv1; id=1;");
    fake_https.answer = page("text/plain", ENFORCE);
    assert_string_equal(domain(policy, "example.net"), "enforce mx.example.net");
    policy_sts_refresh(policy);
    assert_int_equal(fake_https.requests, 1); /* too early */
    struct policy_entry *entry = policy_entry_find(policy, S("example.net"));
    entry->known.refresh_us = clock_wall_us() - 1;
    entry->known.protected_us = clock_wall_us();
    entry->is_changed = true;
    later(policy);
    policy_sts_refresh(policy);
    assert_int_equal(fake_https.requests, 2);
    assert_true(policy_entry_find(policy, S("example.net"))->known.refresh_us > clock_wall_us());
    end(policy);
    fake_https_stop();
}

/* --- what came of sessions --- */

static void note(struct relay_policy *policy, const struct relay_protection *protection,
                 enum relay_tls_outcome outcome, enum tls_failure failure)
{
    struct relay_tls_session session = {.rules = &all_rules[STS_ENFORCED],
                                        .protection = protection,
                                        .host = S("mx.example.net"),
                                        .remote_address = S("192.0.2.2"),
                                        .outcome = outcome,
                                        .failure = failure,
                                        .why = failure ? S("certificate has expired") : SLICE_EMPTY};
    relay_policy_note(policy, &session);
}

static void sessions_are_counted(void *arg)
{
    (void)arg;
    struct relay_policy *policy = begin();
    struct relay_protection sts = {.counts = true,
                                   .level = RELAY_TLS_MUST,
                                   .basis = RELAY_BASIS_STS,
                                   .expectation = {.check = TLS_CHECK_NAMES}};
    struct relay_protection optional = {.level = RELAY_TLS_MAY};
    struct tls_count *counts;
    size_t count;
    for (int i = 0; i < 3; i++)
        note(policy, &sts, RELAY_TLS_ON, TLS_FAILURE_NONE);
    note(policy, &sts, RELAY_TLS_FAILED, TLS_FAILURE_EXPIRED);
    note(policy, &sts, RELAY_TLS_NOT_OFFERED, TLS_FAILURE_NONE);
    note(policy, &optional, RELAY_TLS_ON, TLS_FAILURE_NONE);
    policy_counts_write(policy);
    note(policy, &sts, RELAY_TLS_ON, TLS_FAILURE_NONE);
    policy_counts_write(policy);
    assert_ok(tls_count_list(store, clock_wall_us() / DAY_US, S("example.net"), 10, &arena, &counts, &count));
    assert_int_equal(count, 3);
    assert_text(counts[0].result, "");
    assert_int_equal(counts[0].sessions, 4);
    assert_text(counts[0].policy_type, "sts");
    assert_text(counts[0].host, "");
    assert_text(counts[1].result, "certificate-expired");
    assert_int_equal(counts[1].sessions, 1);
    assert_text(counts[1].host, "mx.example.net");
    assert_text(counts[1].host_address, "192.0.2.2");
    assert_text(counts[1].reason, "certificate has expired");
    assert_text(counts[2].result, "starttls-not-supported");
    end(policy);
}

static bool log_says(const char *path, const char *text)
{
    char content[20000];
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(content, 1, sizeof(content) - 1, file) : 0;
    if (file)
        fclose(file);
    content[length] = '\0';
    return strstr(content, text) != NULL;
}

static void less_protection_than_before_is_in_the_log(void *arg)
{
    (void)arg;
    struct relay_policy *policy = begin();
    const char *path = arena_printf(&arena, "%s/log", directory);
    struct relay_protection dane = {.counts = true,
                                    .level = RELAY_TLS_MUST,
                                    .basis = RELAY_BASIS_DANE,
                                    .expectation = {.check = TLS_CHECK_DANE}};
    struct relay_protection may = {
        .counts = true, .level = RELAY_TLS_MAY, .reason = S("the host has no signed TLSA records")};
    assert_string_equal(domain(policy, "example.net"), "none -");
    assert_ok(log_open("test", path, LOG_INFO));
    note(policy, &may, RELAY_TLS_ON, TLS_FAILURE_NONE);
    note(policy, &dane, RELAY_TLS_ON, TLS_FAILURE_NONE);
    note(policy, &dane, RELAY_TLS_FAILED, TLS_FAILURE_RECORDS); /* nothing was sent */
    assert_false(log_says(path, "relay.less_protected"));
    relay_policy_stop(policy);
    relay_policy_free(policy);
    policy = make_policy();
    assert_string_equal(domain(policy, "example.net"), "none -");
    note(policy, &may, RELAY_TLS_ON, TLS_FAILURE_NONE);
    assert_true(log_says(path,
                         "relay.less_protected domain=example.net host=mx.example.net before=dane now=tls "
                         "reason=\"the host has no signed TLSA records\""));
    note(policy, &may, RELAY_TLS_NOT_OFFERED, TLS_FAILURE_NONE);
    assert_true(log_says(path, "before=tls now=none reason=\"the host offers no TLS\""));
    assert_ok(log_open("test", "stderr", LOG_INFO));
    end(policy);
}

/* --- reports --- */

static void a_day_that_is_over_is_reported(void *arg)
{
    struct tls_count count = {.domain = S("example.net"), .policy_type = S("no-policy-found"), .sessions = 3};
    struct queue_filter filter = {.recipient = S("tls@reports.example")};
    struct queue_item *items;
    struct tls_count *left;
    size_t queued, left_count;
    (void)arg;
    fake_https_start();
    struct relay_policy *policy = begin();
    policy->report_offset_us = 0;
    count.day = clock_wall_us() / DAY_US - 1;
    assert_ok(tls_count_add(store, &count, 1));
    count.domain = S("silent.example");
    assert_ok(tls_count_add(store, &count, 1));
    count.domain = S("lost.example");
    assert_ok(tls_count_add(store, &count, 1));
    count.domain = S("example.net");
    count.day++; /* not over */
    assert_ok(tls_count_add(store, &count, 1));
    char *rdata = arena_printf(
        &arena, "%c%s", 0,
        arena_printf(&arena, "v=TLSRPTv1; rua=mailto:tls@reports.example,https://mta-sts.example.net:%u/tls",
                     fake_https.port));
    rdata[0] = (char)strlen(rdata + 1);
    say("_smtp._tls.example.net", DNS_TXT, DNS_FOUND, false, slice_of(rdata, 1 + strlen(rdata + 1)));
    say("mta-sts.example.net", DNS_A, DNS_FOUND, false, S("\x7f\0\0\1"));
    say("_smtp._tls.lost.example", DNS_TXT, DNS_TEMPORARY, false, SLICE_EMPTY);
    fake_https.answer = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    policy_report_send(policy);
    assert_string_equal(fake_https.request, "POST /tls HTTP/1.1");
    assert_string_equal(fake_https.type, "application/tlsrpt+gzip");
    assert_memory_equal(fake_https.body.data, "\x1f\x8b", 2);
    assert_ok(queue_list(store, &filter, 0, 10, &arena, &items, &queued));
    assert_int_equal(queued, 1);
    assert_int_equal(items[0].envelope.flags, QUEUE_TLS_OPTIONAL);
    assert_text(items[0].envelope.sender, "");
    /* What could not be asked stays, and what is not over. */
    assert_ok(tls_count_due(store, INT64_MAX, 10, &arena, &left, &left_count));
    assert_int_equal(left_count, 2);
    assert_text(left[0].domain, "lost.example");
    assert_text(left[1].domain, "example.net");
    assert_int_equal(left[1].day, count.day);
    end(policy);
    fake_https_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        task_test(without_dnssec_only_mta_sts_counts),
        task_test(dane_comes_before_mta_sts),
        task_test(records_that_are_no_use_mean_tls_at_least),
        task_test(without_records_the_rest_decides),
        task_test(a_list_that_is_not_signed_ends_dane),
        task_test(aliases_of_hosts_are_followed),
        task_test(a_route_has_the_first_word),
        task_test(a_message_may_not_care),
        task_test(a_message_may_demand_tls),
        task_test(a_policy_is_fetched_once_and_again_when_it_changed),
        task_test(a_fetch_that_fails_keeps_what_was_there),
        task_test(a_certificate_for_another_name_is_told),
        task_test(a_policy_holds_though_nobody_can_be_asked),
        task_test(the_end_of_a_policy_is_no_gap),
        task_test(policies_are_fetched_again_before_they_end),
        task_test(sessions_are_counted),
        task_test(less_protection_than_before_is_in_the_log),
        task_test(a_day_that_is_over_is_reported),
    };
    return cmocka_run_group_tests_name("relay/policy", tests, start_group, stop_group);
}
