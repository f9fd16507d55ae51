/* SPDX-License-Identifier: ISC */
/* The directory: domains, users, aliases, and where mail for an address goes. */
#include "suite.h"

static struct directory_route resolve_with(struct fixture *fixture, const char *text, const char *delimiter)
{
    struct directory_route route = {0};
    struct address address = {.local = SLICE_EMPTY, .domain = SLICE_EMPTY};
    if (strchr(text, '@')) {
        assert_ok(address_parse(&fixture->arena, slice_from(text), true, &address));
    } else {
        address.local = slice_from(text);
    }
    assert_ok(directory_resolve(fixture->store, &fixture->arena, &address, delimiter, &route));
    return route;
}

static struct directory_route resolve(struct fixture *fixture, const char *text)
{
    return resolve_with(fixture, text, "+");
}

/* The route leads to exactly these: accounts, then "→" and forwards, comma-separated. */
static void check_route(struct fixture *fixture, const char *text, const char *expected)
{
    struct directory_route route = resolve(fixture, text);
    struct buf list;
    buf_init(&list, 65536);
    for (size_t i = 0; i < route.account_count; i++) {
        buf_printf(&list, "%s%.*s", i ? "," : "", SLICE_ARG(route.accounts[i]));
    }
    for (size_t i = 0; i < route.forward_count; i++) {
        buf_printf(&list, ">%.*s", SLICE_ARG(route.forwards[i]));
    }
    if (strcmp(buf_cstr(&list), expected) != 0 || route.outcome != DIRECTORY_OK) {
        fail_msg("%s leads to '%s' (%d), not to '%s'", text, buf_cstr(&list), (int)route.outcome, expected);
    }
    buf_free(&list);
}

static void check_outcome(struct fixture *fixture, const char *text, enum directory_outcome outcome)
{
    struct directory_route route = resolve(fixture, text);
    assert_int_equal(route.outcome, outcome);
    assert_int_equal(route.account_count + route.forward_count, 0);
}

static void add_user(struct fixture *fixture, const char *address)
{
    assert_ok(directory_user_add(fixture->store, slice_from(address), S(""), 0, NULL));
}

static void add_alias(struct fixture *fixture, const char *address, const char *target)
{
    struct slice targets[] = {slice_from(target)};
    assert_ok(directory_alias_add(fixture->store, slice_from(address), targets, 1, NULL));
}

static void domains_come_and_go(void **state)
{
    struct fixture *fixture = *state;
    struct directory_domain *list;
    size_t count;
    bool local = false;
    struct buf why;
    buf_init(&why, 1000);
    assert_ok(directory_domain_add(fixture->store, S("Zwei.EXAMPLE"), NULL));
    assert_ok(directory_domain_add(fixture->store,
                                   S("b\xc3\xbc"
                                     "cher.example"),
                                   NULL));
    assert_err(directory_domain_add(fixture->store, S("zwei.example"), &why), ERR_EXISTS);
    assert_true(why.len > 0);
    assert_err(directory_domain_add(fixture->store, S("no domain"), NULL), ERR_SYNTAX);
    add_alias(fixture, "a@zwei.example", "alice@example.org");
    add_alias(fixture, "a@zwei.example", "bob@elsewhere.example");
    assert_ok(directory_domain_list(fixture->store, &fixture->arena, &list, &count));
    assert_int_equal(count, 3);
    assert_text(list[0].name, "example.org");
    assert_int_equal(list[0].users, 1);
    assert_text(list[1].name, "xn--bcher-kva.example");
    assert_text(list[2].name, "zwei.example");
    assert_int_equal(list[2].aliases, 1);
    assert_ok(directory_is_local_domain(fixture->store,
                                        S("B\xc3\xbc"
                                          "cher.example"),
                                        &local));
    assert_true(local);
    assert_ok(directory_is_local_domain(fixture->store, S("elsewhere.example"), &local));
    assert_false(local);
    assert_ok(directory_is_local_domain(fixture->store, S("[192.0.2.1]"), &local));
    assert_false(local);
    assert_err(directory_domain_remove(fixture->store, S("zwei.example"), &why), ERR_BUSY);
    assert_ok(directory_alias_remove(fixture->store, S("a@zwei.example"), S("")));
    assert_ok(directory_domain_remove(fixture->store, S("ZWEI.example"), NULL));
    assert_err(directory_domain_remove(fixture->store, S("zwei.example"), NULL), ERR_NOT_FOUND);
    buf_free(&why);
}

