/* SPDX-License-Identifier: ISC */
/* Mail out in the configuration: routes, with each kind of mistake and its line, and the lists. */
#include "conf_file.h"

static void a_route_with_everything(void **state)
{
    struct place *place = *state;
    const struct conf *conf = good(place, "hostname = a\n"
                                          "route smarthost {\n"
                                          "    domains = { \"*\", \".Example.net\" }\n"
                                          "    via = \"SMTP://Relay.example.net:587\"\n"
                                          "    user = \"me@example.net\"\n"
                                          "    password_file = \"secret/relay\"\n"
                                          "    tls = required\n"
                                          "    source_ipv4 = \"192.0.2.1\"\n"
                                          "    source_ipv6 = \"2001:db8::1\"\n"
                                          "    concurrency = 3\n"
                                          "    rate = 60\n"
                                          "    retry_first = 1m\n"
                                          "    retry_longest = 1h\n"
                                          "    expire_after = 2d\n"
                                          "    delay_notice_after = 30m\n"
                                          "}\n");
    assert_int_equal(conf->route_count, 1);
    const struct conf_route *route = &conf->routes[0];
    assert_string_equal(route->name, "smarthost");
    assert_int_equal(route->domains.count, 2);
    assert_string_equal(route->domains.items[0], "*");
    assert_string_equal(route->domains.items[1], ".Example.net");
    assert_string_equal(route->via, "smtp://relay.example.net:587");
    assert_string_equal(route->user, "me@example.net");
    assert_in_folder(place, route->password_file, "secret/relay");
    assert_int_equal(route->tls, ROUTE_TLS_REQUIRED);
    assert_string_equal(route->source_ipv4, "192.0.2.1");
    assert_string_equal(route->source_ipv6, "2001:db8::1");
    assert_int_equal(route->concurrency, 3);
    assert_int_equal(route->rate, 60);
    assert_int_equal(route->retry_first, 60000);
    assert_int_equal(route->retry_longest, 3600000);
    assert_int_equal(route->expire_after, 172800000);
    assert_int_equal(route->delay_notice_after, 1800000);
}

static void what_a_route_does_not_say(void **state)
{
    struct place *place = *state;
    const struct conf *conf = good(place, "hostname = a route x { domains = example.net }");
    const struct conf_route *route = &conf->routes[0];
    assert_string_equal(route->via, "mx");
    assert_string_equal(route->user, "");
    assert_string_equal(route->password_file, "");
    assert_int_equal(route->tls, ROUTE_TLS_POLICY);
    assert_string_equal(route->source_ipv4, "");
    assert_int_equal(route->concurrency, 0);
    assert_int_equal(route->expire_after, 0);
    assert_int_equal(good(place, "hostname = a")->route_count, 0);
}

static void several_routes_in_their_order(void **state)
{
    struct place *place = *state;
    const struct conf *conf =
        good(place, "hostname = a\n"
                    "route one { domains = { a.example } rate = 5 }\n"
                    "smtp { listen = \"127.0.0.1:25\" }\n"
                    "route \"two.2-b_\" { domains = { b.example, \"[192.0.2.1]\" } via = "
                    "\"lmtp:/run/x\" }\n"
                    "route three { domains = { \"b\xc3\xbc"
                    "cher.example\" } }\n");
    assert_int_equal(conf->route_count, 3);
    assert_string_equal(conf->routes[0].name, "one");
    assert_int_equal(conf->routes[0].rate, 5);
    assert_string_equal(conf->routes[1].name, "two.2-b_");
    assert_string_equal(conf->routes[1].via, "lmtp:/run/x");
    assert_int_equal(conf->routes[1].rate, 0); /* nothing is left of the one before */
    assert_string_equal(conf->routes[2].name, "three");
}

static void mistakes_in_routes(void **state)
{
    struct place *place = *state;
    refused(place,
            "hostname = a\n"
            "route r {\n"
            "    domains = { \"*\", \"*.example.net\", \"a b\" }\n"
            "    via = \"relay.example.net\"\n"
            "    tls = maybe\n"
            "    rate = -1\n"
            "    rate = 5\n"
            "    source_ipv4 = \"2001:db8::1\"\n"
            "    source_ipv6 = \"192.0.2.1\"\n"
            "    retry_first = 2h\n"
            "    retry_longest = 1h\n"
            "}\n",
            ":5: route.tls = \"maybe\": must be one of policy, optional, required, verified, off\n"
            ":6: route.rate = \"-1\": must be a number from 0 to 1000000\n"
            ":7: route.rate is set a second time, after line 6\n"
            ":3: route.domains = \"*.example.net\": must be a domain such as \"example.net\", "
            "\".example.net\" for "
            "all below it, \"[192.0.2.1]\", or \"*\" for all that no other route takes\n"
            ":3: route.domains = \"a b\": must be a domain such as \"example.net\", \".example.net\" for all "
            "below "
            "it, \"[192.0.2.1]\", or \"*\" for all that no other route takes\n"
            ":4: via = \"relay.example.net\": must be \"mx\", \"smtp://host:port\", \"smtps://host:port\", "
            "\"lmtp://host:port\" or \"lmtp:/path/of/socket\"\n"
            ":8: source_ipv4 = \"2001:db8::1\": must be an IPv4 address\n"
            ":9: source_ipv6 = \"192.0.2.1\": must be an IPv6 address\n"
            ":10: retry_first is longer than retry_longest\n");
    refused(place, "hostname = a\nroute r {\n  foo = 1\n}\n", ":3: unknown option 'foo'\n");
    refused(place, "hostname = a\nroute r {\n}\n",
            ":3: route r: domains is not set, write for example domains = { \"*\" }\n");
    refused(place, "hostname = a\nroute r { rate = 1\n}\n",
            ":3: route r: domains is not set, write for example domains = { \"*\" }\n");
}

