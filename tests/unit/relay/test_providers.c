/* SPDX-License-Identifier: ISC */
/* Deliveries are counted for the provider that they lead to. */
#include "check.h"

#include "providers.h"

static void deliveries_are_counted(void **state)
{
    (void)state;
    struct relayd relayd = {.lanes = NULL};
    struct limits google = {.provider = "google", .concurrency = 2};
    struct limits apple = {.provider = "apple", .concurrency = 1}, none = {.concurrency = 1};
    struct provider *first = NULL, *second = NULL, *third = NULL;
    assert_true(providers_have_room(&relayd, &google));
    providers_move(&relayd, &first, "google");
    assert_true(providers_have_room(&relayd, &google));
    providers_move(&relayd, &second, "google");
    assert_ptr_equal(first, second); /* and so is their pace */
    assert_false(providers_have_room(&relayd, &google));
    assert_true(providers_have_room(&relayd, &apple));
    assert_true(providers_have_room(&relayd, &none));
    /* It leads elsewhere now. */
    providers_move(&relayd, &second, "apple");
    assert_true(providers_have_room(&relayd, &google));
    assert_false(providers_have_room(&relayd, &apple));
    providers_move(&relayd, &second, "apple");
    assert_int_equal(second->active, 1);
    /* To nobody who is known; from there to one again, and the end. */
    providers_move(&relayd, &third, NULL);
    assert_null(third);
    providers_move(&relayd, &second, NULL);
    assert_null(second);
    assert_true(providers_have_room(&relayd, &apple));
    providers_move(&relayd, &first, NULL);
    providers_free(&relayd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(deliveries_are_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
