/* SPDX-License-Identifier: ISC */
/*
 * Threads for what blocks. A call lives on the stack of the task that waits for it:
 *
 *     line of its key → ready → taken by a thread → finished → the loop wakes the task
 *
 * Calls without a key, and the first of each key, are ready at once; the others of a key stand in its line,
 * and each call that finishes (or is withdrawn) lets the next one in. Threads take what is ready in the order
 * in which it became so.
 *
 * libuv has a pool of its own, but that one is shared with name resolution, cannot be sized per purpose, and
 * knows no order.
 */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/work.h"
#include "scheduler.h"

#define uthash_malloc(size)       mem_alloc(size)
#define uthash_free(memory, size) mem_free(memory)
#include <uthash.h>
#include <utlist.h>

/* Exists while a call of its key is ready or running. */
struct key_line {
    uint64_t key;
    struct work_call *waiting;
    UT_hash_handle hh;
};

struct work_pool {
    uv_async_t finished_signal;
    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t has_ready;
    struct work_call *ready;
    struct key_line *lines;
    struct work_call *finished; /* the loop has not looked yet */
    size_t under_way;           /* handed in and not finished */
    size_t under_way_limit;
    bool is_ending;
    size_t thread_count;
    pthread_t threads[];
};

static struct key_line *find_line(struct work_pool *pool, uint64_t key)
{
    struct key_line *line = NULL;
    if (key)
        HASH_FIND(hh, pool->lines, &key, sizeof(key), line);
    return line;
}

static void make_ready(struct work_pool *pool, struct work_call *call)
{
    call->state = CALL_READY;
    DL_APPEND(pool->ready, call);
}

/* Lets the call in: to the threads (true), or to the end of its key's line. */
static bool call_enter(struct work_pool *pool, struct work_call *call)
{
    struct key_line *line = find_line(pool, call->key);
    if (line) {
        DL_APPEND(line->waiting, call);
        return false;
    }
    if (call->key) {
        line = mem_new(struct key_line);
        line->key = call->key;
        HASH_ADD(hh, pool->lines, key, sizeof(line->key), line);
    }
    make_ready(pool, call);
    return true;
}

/* The call at the head of its key's line is gone: the next one is ready (true: a thread has to come by for
 * it), or the line is dissolved. */
static bool line_advance(struct work_pool *pool, uint64_t key)
{
    struct key_line *line = find_line(pool, key);
    if (!line)
        return false;
    struct work_call *next = line->waiting;
    if (next) {
        DL_DELETE(line->waiting, next);
        make_ready(pool, next);
        return true;
    }
    HASH_DEL(pool->lines, line);
    mem_free(line);
    return false;
}

/* Takes back a call that no thread has taken yet. */
static bool call_withdraw(struct work_pool *pool, struct work_call *call)
{
    pthread_mutex_lock(&pool->mutex);
    bool withdrawn = call->state != CALL_TAKEN, another = false;
    if (call->state == CALL_READY) {
        DL_DELETE(pool->ready, call);
        another = line_advance(pool, call->key);
    } else if (call->state == CALL_IN_LINE) {
        struct key_line *line = find_line(pool, call->key);
        assert(line); /* it lives while a call of its key is before this one */
        DL_DELETE(line->waiting, call);
    }
    if (withdrawn)
        pool->under_way--;
    pthread_mutex_unlock(&pool->mutex);
    if (another)
        pthread_cond_signal(&pool->has_ready);
    return withdrawn;
}