static void names_of_routes(void **state)
{
    struct place *place = *state;
    refused(place, "hostname = a\nroute \"a b\" {\n domains = { \"*\" }\n}\n",
            ":4: route \"a b\": the name must be of letters, digits, '-', '_' and '.', at most 64\n");
    refused(place, "hostname = a\nroute \"\" {\n domains = { \"*\" }\n}\n",
            ":4: route \"\": the name must be of letters, digits, '-', '_' and '.', at most 64\n");
    refused(place, "hostname = a\nroute r { domains = { \"*\" } }\nroute R { domains = a.example }\n",
            ":3: there are two routes named R, one ends on line 2\n");
    refused(place, "hostname = a\nroute r { domains = { \"*\" } }\n\nroute r { domains = a.example }\n",
            ":4: there are two routes named r, one ends on line 2\n");
}

static void a_list_is_set_once(void **state)
{
    struct place *place = *state;
    refused(place,
            "hostname = a\nroute r {\n domains = { a.example, b.example }\n domains = { c.example }\n}\n",
            ":4: route.domains is set a second time, after line 3\n");
    refused(place,
            "hostname = a\nroute r {\n domains = { a.example }\n domains = { c.example, d.example }\n}\n",
            ":4: route.domains is set a second time, after line 3\n");
    refused(place,
            "hostname = a\nrelay_domains = {\n a.example,\n b.example\n}\nrelay_domains = { c.example }\n",
            ":6: relay_domains is set a second time, after line 5\n");
    refused(place, "hostname = a\nrelay_domains = { a.example }\nrelay_domains += { b.example }\n",
            ":3: relay_domains is set a second time, after line 2\n");
    refused(place, "hostname = a\nsmtp {\n listen = { \"127.0.0.1:1\" }\n listen = { \"127.0.0.1:2\" }\n}\n",
            ":4: smtp.listen is set a second time, after line 3\n");
    good(place, "hostname = a\nrelay_domains = { a.example, b.example, c.example }\n"
                "route r {\n domains = { a.example }\n}\nroute s {\n domains = { b.example }\n}\n"
                "dns_resolvers = \"192.0.2.1\" relay_networks = {}");
    assert_int_equal(place->conf->relay_domains.count, 3);
    assert_int_equal(place->conf->dns_resolvers.count, 1);
}

static void one_domain_has_one_route(void **state)
{
    struct place *place = *state;
    refused(place,
            "hostname = a\n"
            "route one {\n domains = { a.example, \".b.example\", b.example }\n}\n"
            "route two {\n domains = { c.example, \".B.example\", A.example }\n}\n"
            "route three {\n domains = { d.example, d.example }\n}\n",
            ":6: .B.example is in the domains of route one already\n"
            ":6: A.example is in the domains of route one already\n"
            ":9: d.example is in the domains of route three already\n");
}

#define ROUTE_TO(text) "hostname = a\nroute r {\n domains = { \"*\" }\n" text "}\n"

