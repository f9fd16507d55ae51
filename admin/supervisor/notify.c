/* SPDX-License-Identifier: ISC */
/*
 * Datagrams with the sender's credentials. Anybody on the host can send to an abstract socket, but only with
 * his own process number: the supervisor looks it up among its children and passes over the rest.
 */
#include "supervisor/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define MESSAGE_MAX 4096
#define ROUND_MAX   64 /* messages in one go, so that a flood does not hold up the supervisor */

/* Bound without a name, the kernel chooses one: a NUL and five digits (unix(7), autobind). */
static bool bind_to_any_name(struct notify *notify)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof(sa_family_t);
    int on = 1;
    if (bind(notify->fd, (struct sockaddr *)&address, length) != 0 ||
        setsockopt(notify->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
        return false;
    }
    length = sizeof(address);
    if (getsockname(notify->fd, (struct sockaddr *)&address, &length) != 0) {
        return false;
    }
    size_t name_length = length - offsetof(struct sockaddr_un, sun_path);
    snprintf(notify->name, sizeof(notify->name), "@%.*s", (int)name_length - 1, address.sun_path + 1);
    return true;
}

enum err notify_open(struct notify *notify, struct buf *why)
{
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd < 0 || !bind_to_any_name(notify)) {
        buf_printf(why, "cannot make the socket for the children's messages: %s", strerror(errno));
        notify_close(notify);
        return ERR_IO;
    }
    return ERR_OK;
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0) {
        close(notify->fd);
    }
    notify->fd = -1;
}

static pid_t sender_of(struct msghdr *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS) {
            struct ucred credentials;
            memcpy(&credentials, CMSG_DATA(part), sizeof(credentials));
            return credentials.pid;
        }
    }
    return 0;
}

/* Lines of VARIABLE=VALUE; only READY=1 matters here. */
static bool says_ready(struct slice text)
{
    while (text.data) {
        if (slice_eq(slice_split(&text, '\n'), S("READY=1"))) {
            return true;
        }
    }
    return false;
}

pid_t notify_next_ready(struct notify *notify)
{
    char text[MESSAGE_MAX];
    union {
        struct cmsghdr header; /* aligns */
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    for (int i = 0; i < ROUND_MAX; i++) {
        struct iovec part = {.iov_base = text, .iov_len = sizeof(text)};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        ssize_t got = recvmsg(notify->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got < 0 && errno != EINTR) {
            return 0;
        }
        pid_t sender = got < 0 ? 0 : sender_of(&message);
        if (sender > 0 && says_ready(slice_of(text, (size_t)got))) {
            return sender;
        }
    }
    return 0;
}

void notify_parent(const char *state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t length = path ? strlen(path) : 0;
    if (length == 0 || length >= sizeof(address.sun_path)) {
        return;
    }
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0) {
        log_warning("notify.failed", log_cstr("socket", path), log_errno(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}
