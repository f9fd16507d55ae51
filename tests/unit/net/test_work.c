/* SPDX-License-Identifier: ISC */
/* The thread pool: order per key, parallel without, limits, and cancelling before and while a call runs. */
#include "task_case.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "net/event.h"
#include "net/work.h"

/* One task inside work_run. */
struct caller {
    struct work_pool *pool;
    uint64_t key;
    void (*fn)(void *arg);
    void *arg;
    enum err result;
    struct task *task;
};

static void call_work(void *arg)
{
    struct caller *caller = arg;
    caller->result = work_run(caller->pool, caller->key, caller->fn, caller->arg);
}

/* Returns when the call is handed in. */
static void start(struct caller *caller)
{
    caller->task = task_spawn(task_loop(), "caller", call_work, caller);
    assert_ok(task_sleep(0));
}

static void assert_result(struct caller *caller, enum err result)
{
    assert_ok(task_join(caller->task));
    assert_err(caller->result, result);
}

/* Work that the test holds up: tells that it has begun, and waits to be let go. */
struct gate {
    sem_t begun, go;
    int runs;
};

static void gate_init(struct gate *gate)
{
    gate->runs = 0;
    sem_init(&gate->begun, 0, 0);
    sem_init(&gate->go, 0, 0);
}

static void pass_gate(void *arg)
{
    struct gate *gate = arg;
    sem_post(&gate->begun);
    sem_wait(&gate->go);
    gate->runs++;
}

static void tell_thread(void *arg)
{
    *(pthread_t *)arg = pthread_self();
}

static void work_runs_on_another_thread(void *arg)
{
    (void)arg;
    struct work_pool *pool = work_pool_new(task_loop(), 1, 10);
    pthread_t thread = pthread_self();
    assert_ok(work_run(pool, 0, tell_thread, &thread));
    assert_false(pthread_equal(thread, pthread_self()));
    work_pool_free(pool);
}

static void outside_of_tasks_work_runs_in_place(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct work_pool *pool = work_pool_new(loop, 1, 0);
    pthread_t thread;
    assert_ok(work_run(pool, 0, tell_thread, &thread));
    assert_true(pthread_equal(thread, pthread_self()));
    work_pool_free(pool);
    loop_free(loop);
}

struct nested {
    struct work_pool *pool;
    pthread_t outer, inner;
    sem_t done;
};

static void run_nested(void *arg)
{
    struct nested *nested = arg;
    nested->outer = pthread_self();
    assert_ok(work_run(nested->pool, 0, tell_thread, &nested->inner));
    sem_post(&nested->done);
}

/* Even while the loop's thread is inside of a task, as it is here: the worker thread is not that task. */
static void work_inside_of_work_runs_in_place(void *arg)
{
    (void)arg;
    struct nested nested = {.pool = work_pool_new(task_loop(), 1, 0)};
    sem_init(&nested.done, 0, 0);
    struct caller caller = {nested.pool, 0, run_nested, &nested, ERR_OK, NULL};
    start(&caller);
    sem_wait(&nested.done);
    assert_result(&caller, ERR_OK);
    assert_true(pthread_equal(nested.outer, nested.inner));
    work_pool_free(nested.pool);
}

static void the_loop_goes_on_meanwhile(void *arg)
{
    (void)arg;
    struct work_pool *pool = work_pool_new(task_loop(), 1, 10);
    struct gate gate;
    gate_init(&gate);
    struct caller caller = {pool, 0, pass_gate, &gate, ERR_OK, NULL};
    start(&caller);
    sem_wait(&gate.begun);
    assert_ok(task_sleep(1));
    sem_post(&gate.go); /* could not be reached if the loop stood still */
    assert_result(&caller, ERR_OK);
    assert_int_equal(gate.runs, 1);
    work_pool_free(pool);
}

static void meet_others(void *arg)
{
    pthread_barrier_wait(arg);
}

