/* SPDX-License-Identifier: ISC */
/* The life of tasks: start, sleep, end, cancel, join; their stacks; and when the loop runs and returns. */
#include "task_case.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "net/event.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

/* Each task adds its letter to the journal as it goes on. */
struct journal {
    char text[64];
    size_t len;
};

static void note(struct journal *journal, char letter)
{
    assert_true(journal->len < sizeof(journal->text) - 1);
    journal->text[journal->len++] = letter;
    journal->text[journal->len] = 0;
}

struct stepper {
    struct journal *journal;
    char letter;
};

static void take_three_steps(void *arg)
{
    struct stepper *stepper = arg;
    for (int i = 0; i < 3; i++) {
        note(stepper->journal, stepper->letter);
        assert_ok(task_sleep(0));
    }
}

static void tasks_take_turns(void *arg)
{
    (void)arg;
    struct journal journal = {0};
    struct stepper steppers[] = {{&journal, 'a'}, {&journal, 'b'}, {&journal, 'c'}};
    struct task *tasks[3];
    for (size_t i = 0; i < 3; i++)
        tasks[i] = task_spawn(task_loop(), "stepper", take_three_steps, &steppers[i]);
    assert_string_equal(journal.text, ""); /* a task starts in the next round, not in task_spawn */
    for (size_t i = 0; i < 3; i++)
        assert_ok(task_join(tasks[i]));
    assert_string_equal(journal.text, "abcabcabc");
}

static void sleep_and_note(void *arg)
{
    struct stepper *stepper = arg;
    assert_ok(task_sleep((stepper->letter - 'a') * 20));
    note(stepper->journal, stepper->letter);
}

static void sleepers_wake_in_the_order_of_their_time(void *arg)
{
    (void)arg;
    struct journal journal = {0};
    struct stepper steppers[] = {{&journal, 'c'}, {&journal, 'a'}, {&journal, 'b'}};
    struct task *tasks[3];
    for (size_t i = 0; i < 3; i++)
        tasks[i] = task_spawn(task_loop(), "sleeper", sleep_and_note, &steppers[i]);
    for (size_t i = 0; i < 3; i++)
        assert_ok(task_join(tasks[i]));
    assert_string_equal(journal.text, "abc");
}

