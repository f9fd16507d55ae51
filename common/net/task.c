/* SPDX-License-Identifier: ISC */
/*
 * The life of a task: spawned → (ready ⇄ suspended)… → ended. Only the loop resumes tasks, from its own
 * stack, and a task that suspends goes back to the loop; tasks never switch to each other.
 *
 * Two parties hold a task: the loop, until the function has returned and the timer is closed (which libuv
 * finishes a round later), and the owner of the handle. Whoever leaves last frees it. The stack goes back as
 * soon as the function returned.
 */
#include <assert.h>
#include <utlist.h>

#include "base/mem.h"
#include "scheduler.h"

/* Per thread, so that a function on a worker thread does not take itself for the task that the loop runs
 * meanwhile. */
static _Thread_local struct task *current;

static void task_release(struct task *task)
{
    if (--task->references == 0)
        mem_free(task);
}

static void task_main(void *arg)
{
    struct task *task = arg;
    task->fn(task->arg);
}

struct task *task_spawn(struct loop *loop, const char *name, task_fn *fn, void *arg)
{
    struct task *task = mem_new(struct task);
    task->loop = loop;
    task->name = name;
    task->fn = fn;
    task->arg = arg;
    task->references = 2;
    task->is_canceled = loop->is_ending;
    uv_timer_init(&loop->uv, &task->timer);
    task->timer.data = task;
    fiber_init(&task->fiber, stack_take(&loop->stacks), task_main, task);
    loop_add_task(loop, task);
    loop_push_ready(loop, task);
    return task;
}

static void on_timer_closed(uv_handle_t *handle)
{
    task_release(handle->data);
}

static void task_end(struct task *task)
{
    stack_give_back(&task->loop->stacks, task->fiber.stack);
    event_raise(&task->ended);
    loop_remove_task(task->loop, task);
    uv_close((uv_handle_t *)&task->timer, on_timer_closed);
}

void task_resume(struct task *task)
{
    current = task;
    fiber_resume(&task->fiber);
    current = NULL;
    if (task->fiber.has_ended)
        task_end(task);
}

void task_wake(struct task *task)
{
    if (!task->is_ready && task != current)
        loop_push_ready(task->loop, task);
}

static void on_deadline(uv_timer_t *timer)
{
    task_wake(timer->data);
}

void task_suspend(int64_t deadline)
{
    struct task *task = current;
    if (deadline != NO_DEADLINE) {
        int64_t ms = MAX_OF(deadline - loop_now(task->loop), 0);
        uv_timer_start(&task->timer, on_deadline, (uint64_t)ms, 0);
    }
    fiber_suspend(&task->fiber);
    if (deadline != NO_DEADLINE)
        uv_timer_stop(&task->timer);
}

enum err task_sleep(int64_t ms)
{
    assert(current);
    struct task *task = current;
    if (task->is_canceled)
        return ERR_CANCELED;
    if (ms <= 0) {
        loop_push_ready(task->loop, task);
        task_suspend(NO_DEADLINE);
    } else {
        /* A task that has been computing for long sleeps its full time all the same. */
        uv_update_time(&task->loop->uv);
        int64_t now = loop_now(task->loop);
        task_suspend(ms < NO_DEADLINE - now ? now + ms : NO_DEADLINE);
    }
    return task->is_canceled ? ERR_CANCELED : ERR_OK;
}

void task_cancel(struct task *task)
{
    if (task->is_canceled || task->fiber.has_ended)
        return;
    task->is_canceled = true;
    task_wake(task);
}

void task_detach(struct task *task)
{
    task_release(task);
}

enum err task_join(struct task *task)
{
    assert(task != current);
    if (!task->fiber.has_ended) {
        enum err err = event_wait(&task->ended, NO_DEADLINE);
        if (err)
            return err;
    }
    task_release(task);
    return ERR_OK;
}

void task_release_stack(void)
{
    stack_release_below(current->fiber.stack, __builtin_frame_address(0));
}

struct task *task_current(void)
{
    return current;
}

struct loop *task_loop(void)
{
    return current ? current->loop : NULL;
}

const char *task_name(const struct task *task)
{
    return task->name;
}

bool task_is_canceled(void)
{
    return current && current->is_canceled;
}
