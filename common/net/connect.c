/* SPDX-License-Identifier: ISC */
/* Connections that we begin: to a Unix socket, or over the network. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "conn_internal.h"
#include "net/event.h"
#include "net/task.h"

/* Pause between attempts while a Unix socket's queue is full; the kernel offers nothing to wait for. */
enum { CONNECT_RETRY_MS = 10 };

static enum err connect_unix_until(int fd, const struct sockaddr_un *address, int64_t deadline)
{
    for (;;) {
        if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
            return ERR_OK;
        if (errno == ENOENT || errno == ECONNREFUSED)
            return ERR_UNAVAILABLE;
        if (errno != EAGAIN && errno != EINTR)
            return err_from_errno(errno);
        if (loop_now(task_loop()) >= deadline)
            return ERR_TIMEOUT;
        enum err err = task_sleep(CONNECT_RETRY_MS);
        if (err)
            return err;
    }
}

static enum err error_of_connecting(int code)
{
    switch (code) {
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return ERR_LIMIT;
    default:
        return ERR_UNAVAILABLE;
    }
}

enum err conn_connect_unix(struct loop *loop, const char *path, int64_t timeout_ms, struct conn **conn_r)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof address.sun_path)
        return ERR_TOO_LONG;
    memcpy(address.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_of_connecting(errno);
    enum err err = connect_unix_until(fd, &address, loop_now(loop) + timeout_ms);
    if (err) {
        close(fd);
        return err;
    }
    *conn_r = conn_from_fd(loop, fd);
    return ERR_OK;
}

/* "192.0.2.1", "2001:db8::1"; 0: it is none. */
static socklen_t read_address(const char *text, uint16_t port, struct sockaddr_storage *address_r)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address_r;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address_r;
    *address_r = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof(*v4);
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return sizeof(*v6);
    }
    return 0;
}

/* The kernel's answer to a connect that was begun. */
static int wait_until_connected(int fd, int64_t deadline, enum err *err_r)
{
    int code = 0;
    socklen_t length = sizeof(code);
    *err_r = wait_fd(fd, true, deadline);
    if (*err_r)
        return *err_r == ERR_TIMEOUT ? ETIMEDOUT : ECANCELED;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) == 0 ? code : errno;
}

static int connect_internet(int fd, const struct sockaddr_storage *address, socklen_t length,
                            const struct sockaddr_storage *source, socklen_t source_length, int64_t deadline,
                            enum err *err_r)
{
    if (source_length > 0 && bind(fd, (const struct sockaddr *)source, source_length) != 0)
        return errno;
    if (connect(fd, (const struct sockaddr *)address, length) == 0)
        return 0;
    return errno == EINPROGRESS ? wait_until_connected(fd, deadline, err_r) : errno;
}

static void note_local_address(struct conn *conn, int fd)
{
    struct sockaddr_storage here = {0};
    socklen_t length = sizeof(here);
    const void *address = &((const struct sockaddr_in *)&here)->sin_addr;
    if (getsockname(fd, (struct sockaddr *)&here, &length) != 0)
        return;
    if (here.ss_family == AF_INET6)
        address = &((const struct sockaddr_in6 *)&here)->sin6_addr;
    inet_ntop(here.ss_family, address, conn->local_address, sizeof(conn->local_address));
}

const char *conn_local_address(const struct conn *conn)
{
    return conn->local_address;
}

enum err conn_connect_tcp(struct loop *loop, const char *address, uint16_t port, const char *source,
                          int64_t timeout_ms, struct conn **conn_r, const char **why_r)
{
    struct sockaddr_storage there, here;
    socklen_t length = read_address(address, port, &there);
    socklen_t source_length = source && *source ? read_address(source, 0, &here) : 0;
    *why_r = "";
    if (length == 0 || (source && *source && source_length == 0)) {
        *why_r = "no address of a host";
        return ERR_SYNTAX;
    }
    if (source_length > 0 && here.ss_family != there.ss_family) {
        source_length = 0; /* the other family's own address is for the other family */
    }
    int fd = socket(there.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    enum err err = ERR_OK;
    int code = fd < 0 ? errno
                      : connect_internet(fd, &there, length, &here, source_length,
                                         loop_now(loop) + timeout_ms, &err);
    if (code == 0) {
        *conn_r = conn_from_fd(loop, fd);
        note_local_address(*conn_r, fd);
        return ERR_OK;
    }
    *why_r = strerrordesc_np(code);
    if (fd >= 0) {
        fd_forget(loop, fd);
        close(fd);
    }
    return err == ERR_CANCELED ? err : error_of_connecting(code);
}
