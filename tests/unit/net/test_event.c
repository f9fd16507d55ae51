/* SPDX-License-Identifier: ISC */
/*
 * Waiting: events, deadlines, descriptors, several at once, and wake-ups from other threads. The program
 * stands between libuv and the kernel to count the system calls that polling takes.
 */
#include "task_case.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "net/event.h"

static size_t epoll_wait_calls, epoll_ctl_calls;

int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
{
    epoll_wait_calls++;
    return (int)syscall(SYS_epoll_wait, epfd, events, maxevents, timeout);
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    epoll_ctl_calls++;
    return (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
}

static int64_t in_ms(int64_t ms)
{
    return loop_now(task_loop()) + ms;
}

/* A task that waits once and tells how that went. */
struct waiter {
    struct wait_item items[3];
    size_t count;
    int64_t deadline;
    enum err result;
    size_t which;
    struct task *task;
};

static void wait_once(void *arg)
{
    struct waiter *waiter = arg;
    waiter->which = 99;
    waiter->result = wait_any(waiter->items, waiter->count, waiter->deadline, &waiter->which);
}

/* Returns when the task waits. */
static void start(struct waiter *waiter)
{
    waiter->task = task_spawn(task_loop(), "waiter", wait_once, waiter);
    assert_ok(task_sleep(0));
}

static void assert_result(struct waiter *waiter, enum err result, size_t which)
{
    assert_ok(task_join(waiter->task));
    assert_err(waiter->result, result);
    assert_int_equal(waiter->which, which);
}

static void an_event_stays_set_until_cleared(void *arg)
{
    (void)arg;
    struct event event = {0};
    event_raise(&event);
    assert_ok(event_wait(&event, NO_DEADLINE));
    assert_ok(event_wait(&event, in_ms(-5)));
    event_clear(&event);
    assert_err(event_wait(&event, in_ms(-5)), ERR_TIMEOUT);
    assert_err(event_wait(&event, in_ms(5)), ERR_TIMEOUT);
}

static void one_event_wakes_all_its_waiters(void *arg)
{
    (void)arg;
    struct event event = {0};
    struct waiter waiters[5];
    for (size_t i = 0; i < 5; i++) {
        waiters[i] = (struct waiter){.items = {{.event = &event}}, .count = 1, .deadline = NO_DEADLINE};
        start(&waiters[i]);
    }
    event_raise(&event);
    event_clear(&event); /* they have been woken all the same */
    for (size_t i = 0; i < 5; i++)
        assert_result(&waiters[i], ERR_OK, 0);
}

static void an_event_may_be_freed_once_it_was_set(void *arg)
{
    (void)arg;
    struct event *event = calloc(1, sizeof(*event));
    struct waiter waiter = {.items = {{.event = event}}, .count = 1, .deadline = NO_DEADLINE};
    start(&waiter);
    event_raise(event);
    free(event);
    assert_result(&waiter, ERR_OK, 0);
}

static void waiters_that_leave_are_unlinked(void *arg)
{
    (void)arg;
    struct event event = {0}, other = {0};
    struct waiter late = {.items = {{.event = &event}}, .count = 1, .deadline = in_ms(5)};
    struct waiter canceled = {.items = {{.event = &event}}, .count = 1, .deadline = NO_DEADLINE};
    struct waiter both = {
        .items = {{.event = &event}, {.event = &other}}, .count = 2, .deadline = NO_DEADLINE};
    start(&late);
    start(&canceled);
    start(&both);
    assert_non_null(event.waiters);
    event_raise(&other);
    task_cancel(canceled.task);
    assert_result(&late, ERR_TIMEOUT, 99);
    assert_result(&canceled, ERR_CANCELED, 99);
    assert_result(&both, ERR_OK, 1);
    assert_null(event.waiters);
}

/* Both wake by timers of the same millisecond; the setter was first, so the waiter's time is up already when
 * it is set. */
static void an_event_beats_a_deadline_of_the_same_moment(void *arg)
{
    (void)arg;
    struct event event = {0}, never = {0};
    int64_t moment = in_ms(20);
    struct waiter waiter = {.items = {{.event = &never}, {.event = &event}}, .count = 2, .deadline = moment};
    waiter.task = task_spawn(task_loop(), "waiter", wait_once, &waiter);
    assert_err(event_wait(&never, moment), ERR_TIMEOUT);
    event_raise(&event);
    assert_result(&waiter, ERR_OK, 1);
}

static void set_after_a_while(void *arg)
{
    assert_ok(task_sleep(20));
    event_raise(arg);
}

static void the_deadline_of_a_former_wait_is_gone(void *arg)
{
    (void)arg;
    struct event now = {0}, later = {0};
    struct task *waker = task_spawn(task_loop(), "waker", (task_fn *)event_raise, &now);
    assert_ok(event_wait(&now, in_ms(5)));
    assert_ok(task_join(waker));
    struct task *setter = task_spawn(task_loop(), "setter", set_after_a_while, &later);
    assert_ok(event_wait(&later, NO_DEADLINE));
    assert_ok(task_join(setter));
}

static void a_passed_deadline_is_told_at_once(void *arg)
{
    (void)arg;
    struct event never = {0}, other = {0};
    struct task *task = task_spawn(task_loop(), "other", (task_fn *)event_raise, &other);
    assert_err(event_wait(&never, loop_now(task_loop())), ERR_TIMEOUT);
    assert_false(other.is_set); /* nobody else ran */
    assert_ok(task_join(task));
}

static void a_cancellation_beats_an_event_of_the_same_moment(void *arg)
{
    (void)arg;
    struct event event = {0};
    struct waiter waiter = {.items = {{.event = &event}}, .count = 1, .deadline = NO_DEADLINE};
    start(&waiter);
    event_raise(&event);
    task_cancel(waiter.task);
    assert_result(&waiter, ERR_CANCELED, 99);
}

static void the_first_of_several_is_told(void *arg)
{
    (void)arg;
    struct event a = {0}, b = {0}, c = {0};
    struct waiter waiter = {
        .items = {{.event = &a}, {.event = &b}, {.event = &c}}, .count = 3, .deadline = NO_DEADLINE};
    start(&waiter);
    event_raise(&c);
    event_raise(&b);
    assert_result(&waiter, ERR_OK, 1);
    start(&waiter); /* both are set before the wait now */
    assert_result(&waiter, ERR_OK, 1);
}

static void make_pair(int pair[2])
{
    assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
}

static void drop_pair(int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0) {
            fd_forget(task_loop(), pair[i]);
            close(pair[i]);
        }
    }
}

