/* SPDX-License-Identifier: ISC */
/* What is known of a destination. */
#include "check.h"
#include "lane.h"

#define SECOND ((int64_t)1000000)
#define NOW    (1800000000 * SECOND)

static size_t room(struct lane *lane, unsigned limit, int64_t now_us)
{
    size_t before = lane->active;
    while (lane_has_room(lane, limit, now_us))
        lane->active++;
    size_t found = lane->active;
    lane->active = before;
    return found;
}

static void it_grows_while_all_goes_well(void **state)
{
    (void)state;
    struct lane *lane = lane_new("example.net");
    assert_int_equal(room(lane, 20, NOW), 2);
    assert_int_equal(room(lane, 1, NOW), 1);
    for (int i = 0; i < 5; i++)
        lane_went_well(lane, 20);
    size_t after_five = room(lane, 20, NOW);
    assert_in_range(after_five, 3, 4);
    for (int i = 0; i < 1000; i++)
        lane_went_well(lane, 20);
    assert_int_equal(room(lane, 20, NOW), 20);
    assert_int_equal(room(lane, 7, NOW), 7); /* the limit was set lower */
    lane->active = 5;
    lane_was_too_much(lane, NOW);
    assert_int_equal(room(lane, 20, NOW), 10);
    lane_was_too_much(lane, NOW);
    assert_int_equal(room(lane, 20, NOW), 5);
    lane_free(lane);
}

static void the_next_begins_when_the_last_has_claimed(void **state)
{
    (void)state;
    struct lane *lane = lane_new("example.net");
    lane->active = lane->starting = 1;
    assert_false(lane_has_room(lane, 20, NOW));
    lane->starting = 0;
    assert_true(lane_has_room(lane, 20, NOW));
    lane->active = 2;
    assert_false(lane_has_room(lane, 20, NOW));
    lane->idle = 1; /* holds a connection, and sends nothing */
    assert_true(lane_has_room(lane, 20, NOW));
    lane_free(lane);
}

static void it_closes_when_nobody_can_be_reached(void **state)
{
    (void)state;
    struct lane *lane = lane_new("example.net");
    int64_t now = NOW, last = 0;
    for (int i = 0; i < 20; i++) {
        bool alternate = lane->alternate;
        lane_failed(lane, now);
        assert_true(lane->alternate != alternate);
        assert_false(lane_has_room(lane, 20, now));
        int64_t pause = lane->closed_until_us - now;
        assert_true(pause >= last && pause >= SECOND && pause <= 300 * SECOND);
        last = pause;
        now = lane->closed_until_us;
        assert_int_equal(room(lane, 20, now), 1); /* a try */
    }
    assert_int_equal(last, 300 * SECOND);
    lane_went_well(lane, 20);
    lane_failed(lane, now);
    assert_true(lane->closed_until_us - now < 60 * SECOND); /* anew */
    lane_reopen(lane);
    assert_true(lane_has_room(lane, 20, now));
    lane_free(lane);
}

static void it_does_not_stay_closed_when_the_clock_is_set_back(void **state)
{
    (void)state;
    struct lane *lane = lane_new("example.net");
    lane_failed(lane, NOW);
    assert_false(lane_has_room(lane, 20, NOW - SECOND));
    assert_true(lane_has_room(lane, 20, NOW - 3600 * SECOND));
    lane_free(lane);
}

static void what_comes_after_the_last_claim_gathers(void **state)
{
    (void)state;
    struct lane *lane = lane_new("example.net");
    assert_false(lane_gathers(lane, NOW));
    assert_true(lane_opens_us(lane, NOW) == INT64_MAX);
    lane_is_drained(lane, NOW);
    assert_true(lane_gathers(lane, NOW));
    int64_t opens_us = lane_opens_us(lane, NOW);
    assert_in_range(opens_us - NOW, 1, SECOND / 50);
    assert_false(lane_gathers(lane, opens_us));
    assert_false(lane_gathers(lane, NOW - SECOND)); /* the clock was set back */
    lane_failed(lane, NOW);
    assert_true(lane_opens_us(lane, opens_us) == lane->closed_until_us);
    lane_free(lane);
}

static void enough_for_the_last_one_is_a_pause(void **state)
{
    (void)state;
    struct lane *lane = lane_new("example.net");
    lane->active = 1;
    lane_was_too_much(lane, NOW);
    lane->active = 0;
    assert_false(lane_has_room(lane, 20, NOW));
    assert_true(lane_has_room(lane, 20, NOW + 10 * SECOND));
    lane_free(lane);
}

static void it_is_forgotten_when_it_is_old(void **state)
{
    (void)state;
    struct lane *lane = lane_new("example.net");
    lane->used_us = NOW;
    assert_false(lane_is_spent(lane, false, NOW + SECOND));
    assert_false(lane_is_spent(lane, false, NOW + 60 * SECOND));
    assert_true(lane_is_spent(lane, true, NOW + 60 * SECOND));
    lane->pace.used_until_us = NOW + 90 * SECOND; /* it has its rate all the same */
    assert_false(lane_is_spent(lane, true, NOW + 60 * SECOND));
    assert_true(lane_is_spent(lane, false, NOW + 3600 * SECOND));
    lane->active = 1;
    assert_false(lane_is_spent(lane, false, NOW + 3600 * SECOND));
    lane_free(lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_while_all_goes_well),
        cmocka_unit_test(the_next_begins_when_the_last_has_claimed),
        cmocka_unit_test(it_closes_when_nobody_can_be_reached),
        cmocka_unit_test(it_does_not_stay_closed_when_the_clock_is_set_back),
        cmocka_unit_test(what_comes_after_the_last_claim_gathers),
        cmocka_unit_test(enough_for_the_last_one_is_a_pause),
        cmocka_unit_test(it_is_forgotten_when_it_is_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
