/* SPDX-License-Identifier: ISC */
/* Which hosts take mail for a domain. */
#include "fake_dns.h"
#include "relay_mx.h"
#include "task_case.h"

#define HOST(preference, label) "\x00\x0c\x00" preference "\x01" label "\x06remote\x00"

static const struct fake_answer answers[] = {
    {"several", DNS_MX, 0,
     FAKE_RECORDS(HOST("\x14", "c") HOST("\x0a", "a") HOST("\x14", "d") HOST("\x0f", "b") HOST("\x14", "e")),
     5, FAKE_ANSWERS},
    {"backup", DNS_MX, 0,
     FAKE_RECORDS(HOST("\x0a", "a") HOST("\x14", "u") HOST("\x14", "d") HOST("\x1e", "c")), 4, FAKE_ANSWERS},
    {"ours", DNS_MX, 0, FAKE_RECORDS(HOST("\x0a", "u") HOST("\x14", "a")), 2, FAKE_ANSWERS},
    {"null", DNS_MX, 0, FAKE_RECORDS("\x00\x03\x00\x00\x00"), 1, FAKE_ANSWERS},
    {"both", DNS_MX, 0, FAKE_RECORDS("\x00\x03\x00\x00\x00" HOST("\x0a", "a")), 2, FAKE_ANSWERS},
    {"odd", DNS_MX, 0, FAKE_RECORDS("\x00\x07\x00\x05\x03 \r\n\x00"), 1, FAKE_ANSWERS},
    {"none", DNS_A, 0, FAKE_RECORDS("\x00\x04\x7f\x00\x00\x02"), 1, FAKE_ANSWERS},
    {"broken", DNS_MX, 2, FAKE_RECORDS(""), 0, FAKE_ANSWERS},
    {"two", DNS_A, 0, FAKE_RECORDS("\x00\x04\x7f\x00\x00\x02\x00\x04\x7f\x00\x00\x03"), 2, FAKE_ANSWERS},
    {"two", DNS_AAAA, 0,
     FAKE_RECORDS("\x00\x10\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"), 1,
     FAKE_ANSWERS},
    {"textonly", DNS_TXT, 0, FAKE_RECORDS("\x00\x02\x01x"), 1, FAKE_ANSWERS},
};

static struct arena arena;

static int start(void **state)
{
    (void)state;
    return fake_dns_start(answers, ARRAY_LEN(answers));
}

static int stop(void **state)
{
    (void)state;
    arena_free(&arena);
    return fake_dns_stop();
}

static struct relay_route find(struct dns *dns, const char *domain)
{
    static const struct slice own[] = {{"mx.here.example", 15}, {"U.remote", 8}};
    struct relay_route route;
    assert_int_equal(relay_find_hosts(dns, slice_from(domain), own, ARRAY_LEN(own), 20000, &arena, &route),
                     0);
    return route;
}

/* "10 a.remote,20 b.remote", or the code and the enhanced code. */
static const char *hosts(struct dns *dns, const char *domain)
{
    struct relay_route route = find(dns, domain);
    struct buf out;
    buf_init(&out, 10000);
    for (size_t i = 0; i < route.count; i++)
        buf_printf(&out, "%s%u %.*s", i ? "," : "", route.hosts[i].preference,
                   SLICE_ARG(route.hosts[i].name));
    if (route.result != RELAY_ROUTE_FOUND) {
        struct slice text = route.text;
        assert_int_equal(route.count, 0);
        assert_int_equal(route.result == RELAY_ROUTE_LATER, route.code / 100 == 4);
        struct slice status = slice_split(&text, ' ');
        buf_printf(&out, "%u %.*s", route.code, SLICE_ARG(status));
    }
    const char *copy = arena_cstr(&arena, buf_slice(&out));
    buf_free(&out);
    return copy;
}

static void preferences_come_first_and_chance_second(void *arg)
{
    (void)arg;
    struct dns *dns = fake_dns_client(task_loop());
    bool seen[3] = {false};
    for (int i = 0; i < 200; i++) {
        const char *list = hosts(dns, "several.example");
        assert_true(strncmp(list, "10 a.remote,15 b.remote,20 ", 27) == 0);
        seen[list[27] - 'c'] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    dns_free(dns);
}

static void mail_never_comes_back(void *arg)
{
    (void)arg;
    struct dns *dns = fake_dns_client(task_loop());
    assert_string_equal(hosts(dns, "backup.example"), "10 a.remote");
    assert_string_equal(hosts(dns, "ours.example"), "554 5.4.6");
    dns_free(dns);
}

static void domains_without_mail_hosts_are_told_apart(void *arg)
{
    (void)arg;
    struct dns *dns = fake_dns_client(task_loop());
    assert_string_equal(hosts(dns, "null.example"), "556 5.1.10");
    assert_string_equal(hosts(dns, "both.example"), "10 a.remote");
    assert_string_equal(hosts(dns, "odd.example"), "550 5.4.4");
    assert_string_equal(hosts(dns, "none.example"), "0 none.example"); /* its own host */
    assert_string_equal(hosts(dns, "nobody.example"), "550 5.1.2");
    assert_string_equal(hosts(dns, "broken.example"), "451 4.4.3");
    assert_string_equal(hosts(dns, "[192.0.2.1]"), "0 192.0.2.1");
    assert_string_equal(hosts(dns, "[ipv6:2001:db8::1]"), "0 2001:db8::1");
    assert_string_equal(hosts(dns, "[192.0.2]"), "550 5.1.2");
    dns_free(dns);
}

static struct relay_addresses addresses_of(struct dns *dns, const char *host, bool ipv6_first)
{
    struct relay_addresses addresses;
    assert_int_equal(relay_find_addresses(dns, slice_from(host), ipv6_first, 20000, &arena, &addresses), 0);
    return addresses;
}

static void families_come_in_turn(void *arg)
{
    (void)arg;
    struct dns *dns = fake_dns_client(task_loop());
    struct relay_addresses addresses = addresses_of(dns, "two.example", true);
    assert_int_equal(addresses.result, RELAY_ROUTE_FOUND);
    assert_int_equal(addresses.count, 3);
    assert_text(addresses.list[0], "2001:db8::1");
    addresses = addresses_of(dns, "two.example", false);
    assert_text(addresses.list[1], "2001:db8::1");
    addresses = addresses_of(dns, "192.0.2.7", false);
    assert_int_equal(addresses.count, 1);
    assert_text(addresses.list[0], "192.0.2.7");
    addresses = addresses_of(dns, "2001:db8::7", false);
    assert_text(addresses.list[0], "2001:db8::7");
    addresses = addresses_of(dns, "textonly.example", false);
    assert_int_equal(addresses.result, RELAY_ROUTE_NEVER);
    assert_true(slice_starts_with(addresses.text, S("5.4.4 ")));
    addresses = addresses_of(dns, "broken.example", false);
    assert_int_equal(addresses.result, RELAY_ROUTE_LATER);
    assert_true(slice_starts_with(addresses.text, S("4.4.3 ")));
    dns_free(dns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        task_test(preferences_come_first_and_chance_second),
        task_test(mail_never_comes_back),
        task_test(domains_without_mail_hosts_are_told_apart),
        task_test(families_come_in_turn),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