static void send_byte(int fd)
{
    assert_int_equal(write(fd, "x", 1), 1);
}

static void take_byte(int fd)
{
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
}

static void input_wakes_its_reader(void *arg)
{
    (void)arg;
    int pair[2];
    make_pair(pair);
    assert_err(wait_fd(pair[0], false, in_ms(2)), ERR_TIMEOUT);
    struct waiter reader = {.items = {{.fd = pair[0]}}, .count = 1, .deadline = NO_DEADLINE};
    start(&reader);
    send_byte(pair[1]);
    assert_result(&reader, ERR_OK, 0);
    assert_ok(wait_fd(pair[0], false, NO_DEADLINE)); /* still there: level, not edge */
    assert_ok(wait_fd(pair[0], false, in_ms(-1)));   /* a look only */
    take_byte(pair[0]);
    assert_err(wait_fd(pair[0], false, in_ms(-1)), ERR_TIMEOUT);
    drop_pair(pair);
}

static void output_waits_for_room(void *arg)
{
    (void)arg;
    int pair[2];
    make_pair(pair);
    assert_ok(wait_fd(pair[0], true, NO_DEADLINE));
    char block[4096] = {0};
    while (write(pair[0], block, sizeof(block)) > 0)
        continue;
    assert_err(wait_fd(pair[0], true, in_ms(2)), ERR_TIMEOUT);
    struct waiter writer = {
        .items = {{.fd = pair[0], .writable = true}}, .count = 1, .deadline = NO_DEADLINE};
    start(&writer);
    while (read(pair[1], block, sizeof(block)) > 0)
        continue;
    assert_result(&writer, ERR_OK, 0);
    drop_pair(pair);
}

