/* SPDX-License-Identifier: ISC */
/*
 * What tasks cost, in time and in memory. Not a test: figures depend on the machine.
 *
 *     meson setup build-release --buildtype=release && ninja -C build-release tests/bench/bench_task
 *     build-release/tests/bench/bench_task
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fiber.h"
#include "net/event.h"
#include "net/task.h"
#include "net/work.h"

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void report(const char *what, double started, size_t count)
{
    printf("%-58s %8.0f ns\n", what, (now_ns() - started) / (double)count);
}

static size_t kib_of(const char *field)
{
    char line[256];
    size_t kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof(line), status)) {
        if (strncmp(line, field, strlen(field)) == 0)
            kib = strtoul(line + strlen(field), NULL, 10);
    }
    if (status)
        fclose(status);
    return kib;
}

static void suspend_for_ever(void *arg)
{
    for (;;)
        fiber_suspend(arg);
}

static void measure_switch(void)
{
    enum { ROUNDS = 10 * 1000 * 1000 };
    struct stack_cache stacks = {0};
    struct fiber fiber;
    fiber_init(&fiber, stack_take(&stacks), suspend_for_ever, &fiber);
    double started = now_ns();
    for (size_t i = 0; i < ROUNDS; i++)
        fiber_resume(&fiber);
    report("switch to a fiber and back", started, ROUNDS);
    stack_give_back(&stacks, fiber.stack);
    stack_cache_clear(&stacks);
}

enum { YIELDS = 20000, YIELDERS = 100 };

static void yield_often(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < YIELDS; i++)
        task_sleep(0);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void answer(void *arg)
{
    int fd = *(int *)arg;
    char byte;
    while (wait_fd(fd, false, NO_DEADLINE) == ERR_OK && read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
        continue;
}

static void measure_waiting(void *arg)
{
    (void)arg;
    double started = now_ns();
    struct task *yielders[YIELDERS];
    for (size_t i = 0; i < YIELDERS; i++)
        yielders[i] = task_spawn(task_loop(), "yielder", yield_often, NULL);
    for (size_t i = 0; i < YIELDERS; i++)
        (void)task_join(yielders[i]);
    report("yield, among 100 tasks", started, (size_t)YIELDS * YIELDERS);

    enum { ROUNDS = 100000 };
    started = now_ns();
    for (size_t i = 0; i < ROUNDS; i++)
        (void)task_join(task_spawn(task_loop(), "short", do_nothing, NULL));
    report("spawn and join", started, ROUNDS);

    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
        abort();
    struct task *server = task_spawn(task_loop(), "server", answer, &pair[1]);
    started = now_ns();
    for (size_t i = 0; i < ROUNDS; i++) {
        char byte = 'x';
        if (write(pair[0], &byte, 1) != 1 || wait_fd(pair[0], false, loop_now(task_loop()) + 60000) ||
            read(pair[0], &byte, 1) != 1)
            abort();
    }
    report("request and response over a socket, with a deadline", started, ROUNDS);
    task_cancel(server);
    (void)task_join(server);
    for (size_t i = 0; i < 2; i++) {
        fd_forget(task_loop(), pair[i]);
        close(pair[i]);
    }

    struct work_pool *pool = work_pool_new(task_loop(), 2, 0);
    started = now_ns();
    for (size_t i = 0; i < ROUNDS; i++)
        (void)work_run(pool, 1, do_nothing, NULL);
    report("a call on a worker thread", started, ROUNDS);
    work_pool_free(pool);
}

static void idle(void *arg)
{
    (void)event_wait(arg, loop_now(task_loop()) + 1000 * 1000);
}

static void measure_memory(void *arg)
{
    (void)arg;
    enum { IDLE = 10000 };
    struct event never = {0};
    static struct task *tasks[IDLE];
    size_t resident = kib_of("VmRSS:"), tables = kib_of("VmPTE:");
    double started = now_ns();
    for (size_t i = 0; i < IDLE; i++)
        tasks[i] = task_spawn(task_loop(), "idle", idle, &never);
    task_sleep(0);
    report("start of a task that waits, stacks not yet mapped", started, IDLE);
    printf("%-58s %8.2f KiB, page tables %.2f KiB\n", "memory of an idle task with a deadline",
           (double)(kib_of("VmRSS:") - resident) / IDLE, (double)(kib_of("VmPTE:") - tables) / IDLE);
    for (size_t i = 0; i < IDLE; i++)
        task_cancel(tasks[i]);
    for (size_t i = 0; i < IDLE; i++)
        (void)task_join(tasks[i]);
}

int main(void)
{
    measure_switch();
    struct loop *loop = loop_new();
    task_detach(task_spawn(loop, "bench", measure_waiting, NULL));
    loop_run(loop);
    task_detach(task_spawn(loop, "bench", measure_memory, NULL));
    loop_run(loop);
    loop_free(loop);
    return 0;
}
