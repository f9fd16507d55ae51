/* SPDX-License-Identifier: ISC */
/*
 * Descriptors as events: per descriptor one libuv poll handle and two events that fire (but never stay set)
 * when it is readable or writable. The kernel is asked level-triggered.
 *
 * Changing what a poll handle asks for costs two system calls, so polling goes on when the wait is over: the
 * typical task answers a request and waits for the next one. Only when the kernel reports readiness that
 * nobody waits for, that interest is dropped; else it would be reported again and again.
 */
#include <assert.h>

#include "base/mem.h"
#include "scheduler.h"

struct fd_poll {
    uv_poll_t handle;
    int interest; /* UV_READABLE, UV_WRITABLE: what the handle asks the kernel for */
    struct event readable, writable;
};

static void on_poll(uv_poll_t *handle, int status, int events);

static void set_interest(struct fd_poll *poll, int interest)
{
    poll->interest = interest;
    if (interest)
        uv_poll_start(&poll->handle, interest, on_poll);
    else
        uv_poll_stop(&poll->handle);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct fd_poll *poll = handle->data;
    if (status < 0) { /* the descriptor is in error: who uses it next learns which */
        set_interest(poll, 0);
        event_fire(&poll->readable);
        event_fire(&poll->writable);
        return;
    }
    int unwanted = 0;
    if ((events & UV_READABLE) && !poll->readable.waiters)
        unwanted |= UV_READABLE;
    if ((events & UV_WRITABLE) && !poll->writable.waiters)
        unwanted |= UV_WRITABLE;
    if (events & UV_READABLE)
        event_fire(&poll->readable);
    if (events & UV_WRITABLE)
        event_fire(&poll->writable);
    if (unwanted)
        set_interest(poll, poll->interest & ~unwanted);
}

static void on_poll_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static struct fd_poll *fd_poll_new(struct loop *loop, int fd)
{
    struct fd_poll *poll = mem_new(struct fd_poll);
    poll->handle.data = poll;
    if (uv_poll_init(&loop->uv, &poll->handle, fd) != 0) {
        mem_free(poll);
        return NULL;
    }
    uv_unref((uv_handle_t *)&poll->handle); /* polling may go on when no task waits any more */
    return poll;
}

static void make_room(struct loop *loop, size_t fd)
{
    if (fd < loop->fd_poll_count)
        return;
    size_t count = MAX_OF(fd + 1, loop->fd_poll_count * 2);
    loop->fd_polls = mem_realloc_array(loop->fd_polls, count, sizeof(struct fd_poll *));
    for (size_t i = loop->fd_poll_count; i < count; i++)
        loop->fd_polls[i] = NULL;
    loop->fd_poll_count = count;
}

struct event *fd_poll_event(struct loop *loop, int fd, bool writable)
{
    assert(fd >= 0);
    make_room(loop, (size_t)fd);
    struct fd_poll *poll = loop->fd_polls[fd];
    if (!poll)
        poll = loop->fd_polls[fd] = fd_poll_new(loop, fd);
    if (!poll)
        return NULL;
    int wanted = writable ? UV_WRITABLE : UV_READABLE;
    if (!(poll->interest & wanted))
        set_interest(poll, poll->interest | wanted);
    return writable ? &poll->writable : &poll->readable;
}

void fd_forget(struct loop *loop, int fd)
{
    if (fd < 0 || (size_t)fd >= loop->fd_poll_count || !loop->fd_polls[fd])
        return;
    struct fd_poll *poll = loop->fd_polls[fd];
    loop->fd_polls[fd] = NULL;
    event_fire(&poll->readable);
    event_fire(&poll->writable);
    uv_close((uv_handle_t *)&poll->handle, on_poll_closed);
}

void fd_poll_free_all(struct loop *loop)
{
    for (size_t fd = 0; fd < loop->fd_poll_count; fd++)
        fd_forget(loop, (int)fd);
    mem_free(loop->fd_polls);
    loop->fd_polls = NULL;
    loop->fd_poll_count = 0;
}
