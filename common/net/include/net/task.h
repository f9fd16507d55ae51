/* SPDX-License-Identifier: ISC */
/*
 * Tasks: coroutines with their own stacks on the loop. Code that waits just waits; other tasks run meanwhile.
 * A task runs until it waits: between two waiting calls nothing else on the loop happens, so no locks are
 * needed among tasks.
 *
 *     static void greet(void *arg)
 *     {
 *         if (task_sleep(1000))
 *             return;                       cancelled: unwind by ordinary returns
 *         …
 *     }
 *     struct task *task = task_spawn(loop, "greet", greet, arg);
 *     task_cancel(task);
 *     task_join(task);
 *
 * Cancelling is a request that sticks: the current waiting call and every later one return ERR_CANCELED at
 * once (unless a function says otherwise), so the task comes to its end by itself. Stacks are 256 KiB of
 * address space each (only touched pages cost), end at a guard page, and are recycled.
 */
#ifndef NET_TASK_H
#define NET_TASK_H

#include "base/error.h"
#include "net/loop.h"

struct task;
typedef void task_fn(void *arg);

/* Makes a task that starts in the next round of the loop. `name` must outlive it (for logs and debuggers).
 * The handle is the caller's until task_join or task_detach. */
struct task *task_spawn(struct loop *loop, const char *name, task_fn *fn, void *arg);
/* Gives the handle up; the task frees itself at its end. */
void task_detach(struct task *task);
/* Asks the task to end. Any number of times, from any task or callback of the loop, also on itself. A task
 * that has not started yet still runs, with every wait failing. */
void task_cancel(struct task *task);
/* Suspends until the task has ended, then releases the handle. ERR_CANCELED when the *caller* was cancelled
 * while waiting (the handle stays valid). Not for one's own handle. */
enum err task_join(struct task *task);

/* The running task; NULL outside of tasks. */
struct task *task_current(void);
/* The loop of the running task; NULL outside. */
struct loop *task_loop(void);
const char *task_name(const struct task *task);
/* Whether the running task was asked to end. */
bool task_is_canceled(void);

/* Suspends for `ms` (0: lets every other ready task run once). ERR_OK or ERR_CANCELED. */
enum err task_sleep(int64_t ms);

/* Before a long wait: gives the memory of the running task's stack back to the kernel that only calls which
 * have returned have touched (a TLS handshake's, say). */
void task_release_stack(void);

/* Number of tasks alive on the loop; for status, tests and shutdown. */
size_t task_count(const struct loop *loop);

#endif