static void passwords_go_only_to_whom_they_are_for(void **state)
{
    struct place *place = *state;
    refused(place, ROUTE_TO(" via = \"smtp://h\"\n user = me\n"), ":5: user is set without password_file\n");
    refused(place, ROUTE_TO(" via = \"smtp://h\"\n password_file = p\n"),
            ":5: password_file is set without user\n");
    refused(place, ROUTE_TO(" user = me\n password_file = p\n"),
            ":4: user needs a host to log in at: via = \"smtp://host:587\"\n");
    refused(place, ROUTE_TO(" via = \"smtp://h\"\n user = me\n password_file = p\n tls = optional\n"),
            ":7: with a user, tls must be verified or required, or others could read the password\n");
    refused(place, ROUTE_TO(" via = \"smtps://h\"\n tls = off\n"),
            ":5: tls = \"off\" contradicts smtps://\n");
    const struct conf *conf = good(place, ROUTE_TO(" via = \"smtp://h\"\n user = me\n password_file = p\n"));
    assert_int_equal(conf->routes[0].tls, ROUTE_TLS_VERIFIED);
    conf = good(place, ROUTE_TO(" via = \"smtps://h\"\n user = me\n password_file = p\n tls = required\n"));
    assert_int_equal(conf->routes[0].tls, ROUTE_TLS_REQUIRED);
    conf = good(place, ROUTE_TO(" via = \"smtp://127.0.0.1:26\"\n user = me\n password_file = p\n"));
    assert_int_equal(conf->routes[0].tls, ROUTE_TLS_OPTIONAL);
    conf = good(place, ROUTE_TO(" via = \"smtp://[::1]:26\"\n user = me\n password_file = p\n tls = off\n"));
    assert_int_equal(conf->routes[0].tls, ROUTE_TLS_OFF);
}

static void the_lists(void **state)
{
    struct place *place = *state;
    const struct conf *conf =
        good(place, "hostname = a\n"
                    "relay_networks = { \"192.0.2.0/24\", \"2001:db8::/32\", \"::1\" }\n"
                    "relay_domains = { example.net, \".example.com\" }\n"
                    "dns_resolvers = { \"192.0.2.53\", \"2001:db8::53@5353\" }\n");
    assert_int_equal(conf->relay_networks.count, 3);
    assert_string_equal(conf->relay_networks.items[1], "2001:db8::/32");
    assert_int_equal(conf->relay_domains.count, 2);
    assert_string_equal(conf->relay_domains.items[1], ".example.com");
    assert_int_equal(conf->dns_resolvers.count, 2);
    assert_string_equal(conf->dns_resolvers.items[1], "2001:db8::53@5353");
    refused(
        place,
        "hostname = a\n"
        "relay_networks = { \"192.0.2.1/24\", localhost }\n"
        "relay_domains = { \"*\" }\n"
        "dns_resolvers = { \"192.0.2.53:53\", \"192.0.2.53@0\", \"dns.example\" }\n",
        ":2: relay_networks = \"192.0.2.1/24\": must be a network such as \"192.0.2.0/24\" or "
        "\"2001:db8::/32\", "
        "with no bit set behind the prefix, or an address\n"
        ":2: relay_networks = \"localhost\": must be a network such as \"192.0.2.0/24\" or "
        "\"2001:db8::/32\", "
        "with no bit set behind the prefix, or an address\n"
        ":3: relay_domains = \"*\": must be a domain such as \"example.net\", or \".example.net\" for all "
        "below "
        "it\n"
        ":4: dns_resolvers = \"192.0.2.53:53\": must be a numeric address, with a port: \"192.0.2.53@5353\"\n"
        ":4: dns_resolvers = \"192.0.2.53@0\": must be a numeric address, with a port: \"192.0.2.53@5353\"\n"
        ":4: dns_resolvers = \"dns.example\": must be a numeric address, with a port: \"192.0.2.53@5353\"\n");
}

static void pauses_for_all(void **state)
{
    struct place *place = *state;
    refused(place, "hostname = a\nretry_longest = 1m\n", ":2: retry_first is longer than retry_longest\n");
}

static const char *const written_back =
    "domains = { \"*\", \".example.net\" }\nvia = \"smtp://h.example:25\"\n"
    "user = \"me\"\npassword_file = \"/p\"\ntls = \"required\"\n"
    "source_ipv4 = \"192.0.2.1\"\nsource_ipv6 = \"\"\nconcurrency = 3\n"
    "rate = 0\nretry_first = \"1m\"\nretry_longest = \"0\"\n"
    "expire_after = \"2d\"\ndelay_notice_after = \"0\"\n";

static void a_route_can_be_written_back(void **state)
{
    struct place *place = *state;
    struct buf out;
    buf_init(&out, 10000);
    char text[2000];
    snprintf(text, sizeof(text), "hostname = a\nroute r {\n%s}\n", written_back);
    const struct conf *conf = good(place, text);
    for (size_t i = 0; i < conf_route_option_count; i++) {
        buf_printf(&out, "%s = ", conf_route_options[i].name);
        conf_format_value(&conf->routes[0], &conf_route_options[i], &out);
        buf_append_char(&out, '\n');
        assert_int_equal(conf_route_options[i].help[strlen(conf_route_options[i].help) - 1], '.');
    }
    assert_string_equal(buf_cstr(&out), written_back);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_route_with_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_route_does_not_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_routes_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_in_routes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_of_routes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_list_is_set_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_domain_has_one_route, set_up, tear_down),
        cmocka_unit_test_setup_teardown(passwords_go_only_to_whom_they_are_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pauses_for_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_route_can_be_written_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
