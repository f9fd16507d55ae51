/* SPDX-License-Identifier: ISC */
/* The life of a child: what each event does in each state, and the pauses before restarts. */
#include "check.h"

#include "supervisor/child.h"

static struct child new_child(void)
{
    return (struct child){.program = &programs[0], .wake_at = NO_DEADLINE};
}

static void expect(struct child *child, enum child_event event, int64_t now, enum child_action action,
                   enum child_state state)
{
    assert_int_equal(child_handle(child, event, now), action);
    assert_string_equal(child_state_name(child->state), child_state_name(state));
}

static void lives_and_dies_in_order(void **state)
{
    struct child child = new_child();
    (void)state;
    expect(&child, CHILD_DUE, 1000, CHILD_SPAWN, CHILD_STARTING);
    assert_int_equal(child.restarts, 0);
    child.pid = 42;
    expect(&child, CHILD_TOLD_READY, 1100, CHILD_NOTHING, CHILD_READY);
    assert_true(child.was_ready);
    assert_int_equal(child.ready_since, 1100);
    expect(&child, CHILD_STOP, 1200, CHILD_TERMINATE, CHILD_STOPPING);
    assert_int_equal(child.pid, 42);
    expect(&child, CHILD_STOP, 1200, CHILD_NOTHING, CHILD_STOPPING); /* one SIGTERM is enough */
    expect(&child, CHILD_EXITED, 1300, CHILD_NOTHING, CHILD_GONE);
    assert_int_equal(child.pid, 0);
}

static void comes_back_after_a_pause(void **state)
{
    struct child child = new_child();
    (void)state;
    child_handle(&child, CHILD_DUE, 0);
    child_handle(&child, CHILD_TOLD_READY, 10);
    child.has_exited = true;
    expect(&child, CHILD_EXITED, 500, CHILD_NOTHING, CHILD_WAITING);
    assert_int_equal(child.wake_at, 600);
    expect(&child, CHILD_DUE, 600, CHILD_SPAWN, CHILD_STARTING);
    assert_int_equal(child.restarts, 1);
    assert_true(child.wake_at == NO_DEADLINE);
    expect(&child, CHILD_EXITED, 610, CHILD_NOTHING, CHILD_WAITING);
    assert_int_equal(child.wake_at, 810);
}

static void pause_doubles_and_is_forgiven_after_a_good_minute(void **state)
{
    int64_t delay = 0;
    static const int64_t expected[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        delay = child_next_delay(delay, 59999);
        assert_int_equal(delay, expected[i]);
    }
    assert_int_equal(child_next_delay(delay, 60000), 100);
}

/* Time spent starting is no good life: a child that hangs for minutes and dies is not forgiven. */
static void only_ready_time_counts_as_good_life(void **state)
{
    struct child child = new_child();
    (void)state;
    child.delay_ms = 10000;
    child_handle(&child, CHILD_DUE, 0);
    child_handle(&child, CHILD_EXITED, 600000);
    assert_int_equal(child.delay_ms, 10000);
    child_handle(&child, CHILD_DUE, 700000);
    child_handle(&child, CHILD_TOLD_READY, 700000);
    child_handle(&child, CHILD_EXITED, 760000);
    assert_int_equal(child.delay_ms, 100);
}

static void stopped_while_waiting_it_is_not_started_again(void **state)
{
    struct child child = new_child();
    (void)state;
    child_handle(&child, CHILD_DUE, 0);
    child_handle(&child, CHILD_EXITED, 0);
    expect(&child, CHILD_STOP, 50, CHILD_NOTHING, CHILD_GONE);
    assert_true(child.wake_at == NO_DEADLINE);
    expect(&child, CHILD_DUE, 200, CHILD_NOTHING, CHILD_GONE);
    expect(&child, CHILD_TOLD_READY, 200, CHILD_NOTHING, CHILD_GONE);
}

static void stopped_while_starting_it_is_terminated(void **state)
{
    struct child child = new_child();
    (void)state;
    child_handle(&child, CHILD_DUE, 0);
    expect(&child, CHILD_STOP, 0, CHILD_TERMINATE, CHILD_STOPPING);
    expect(&child, CHILD_TOLD_READY, 1, CHILD_NOTHING, CHILD_STOPPING); /* the message was on its way */
    expect(&child, CHILD_EXITED, 2, CHILD_NOTHING, CHILD_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lives_and_dies_in_order),
        cmocka_unit_test(comes_back_after_a_pause),
        cmocka_unit_test(pause_doubles_and_is_forgiven_after_a_good_minute),
        cmocka_unit_test(only_ready_time_counts_as_good_life),
        cmocka_unit_test(stopped_while_waiting_it_is_not_started_again),
        cmocka_unit_test(stopped_while_starting_it_is_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