static void users_come_change_and_go(void **state)
{
    struct fixture *fixture = *state;
    struct directory_user user, *list;
    size_t count;
    assert_err(directory_user_add(fixture->store, S("ALICE@Example.org"), S(""), 0, NULL), ERR_EXISTS);
    assert_err(directory_user_add(fixture->store, S("x@nowhere.example"), S(""), 0, NULL), ERR_NOT_FOUND);
    assert_err(directory_user_add(fixture->store, S("not an address"), S(""), 0, NULL), ERR_SYNTAX);
    assert_ok(directory_user_add(fixture->store, S("Bob@example.org"), S("Bob B."), 4711, NULL));
    assert_ok(directory_user_get(fixture->store, &fixture->arena, S("BOB@EXAMPLE.ORG"), &user));
    assert_text(user.login, "bob@example.org");
    assert_text(user.display_name, "Bob B.");
    assert_int_equal(user.quota_bytes, 4711);
    assert_false(user.disabled);
    assert_true(user.created_us > 0);
    assert_ok(directory_user_set_name(fixture->store, S("bob@example.org"), S("B")));
    assert_ok(directory_user_set_disabled(fixture->store, S("bob@example.org"), true));
    assert_ok(directory_user_set_quota(fixture->store, S("bob@example.org"), 1));
    assert_ok(directory_user_list(fixture->store, &fixture->arena, S(""), &list, &count));
    assert_int_equal(count, 2);
    assert_text(list[1].display_name, "B");
    assert_true(list[1].disabled);
    assert_int_equal(list[1].quota_bytes, 1);
    assert_ok(directory_user_list(fixture->store, &fixture->arena, S("other.example"), &list, &count));
    assert_int_equal(count, 0);
    assert_ok(directory_user_remove(fixture->store, S("bob@example.org"), true, NULL));
    assert_err(directory_user_remove(fixture->store, S("bob@example.org"), true, NULL), ERR_NOT_FOUND);
    assert_err(directory_user_set_disabled(fixture->store, S("bob@example.org"), true), ERR_NOT_FOUND);
    assert_err(directory_user_get(fixture->store, &fixture->arena, S("nonsense"), &user), ERR_NOT_FOUND);
}

static void odd_names_are_names(void **state)
{
    struct fixture *fixture = *state;
    add_user(fixture, "\"../.. x\"@example.org");
    add_user(fixture, "a/b@example.org");
    add_user(fixture, "j\xc3\xb6rg@example.org");
    check_route(fixture, "\"../.. x\"@example.org", "\"../.. x\"@example.org");
    check_route(fixture, "A/B@example.org", "a/b@example.org");
    check_route(fixture, "j\xc3\xb6rg@example.org", "j\xc3\xb6rg@example.org");
}

static void aliases_come_and_go(void **state)
{
    struct fixture *fixture = *state;
    struct directory_alias *list;
    size_t count;
    struct slice two[] = {S("bob@elsewhere.example"), S("Alice@example.org")};
    assert_ok(directory_alias_add(fixture->store, S("Sales@example.org"), two, 2, NULL));
    assert_ok(
        directory_alias_add(fixture->store, S("sales@example.org"), two, 1, NULL)); /* is there already */
    assert_err(directory_alias_add(fixture->store, S("alice@example.org"), two, 1, NULL), ERR_EXISTS);
    assert_err(directory_user_add(fixture->store, S("sales@example.org"), S(""), 0, NULL), ERR_EXISTS);
    assert_err(directory_alias_add(fixture->store, S("x@nowhere.example"), two, 1, NULL), ERR_NOT_FOUND);
    assert_err(directory_alias_add(fixture->store, S("x@example.org"), two, 0, NULL), ERR_SYNTAX);
    add_alias(fixture, "info@example.org", "sales@example.org");
    assert_ok(directory_alias_list(fixture->store, &fixture->arena, &list, &count));
    assert_int_equal(count, 2);
    assert_text(list[0].address, "info@example.org");
    assert_text(list[1].address, "sales@example.org");
    assert_int_equal(list[1].target_count, 2);
    assert_text(list[1].targets[0], "alice@example.org");
    assert_text(list[1].targets[1], "bob@elsewhere.example");
    assert_ok(directory_alias_remove(fixture->store, S("sales@example.org"), S("bob@Elsewhere.example")));
    check_route(fixture, "sales@example.org", "alice@example.org");
    assert_err(directory_alias_remove(fixture->store, S("sales@example.org"), S("no@one.example")),
               ERR_NOT_FOUND);
    assert_ok(directory_alias_remove(fixture->store, S("sales@example.org"), S("")));
    check_outcome(fixture, "sales@example.org", DIRECTORY_NO_USER);
}

