/* SPDX-License-Identifier: ISC */
/*
 * The event loop: one per process, run by the main thread. libuv is hidden below; protocol code sees tasks
 * (net/task.h), events (net/event.h) and connections (net/conn.h).
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/base.h"

struct loop;

struct loop *loop_new(void);
/* Runs until loop_stop is called, or until no task is left and nothing listens. */
void loop_run(struct loop *loop);
/* Makes loop_run return after the current round. Only from the loop's thread (tasks, signal handlers below).
 */
void loop_stop(struct loop *loop);
/* Cancels every task that is left, runs them to their ends, and frees the loop. */
void loop_free(struct loop *loop);

/* Calls fn(arg) on the loop (not in signal context) each time the signal arrives. Lives as long as the loop;
 * does not keep loop_run from returning. */
void loop_on_signal(struct loop *loop, int signal_number, void (*fn)(void *arg), void *arg);

/* Milliseconds, monotonic, cached per loop round: what deadlines are counted in. */
int64_t loop_now(struct loop *loop);

#endif