static void sleep_lasts_at_least_its_time(void *arg)
{
    (void)arg;
    int64_t before = clock_monotonic_ms();
    while (clock_monotonic_ms() < before + 10)
        continue; /* the loop's own clock stands meanwhile */
    int64_t start = clock_monotonic_ms();
    assert_ok(task_sleep(20));
    assert_true(clock_monotonic_ms() >= start + 19); /* both clocks round down */
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void joining_after_the_end_returns_at_once(void *arg)
{
    (void)arg;
    struct task *task = task_spawn(task_loop(), "short", do_nothing, NULL);
    for (int i = 0; i < 5; i++)
        assert_ok(task_sleep(0));
    assert_int_equal(task_count(task_loop()), 1);
    assert_ok(task_join(task));
}

static void cancelling_a_task_that_has_ended_does_nothing(void *arg)
{
    (void)arg;
    struct task *task = task_spawn(task_loop(), "short", do_nothing, NULL);
    assert_ok(task_sleep(1));
    task_cancel(task);
    assert_ok(task_join(task));
}

static void sleep_for_ever(void *arg)
{
    enum err *result_r = arg;
    *result_r = task_sleep(1000 * 1000);
    assert_true(task_is_canceled());
}

static void cancel_ends_a_sleep(void *arg)
{
    (void)arg;
    enum err result = ERR_OK;
    struct task *task = task_spawn(task_loop(), "sleeper", sleep_for_ever, &result);
    assert_ok(task_sleep(0)); /* now it sleeps */
    task_cancel(task);
    task_cancel(task);
    assert_ok(task_join(task));
    assert_err(result, ERR_CANCELED);
    assert_false(task_is_canceled());
}

static void yield_for_ever(void *arg)
{
    (void)arg;
    while (task_sleep(0) == ERR_OK)
        continue;
}

static void cancel_ends_a_task_that_only_yields(void *arg)
{
    (void)arg;
    struct task *task = task_spawn(task_loop(), "yielder", yield_for_ever, NULL);
    assert_ok(task_sleep(2)); /* timers fire although a task is always ready */
    task_cancel(task);
    assert_ok(task_join(task));
}

/* What a cancelled task sees: every wait fails, of any kind, again and again. */
static void try_every_wait(void *arg)
{
    bool *was_canceled_r = arg;
    int pipe_fds[2];
    assert_ok(pipe(pipe_fds));
    struct event set = {0}, unset = {0};
    event_raise(&set);
    *was_canceled_r = task_is_canceled();
    for (int i = 0; i < 2; i++) {
        assert_err(task_sleep(0), ERR_CANCELED);
        assert_err(task_sleep(10), ERR_CANCELED);
        assert_err(event_wait(&unset, NO_DEADLINE), ERR_CANCELED);
        assert_err(event_wait(&set, NO_DEADLINE), ERR_CANCELED);
        assert_err(event_wait(&unset, 0), ERR_CANCELED);
        assert_err(wait_fd(pipe_fds[0], false, NO_DEADLINE), ERR_CANCELED);
        assert_err(wait_fd(pipe_fds[1], true, NO_DEADLINE), ERR_CANCELED);
        struct wait_item items[] = {{.event = &unset}, {.fd = pipe_fds[0]}};
        size_t which = 7;
        assert_err(wait_any(items, 2, NO_DEADLINE, &which), ERR_CANCELED);
        assert_int_equal(which, 7);
        struct task *other = task_spawn(task_loop(), "other", do_nothing, NULL);
        assert_err(task_join(other), ERR_CANCELED);
        task_detach(other);
    }
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void cancelled_before_its_start_it_runs_and_every_wait_fails(void *arg)
{
    (void)arg;
    bool was_canceled = false;
    struct task *task = task_spawn(task_loop(), "late", try_every_wait, &was_canceled);
    task_cancel(task);
    assert_ok(task_join(task));
    assert_true(was_canceled);
}

static void cancel_self_then_try(void *arg)
{
    task_cancel(task_current());
    try_every_wait(arg);
}

static void a_task_may_cancel_itself(void *arg)
{
    (void)arg;
    bool was_canceled = false;
    assert_ok(task_join(task_spawn(task_loop(), "self", cancel_self_then_try, &was_canceled)));
    assert_true(was_canceled);
}

struct joiner {
    struct task *target;
    enum err result;
};

static void join_target(void *arg)
{
    struct joiner *joiner = arg;
    joiner->result = task_join(joiner->target);
}

static void a_cancelled_join_leaves_the_handle_valid(void *arg)
{
    (void)arg;
    enum err slept = ERR_OK;
    struct task *target = task_spawn(task_loop(), "target", sleep_for_ever, &slept);
    struct joiner joiner = {.target = target};
    struct task *task = task_spawn(task_loop(), "joiner", join_target, &joiner);
    assert_ok(task_sleep(0));
    task_cancel(task);
    assert_ok(task_join(task));
    assert_err(joiner.result, ERR_CANCELED);
    assert_string_equal(task_name(target), "target");
    task_cancel(target);
    assert_ok(task_join(target));
    assert_err(slept, ERR_CANCELED);
}

static void join_ended_while_cancelled(void *arg)
{
    struct joiner *joiner = arg;
    task_cancel(task_current());
    joiner->result = task_join(joiner->target);
}

static void a_cancelled_task_may_join_one_that_has_ended(void *arg)
{
    (void)arg;
    struct joiner joiner = {.target = task_spawn(task_loop(), "target", do_nothing, NULL)};
    struct task *task = task_spawn(task_loop(), "joiner", join_ended_while_cancelled, &joiner);
    assert_ok(task_join(task));
    assert_ok(joiner.result);
}

static void check_identity(void *arg)
{
    struct task **self_r = arg;
    *self_r = task_current();
    assert_string_equal(task_name(task_current()), "identity");
    assert_non_null(task_loop());
}

static void a_task_knows_itself(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct task *self = NULL;
    struct task *task = task_spawn(loop, "identity", check_identity, &self);
    assert_int_equal(task_count(loop), 1);
    loop_run(loop);
    assert_int_equal(task_count(loop), 0);
    assert_ptr_equal(self, task);
    assert_null(task_current());
    assert_null(task_loop());
    assert_false(task_is_canceled());
    assert_ok(task_join(task)); /* it has ended, so that no waiting is needed outside of tasks either */
    loop_free(loop);
}

enum { MANY = 10000 };

static void sleep_or_be_cancelled(void *arg)
{
    size_t *canceled = arg;
    *canceled += task_sleep(1000 * 1000) == ERR_CANCELED;
}

static void ten_thousand_tasks_live_at_once(void *arg)
{
    (void)arg;
    size_t canceled = 0;
    struct task **tasks = calloc(MANY, sizeof(*tasks));
    for (size_t i = 0; i < MANY; i++)
        tasks[i] = task_spawn(task_loop(), "one of many", sleep_or_be_cancelled, &canceled);
    assert_ok(task_sleep(0));
    assert_int_equal(task_count(task_loop()), MANY + 1);
    for (size_t i = 0; i < MANY; i++)
        task_cancel(tasks[i]);
    for (size_t i = 0; i < MANY; i++)
        assert_ok(task_join(tasks[i]));
    assert_int_equal(canceled, MANY);
    free(tasks);
}

static void tell_stack(void *arg)
{
    *(uintptr_t *)arg = (uintptr_t)__builtin_frame_address(0);
}

static void stacks_are_used_again(void *arg)
{
    (void)arg;
    uintptr_t first = 0;
    assert_ok(task_join(task_spawn(task_loop(), "first", tell_stack, &first)));
    for (int i = 0; i < 200; i++) {
        uintptr_t stack = 0;
        assert_ok(task_join(task_spawn(task_loop(), "next", tell_stack, &stack)));
        assert_int_equal(stack, first);
    }
}

/* Uses about `bytes` of stack; returns their count so that no frame can be left out. */
__attribute__((noinline)) static size_t use_stack(size_t bytes)
{
    volatile char frame[1024];
    frame[0] = frame[sizeof(frame) - 1] = 1;
    if (bytes <= sizeof(frame))
        return 1;
    return use_stack(bytes - sizeof(frame)) + (size_t)frame[0];
}

static void go_deep(void *arg)
{
    *(size_t *)arg = use_stack(200 * 1024);
}

static void two_hundred_kilobytes_of_stack_are_there(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) { /* the second time the stack is a used one */
        size_t frames = 0;
        assert_ok(task_join(task_spawn(task_loop(), "deep", go_deep, &frames)));
        assert_int_equal(frames, 200);
    }
}

/* Goes down by a little more than the largest stack: without guard pages, that is in the midst of another
 * task's. */
__attribute__((noinline)) static int go_beyond(uintptr_t top)
{
    volatile char frame[1024];
    frame[0] = 1;
    if (top - (uintptr_t)__builtin_frame_address(0) > 1100 * 1024)
        return 1;
    return go_beyond(top) + frame[0];
}

static void go_too_deep(void *arg)
{
    *(int *)arg = go_beyond((uintptr_t)__builtin_frame_address(0));
}

static void the_guard_page_stops_a_runaway_stack(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* AddressSanitizer would print a report */
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        struct loop *loop = loop_new();
        int depth = 0;
        task_detach(task_spawn(loop, "runaway", go_too_deep, &depth));
        for (int i = 0; i < 10; i++)
            task_detach(task_spawn(loop, "neighbour", do_nothing, NULL));
        loop_run(loop);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
}

struct spawning {
    enum err result, child_result;
};

static void note_sleep(void *arg)
{
    *(enum err *)arg = task_sleep(1000 * 1000);
}

static void spawn_when_cancelled(void *arg)
{
    struct spawning *spawning = arg;
    spawning->result = task_sleep(1000 * 1000);
    task_detach(task_spawn(task_loop(), "child", note_sleep, &spawning->child_result));
}

static void freeing_the_loop_brings_all_tasks_to_their_end(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct spawning spawning = {0};
    enum err unstarted = ERR_OK;
    task_detach(task_spawn(loop, "spawner", spawn_when_cancelled, &spawning));
    task_detach(task_spawn(loop, "stop", (task_fn *)loop_stop, loop));
    loop_run(loop);
    struct task *late = task_spawn(loop, "unstarted", note_sleep, &unstarted);
    loop_free(loop);
    assert_err(spawning.result, ERR_CANCELED);
    assert_err(spawning.child_result, ERR_CANCELED);
    assert_err(unstarted, ERR_CANCELED);
    task_detach(late); /* handles outlive the loop */
}

static void stop_and_go_on(void *arg)
{
    struct journal *journal = arg;
    note(journal, 'a');
    loop_stop(task_loop());
    note(journal, 'b');
    assert_ok(task_sleep(1));
    note(journal, 'c');
}

static void a_stopped_loop_can_run_again(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct journal journal = {0};
    task_detach(task_spawn(loop, "stopper", stop_and_go_on, &journal));
    loop_run(loop);
    assert_string_equal(journal.text, "ab");
    assert_int_equal(task_count(loop), 1);
    loop_run(loop);
    assert_string_equal(journal.text, "abc");
    loop_free(loop);
}

static void an_empty_loop_returns(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    loop_run(loop);
    loop_stop(loop); /* too late to matter */
    loop_free(loop);
}

static void set_event(void *arg)
{
    assert_null(task_current());
    event_raise(arg);
}

static void wait_for_two_signals(void *arg)
{
    struct event *event = arg;
    for (int i = 0; i < 2; i++) {
        raise(SIGUSR1);
        assert_ok(event_wait(event, NO_DEADLINE));
        event_clear(event);
    }
}

static void signals_reach_the_loop(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct event event = {0};
    loop_on_signal(loop, SIGUSR1, set_event, &event);
    task_detach(task_spawn(loop, "signalled", wait_for_two_signals, &event));
    loop_run(loop); /* returns although the signal is still watched */
    loop_free(loop);
}

#ifdef __SANITIZE_ADDRESS__
static void hold_memory(void *arg)
{
    (void)arg;
    char *volatile memory = malloc(100);
    task_sleep(1000 * 1000);
    free(memory);
}

static void the_leak_checker_sees_suspended_stacks(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    task_detach(task_spawn(loop, "holder", hold_memory, NULL));
    task_detach(task_spawn(loop, "stop", (task_fn *)loop_stop, loop));
    loop_run(loop);
    assert_int_equal(__lsan_do_recoverable_leak_check(), 0);
    loop_free(loop);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        task_test(tasks_take_turns),
        task_test(sleepers_wake_in_the_order_of_their_time),
        task_test(sleep_lasts_at_least_its_time),
        task_test(joining_after_the_end_returns_at_once),
        task_test(cancelling_a_task_that_has_ended_does_nothing),
        task_test(cancel_ends_a_sleep),
        task_test(cancel_ends_a_task_that_only_yields),
        task_test(cancelled_before_its_start_it_runs_and_every_wait_fails),
        task_test(a_task_may_cancel_itself),
        task_test(a_cancelled_join_leaves_the_handle_valid),
        task_test(a_cancelled_task_may_join_one_that_has_ended),
        task_test(ten_thousand_tasks_live_at_once),
        task_test(stacks_are_used_again),
        task_test(two_hundred_kilobytes_of_stack_are_there),
        cmocka_unit_test(the_guard_page_stops_a_runaway_stack),
        cmocka_unit_test(a_task_knows_itself),
        cmocka_unit_test(freeing_the_loop_brings_all_tasks_to_their_end),
        cmocka_unit_test(a_stopped_loop_can_run_again),
        cmocka_unit_test(an_empty_loop_returns),
        cmocka_unit_test(signals_reach_the_loop),
#ifdef __SANITIZE_ADDRESS__
        cmocka_unit_test(the_leak_checker_sees_suspended_stacks),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