static void addresses_resolve(void **state)
{
    struct fixture *fixture = *state;
    add_user(fixture, "bob@example.org");
    add_user(fixture, "bob+list@example.org");
    add_alias(fixture, "team@example.org", "alice+work@example.org");
    add_alias(fixture, "team@example.org", "bob@example.org");
    add_alias(fixture, "team@example.org", "carol@elsewhere.example");
    add_alias(fixture, "all@example.org", "team@example.org");
    add_alias(fixture, "all@example.org", "alice@example.org"); /* once, though two ways lead there */
    check_route(fixture, "Alice@EXAMPLE.org", "alice@example.org");
    check_route(fixture, "alice+anything+more@example.org", "alice@example.org");
    check_route(fixture, "bob+list@example.org", "bob+list@example.org");
    check_route(fixture, "bob+other@example.org", "bob@example.org");
    check_route(fixture, "team+x@example.org", "alice@example.org,bob@example.org>carol@elsewhere.example");
    check_route(fixture, "all@example.org", "alice@example.org,bob@example.org>carol@elsewhere.example");
    check_outcome(fixture, "nobody@example.org", DIRECTORY_NO_USER);
    check_outcome(fixture, "alice@elsewhere.example", DIRECTORY_REMOTE);
    check_outcome(fixture, "alice@[192.0.2.1]", DIRECTORY_REMOTE);
    check_outcome(fixture, "someone", DIRECTORY_NO_USER);
    assert_int_equal(resolve_with(fixture, "alice+x@example.org", "").outcome, DIRECTORY_NO_USER);
    assert_int_equal(resolve_with(fixture, "alice-x@example.org", "+-").outcome, DIRECTORY_OK);
}

static void catchall_takes_the_rest(void **state)
{
    struct fixture *fixture = *state;
    add_user(fixture, "bob@example.org");
    assert_ok(directory_domain_set_catchall(fixture->store, S("example.org"), S("Bob@example.org"), NULL));
    check_route(fixture, "nobody@example.org", "bob@example.org");
    check_route(fixture, "alice@example.org", "alice@example.org");
    assert_ok(
        directory_domain_set_catchall(fixture->store, S("example.org"), S("far@elsewhere.example"), NULL));
    check_route(fixture, "nobody@example.org", ">far@elsewhere.example");
    assert_ok(directory_domain_set_catchall(fixture->store, S("example.org"), S("gone@example.org"), NULL));
    check_outcome(fixture, "nobody@example.org", DIRECTORY_LOOP); /* the catch-all's own catch-all */
    assert_ok(directory_domain_set_catchall(fixture->store, S("example.org"), S(""), NULL));
    check_outcome(fixture, "nobody@example.org", DIRECTORY_NO_USER);
    assert_err(directory_domain_set_catchall(fixture->store, S("no.example"), S(""), NULL), ERR_NOT_FOUND);
    assert_err(directory_domain_set_catchall(fixture->store, S("example.org"), S("x"), NULL), ERR_SYNTAX);
}

static void postmaster_always_reaches_somebody(void **state)
{
    struct fixture *fixture = *state;
    add_user(fixture, "aaron@example.org"); /* before alice by name, after her by time */
    assert_ok(directory_domain_add(fixture->store, S("empty.example"), NULL));
    assert_ok(directory_domain_set_catchall(fixture->store, S("example.org"), S("aaron@example.org"), NULL));
    check_route(fixture, "Postmaster@example.org", "alice@example.org");
    check_route(fixture, "POSTMASTER", "alice@example.org");
    check_route(fixture, "postmaster@empty.example", "alice@example.org");
    assert_ok(directory_user_set_disabled(fixture->store, ALICE, true));
    check_route(fixture, "postmaster@example.org", "aaron@example.org");
    add_alias(fixture, "postmaster@example.org", "admin@elsewhere.example");
    check_route(fixture, "postmaster@example.org", ">admin@elsewhere.example");
    check_route(fixture, "postmaster", ">admin@elsewhere.example");
}

static void circles_end_and_lead_out(void **state)
{
    struct fixture *fixture = *state;
    add_alias(fixture, "a@example.org", "b@example.org");
    add_alias(fixture, "b@example.org", "a@example.org");
    check_outcome(fixture, "a@example.org", DIRECTORY_LOOP);
    add_alias(fixture, "b@example.org", "alice@example.org");
    check_route(fixture, "a@example.org", "alice@example.org");
}

