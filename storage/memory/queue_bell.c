/* SPDX-License-Identifier: ISC */
/* The bell of the one who delivers: a descriptor that counts. */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "queue.h"

struct queue_bell {
    struct queue *queue;
    int fd;
    bool by_person;
};

enum err queue_bell_open(struct store *store, struct queue_bell **bell_r)
{
    struct queue *queue = store->queue;
    enum err err = ERR_BUSY;
    pthread_mutex_lock(&queue->mutex);
    if (!queue->bell) {
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        err = fd < 0 ? err_from_errno(errno) : ERR_OK;
        if (!err) {
            queue->bell = mem_new(struct queue_bell);
            *queue->bell = (struct queue_bell){.queue = queue, .fd = fd};
            *bell_r = queue->bell;
        }
    }
    pthread_mutex_unlock(&queue->mutex);
    return err;
}

int queue_bell_fd(const struct queue_bell *bell)
{
    return bell->fd;
}

bool queue_bell_clear(struct queue_bell *bell)
{
    eventfd_t ignored;
    pthread_mutex_lock(&bell->queue->mutex);
    bool by_person = bell->by_person;
    bell->by_person = false;
    pthread_mutex_unlock(&bell->queue->mutex);
    eventfd_read(bell->fd, &ignored);
    return by_person;
}

void queue_bell_close(struct queue_bell *bell)
{
    if (!bell) {
        return;
    }
    struct queue *queue = bell->queue;
    pthread_mutex_lock(&queue->mutex);
    queue->bell = NULL;
    pthread_mutex_unlock(&queue->mutex);
    close(bell->fd);
    mem_free(bell);
}

void queue_ring(struct queue *queue, bool by_person)
{
    if (queue->bell) {
        queue->bell->by_person |= by_person;
        eventfd_write(queue->bell->fd, 1);
    }
}
