/* SPDX-License-Identifier: ISC */
/* Networks: what is one, and who is in it. */
#include "check.h"

#include "base/conf.h"
#include "base/ip_network.h"

static bool has(const char *text, const char *address)
{
    struct ip_network network;
    assert_ok(ip_network_parse(slice_from(text), &network));
    return ip_network_has(&network, slice_from(address));
}

static void hosts_are_in_their_network(void **state)
{
    (void)state;
    static const struct {
        const char *network, *in, *out;
    } cases[] = {
        {"192.0.2.0/24", "192.0.2.255", "192.0.3.0"},
        {"192.0.2.0/24", "::ffff:192.0.2.1", "::ffff:192.0.3.1"},
        {"192.0.2.64/26", "192.0.2.127", "192.0.2.128"},
        {"192.0.2.1", "192.0.2.1", "192.0.2.2"},
        {"192.0.2.1/32", "192.0.2.1", "192.0.2.0"},
        {"128.0.0.0/1", "255.255.255.255", "127.255.255.255"},
        {"0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
        {"10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
        {"::ffff:10.0.0.0/104", "10.255.0.1", "11.0.0.0"},
        {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"},
        {"2001:db8:0:8::/61", "2001:db8:0:f::1", "2001:db8:0:10::"},
        {"2001:DB8::1", "2001:db8:0:0::1", "2001:db8::2"},
        {"::1", "::1", "127.0.0.1"},
        {"::/0", "2001:db8::1", "192.0.2.1"},
        {"fe80::/10", "fe80::1%eth0", "fec0::1%eth0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!has(cases[i].network, cases[i].in) || has(cases[i].network, cases[i].out)) {
            fail_msg("%s: %s, %s", cases[i].network, cases[i].in, cases[i].out);
        }
    }
}

static void what_is_no_address_is_nowhere(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "local",
                                        "192.0.2",
                                        "192.0.2.1.1",
                                        "[192.0.2.1]",
                                        "192.0.2.1/32",
                                        "%eth0",
                                        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_false(has("0.0.0.0/0", texts[i]));
        assert_false(has("::/0", texts[i]));
    }
}

static void what_is_no_network_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "/",
                                        "/24",
                                        "192.0.2.0/",
                                        "192.0.2.0/33",
                                        "192.0.2.0/-1",
                                        "192.0.2.0/2 4",
                                        "192.0.2/24",
                                        "192.0.2.1/24",
                                        "192.0.2.0/24/8",
                                        "192.0.2.0/024x",
                                        "2001:db8::/129",
                                        "2001:db8::1/32",
                                        "2001:db8::/0000032",
                                        "example.net",
                                        "*",
                                        "256.0.0.1",
                                        "[2001:db8::]/32",
                                        "192.0.2.0/4294967320"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct ip_network network;
        assert_err(ip_network_parse(slice_from(texts[i]), &network), ERR_SYNTAX);
    }
    struct ip_network network;
    assert_err(ip_network_parse(slice_of("192.0.2.1\0x", 11), &network), ERR_SYNTAX);
}

static void one_of_several_is_enough(void **state)
{
    (void)state;
    const char *items[] = {"192.0.2.0/24", "nonsense", "2001:db8::/32"};
    struct conf_list list = {items, ARRAY_LEN(items)}, none = {NULL, 0};
    assert_true(ip_networks_have(&list, S("2001:db8::7")));
    assert_true(ip_networks_have(&list, S("192.0.2.7")));
    assert_false(ip_networks_have(&list, S("192.0.3.7")));
    assert_false(ip_networks_have(&list, S("nonsense")));
    assert_false(ip_networks_have(&none, S("192.0.2.7")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_in_their_network),
        cmocka_unit_test(what_is_no_address_is_nowhere),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(one_of_several_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
