/* SPDX-License-Identifier: ISC */
/* So much per time. */
#include "check.h"
#include "pacer.h"

#define SECOND ((int64_t)1000000)
#define NOW    (1800000000 * SECOND)

static void what_is_in_time_goes(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    int64_t again;
    for (int i = 0; i < 100; i++)
        assert_true(pacer_take(&pacer, 1, SECOND, 1, NOW + i * SECOND, &again));
    assert_true(pacer_take(&pacer, 1000, 0, 1, NOW, &again)); /* no rate */
}

static void a_burst_goes_at_once_and_the_rest_in_line(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    int64_t again = 0;
    for (int i = 0; i < 5; i++)
        assert_true(pacer_take(&pacer, 1, SECOND, 5, NOW, &again));
    /* Each further one is sent to its own moment, when it may go. */
    for (int i = 0; i < 10; i++) {
        assert_false(pacer_take(&pacer, 1, SECOND, 5, NOW, &again));
        assert_int_equal(again, NOW + (i + 1) * SECOND);
    }
    for (int i = 0; i < 10; i++)
        assert_true(pacer_take(&pacer, 1, SECOND, 5, NOW + (i + 1) * SECOND, &again));
    /* After a pause there is a whole burst again, and not more. */
    int64_t later = NOW + 1000 * SECOND;
    for (int i = 0; i < 5; i++)
        assert_true(pacer_take(&pacer, 1, SECOND, 5, later, &again));
    assert_false(pacer_take(&pacer, 1, SECOND, 5, later, &again));
}

static void more_than_a_burst_goes_when_it_is_alone(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    int64_t again = 0;
    assert_true(pacer_take(&pacer, 100, SECOND, 5, NOW, &again));
    assert_false(pacer_take(&pacer, 1, SECOND, 5, NOW, &again));
    assert_int_equal(again, NOW + 96 * SECOND);
    assert_false(pacer_take(&pacer, 100, SECOND, 5, NOW + 50 * SECOND, &again));
    assert_true(again >= NOW + 100 * SECOND);
    assert_true(pacer_take(&pacer, UINT64_MAX, SECOND, UINT64_MAX, NOW + 1000 * SECOND, &again));
}

/* What was paid for ahead stays as long as it was, and does not grow by what the clock went back. */
static void a_clock_that_is_set_back_holds_up_nobody(void **state)
{
    (void)state;
    struct pacer pacer = {0};
    int64_t again = 0, before = NOW - 365 * 86400 * SECOND;
    for (int i = 0; i < 5; i++)
        assert_true(pacer_take(&pacer, 1, SECOND, 5, NOW, &again));
    assert_false(pacer_take(&pacer, 1, SECOND, 5, NOW, &again));
    assert_false(pacer_take(&pacer, 1, SECOND, 5, before, &again));
    assert_int_equal(again, before + 2 * SECOND);
    assert_true(pacer_take(&pacer, 1, SECOND, 5, before + SECOND, &again));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_time_goes),
        cmocka_unit_test(a_burst_goes_at_once_and_the_rest_in_line),
        cmocka_unit_test(more_than_a_burst_goes_when_it_is_alone),
        cmocka_unit_test(a_clock_that_is_set_back_holds_up_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
