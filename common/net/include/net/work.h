/* SPDX-License-Identifier: ISC */
/*
 * The one seam between tasks and blocking code: a pool of threads that runs functions (disk, SQLite, password
 * hashes) while the calling task sleeps and the loop goes on.
 */
#ifndef NET_WORK_H
#define NET_WORK_H

#include "base/error.h"
#include "net/loop.h"

struct work_pool;

/* `threads` 1–256. Beside those that run, `queue_limit` calls may wait for a thread; further ones get
 * ERR_LIMIT. */
struct work_pool *work_pool_new(struct loop *loop, size_t threads, size_t queue_limit);
/* Waits for what runs; no task may be inside work_run any more. */
void work_pool_free(struct work_pool *pool);

/* Runs fn(arg) on a thread and suspends the task until it is done; then ERR_OK. Calls with the same key run
 * one at a time, in the order in which they came; key 0 means no order. `arg` may live on the task's stack.
 * Cancelled before a thread took it up: ERR_CANCELED, fn was not and will not be called. Once fn runs it is
 * always waited for, cancelled or not, and ERR_OK is returned: a delivery in flight ends. Outside of a task
 * fn runs at once, in place. */
enum err work_run(struct work_pool *pool, uint64_t key, void (*fn)(void *arg), void *arg);

/* work_run in two halves, for a task that has something else to do meanwhile, other waits too. A call that
 * was begun must be waited for, however the rest went. From tasks only. */
struct work_call {
    void (*fn)(void *arg); /* these three are set by the caller, the rest is zero */
    void *arg;
    uint64_t key;
    struct task *task;
    enum { CALL_IN_LINE, CALL_READY, CALL_TAKEN } state; /* under the pool's mutex */
    bool is_done, is_waited_for;                         /* the loop's thread only */
    struct work_call *prev, *next;
};
/* ERR_LIMIT, ERR_CANCELED: it was not begun. */
enum err work_begin(struct work_pool *pool, struct work_call *call);
enum err work_wait(struct work_pool *pool, struct work_call *call);

/* A stable key for a name (an account's login); never 0. */
uint64_t work_key(const void *data, size_t len);

#endif
