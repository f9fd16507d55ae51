/* SPDX-License-Identifier: ISC */
/*
 * Verdicts and what they cost. "Costs the same" is checked by counting hashes, not by a clock: the hash is
 * what takes time.
 */
#include "people.h"

#include "verify.h"

struct fixture {
    struct people people;
    struct verifier *verifier;
    struct verify_check check; /* the last one */
};

static struct verifier *open_verifier(struct fixture *fixture, int64_t cache_time_ms)
{
    struct verifier_settings settings = {.store = fixture->people.store,
                                         .secrets = fixture->people.secrets,
                                         .cost = cheap,
                                         .cache_time_ms = cache_time_ms,
                                         .cache_limit = 100};
    struct verifier *verifier;
    assert_ok(verifier_new(&settings, &verifier));
    return verifier;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    people_open(&fixture->people);
    fixture->verifier = open_verifier(fixture, 60000);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    verify_end(&fixture->check);
    verifier_free(fixture->verifier);
    people_close(&fixture->people);
    free(fixture);
    return 0;
}

static enum auth_outcome verify_as(struct fixture *fixture, const char *name, const char *identity,
                                   const char *password)
{
    struct verify_check *check = &fixture->check;
    verify_end(check);
    *check = (struct verify_check){
        .name = slice_from(name), .identity = slice_from(identity), .password = slice_from(password)};
    verify_lookup(fixture->verifier, check);
    if (check->outcome == AUTH_CONTINUE) {
        verify_hash(fixture->verifier, check);
    }
    return check->outcome;
}

static enum auth_outcome verify(struct fixture *fixture, const char *name, const char *password)
{
    return verify_as(fixture, name, "", password);
}

static void right_and_wrong(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(verify(fixture, "alice@example.org", "secret"), AUTH_OK);
    assert_text(fixture->check.login, "alice@example.org");
    assert_int_equal(verify(fixture, "alice@example.org", "Secret"), AUTH_FAILED);
    assert_int_equal(verify(fixture, "alice@example.org", ""), AUTH_FAILED);
    assert_int_equal(verify(fixture, "alice@example.org", "builder"), AUTH_FAILED);
    assert_int_equal(verify(fixture, "bob@example.org", "builder"), AUTH_OK);
    assert_int_equal(verify(fixture, "carol@example.org", "secret"), AUTH_FAILED);
    assert_int_equal(verify(fixture, "", ""), AUTH_FAILED);
}

static void the_name_may_be_typed_in_other_ways(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(verify(fixture, "Alice@EXAMPLE.org", "secret"), AUTH_OK);
    assert_text(fixture->check.login, "alice@example.org");
    assert_int_equal(verify(fixture, "alice", "secret"), AUTH_OK); /* the store has one domain */
    assert_text(fixture->check.login, "alice@example.org");
}

static void success_is_remembered_failure_is_not(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(verify(fixture, "alice@example.org", "secret"), AUTH_OK);
    assert_false(fixture->check.cached);
    assert_int_equal(verifier_hashes(fixture->verifier), 1);
    assert_int_equal(verify(fixture, "ALICE@example.org", "secret"), AUTH_OK);
    assert_true(fixture->check.cached);
    assert_int_equal(verifier_hashes(fixture->verifier), 1);
    assert_int_equal(verify(fixture, "alice@example.org", "wrong"), AUTH_FAILED);
    assert_int_equal(verify(fixture, "alice@example.org", "wrong"), AUTH_FAILED);
    assert_int_equal(verifier_hashes(fixture->verifier), 3);
}

static void without_cache_time_nothing_is_remembered(void **state)
{
    struct fixture *fixture = *state;
    verifier_set_cache_time(fixture->verifier, 0);
    assert_int_equal(verify(fixture, "alice@example.org", "secret"), AUTH_OK);
    assert_int_equal(verify(fixture, "alice@example.org", "secret"), AUTH_OK);
    assert_int_equal(verifier_hashes(fixture->verifier), 2);
}

static void a_changed_password_holds_at_once(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(verify(fixture, "alice@example.org", "secret"), AUTH_OK);
    people_set_password(&fixture->people, "alice@example.org", "new");
    assert_int_equal(verify(fixture, "alice@example.org", "secret"), AUTH_FAILED);
    assert_int_equal(verify(fixture, "alice@example.org", "new"), AUTH_OK);
    /* Back to the old one: another salt, another stored hash, so not remembered either. */
    people_set_password(&fixture->people, "alice@example.org", "secret");
    assert_int_equal(verify(fixture, "alice@example.org", "secret"), AUTH_OK);
    assert_false(fixture->check.cached);
}

