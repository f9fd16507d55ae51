/* SPDX-License-Identifier: ISC */
/*
 * The loop is libuv's, with a queue of ready tasks run twice a round: before libuv looks for input and output
 * (timers have fired then) and after it. A task that becomes ready while the queue is being run waits for the
 * next turn, so tasks that wake each other in a circle cannot keep the loop from its descriptors and timers.
 */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "scheduler.h"

struct loop_signal {
    uv_signal_t handle;
    void (*fn)(void *arg);
    void *arg;
    struct loop_signal *next;
};

/* libuv's calls that only fail when memory or descriptors run out at start. */
static void must(int result, const char *what)
{
    if (result == 0)
        return;
    log_error("loop.failed", log_cstr("call", what), log_cstr("reason", uv_strerror(result)));
    abort();
}

/* Runs the tasks that were ready when it was called, and not those that become ready meanwhile. */
static void run_ready_tasks(struct loop *loop)
{
    struct task *last = loop->ready_last;
    while (loop->ready_first) {
        struct task *task = loop->ready_first;
        loop->ready_first = task->ready_next;
        if (!loop->ready_first)
            loop->ready_last = NULL;
        task->is_ready = false;
        bool was_last = task == last; /* the task may be gone after this */
        task_resume(task);
        if (was_last)
            break;
    }
    if (!loop->ready_first)
        uv_idle_stop(&loop->busy);
}

static void on_before_poll(uv_prepare_t *handle)
{
    run_ready_tasks(handle->data);
}

static void on_after_poll(uv_check_t *handle)
{
    run_ready_tasks(handle->data);
}

/* An active idle handle makes libuv look for events without sleeping; there is nothing else to do. */
static void on_busy(uv_idle_t *handle)
{
    (void)handle;
}

void loop_push_ready(struct loop *loop, struct task *task)
{
    task->is_ready = true;
    task->ready_next = NULL;
    if (loop->ready_last) {
        loop->ready_last->ready_next = task;
    } else {
        loop->ready_first = task;
        uv_idle_start(&loop->busy, on_busy);
    }
    loop->ready_last = task;
}

void loop_add_task(struct loop *loop, struct task *task)
{
    DL_APPEND(loop->tasks, task);
    if (loop->task_count++ == 0)
        uv_ref((uv_handle_t *)&loop->before_poll);
}

void loop_remove_task(struct loop *loop, struct task *task)
{
    DL_DELETE(loop->tasks, task);
    if (--loop->task_count == 0)
        uv_unref((uv_handle_t *)&loop->before_poll);
}

struct loop *loop_new(void)
{
    struct loop *loop = mem_new(struct loop);
    must(uv_loop_init(&loop->uv), "uv_loop_init");
    uv_prepare_init(&loop->uv, &loop->before_poll);
    uv_check_init(&loop->uv, &loop->after_poll);
    uv_idle_init(&loop->uv, &loop->busy);
    loop->before_poll.data = loop;
    loop->after_poll.data = loop;
    uv_prepare_start(&loop->before_poll, on_before_poll);
    uv_check_start(&loop->after_poll, on_after_poll);
    uv_unref((uv_handle_t *)&loop->before_poll);
    uv_unref((uv_handle_t *)&loop->after_poll);
    uv_unref((uv_handle_t *)&loop->busy);
    return loop;
}

void loop_run(struct loop *loop)
{
    assert(!task_current());
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

int64_t loop_now(struct loop *loop)
{
    return (int64_t)uv_now(&loop->uv);
}

size_t task_count(const struct loop *loop)
{
    return loop->task_count;
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
    (void)signal_number;
    struct loop_signal *watched = handle->data;
    watched->fn(watched->arg);
}

void loop_on_signal(struct loop *loop, int signal_number, void (*fn)(void *arg), void *arg)
{
    struct loop_signal *watched = mem_new(struct loop_signal);
    watched->fn = fn;
    watched->arg = arg;
    watched->handle.data = watched;
    LL_PREPEND(loop->signals, watched);
    must(uv_signal_init(&loop->uv, &watched->handle), "uv_signal_init");
    must(uv_signal_start(&watched->handle, on_signal, signal_number), "uv_signal_start");
    uv_unref((uv_handle_t *)&watched->handle);
}

static void on_signal_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void end_tasks(struct loop *loop)
{
    loop->is_ending = true;
    struct task *task;
    DL_FOREACH (loop->tasks, task)
        task_cancel(task);
    while (loop->task_count > 0)
        uv_run(&loop->uv, UV_RUN_ONCE);
}

void loop_free(struct loop *loop)
{
    assert(!task_current());
    end_tasks(loop);
    fd_poll_free_all(loop);
    while (loop->signals) {
        struct loop_signal *watched = loop->signals;
        LL_DELETE(loop->signals, watched);
        uv_close((uv_handle_t *)&watched->handle, on_signal_closed);
    }
    uv_close((uv_handle_t *)&loop->before_poll, NULL);
    uv_close((uv_handle_t *)&loop->after_poll, NULL);
    uv_close((uv_handle_t *)&loop->busy, NULL);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
        continue;                                    /* a loop_stop that came late */
    must(uv_loop_close(&loop->uv), "uv_loop_close"); /* EBUSY: a notifier or a work pool outlived its loop */
    stack_cache_clear(&loop->stacks);
    mem_free(loop);
}
