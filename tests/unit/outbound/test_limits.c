/* SPDX-License-Identifier: ISC */
/* How much a destination gets, who overrides whom, and when it is tried again. */
#include "check.h"

#include "limits.h"

#define MINUTE_MS INT64_C(60000)
#define MINUTE_US (1000 * MINUTE_MS)
#define MIDDLE    100 /* the chance that makes a pause neither longer nor shorter */

static struct conf_route routes[] = {
    {.name = "slow",
     .via = "mx",
     .domains = {(const char *[]){"gmail.com"}, 1},
     .concurrency = 1,
     .rate = 2,
     .retry_longest = 30 * MINUTE_MS},
    {.name = "all",
     .via = "smtp://relay.example",
     .domains = {(const char *[]){"hotmail.com"}, 1},
     .rate = 500},
};
static struct conf conf = {.relay_concurrency = 20,
                           .retry_first = 5 * MINUTE_MS,
                           .retry_longest = 240 * MINUTE_MS,
                           .expire_after = 5760 * MINUTE_MS,
                           .delay_notice_after = 240 * MINUTE_MS,
                           .routes = routes,
                           .route_count = ARRAY_LEN(routes)};

static struct limits limits_behind(const char *text, const char *host)
{
    const char *provider = host ? limits_provider_of_host(slice_from(host)) : NULL;
    struct arena arena = {0};
    struct destination destination;
    assert_ok(destination_parse(&conf, slice_from(text), &arena, &destination));
    struct limits limits = limits_for(&conf, &destination, provider);
    arena_free(&arena);
    return limits;
}

static struct limits limits_of(const char *text)
{
    return limits_behind(text, NULL);
}

static void what_is_set_for_all(void **state)
{
    (void)state;
    struct limits limits = limits_of("example.net");
    assert_int_equal(limits.concurrency, 20);
    assert_int_equal(limits.messages, 0);
    assert_int_equal(limits.rate, 0);
    assert_int_equal(limits.retry_first_us, 5 * MINUTE_US);
    assert_int_equal(limits.retry_longest_us, 240 * MINUTE_US);
    assert_int_equal(limits.expire_after_us, 5760 * MINUTE_US);
    assert_int_equal(limits.delay_notice_after_us, 240 * MINUTE_US);
}

