/* SPDX-License-Identifier: ISC */
/* The routing table: which route takes a domain, and what the queue's destinations mean. */
#include "check.h"

#include "destination.h"

#define LIST(...)                                                                                   \
    {                                                                                               \
        .items = (const char *[]){__VA_ARGS__}, .count = ARRAY_LEN(((const char *[]){__VA_ARGS__})) \
    }

static struct conf_route routes[] = {
    {.name = "Office",
     .via = "smtp://office.example:2525",
     .domains = LIST("example.net", ".example.net", "one.lists.example.net")},
    {.name = "deep", .via = "lmtp:/run/lists", .domains = LIST(".lists.example.net", "[192.0.2.7]")},
    {.name = "slow",
     .via = "mx",
     .domains = LIST("big.example",
                     "b\xc3\xbc"
                     "cher.example",
                     ".k\xc3\xb6ln.example")},
    {.name = "idn", .via = "smtps://idn.example", .domains = LIST("xn--strae-oqa.example")},
};
static struct conf_route smarthost = {.name = "all", .via = "smtp://relay.example:587", .domains = LIST("*")};
static const struct conf conf = {.routes = routes, .route_count = ARRAY_LEN(routes)};

static void assert_route(const char *domain, const char *name)
{
    const struct conf_route *route = destination_route(&conf, slice_from(domain));
    assert_string_equal(route ? route->name : "-", name);
}

static void the_longest_match_wins(void **state)
{
    (void)state;
    assert_route("example.net", "Office");
    assert_route("EXAMPLE.NET", "Office");
    assert_route("a.example.net", "Office");
    assert_route("a.b.example.net", "Office");
    assert_route("x.lists.example.net", "deep");
    assert_route("lists.example.net", "Office");     /* ".lists…" is what is below it */
    assert_route("one.lists.example.net", "Office"); /* named wholly */
    assert_route("[192.0.2.7]", "deep");
    assert_route("notexample.net", "-");
    assert_route("example.org", "-");
    assert_route("", "-");
}

static void both_spellings_of_a_name(void **state)
{
    (void)state;
    assert_route("b\xc3\xbc"
                 "cher.example",
                 "slow");
    assert_route("xn--bcher-kva.example", "slow");
    assert_route("B\xc3\x9c"
                 "CHER.example",
                 "slow");
    assert_route("mail.xn--kln-sna.example", "slow");
    assert_route("xn--kln-sna.example", "-");
    assert_route("stra\xc3\x9f"
                 "e.example",
                 "idn");
    assert_route("\xff.example", "-");
}

static void a_star_takes_the_rest(void **state)
{
    (void)state;
    struct conf_route all[] = {smarthost, routes[0], routes[1]};
    struct conf with_star = {.routes = all, .route_count = ARRAY_LEN(all)};
    assert_string_equal(destination_route(&with_star, S("anything.example"))->name, "all");
    assert_string_equal(destination_route(&with_star, S("example.net"))->name, "Office");
    assert_string_equal(destination_route(&with_star, S("a.lists.example.net"))->name, "deep");
    struct conf none = {0};
    assert_null(destination_route(&none, S("example.net")));
}

static void domains_that_we_relay_for(void **state)
{
    (void)state;
    struct conf backup = {.relay_domains = LIST("example.net", ".k\xc3\xb6ln.example")};
    assert_true(destination_is_relayed(&backup, S("Example.NET")));
    assert_true(destination_is_relayed(&backup, S("mail.xn--kln-sna.example")));
    assert_false(destination_is_relayed(&backup, S("a.example.net")));
    assert_false(destination_is_relayed(&backup, S("")));
    assert_false(destination_is_relayed(&conf, S("example.net")));
}

static void assert_destination(const char *domain, const char *expected)
{
    struct arena arena = {0};
    assert_text(destination_of(&conf, slice_from(domain), &arena), expected);
    arena_free(&arena);
}

static void destinations_of_domains(void **state)
{
    (void)state;
    assert_destination("Example.ORG", "example.org");
    assert_destination("example.net", "route:Office");
    assert_destination("big.example", "big.example");
    assert_destination("b\xc3\xbc"
                       "cher.example",
                       "xn--bcher-kva.example");
    assert_destination("[192.0.2.1]", "[192.0.2.1]");
    assert_destination("[192.0.2.7]", "route:deep");
    assert_destination("[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]");
}

