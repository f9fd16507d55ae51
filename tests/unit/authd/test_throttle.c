/* SPDX-License-Identifier: ISC */
/* The delays against guessing: how they grow, whom they spare, how they end. The clock is an argument. */
#include "check.h"

#include "throttle.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)

static struct throttle_attempt from(const char *address, const char *name)
{
    return (struct throttle_attempt){.address = address, .name = slice_from(name)};
}

/* `count` distinct wrong passwords. */
static void guess(struct throttle *throttle, struct throttle_attempt attempt, int count, int64_t now)
{
    static int number;
    for (int i = 0; i < count; i++) {
        char password[32];
        snprintf(password, sizeof(password), "guess %d", number++);
        throttle_failed(throttle, &attempt, slice_from(password), now);
    }
}

static int64_t delay(struct throttle *throttle, const char *address, const char *name, int64_t now)
{
    struct throttle_attempt attempt = from(address, name);
    return throttle_delay(throttle, &attempt, now);
}

static void delays_grow_to_ten_seconds(void **state)
{
    (void)state;
    const int64_t expected[] = {0, 0, 0, 0, 1, 2, 4, 8, 10, 10, 10, 10, 10};
    struct throttle *throttle = throttle_new(100);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(delay(throttle, "192.0.2.1", "alice", 5), expected[i] * SECOND);
        guess(throttle, from("192.0.2.1", "alice"), 1, 5);
    }
    throttle_free(throttle);
}

static void the_same_wrong_password_counts_once(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(100);
    struct throttle_attempt attempt = from("192.0.2.1", "alice");
    for (int i = 0; i < 1000; i++) {
        throttle_failed(throttle, &attempt, (i % 2) ? S("old") : S("older"), i * SECOND);
        assert_int_equal(throttle_delay(throttle, &attempt, i * SECOND), 0);
    }
    throttle_free(throttle);
}

static void one_password_tried_on_many_accounts_counts_each_time(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(100);
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof(name), "user%d", i);
        struct throttle_attempt attempt = from("192.0.2.1", name);
        throttle_failed(throttle, &attempt, S("123456"), 0);
    }
    assert_int_equal(delay(throttle, "192.0.2.1", "another", 0), 10 * SECOND);
    throttle_free(throttle);
}

static void a_stranger_does_not_slow_down_the_owner(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(100);
    guess(throttle, from("192.0.2.1", "alice"), 50, 0);
    assert_int_equal(delay(throttle, "198.51.100.7", "alice", 0), 0);
    throttle_free(throttle);
}

static void the_account_counts_in_the_whole_network(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(1000);
    for (int i = 0; i < 20; i++) {
        char address[32];
        snprintf(address, sizeof(address), "192.0.2.%d", i + 1);
        guess(throttle, from(address, "alice"), 1, 0);
        snprintf(address, sizeof(address), "2001:db8:7:%x::1", i + 1);
        guess(throttle, from(address, "alice"), 1, 0);
    }
    assert_int_equal(delay(throttle, "192.0.2.200", "alice", 0), 10 * SECOND);
    assert_int_equal(delay(throttle, "192.0.2.200", " ALICE ", 0), 10 * SECOND); /* as logins are compared */
    assert_int_equal(delay(throttle, "192.0.2.200", "bob", 0), 0);
    assert_int_equal(delay(throttle, "192.0.3.200", "alice", 0), 0);
    assert_int_equal(delay(throttle, "2001:db8:7:abc::9", "alice", 0), 10 * SECOND);
    assert_int_equal(delay(throttle, "2001:db8:8::9", "alice", 0), 0);
    throttle_free(throttle);
}

static void an_ipv6_customer_is_one_address(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(1000);
    for (int i = 0; i < 20; i++) {
        char address[64], name[32];
        snprintf(address, sizeof(address), "2001:db8:1:2::%x", i);
        snprintf(name, sizeof(name), "user%d", i);
        guess(throttle, from(address, name), 1, 0);
    }
    assert_int_equal(delay(throttle, "2001:db8:1:2:ffff::1", "alice", 0), 10 * SECOND);
    assert_int_equal(delay(throttle, "2001:db8:1:3::1", "alice", 0), 0);
    throttle_free(throttle);
}

