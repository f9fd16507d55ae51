/* SPDX-License-Identifier: ISC */
/* What is remembered of successes: for how long, how many, and for what exactly. */
#include "check.h"

#include "cache.h"

static void remembers_for_its_time(void **state)
{
    (void)state;
    struct cache *cache = cache_new(10, 1000);
    assert_false(cache_has(cache, S("alice"), S("$hash"), S("secret"), 0));
    cache_add(cache, S("alice"), S("$hash"), S("secret"), 500);
    assert_true(cache_has(cache, S("alice"), S("$hash"), S("secret"), 500));
    assert_true(cache_has(cache, S("alice"), S("$hash"), S("secret"), 1499));
    assert_false(cache_has(cache, S("alice"), S("$hash"), S("secret"), 1500)); /* use does not prolong it */
    assert_false(cache_has(cache, S("alice"), S("$hash"), S("secret"), 500));  /* gone */
    cache_free(cache);
}

static void every_part_matters(void **state)
{
    (void)state;
    struct cache *cache = cache_new(10, 1000);
    cache_add(cache, S("alice"), S("$hash"), S("secret"), 0);
    assert_false(cache_has(cache, S("alic"), S("e$hash"), S("secret"), 0));
    assert_false(cache_has(cache, S("alice"), S("$hashs"), S("ecret"), 0));
    assert_false(cache_has(cache, S("bob"), S("$hash"), S("secret"), 0));
    assert_false(cache_has(cache, S("alice"), S("$other"), S("secret"), 0));
    assert_false(cache_has(cache, S("alice"), S("$hash"), S("Secret"), 0));
    assert_false(cache_has(cache, S("alice"), S("$hash"), SLICE_EMPTY, 0));
    assert_true(cache_has(cache, S("alice"), S("$hash"), S("secret"), 0));
    cache_free(cache);
}

static void zero_time_remembers_nothing(void **state)
{
    (void)state;
    struct cache *cache = cache_new(10, 0);
    cache_add(cache, S("alice"), S("$hash"), S("secret"), 0);
    assert_false(cache_has(cache, S("alice"), S("$hash"), S("secret"), 0));
    cache_free(cache);
}

static void a_shorter_time_holds_for_old_entries_too(void **state)
{
    (void)state;
    struct cache *cache = cache_new(10, 60000);
    cache_add(cache, S("alice"), S("$hash"), S("secret"), 0);
    cache_set_time_to_live(cache, 100);
    assert_false(cache_has(cache, S("alice"), S("$hash"), S("secret"), 200));
    cache_free(cache);
}

static void the_least_used_goes_first(void **state)
{
    (void)state;
    struct cache *cache = cache_new(3, 1000);
    cache_add(cache, S("a"), S("h"), S("p"), 0);
    cache_add(cache, S("b"), S("h"), S("p"), 0);
    cache_add(cache, S("c"), S("h"), S("p"), 0);
    assert_true(cache_has(cache, S("a"), S("h"), S("p"), 1));
    cache_add(cache, S("d"), S("h"), S("p"), 2);
    assert_true(cache_has(cache, S("a"), S("h"), S("p"), 3));
    assert_false(cache_has(cache, S("b"), S("h"), S("p"), 3));
    assert_true(cache_has(cache, S("c"), S("h"), S("p"), 3));
    assert_true(cache_has(cache, S("d"), S("h"), S("p"), 3));
    cache_add(cache, S("d"), S("h"), S("p"), 4); /* again: takes no further room */
    assert_true(cache_has(cache, S("a"), S("h"), S("p"), 5));
    cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers_for_its_time),
        cmocka_unit_test(every_part_matters),
        cmocka_unit_test(zero_time_remembers_nothing),
        cmocka_unit_test(a_shorter_time_holds_for_old_entries_too),
        cmocka_unit_test(the_least_used_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
