/* SPDX-License-Identifier: ISC */
/* The bottom of the stack: a non-blocking TCP or Unix socket. */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

struct stream_socket {
    struct stream stream;
    struct loop *loop;
    int fd;
};

static enum stream_result outcome_of_errno(int fd, bool writable, struct wait_item *want_r)
{
    switch (errno) {
    case EAGAIN:
        *want_r = (struct wait_item){.fd = fd, .writable = writable};
        return STREAM_AGAIN;
    case EPIPE:
    case ECONNRESET:
    case ETIMEDOUT: /* keep-alive found nobody */
        return STREAM_GONE;
    default:
        return STREAM_FAILED;
    }
}

static enum stream_result socket_read(struct stream *stream, char *data, size_t size, size_t *n_r,
                                      struct wait_item *want_r)
{
    const struct stream_socket *self = container_of(stream, struct stream_socket, stream);
    ssize_t n;
    do
        n = recv(self->fd, data, size, 0);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return STREAM_END;
    if (n < 0)
        return outcome_of_errno(self->fd, false, want_r);
    *n_r = (size_t)n;
    return STREAM_DONE;
}

static enum stream_result socket_write(struct stream *stream, struct slice bytes, size_t *n_r,
                                       struct wait_item *want_r)
{
    const struct stream_socket *self = container_of(stream, struct stream_socket, stream);
    ssize_t n;
    do
        n = send(self->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return outcome_of_errno(self->fd, true, want_r);
    *n_r = (size_t)n;
    return STREAM_DONE;
}

static bool socket_has_pending(const struct stream *stream)
{
    (void)stream;
    return false;
}

static bool socket_has_hung_up(const struct stream *stream)
{
    const struct stream_socket *self = container_of(stream, struct stream_socket, stream);
    struct pollfd item = {.fd = self->fd, .events = POLLRDHUP};
    return poll(&item, 1, 0) > 0;
}

static void socket_end_output(struct stream *stream)
{
    const struct stream_socket *self = container_of(stream, struct stream_socket, stream);
    shutdown(self->fd, SHUT_WR);
}

static void socket_close(struct stream *stream, bool broken)
{
    struct stream_socket *self = container_of(stream, struct stream_socket, stream);
    (void)broken;
    fd_forget(self->loop, self->fd);
    close(self->fd);
    mem_free(self);
}

static const struct stream_ops socket_ops = {.read = socket_read,
                                             .write = socket_write,
                                             .has_pending = socket_has_pending,
                                             .has_hung_up = socket_has_hung_up,
                                             .end_output = socket_end_output,
                                             .close = socket_close};

struct stream *stream_socket_new(struct loop *loop, int fd)
{
    struct stream_socket *self = mem_new(struct stream_socket);
    self->stream.ops = &socket_ops;
    self->loop = loop;
    self->fd = fd;
    return &self->stream;
}

int stream_socket_fd(const struct stream *stream)
{
    return stream->ops == &socket_ops ? container_of(stream, struct stream_socket, stream)->fd : -1;
}
