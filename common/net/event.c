/* SPDX-License-Identifier: ISC */
/*
 * Waiting for events. A waiting task links one waiter per event, kept on its own stack, into the event's
 * list. Setting the event unlinks the waiters and wakes their tasks, so the event may be cleared or even
 * freed before those run: what a waiter has seen is remembered in the waiter.
 */
#include <assert.h>
#include <poll.h>
#include <utlist.h>

#include "scheduler.h"

void event_fire(struct event *event)
{
    while (event->waiters) {
        struct event_waiter *waiter = event->waiters;
        DL_DELETE(event->waiters, waiter);
        waiter->event = NULL;
        task_wake(waiter->task);
    }
}

void event_raise(struct event *event)
{
    event->is_set = true;
    event_fire(event);
}

void event_clear(struct event *event)
{
    event->is_set = false;
}

static bool fd_is_ready(int fd, bool writable)
{
    struct pollfd pollfd = {.fd = fd, .events = writable ? POLLOUT : POLLIN};
    return poll(&pollfd, 1, 0) != 0;
}

/* Whether an item is ready before any waiting. Asking the kernel is left out unless there will be no waiting
 * at all: who waits for a descriptor has just seen that it is not ready. */
static bool find_ready(const struct wait_item *items, size_t count, bool ask_kernel, size_t *which_r)
{
    for (size_t i = 0; i < count; i++) {
        bool ready = items[i].event ? items[i].event->is_set
                                    : ask_kernel && fd_is_ready(items[i].fd, items[i].writable);
        if (ready) {
            *which_r = i;
            return true;
        }
    }
    return false;
}

/* Links a waiter for the item. An item that needs no waiting leaves a fired waiter. */
static void waiter_link(struct event_waiter *waiter, struct task *task, const struct wait_item *item)
{
    waiter->task = task;
    waiter->event = item->event ? item->event : fd_poll_event(task->loop, item->fd, item->writable);
    if (waiter->event)
        DL_APPEND(waiter->event->waiters, waiter);
}

static void waiter_unlink(struct event_waiter *waiter)
{
    if (waiter->event)
        DL_DELETE(waiter->event->waiters, waiter);
}

/* Links, suspends, and unlinks again. Returns the first item that fired, or `count`. */
static size_t wait_linked(const struct wait_item *items, size_t count, int64_t deadline)
{
    struct task *task = task_current();
    struct event_waiter waiters[WAIT_ANY_MAX];
    size_t fired = count;
    for (size_t i = 0; i < count; i++) {
        waiter_link(&waiters[i], task, &items[i]);
        if (!waiters[i].event && fired == count)
            fired = i;
    }
    if (fired == count)
        task_suspend(deadline);
    for (size_t i = count; i-- > 0;) {
        if (!waiters[i].event)
            fired = i;
        waiter_unlink(&waiters[i]);
    }
    return fired;
}

enum err wait_any(const struct wait_item *items, size_t count, int64_t deadline, size_t *which_r)
{
    assert(task_current() && count <= WAIT_ANY_MAX);
    if (task_is_canceled())
        return ERR_CANCELED;
    bool is_late = deadline <= loop_now(task_loop());
    if (find_ready(items, count, is_late, which_r))
        return ERR_OK;
    if (is_late)
        return ERR_TIMEOUT;

    size_t fired = wait_linked(items, count, deadline);
    if (task_is_canceled())
        return ERR_CANCELED;
    if (fired == count)
        return ERR_TIMEOUT;
    *which_r = fired;
    return ERR_OK;
}

enum err event_wait(struct event *event, int64_t deadline)
{
    struct wait_item item = {.event = event};
    size_t which;
    return wait_any(&item, 1, deadline, &which);
}

enum err wait_fd(int fd, bool writable, int64_t deadline)
{
    struct wait_item item = {.fd = fd, .writable = writable};
    size_t which;
    return wait_any(&item, 1, deadline, &which);
}