static void calls_without_key_run_at_the_same_time(void *arg)
{
    (void)arg;
    enum { THREADS = 4 };
    struct work_pool *pool = work_pool_new(task_loop(), THREADS, 0);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, THREADS);
    struct caller callers[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){pool, 0, meet_others, &barrier, ERR_OK, NULL};
        start(&callers[i]);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_result(&callers[i], ERR_OK);
    pthread_barrier_destroy(&barrier);
    work_pool_free(pool);
}

static void calls_of_different_keys_run_at_the_same_time(void *arg)
{
    (void)arg;
    struct work_pool *pool = work_pool_new(task_loop(), 2, 0);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    struct caller a = {pool, 1, meet_others, &barrier, ERR_OK, NULL};
    struct caller b = {pool, 2, meet_others, &barrier, ERR_OK, NULL};
    start(&a);
    start(&b);
    assert_result(&a, ERR_OK);
    assert_result(&b, ERR_OK);
    pthread_barrier_destroy(&barrier);
    work_pool_free(pool);
}

static void set_flag(void *arg)
{
    *(bool *)arg = true;
}

/* The second thread is free: it would take the second call of the key before the third call, if it could. */
static void a_key_in_use_holds_its_next_call_back(void *arg)
{
    (void)arg;
    struct work_pool *pool = work_pool_new(task_loop(), 2, 2);
    struct gate gate;
    gate_init(&gate);
    bool second_ran = false, third_ran = false;
    struct caller first = {pool, 5, pass_gate, &gate, ERR_OK, NULL};
    struct caller second = {pool, 5, set_flag, &second_ran, ERR_OK, NULL};
    start(&first);
    start(&second);
    assert_ok(work_run(pool, 0, set_flag, &third_ran));
    assert_true(third_ran);
    assert_false(second_ran);
    sem_post(&gate.go);
    assert_result(&first, ERR_OK);
    assert_result(&second, ERR_OK);
    assert_true(second_ran);
    work_pool_free(pool);
}

enum { KEYS = 7, CALLS_PER_KEY = 100 };

struct ordered {
    int *next; /* of the key; unguarded: only order keeps it right */
    int number;
    bool in_order;
};

static void take_number(void *arg)
{
    struct ordered *ordered = arg;
    int seen = *ordered->next;
    sched_yield();
    ordered->in_order = seen == ordered->number && *ordered->next == seen;
    *ordered->next = seen + 1;
}

static void calls_of_one_key_run_one_at_a_time_in_order(void *arg)
{
    (void)arg;
    struct work_pool *pool = work_pool_new(task_loop(), 4, KEYS * CALLS_PER_KEY);
    static struct ordered ordered[KEYS][CALLS_PER_KEY];
    static struct caller callers[KEYS][CALLS_PER_KEY];
    int next[KEYS] = {0};
    for (int number = 0; number < CALLS_PER_KEY; number++) {
        for (int key = 0; key < KEYS; key++) {
            ordered[key][number] = (struct ordered){&next[key], number, false};
            callers[key][number] =
                (struct caller){pool, (uint64_t)key + 1, take_number, &ordered[key][number], ERR_OK, NULL};
            callers[key][number].task = task_spawn(task_loop(), "caller", call_work, &callers[key][number]);
        }
    }
    for (int key = 0; key < KEYS; key++) {
        for (int number = 0; number < CALLS_PER_KEY; number++) {
            assert_result(&callers[key][number], ERR_OK);
            assert_true(ordered[key][number].in_order);
        }
    }
    work_pool_free(pool);
}

static void further_calls_than_the_limit_are_refused(void *arg)
{
    (void)arg;
    struct work_pool *pool = work_pool_new(task_loop(), 1, 2);
    struct gate gate;
    gate_init(&gate);
    struct caller callers[4];
    for (size_t i = 0; i < 4; i++) {
        callers[i] = (struct caller){pool, i % 2, pass_gate, &gate, ERR_OK, NULL};
        start(&callers[i]);
    }
    assert_result(&callers[3], ERR_LIMIT);
    for (size_t i = 0; i < 3; i++)
        sem_post(&gate.go);
    for (size_t i = 0; i < 3; i++)
        assert_result(&callers[i], ERR_OK);
    sem_post(&gate.go);
    assert_ok(work_run(pool, 0, pass_gate, &gate)); /* there is room again */
    assert_int_equal(gate.runs, 4);
    work_pool_free(pool);
}