static void reader_and_writer_share_a_descriptor(void *arg)
{
    (void)arg;
    int pair[2];
    make_pair(pair);
    struct waiter reader = {.items = {{.fd = pair[0]}}, .count = 1, .deadline = NO_DEADLINE};
    struct waiter either = {
        .items = {{.fd = pair[0]}, {.fd = pair[0], .writable = true}}, .count = 2, .deadline = NO_DEADLINE};
    start(&reader);
    start(&either);
    assert_result(&either, ERR_OK, 1);
    send_byte(pair[1]);
    assert_result(&reader, ERR_OK, 0);
    drop_pair(pair);
}

static void the_end_of_the_peer_wakes_readers_and_writers(void *arg)
{
    (void)arg;
    int pair[2], pipe_fds[2];
    make_pair(pair);
    struct waiter reader = {.items = {{.fd = pair[0]}}, .count = 1, .deadline = NO_DEADLINE};
    start(&reader);
    close(pair[1]);
    pair[1] = -1;
    assert_result(&reader, ERR_OK, 0);
    drop_pair(pair);

    /* A pipe without a reader reports an error, and nothing else. */
    assert_ok(pipe2(pipe_fds, O_NONBLOCK));
    char block[4096] = {0};
    while (write(pipe_fds[1], block, sizeof(block)) > 0)
        continue;
    struct waiter writer = {
        .items = {{.fd = pipe_fds[1], .writable = true}}, .count = 1, .deadline = NO_DEADLINE};
    start(&writer);
    close(pipe_fds[0]);
    pipe_fds[0] = -1;
    assert_result(&writer, ERR_OK, 0);
    assert_ok(wait_fd(pipe_fds[1], true, NO_DEADLINE)); /* and again */
    drop_pair(pipe_fds);
}

static void a_file_is_always_ready(void *arg)
{
    (void)arg;
    char *folder = check_temporary_directory();
    int fd = open(folder, O_TMPFILE | O_RDWR, 0600);
    assert_true(fd >= 0);
    assert_ok(wait_fd(fd, false, NO_DEADLINE));
    assert_ok(wait_fd(fd, true, in_ms(1000)));
    close(fd);
    check_remove_directory(folder);
}

static void input_event_and_deadline_together(void *arg)
{
    (void)arg;
    int pair[2];
    make_pair(pair);
    struct event event = {0};
    struct waiter waiter = {.items = {{.fd = pair[0]}, {.event = &event}}, .count = 2};

    waiter.deadline = in_ms(5);
    start(&waiter);
    assert_result(&waiter, ERR_TIMEOUT, 99);
    waiter.deadline = in_ms(60 * 1000);
    start(&waiter);
    event_raise(&event);
    assert_result(&waiter, ERR_OK, 1);
    event_clear(&event);
    start(&waiter);
    send_byte(pair[1]);
    assert_result(&waiter, ERR_OK, 0);
    take_byte(pair[0]);
    start(&waiter);
    task_cancel(waiter.task);
    assert_result(&waiter, ERR_CANCELED, 99);
    assert_null(event.waiters);
    drop_pair(pair);
}

static void a_descriptor_nobody_waits_for_does_not_keep_the_loop(void *arg)
{
    (void)arg;
    static int pair[2];
    make_pair(pair);
    assert_err(wait_fd(pair[0], false, in_ms(1)), ERR_TIMEOUT);
    /* loop_run returns after this, and the loop forgets the descriptor at its end */
}

static void a_forgotten_number_can_be_another_descriptor(void *arg)
{
    (void)arg;
    int pair[2], other[2];
    make_pair(pair);
    assert_err(wait_fd(pair[0], false, in_ms(1)), ERR_TIMEOUT);
    int number = pair[0];
    drop_pair(pair);
    make_pair(other);
    assert_int_equal(other[0], number);
    assert_err(wait_fd(number, false, in_ms(5)), ERR_TIMEOUT); /* the former one was at its end */
    send_byte(other[1]);
    assert_ok(wait_fd(number, false, NO_DEADLINE));
    drop_pair(other);
    fd_forget(task_loop(), number); /* unknown ones are nobody's trouble */
    fd_forget(task_loop(), 100000);
    fd_forget(task_loop(), -1);
}

