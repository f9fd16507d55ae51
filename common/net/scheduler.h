/* SPDX-License-Identifier: ISC */
/*
 * The inside of loops and tasks, shared by the files of this room that suspend and wake tasks. All waiting
 * comes down to two functions: task_suspend, called by the task itself, and task_wake, called by whatever it
 * waits for.
 */
#ifndef NET_SCHEDULER_H
#define NET_SCHEDULER_H

#include <uv.h>

#include "fiber.h"
#include "net/event.h"
#include "net/loop.h"
#include "net/task.h"

struct fd_poll;

struct loop {
    uv_loop_t uv;
    uv_prepare_t
        before_poll; /* runs ready tasks; it is referenced, and so keeps loop_run going, while tasks live */
    uv_check_t after_poll; /* runs ready tasks */
    uv_idle_t busy;        /* active while tasks are ready, so that the loop does not sleep */
    struct task *ready_first, *ready_last;
    struct task *tasks; /* all that have not ended */
    size_t task_count;
    bool is_ending; /* loop_free: new tasks are born cancelled */
    struct loop_signal *signals;
    struct fd_poll **fd_polls; /* by descriptor */
    size_t fd_poll_count;
    struct stack_cache stacks;
};

struct task {
    struct loop *loop;
    const char *name;
    task_fn *fn;
    void *arg;
    struct fiber fiber;
    uv_timer_t timer; /* the deadline of the current wait */
    struct event ended;
    struct task *ready_next;
    struct task *next, *prev; /* in loop->tasks */
    unsigned references;      /* one of the caller's handle, one of the loop */
    bool is_ready;            /* queued to run */
    bool is_canceled;
};

/* Suspends the running task until task_wake or the deadline; which of them it was the caller must know from
 * elsewhere. */
void task_suspend(int64_t deadline);
/* Lets the task run in the next round. Harmless when it was woken before. */
void task_wake(struct task *task);

/* The loop calls this with each ready task; returns when the task suspends or ends. */
void task_resume(struct task *task);
/* Queues a task that is not queued yet. */
void loop_push_ready(struct loop *loop, struct task *task);
/* The first and the last task of a loop keep it running and let it go. */
void loop_add_task(struct loop *loop, struct task *task);
void loop_remove_task(struct loop *loop, struct task *task);

/* One task waiting for one event; lives on the task's stack. */
struct event_waiter {
    struct task *task;
    struct event *event; /* NULL once fired */
    struct event_waiter *prev, *next;
};

/* Wakes and unlinks all waiters, without setting the event. */
void event_fire(struct event *event);

/* The event that fires when the descriptor is ready; polling has begun when this returns. NULL for
 * descriptors that cannot be polled, such as files on disk: they are always ready. */
struct event *fd_poll_event(struct loop *loop, int fd, bool writable);
/* Forgets all descriptors, when the loop ends. */
void fd_poll_free_all(struct loop *loop);

#endif