static void failures_are_forgotten_one_by_one(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(100);
    guess(throttle, from("192.0.2.1", "alice"), 50, 0); /* counted up to ten */
    assert_int_equal(delay(throttle, "192.0.2.1", "alice", 2 * MINUTE - 1), 10 * SECOND);
    assert_int_equal(delay(throttle, "192.0.2.1", "alice", 4 * MINUTE), 10 * SECOND);
    assert_int_equal(delay(throttle, "192.0.2.1", "alice", 6 * MINUTE), 8 * SECOND);
    assert_int_equal(delay(throttle, "192.0.2.1", "alice", 12 * MINUTE), 1 * SECOND);
    assert_int_equal(delay(throttle, "192.0.2.1", "alice", 14 * MINUTE), 0);
    guess(throttle, from("192.0.2.1", "alice"), 1, 14 * MINUTE); /* not as good as new yet */
    assert_int_equal(delay(throttle, "192.0.2.1", "alice", 14 * MINUTE), 1 * SECOND);
    guess(throttle, from("192.0.2.1", "alice"), 4, 100 * MINUTE); /* but now */
    assert_int_equal(delay(throttle, "192.0.2.1", "alice", 101 * MINUTE), 1 * SECOND);
    throttle_free(throttle);
}

static void success_clears_the_address(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(100);
    struct throttle_attempt attempt = from("192.0.2.1", "alice");
    guess(throttle, attempt, 20, 0);
    throttle_succeeded(throttle, &attempt);
    assert_int_equal(throttle_delay(throttle, &attempt, 0), 0);
    assert_int_equal(throttle_size(throttle), 0);
    throttle_free(throttle);
}

/* An attacker with an account of his own cannot wash off what he did to another's. */
static void success_of_one_account_leaves_the_others_alone(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(100);
    struct throttle_attempt own = from("192.0.2.1", "mallory");
    guess(throttle, from("192.0.2.1", "alice"), 20, 0);
    throttle_succeeded(throttle, &own);
    assert_int_equal(throttle_delay(throttle, &own, 0), 0);
    assert_int_equal(delay(throttle, "192.0.2.1", "alice", 0), 10 * SECOND);
    throttle_free(throttle);
}

static void memory_is_bounded_and_the_active_stay(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(50);
    guess(throttle, from("203.0.113.9", "bob"), 20, 0);
    guess(throttle, from("192.0.2.1", "alice"), 20, 0);
    for (int i = 0; i < 1000; i++) {
        char address[32];
        snprintf(address, sizeof(address), "10.0.%d.%d", i / 250, i % 250);
        guess(throttle, from(address, "x"), 1, 0);
        guess(throttle, from("192.0.2.1", "alice"), 1, 0);
        assert_true(throttle_size(throttle) <= 50);
    }
    assert_int_equal(delay(throttle, "192.0.2.1", "alice", 0), 10 * SECOND);
    assert_int_equal(delay(throttle, "203.0.113.9", "bob", 0), 0);
    throttle_free(throttle);
}

static void what_is_no_address_counts_as_a_place_too(void **state)
{
    (void)state;
    struct throttle *throttle = throttle_new(50);
    char *long_name = calloc(1, 5001);
    memset(long_name, 'n', 5000);
    guess(throttle, from("local", long_name), 5, 0);
    assert_int_equal(delay(throttle, "local", "alice", 0), 2 * SECOND);
    assert_int_equal(delay(throttle, "127.0.0.1", "alice", 0), 0);
    guess(throttle, from("", ""), 4, 0);
    assert_int_equal(delay(throttle, "", "", 0), 1 * SECOND);
    free(long_name);
    throttle_free(throttle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_grow_to_ten_seconds),
        cmocka_unit_test(the_same_wrong_password_counts_once),
        cmocka_unit_test(one_password_tried_on_many_accounts_counts_each_time),
        cmocka_unit_test(a_stranger_does_not_slow_down_the_owner),
        cmocka_unit_test(the_account_counts_in_the_whole_network),
        cmocka_unit_test(an_ipv6_customer_is_one_address),
        cmocka_unit_test(failures_are_forgotten_one_by_one),
        cmocka_unit_test(success_clears_the_address),
        cmocka_unit_test(success_of_one_account_leaves_the_others_alone),
        cmocka_unit_test(memory_is_bounded_and_the_active_stay),
        cmocka_unit_test(what_is_no_address_counts_as_a_place_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