static void forgetting_a_descriptor_wakes_who_waits_for_it(void *arg)
{
    (void)arg;
    int pair[2];
    make_pair(pair);
    struct waiter reader = {.items = {{.fd = pair[0]}}, .count = 1, .deadline = NO_DEADLINE};
    start(&reader);
    drop_pair(pair);
    assert_result(&reader, ERR_OK, 0);
}

static void answer(void *arg)
{
    int fd = *(int *)arg;
    for (int i = 0; i < 50; i++) {
        if (wait_fd(fd, false, NO_DEADLINE))
            return;
        take_byte(fd);
        send_byte(fd);
    }
}

static void request_and_response_do_not_change_what_is_polled(void *arg)
{
    (void)arg;
    int pair[2];
    make_pair(pair);
    struct task *server = task_spawn(task_loop(), "server", answer, &pair[1]);
    size_t calls_before = 0;
    for (int i = 0; i < 50; i++) {
        send_byte(pair[0]);
        assert_ok(wait_fd(pair[0], false, NO_DEADLINE));
        take_byte(pair[0]);
        if (i == 0)
            calls_before = epoll_ctl_calls;
    }
    assert_true(calls_before > 0); /* else the program does not stand where it thinks */
    assert_int_equal(epoll_ctl_calls, calls_before);
    assert_ok(task_join(server));
    drop_pair(pair);
}

static void input_that_nobody_waits_for_does_not_spin(void *arg)
{
    (void)arg;
    int pair[2];
    make_pair(pair);
    assert_err(wait_fd(pair[0], false, in_ms(1)), ERR_TIMEOUT); /* polling goes on behind this */
    send_byte(pair[1]);
    size_t calls_before = epoll_wait_calls;
    assert_ok(task_sleep(50));
    assert_in_range(epoll_wait_calls - calls_before, 1, 20);
    assert_ok(wait_fd(pair[0], false, NO_DEADLINE));
    drop_pair(pair);
}

static void *fire_many_times(void *arg)
{
    for (int i = 0; i < 1000; i++)
        notifier_fire(arg);
    return NULL;
}

static void threads_can_set_events(void *arg)
{
    (void)arg;
    struct event event = {0};
    struct notifier *notifier = notifier_new(task_loop(), &event);
    for (int i = 0; i < 20; i++) {
        pthread_t threads[3];
        for (size_t t = 0; t < 3; t++)
            assert_ok(pthread_create(&threads[t], NULL, fire_many_times, notifier));
        assert_ok(event_wait(&event, NO_DEADLINE));
        for (size_t t = 0; t < 3; t++)
            pthread_join(threads[t], NULL);
        assert_ok(task_sleep(1)); /* what was fired last has arrived now */
        event_clear(&event);
    }
    assert_err(event_wait(&event, in_ms(5)), ERR_TIMEOUT);
    notifier_free(notifier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        task_test(an_event_stays_set_until_cleared),
        task_test(one_event_wakes_all_its_waiters),
        task_test(an_event_may_be_freed_once_it_was_set),
        task_test(waiters_that_leave_are_unlinked),
        task_test(an_event_beats_a_deadline_of_the_same_moment),
        task_test(the_deadline_of_a_former_wait_is_gone),
        task_test(a_passed_deadline_is_told_at_once),
        task_test(a_cancellation_beats_an_event_of_the_same_moment),
        task_test(the_first_of_several_is_told),
        task_test(input_wakes_its_reader),
        task_test(output_waits_for_room),
        task_test(reader_and_writer_share_a_descriptor),
        task_test(the_end_of_the_peer_wakes_readers_and_writers),
        task_test(a_file_is_always_ready),
        task_test(input_event_and_deadline_together),
        task_test(a_descriptor_nobody_waits_for_does_not_keep_the_loop),
        task_test(a_forgotten_number_can_be_another_descriptor),
        task_test(forgetting_a_descriptor_wakes_who_waits_for_it),
        task_test(request_and_response_do_not_change_what_is_polled),
        task_test(input_that_nobody_waits_for_does_not_spin),
        task_test(threads_can_set_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