static void a_removed_user_is_out_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct buf why;
    buf_init(&why, 1000);
    assert_int_equal(verify(fixture, "alice@example.org", "secret"), AUTH_OK);
    assert_ok(directory_user_remove(fixture->people.store, S("alice@example.org"), true, &why));
    assert_int_equal(verify(fixture, "alice@example.org", "secret"),
                     AUTH_FAILED); /* though the secret is left */
    buf_free(&why);
}

static void a_disabled_user_learns_it_only_with_the_right_password(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(verify(fixture, "alice@example.org", "secret"), AUTH_OK);
    assert_ok(directory_user_set_disabled(fixture->people.store, S("alice@example.org"), true));
    assert_int_equal(verify(fixture, "alice@example.org", "secret"), AUTH_DISABLED); /* remembered or not */
    assert_int_equal(verify(fixture, "alice@example.org", "wrong"), AUTH_FAILED);
    assert_ok(directory_user_set_disabled(fixture->people.store, S("alice@example.org"), false));
    assert_int_equal(verify(fixture, "alice@example.org", "secret"), AUTH_OK);
}

static void every_failure_costs_one_hash(void **state)
{
    struct fixture *fixture = *state;
    const char *const names[] = {"alice@example.org", "carol@example.org", "alice@elsewhere.example", "", "@",
                                 "bob@example.org"};
    assert_ok(secrets_remove(fixture->people.secrets, S("bob@example.org"))); /* a user without a password */
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(verify(fixture, names[i], "wrong"), AUTH_FAILED);
        assert_int_equal(verifier_hashes(fixture->verifier), i + 1);
    }
}

static void acting_as_oneself_and_nobody_else(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(verify_as(fixture, "alice@example.org", "alice@example.org", "secret"), AUTH_OK);
    assert_int_equal(verify_as(fixture, "alice@example.org", "Alice@Example.ORG", "secret"), AUTH_OK);
    assert_int_equal(verify_as(fixture, "alice", "alice@example.org", "secret"), AUTH_OK);
    uint64_t before = verifier_hashes(fixture->verifier);
    assert_int_equal(verify_as(fixture, "alice@example.org", "bob@example.org", "secret"), AUTH_FAILED);
    assert_int_equal(verify_as(fixture, "alice@example.org", "nobody@example.org", "secret"), AUTH_FAILED);
    assert_int_equal(verify_as(fixture, "nobody@example.org", "nobody@example.org", "secret"), AUTH_FAILED);
    assert_int_equal(verify_as(fixture, "nobody@example.org", "other@example.org", "secret"), AUTH_FAILED);
    assert_int_equal(verifier_hashes(fixture->verifier), before + 4);
}

/* A client's five connections come at once: the first one's hash answers the others. */
static void a_hash_that_was_waited_for_is_not_done_twice(void **state)
{
    struct fixture *fixture = *state;
    struct verify_check first = {.name = S("alice@example.org"), .password = S("secret")};
    struct verify_check second = first;
    verify_lookup(fixture->verifier, &first);
    verify_lookup(fixture->verifier, &second);
    assert_int_equal(second.outcome, AUTH_CONTINUE);
    verify_hash(fixture->verifier, &first);
    verify_hash(fixture->verifier, &second);
    assert_int_equal(first.outcome, AUTH_OK);
    assert_int_equal(second.outcome, AUTH_OK);
    assert_true(second.cached);
    assert_int_equal(verifier_hashes(fixture->verifier), 1);
    verify_end(&first);
    verify_end(&second);
}

static void passwords_of_any_size(void **state)
{
    struct fixture *fixture = *state;
    char *password = calloc(1, 12001);
    memset(password, 'x', PASSWORD_LIMIT);
    people_set_password(&fixture->people, "alice@example.org", password);
    assert_int_equal(verify(fixture, "alice@example.org", password), AUTH_OK);
    memset(password, 'x', 12000);
    assert_int_equal(verify(fixture, "alice@example.org", password), AUTH_FAILED);
    free(password);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(right_and_wrong),
        TEST(the_name_may_be_typed_in_other_ways),
        TEST(success_is_remembered_failure_is_not),
        TEST(without_cache_time_nothing_is_remembered),
        TEST(a_changed_password_holds_at_once),
        TEST(a_removed_user_is_out_at_once),
        TEST(a_disabled_user_learns_it_only_with_the_right_password),
        TEST(every_failure_costs_one_hash),
        TEST(acting_as_oneself_and_nobody_else),
        TEST(a_hash_that_was_waited_for_is_not_done_twice),
        TEST(passwords_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
