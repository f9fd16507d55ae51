/* SPDX-License-Identifier: ISC */
/*
 * What tasks wait for. An event is a flag that tasks can sleep on: it stays set until it is cleared, so a
 * wake-up that comes before the wait is not lost. Several tasks may wait for one event (all wake), and one
 * task for several events and a deadline. Descriptors are events too: wait_fd.
 */
#ifndef NET_EVENT_H
#define NET_EVENT_H

#include "base/clock.h"
#include "base/error.h"
#include "net/loop.h"

struct event_waiter;

/* Embedded in its owner; zero-initialised it is unset. Must not be freed while a task waits on it. */
struct event {
    bool is_set;
    struct event_waiter *waiters;
};

void event_raise(struct event *event); /* wakes all waiters; loop thread only */
void event_clear(struct event *event);

/* Suspends until the event is set (returns at once when it is). `deadline`: loop_now() milliseconds, or
 * NO_DEADLINE. ERR_OK, ERR_TIMEOUT, ERR_CANCELED. Does not clear the event. */
enum err event_wait(struct event *event, int64_t deadline);

/* One thing to wait for: an event, or a descriptor. */
struct wait_item {
    struct event *event; /* when not NULL */
    int fd;              /* used when event is NULL */
    bool writable;       /* wait for output instead of input */
};

enum { WAIT_ANY_MAX = 16 };

/* Suspends until one of at most WAIT_ANY_MAX items is ready, and tells the first such in *which_r. A
 * descriptor counts as ready on error or hang-up too. With a deadline that has passed it only looks. Same
 * results as event_wait. Descriptors are polled level-triggered through one cached poll handle per fd and
 * loop, which fd_forget releases. */
enum err wait_any(const struct wait_item *items, size_t count, int64_t deadline, size_t *which_r);
enum err wait_fd(int fd, bool writable, int64_t deadline);
/* Must be called before a descriptor that was waited on is closed. */
void fd_forget(struct loop *loop, int fd);

/* An event that other threads may fire: notifier_fire is safe from any thread, and sets the event on the
 * loop. */
struct notifier;
struct notifier *notifier_new(struct loop *loop, struct event *event);
void notifier_fire(struct notifier *notifier);
void notifier_free(struct notifier *notifier); /* loop thread; no fire may be under way */

#endif