static void the_big_providers(void **state)
{
    (void)state;
    static const struct {
        const char *domain;
        unsigned concurrency, messages, rate;
    } expected[] = {
        {"googlemail.com", 5, 50, 60},  {"outlook.com", 5, 50, 30},    {"hotmail.co.uk", 5, 50, 30},
        {"live.de", 5, 50, 30},         {"msn.com", 5, 50, 30},        {"yahoo.com", 5, 20, 30},
        {"yahoo.com.br", 5, 20, 30},    {"yahoo.co.jp", 2, 20, 20},    {"icloud.com", 10, 5, 60},
        {"me.com", 10, 5, 60},          {"gmx.net", 4, 20, 60},        {"gmx.de", 4, 20, 60},
        {"web.de", 4, 20, 60},          {"t-online.de", 3, 20, 30},    {"comcast.net", 20, 1000, 60},
        {"mygmail.com", 20, 0, 0},      {"mail.gmail.com", 20, 0, 0},  {"yahoo.example.net", 20, 0, 0},
        {"live.example.net", 20, 0, 0}, {"outlook.company", 20, 0, 0}, {"live", 20, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        struct limits limits = limits_of(expected[i].domain);
        print_message("# %s\n", expected[i].domain);
        assert_int_equal(limits.concurrency, expected[i].concurrency);
        assert_int_equal(limits.messages, expected[i].messages);
        assert_int_equal(limits.rate, expected[i].rate);
    }
}

static void who_hosts_a_domain(void **state)
{
    (void)state;
    static const struct {
        const char *host, *provider;
    } expected[] = {
        {"aspmx.l.google.com", "google"},
        {"smtp.google.com", "google"},
        {"alt2.aspmx.l.google.com", "google"},
        {"aspmx2.googlemail.com", "google"},
        {"gmail-smtp-in.l.google.com", "google"},
        {"example-net.mail.protection.outlook.com", "microsoft"},
        {"example-net.e-v1.mx.microsoft", "microsoft"},
        {"hotmail-com.olc.protection.outlook.com", "microsoft"},
        {"mta5.am0.yahoodns.net", "yahoo"},
        {"mx1.mail.yahoo.co.jp", "yahoo-japan"},
        {"mx01.mail.icloud.com", "apple"},
        {"mx00.emig.gmx.net", "1und1"},
        {"mx-ha02.web.de", "1und1"},
        {"mx00.ionos.de", "1und1"},
        {"mx01.ionos.co.uk", "1und1"},
        {"mx00.kundenserver.de", "1und1"},
        {"mx00.1and1.com", "1und1"},
        {"mx00.t-online.de", "telekom"},
        {"emig.freenet.de", "freenet"},
        {"mxbiz1.qq.com", "tencent"},
        {"163mx01.mxmail.netease.com", "netease"},
        {"google.com", "google"},
        {"notgoogle.com", NULL},
        {"google.com.example.net", NULL},
        {"mx1.example.net", NULL},
        {"192.0.2.1", NULL},
        {"com", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const char *provider = limits_provider_of_host(slice_from(expected[i].host));
        print_message("# %s\n", expected[i].host);
        assert_int_equal(provider == NULL, expected[i].provider == NULL);
        if (provider) {
            assert_string_equal(provider, expected[i].provider);
        }
    }
}

static void the_host_decides(void **state)
{
    (void)state;
    struct limits limits = limits_behind("example.net", "aspmx.l.google.com");
    assert_int_equal(limits.concurrency, 5);
    assert_int_equal(limits.messages, 50);
    assert_int_equal(limits.rate, 60);
    assert_string_equal(limits.provider, "google");
    assert_ptr_equal(limits.provider, limits_of("googlemail.com").provider); /* they share them */
    assert_null(limits_of("example.net").provider);
    /* A domain of one provider that another one hosts. */
    limits = limits_behind("verizon.net", "mx01.mail.icloud.com");
    assert_string_equal(limits.provider, "apple");
    assert_int_equal(limits.messages, 5);
    /* An unknown host says nothing against the domain. */
    assert_string_equal(limits_behind("googlemail.com", "mx.example.net").provider, "google");
    /* A route of one's own: what it sets holds for its domains alone. */
    limits = limits_behind("mx:hotmail.com", "aspmx.l.google.com");
    assert_string_equal(limits.provider, "google");
    limits = limits_behind("gmail.com", "aspmx.l.google.com");
    assert_int_equal(limits.rate, 2);
    assert_int_equal(limits.concurrency, 1);
    assert_int_equal(limits.messages, 50);
    assert_null(limits.provider);
    limits = limits_behind("smtp://aspmx.l.google.com", "aspmx.l.google.com");
    assert_int_equal(limits.rate, 0);
    assert_null(limits.provider);
}

static void a_route_overrides(void **state)
{
    (void)state;
    struct limits limits = limits_of("gmail.com");
    assert_int_equal(limits.concurrency, 1);
    assert_int_equal(limits.messages, 50);
    assert_int_equal(limits.rate, 2);
    assert_int_equal(limits.retry_first_us, 5 * MINUTE_US);
    assert_int_equal(limits.retry_longest_us, 30 * MINUTE_US);
    /* The smarthost is no big provider, whoever the mail is for. */
    limits = limits_of("route:all");
    assert_int_equal(limits.concurrency, 20);
    assert_int_equal(limits.messages, 0);
    assert_int_equal(limits.rate, 500);
    limits = limits_of("smtp://gmail.com");
    assert_int_equal(limits.rate, 0);
    /* By MX against the route: the provider's, and not the route's. */
    limits = limits_of("mx:hotmail.com");
    assert_int_equal(limits.rate, 30);
}

static void pauses_grow(void **state)
{
    (void)state;
    struct limits limits = limits_of("example.net");
    int64_t now_us = 1700000000 * INT64_C(1000000), expires_us = INT64_MAX;
    static const int minutes[] = {5, 10, 20, 40, 80, 160, 240, 240};
    for (uint32_t i = 0; i < ARRAY_LEN(minutes); i++) {
        assert_int_equal(limits_retry_at(&limits, i + 1, now_us, expires_us, MIDDLE) - now_us,
                         minutes[i] * MINUTE_US);
    }
    assert_int_equal(limits_retry_at(&limits, UINT32_MAX, now_us, expires_us, MIDDLE) - now_us,
                     240 * MINUTE_US);
    assert_int_equal(limits_retry_at(&limits, 0, now_us, expires_us, MIDDLE) - now_us, 5 * MINUTE_US);
    limits.retry_first_us = 500 * MINUTE_US; /* longer than the longest */
    assert_int_equal(limits_retry_at(&limits, 1, now_us, expires_us, MIDDLE) - now_us, 240 * MINUTE_US);
}

static void the_spread_is_a_tenth(void **state)
{
    (void)state;
    struct limits limits = limits_of("example.net");
    int64_t shortest = INT64_MAX, longest = 0;
    for (uint32_t chance = 0; chance < 1000; chance++) {
        int64_t pause = limits_retry_at(&limits, 2, 1000, INT64_MAX, chance * 2654435761u) - 1000;
        shortest = MIN_OF(shortest, pause);
        longest = MAX_OF(longest, pause);
    }
    assert_int_equal(shortest, 9 * MINUTE_US);
    assert_int_equal(longest, 11 * MINUTE_US);
}

static void the_last_attempt_comes_at_the_end(void **state)
{
    (void)state;
    struct limits limits = limits_of("example.net");
    int64_t now_us = 1000 * MINUTE_US;
    int64_t expires_us = now_us + 100 * MINUTE_US;
    assert_int_equal(limits_retry_at(&limits, 9, now_us, expires_us, MIDDLE), expires_us);
    assert_int_equal(limits_retry_at(&limits, 9, expires_us - 1, expires_us, MIDDLE), expires_us);
    assert_int_equal(limits_retry_at(&limits, 9, expires_us, expires_us, MIDDLE), 0);
    assert_int_equal(limits_retry_at(&limits, 1, expires_us + 5, expires_us, MIDDLE), 0);
    assert_int_equal(limits_retry_at(&limits, 1, now_us, expires_us, MIDDLE), now_us + 5 * MINUTE_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_set_for_all),   cmocka_unit_test(the_big_providers),
        cmocka_unit_test(a_route_overrides),     cmocka_unit_test(who_hosts_a_domain),
        cmocka_unit_test(the_host_decides),      cmocka_unit_test(pauses_grow),
        cmocka_unit_test(the_spread_is_a_tenth), cmocka_unit_test(the_last_attempt_comes_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