static void too_many_targets_are_a_loop(void **state)
{
    struct fixture *fixture = *state;
    struct slice targets[1200];
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        targets[i] = slice_from(arena_printf(&fixture->arena, "u%zu@elsewhere.example", i));
    }
    assert_ok(directory_alias_add(fixture->store, S("big@example.org"), targets, 999, NULL));
    assert_int_equal(resolve(fixture, "big@example.org").forward_count, 999);
    assert_ok(directory_alias_add(fixture->store, S("big@example.org"), targets, ARRAY_LEN(targets), NULL));
    check_outcome(fixture, "big@example.org", DIRECTORY_LOOP);
}

static void disabled_users_get_nothing(void **state)
{
    struct fixture *fixture = *state;
    add_user(fixture, "bob@example.org");
    add_alias(fixture, "both@example.org", "alice@example.org");
    add_alias(fixture, "both@example.org", "bob@example.org");
    assert_ok(directory_user_set_disabled(fixture->store, ALICE, true));
    check_outcome(fixture, "alice@example.org", DIRECTORY_DISABLED);
    check_route(fixture, "both@example.org", "bob@example.org");
    assert_ok(directory_user_set_disabled(fixture->store, S("bob@example.org"), true));
    check_outcome(fixture, "both@example.org", DIRECTORY_DISABLED);
    assert_ok(directory_user_set_disabled(fixture->store, ALICE, false));
    check_route(fixture, "both@example.org", "alice@example.org");
}

static void logins_are_found_as_typed(void **state)
{
    struct fixture *fixture = *state;
    struct directory_user user;
    assert_ok(directory_login(fixture->store, &fixture->arena, S(" Alice@Example.ORG "), &user));
    assert_text(user.login, "alice@example.org");
    assert_ok(directory_login(fixture->store, &fixture->arena, S("Alice"), &user));
    assert_text(user.login, "alice@example.org");
    assert_err(directory_login(fixture->store, &fixture->arena, S(""), &user), ERR_NOT_FOUND);
    assert_err(directory_login(fixture->store, &fixture->arena, S("nobody"), &user), ERR_NOT_FOUND);
    assert_err(directory_login(fixture->store, &fixture->arena, S("@"), &user), ERR_NOT_FOUND);
    assert_err(directory_login(fixture->store, &fixture->arena, S("a\0b"), &user), ERR_NOT_FOUND);
    assert_ok(directory_domain_add(fixture->store, S("second.example"), NULL));
    assert_err(directory_login(fixture->store, &fixture->arena, S("alice"), &user), ERR_NOT_FOUND);
}

static bool may_send(struct fixture *fixture, struct slice login, const char *text)
{
    struct address address;
    bool allowed = false;
    assert_ok(address_parse(&fixture->arena, slice_from(text), true, &address));
    assert_ok(directory_may_send_as(fixture->store, login, &address, "+", &allowed));
    return allowed;
}

static void users_send_as_what_leads_to_them(void **state)
{
    struct fixture *fixture = *state;
    add_user(fixture, "bob@example.org");
    add_alias(fixture, "sales@example.org", "alice@example.org");
    assert_true(may_send(fixture, ALICE, "Alice@Example.org"));
    assert_true(may_send(fixture, ALICE, "alice+tag@example.org"));
    assert_true(may_send(fixture, ALICE, "sales@example.org"));
    assert_false(may_send(fixture, ALICE, "bob@example.org"));
    assert_false(may_send(fixture, ALICE, "nobody@example.org"));
    assert_false(may_send(fixture, ALICE, "alice@elsewhere.example"));
    assert_false(may_send(fixture, S("bob@example.org"), "sales@example.org"));
    assert_ok(directory_domain_set_catchall(fixture->store, S("example.org"), ALICE, NULL));
    assert_true(may_send(fixture, ALICE, "nobody@example.org"));
    assert_false(may_send(fixture, ALICE, "bob@example.org"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(domains_come_and_go),
        conformance_test(users_come_change_and_go),
        conformance_test(odd_names_are_names),
        conformance_test(aliases_come_and_go),
        conformance_test(addresses_resolve),
        conformance_test(catchall_takes_the_rest),
        conformance_test(postmaster_always_reaches_somebody),
        conformance_test(circles_end_and_lead_out),
        conformance_test(too_many_targets_are_a_loop),
        conformance_test(disabled_users_get_nothing),
        conformance_test(logins_are_found_as_typed),
        conformance_test(users_send_as_what_leads_to_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