static void *thread_main(void *arg)
{
    struct work_pool *pool = arg;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool->ready && !pool->is_ending)
            pthread_cond_wait(&pool->has_ready, &pool->mutex);
        struct work_call *call = pool->ready;
        if (!call)
            break;
        DL_DELETE(pool->ready, call);
        call->state = CALL_TAKEN;
        pthread_mutex_unlock(&pool->mutex);

        call->fn(call->arg);

        pthread_mutex_lock(&pool->mutex);
        pool->under_way--;
        (void)line_advance(pool, call->key); /* nobody is woken for it: this thread comes by */
        bool is_first = !pool->finished;
        DL_APPEND(pool->finished, call); /* from here on the call is the loop's, and soon gone */
        if (is_first) {
            pthread_mutex_unlock(&pool->mutex);
            uv_async_send(&pool->finished_signal);
            pthread_mutex_lock(&pool->mutex);
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static void on_finished(uv_async_t *handle)
{
    struct work_pool *pool = handle->data;
    pthread_mutex_lock(&pool->mutex);
    struct work_call *finished = pool->finished;
    pool->finished = NULL;
    pthread_mutex_unlock(&pool->mutex);

    struct work_call *call, *next;
    DL_FOREACH_SAFE(finished, call, next)
    {
        call->is_done = true;
        if (call->is_waited_for)
            task_wake(call->task);
    }
}

/* Signals are the loop's: a thread that took one would interrupt a system call of whatever it is doing. */
static void start_threads(struct work_pool *pool)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; i < pool->thread_count; i++) {
        int errnum = pthread_create(&pool->threads[i], NULL, thread_main, pool);
        if (errnum) {
            log_error("work.no_thread", log_errno(errnum));
            abort();
        }
        pthread_setname_np(pool->threads[i], "work");
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct work_pool *work_pool_new(struct loop *loop, size_t threads, size_t queue_limit)
{
    assert(threads >= 1 && threads <= 256);
    struct work_pool *pool = mem_alloc(sizeof(*pool) + threads * sizeof(pool->threads[0]));
    uv_async_init(&loop->uv, &pool->finished_signal, on_finished);
    uv_unref((uv_handle_t *)&pool->finished_signal); /* the waiting tasks keep the loop running */
    pool->finished_signal.data = pool;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->has_ready, NULL);
    pool->under_way_limit = threads + queue_limit;
    pool->thread_count = threads;
    start_threads(pool);
    return pool;
}

static void on_pool_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void work_pool_free(struct work_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->is_ending = true;
    pthread_cond_broadcast(&pool->has_ready);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    assert(pool->under_way == 0 && !pool->finished);
    pthread_cond_destroy(&pool->has_ready);
    pthread_mutex_destroy(&pool->mutex);
    uv_close((uv_handle_t *)&pool->finished_signal, on_pool_closed);
}

enum err work_begin(struct work_pool *pool, struct work_call *call)
{
    call->task = task_current();
    assert(call->task);
    if (task_is_canceled())
        return ERR_CANCELED;
    pthread_mutex_lock(&pool->mutex);
    bool has_room = pool->under_way < pool->under_way_limit, is_ready = false;
    if (has_room) {
        pool->under_way++;
        is_ready = call_enter(pool, call);
    }
    pthread_mutex_unlock(&pool->mutex);
    if (is_ready)
        pthread_cond_signal(&pool->has_ready); /* who wakes finds the mutex free */
    return has_room ? ERR_OK : ERR_LIMIT;
}

enum err work_wait(struct work_pool *pool, struct work_call *call)
{
    call->is_waited_for = true;
    while (!call->is_done) {
        if (task_is_canceled() && call_withdraw(pool, call))
            return ERR_CANCELED;
        task_suspend(NO_DEADLINE);
    }
    return ERR_OK;
}

enum err work_run(struct work_pool *pool, uint64_t key, void (*fn)(void *arg), void *arg)
{
    struct work_call call = {.fn = fn, .arg = arg, .key = key};
    if (!task_current()) {
        fn(arg);
        return ERR_OK;
    }
    enum err err = work_begin(pool, &call);
    return err ? err : work_wait(pool, &call);
}

/* FNV-1a. Two names with one key would only wait for each other. */
uint64_t work_key(const void *data, size_t len)
{
    uint64_t key = 0xcbf29ce484222325;
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        key = (key ^ bytes[i]) * 0x100000001b3;
    return key ? key : 1;
}
