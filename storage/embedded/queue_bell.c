/* SPDX-License-Identifier: ISC */
/*
 * The bell of the one who delivers: <data>/queue/bell, a socket that takes datagrams of one byte. Its owner
 * holds the lock of <data>/queue/lock, so that a socket which is there when the lock was free is a dead
 * process's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "queue_private.h"

struct queue_bell {
    struct queue *queue;
    int lock_fd, socket_fd;
};

/* By the folder of bodies, whose descriptor we hold: the path itself may be longer than an address. */
static void address_of(const struct queue *queue, struct sockaddr_un *address_r)
{
    *address_r = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address_r->sun_path, sizeof(address_r->sun_path), "/proc/self/fd/%d/../bell",
             queue->messages_fd);
}

static enum err take_lock(struct queue_bell *bell)
{
    bell->lock_fd = openat(bell->queue->messages_fd, "../lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (bell->lock_fd < 0) {
        return err_from_errno(errno);
    }
    if (flock(bell->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        return ERR_OK;
    }
    return errno == EWOULDBLOCK ? ERR_BUSY : err_from_errno(errno);
}

static enum err hang_bell(struct queue_bell *bell)
{
    struct sockaddr_un address;
    address_of(bell->queue, &address);
    unlinkat(bell->queue->messages_fd, "../bell", 0);
    bell->socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bell->socket_fd < 0 ||
        bind(bell->socket_fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        return err_from_errno(errno);
    }
    return ERR_OK;
}

enum err queue_bell_open(struct store *store, struct queue_bell **bell_r)
{
    struct queue_bell *bell = mem_new(struct queue_bell);
    bell->lock_fd = bell->socket_fd = -1;
    enum err err = queue_of(store, &bell->queue);
    if (!err) {
        err = take_lock(bell);
    }
    if (!err) {
        err = hang_bell(bell);
    }
    if (err) {
        queue_bell_close(bell);
    } else {
        *bell_r = bell;
    }
    return err;
}

int queue_bell_fd(const struct queue_bell *bell)
{
    return bell->socket_fd;
}

bool queue_bell_clear(struct queue_bell *bell)
{
    char byte = 0;
    bool by_person = false;
    while (recv(bell->socket_fd, &byte, 1, 0) > 0) {
        by_person |= byte == QUEUE_RING_PERSON;
    }
    return by_person;
}

void queue_bell_close(struct queue_bell *bell)
{
    if (!bell) {
        return;
    }
    if (bell->socket_fd >= 0) {
        unlinkat(bell->queue->messages_fd, "../bell", 0);
        close(bell->socket_fd);
    }
    if (bell->lock_fd >= 0) {
        close(bell->lock_fd);
    }
    mem_free(bell);
}

void queue_ring(struct queue *queue, enum queue_ring ring)
{
    struct sockaddr_un address;
    int fd = atomic_load(&queue->ring_fd);
    if (fd < 0) {
        int none = -1;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) {
            return;
        }
        if (!atomic_compare_exchange_strong(&queue->ring_fd, &none, fd)) {
            close(fd);
            fd = none;
        }
    }
    char byte = (char)ring;
    address_of(queue, &address);
    /* Nobody there, or it rings already: he looks by himself, or will. */
    sendto(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&address, sizeof(address));
}