static void cancel_self_and_call(void *arg)
{
    task_cancel(task_current());
    call_work(arg);
}

static void a_cancelled_task_starts_no_work(void *arg)
{
    (void)arg;
    struct gate gate;
    gate_init(&gate);
    struct caller caller = {work_pool_new(task_loop(), 1, 1), 0, pass_gate, &gate, ERR_OK, NULL};
    caller.task = task_spawn(task_loop(), "caller", cancel_self_and_call, &caller);
    assert_result(&caller, ERR_CANCELED);
    work_pool_free(caller.pool);
    assert_int_equal(gate.runs, 0);
}

static void a_running_call_is_waited_for_although_cancelled(void *arg)
{
    (void)arg;
    struct work_pool *pool = work_pool_new(task_loop(), 1, 1);
    struct gate gate;
    gate_init(&gate);
    struct caller caller = {pool, 5, pass_gate, &gate, ERR_OK, NULL};
    start(&caller);
    sem_wait(&gate.begun);
    task_cancel(caller.task);
    assert_ok(task_sleep(2));
    assert_int_equal(task_count(task_loop()), 2); /* still waits */
    sem_post(&gate.go);
    assert_result(&caller, ERR_OK);
    assert_int_equal(gate.runs, 1);
    work_pool_free(pool);
}

/* The one thread is held; behind it wait, by key: 0, 5, 5, 5, 0. Each in turn is withdrawn, all others run.
 */
static void a_queued_call_can_be_withdrawn(void *arg)
{
    (void)arg;
    static const uint64_t keys[] = {0, 5, 5, 5, 0};
    for (size_t withdrawn = 0; withdrawn < ARRAY_LEN(keys); withdrawn++) {
        struct work_pool *pool = work_pool_new(task_loop(), 1, 10);
        struct gate held, gate;
        gate_init(&held);
        gate_init(&gate);
        struct caller holder = {pool, 0, pass_gate, &held, ERR_OK, NULL};
        start(&holder);
        sem_wait(&held.begun);
        struct caller callers[ARRAY_LEN(keys)];
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            callers[i] = (struct caller){pool, keys[i], pass_gate, &gate, ERR_OK, NULL};
            start(&callers[i]);
            sem_post(&gate.go);
        }
        task_cancel(callers[withdrawn].task);
        assert_result(&callers[withdrawn], ERR_CANCELED);
        sem_post(&held.go);
        assert_result(&holder, ERR_OK);
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            if (i != withdrawn)
                assert_result(&callers[i], ERR_OK);
        }
        assert_int_equal(gate.runs, ARRAY_LEN(keys) - 1);
        work_pool_free(pool);
    }
}

/* The line of a key outlives its last withdrawn call in no way. */
static void a_key_can_be_used_again_after_withdrawal(void *arg)
{
    (void)arg;
    struct work_pool *pool = work_pool_new(task_loop(), 1, 10);
    struct gate held, gate;
    gate_init(&held);
    gate_init(&gate);
    struct caller holder = {pool, 1, pass_gate, &held, ERR_OK, NULL};
    start(&holder);
    sem_wait(&held.begun);
    for (int i = 0; i < 3; i++) {
        struct caller caller = {pool, 2, pass_gate, &gate, ERR_OK, NULL};
        start(&caller);
        task_cancel(caller.task);
        assert_result(&caller, ERR_CANCELED);
    }
    sem_post(&held.go);
    sem_post(&gate.go);
    assert_result(&holder, ERR_OK);
    assert_ok(work_run(pool, 2, pass_gate, &gate));
    assert_int_equal(gate.runs, 1);
    work_pool_free(pool);
}

static void tell_blocked_signals(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, arg);
}