static void what_a_destination_means(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct destination destination;
    assert_ok(destination_parse(&conf, S("example.org"), &arena, &destination));
    assert_int_equal(destination.hop.kind, NEXT_HOP_MX);
    assert_text(destination.domain, "example.org");
    assert_null(destination.route);
    assert_false(destination.is_pinned);
    assert_ok(destination_parse(&conf, S("[ipv6:2001:db8::1]"), &arena, &destination));
    assert_text(destination.domain, "[ipv6:2001:db8::1]");
    assert_ok(destination_parse(&conf, S("big.example"), &arena, &destination));
    assert_ptr_equal(destination.route, &routes[2]);
    /* A route that came up later does not lend its password to somebody's MX. */
    assert_ok(destination_parse(&conf, S("example.net"), &arena, &destination));
    assert_int_equal(destination.hop.kind, NEXT_HOP_MX);
    assert_null(destination.route);
    assert_ok(destination_parse(&conf, S("route:Office"), &arena, &destination));
    assert_int_equal(destination.hop.kind, NEXT_HOP_SMTP);
    assert_text(destination.hop.host, "office.example");
    assert_int_equal(destination.hop.port, 2525);
    assert_int_equal(destination.domain.len, 0);
    assert_ptr_equal(destination.route, &routes[0]);
    assert_false(destination.is_pinned);
    assert_ok(destination_parse(&conf, S("via:deep"), &arena, &destination));
    assert_text(destination.hop.path, "/run/lists");
    assert_true(destination.is_pinned);
    assert_ok(destination_parse(&conf, S("mx:example.net"), &arena, &destination));
    assert_int_equal(destination.hop.kind, NEXT_HOP_MX);
    assert_text(destination.domain, "example.net");
    assert_true(destination.is_pinned);
    assert_ok(destination_parse(&conf, S("smtp://[2001:db8::1]:26"), &arena, &destination));
    assert_text(destination.hop.host, "2001:db8::1");
    assert_null(destination.route);
    assert_true(destination.is_pinned);
    arena_free(&arena);
}

static void what_is_no_destination(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct destination destination;
    assert_err(destination_parse(&conf, S("route:gone"), &arena, &destination), ERR_NOT_FOUND);
    assert_err(destination_parse(&conf, S("route:office"), &arena, &destination), ERR_NOT_FOUND);
    assert_err(destination_parse(&conf, S("via:"), &arena, &destination), ERR_NOT_FOUND);
    assert_err(destination_parse(&conf, S("route:slow"), &arena, &destination), ERR_NOT_FOUND);
    static const char *const wrong[] = {
        "",        ":",        "a b",     "mx:",  "[192.0.2.1",    "[192.0.2.300]",
        "mx:a..b", "http://x", "smtp://", "a..b", "example.net:25"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_err(destination_parse(&conf, slice_from(wrong[i]), &arena, &destination), ERR_SYNTAX);
    }
    arena_free(&arena);
}

static void assert_pin(const char *to, const char *expected)
{
    struct arena arena = {0};
    struct slice text;
    struct destination destination;
    assert_ok(destination_pin(&conf, slice_from(to), S("Example.NET"), &arena, &text));
    assert_text(text, expected);
    assert_ok(destination_parse(&conf, text, &arena, &destination));
    assert_true(destination.is_pinned);
    arena_free(&arena);
}

static void what_an_administrator_chooses(void **state)
{
    (void)state;
    assert_pin("mx", "mx:example.net");
    assert_pin("route:deep", "via:deep");
    assert_pin("route:slow", "mx:example.net");
    assert_pin("smtp://Relay.example", "smtp://relay.example:25");
    assert_pin("lmtp:/run/lmtp", "lmtp:/run/lmtp");
    struct arena arena = {0};
    struct slice text;
    assert_err(destination_pin(&conf, S("route:gone"), S("a.example"), &arena, &text), ERR_NOT_FOUND);
    assert_err(destination_pin(&conf, S("relay.example"), S("a.example"), &arena, &text), ERR_SYNTAX);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_match_wins),  cmocka_unit_test(both_spellings_of_a_name),
        cmocka_unit_test(a_star_takes_the_rest),   cmocka_unit_test(domains_that_we_relay_for),
        cmocka_unit_test(destinations_of_domains), cmocka_unit_test(what_a_destination_means),
        cmocka_unit_test(what_is_no_destination),  cmocka_unit_test(what_an_administrator_chooses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