static void threads_leave_signals_to_the_loop(void *arg)
{
    (void)arg;
    struct work_pool *pool = work_pool_new(task_loop(), 1, 0);
    sigset_t in_thread, here;
    assert_ok(work_run(pool, 0, tell_blocked_signals, &in_thread));
    assert_true(sigismember(&in_thread, SIGTERM));
    assert_true(sigismember(&in_thread, SIGHUP));
    pthread_sigmask(SIG_SETMASK, NULL, &here);
    assert_false(sigismember(&here, SIGTERM));
    work_pool_free(pool);
}

/* The end of the call wakes nobody who waits for something else. */
static void a_begun_call_runs_while_its_task_waits_elsewhere(void *arg)
{
    (void)arg;
    struct work_pool *pool = work_pool_new(task_loop(), 1, 10);
    struct gate gate;
    gate_init(&gate);
    struct work_call call = {.fn = pass_gate, .arg = &gate};
    assert_ok(work_begin(pool, &call));
    sem_wait(&gate.begun);
    sem_post(&gate.go);
    int64_t begin = loop_now(task_loop());
    assert_ok(task_sleep(30));
    assert_true(loop_now(task_loop()) - begin >= 30);
    assert_int_equal(gate.runs, 1);
    assert_ok(work_wait(pool, &call));
    work_pool_free(pool);
}

struct halves {
    struct work_pool *pool;
    struct gate *gate;
    enum err first, second;
};

static void run_halves(void *arg)
{
    struct halves *halves = arg;
    struct work_call held = {.fn = pass_gate, .arg = halves->gate}, queued = held;
    assert_ok(work_begin(halves->pool, &held));
    assert_ok(work_begin(halves->pool, &queued));
    assert_err(task_sleep(60000), ERR_CANCELED);
    halves->second = work_wait(halves->pool, &queued); /* no thread took it */
    halves->first = work_wait(halves->pool, &held);
}

static void a_call_that_was_begun_is_ended_although_cancelled(void *arg)
{
    (void)arg;
    struct gate gate;
    gate_init(&gate);
    struct halves halves = {.pool = work_pool_new(task_loop(), 1, 10), .gate = &gate};
    struct task *task = task_spawn(task_loop(), "halves", run_halves, &halves);
    assert_ok(task_sleep(0));
    sem_wait(&gate.begun);
    task_cancel(task);
    assert_ok(task_sleep(0));
    assert_int_equal(gate.runs, 0);
    sem_post(&gate.go);
    assert_ok(task_join(task));
    assert_int_equal(gate.runs, 1);
    assert_ok(halves.first);
    assert_err(halves.second, ERR_CANCELED);
    work_pool_free(halves.pool);
}

static void keys_are_stable_and_not_zero(void **state)
{
    (void)state;
    assert_true(work_key("", 0) != 0);
    assert_true(work_key("alice", 5) == work_key("alice", 5));
    assert_true(work_key("alice", 5) != work_key("alicf", 5));
    assert_true(work_key("a", 1) == 0xaf63dc4c8601ec8c); /* published value of FNV-1a */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        task_test(work_runs_on_another_thread),
        cmocka_unit_test(outside_of_tasks_work_runs_in_place),
        task_test(work_inside_of_work_runs_in_place),
        task_test(the_loop_goes_on_meanwhile),
        task_test(calls_without_key_run_at_the_same_time),
        task_test(calls_of_different_keys_run_at_the_same_time),
        task_test(a_key_in_use_holds_its_next_call_back),
        task_test(calls_of_one_key_run_one_at_a_time_in_order),
        task_test(further_calls_than_the_limit_are_refused),
        task_test(a_cancelled_task_starts_no_work),
        task_test(a_running_call_is_waited_for_although_cancelled),
        task_test(a_queued_call_can_be_withdrawn),
        task_test(a_key_can_be_used_again_after_withdrawal),
        task_test(a_begun_call_runs_while_its_task_waits_elsewhere),
        task_test(a_call_that_was_begun_is_ended_although_cancelled),
        task_test(threads_leave_signals_to_the_loop),
        cmocka_unit_test(keys_are_stable_and_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
