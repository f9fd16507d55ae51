/* SPDX-License-Identifier: ISC */
/*
 * Watches: a commit marks the entries of its account and makes the descriptors of their watches readable;
 * watch_dispatch of the owner's thread then tells them. Nothing is lost here, so there is no sweep: what
 * happened before watch_add is seen by it.
 */
#include "storage/watch.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "memory_store.h"

struct watched {
    struct watched *next;
    struct watch *watch;
    struct text *login;
    watch_callback *callback;
    void *data;
    bool pending;
    struct watch_event event; /* while it is pending */
};

struct watch {
    struct watch *next;
    struct store *store;
    int fd;
    struct watched *entries;
};

enum err watch_open(struct store *store, struct watch **watch_r)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    struct watch *watch = mem_new(struct watch);
    watch->store = store;
    watch->fd = fd;
    pthread_mutex_lock(&store->watches_mutex);
    watch->next = store->watches;
    store->watches = watch;
    pthread_mutex_unlock(&store->watches_mutex);
    *watch_r = watch;
    return ERR_OK;
}

void watch_close(struct watch *watch)
{
    if (!watch) {
        return;
    }
    pthread_mutex_lock(&watch->store->watches_mutex);
    struct watch **link = &watch->store->watches;
    while (*link != watch) {
        link = &(*link)->next;
    }
    *link = watch->next;
    pthread_mutex_unlock(&watch->store->watches_mutex);
    close(watch->fd);
    mem_free(watch);
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

/* Under the mutex. */
static void note(struct watched *entry, const struct watch_event *event)
{
    if (entry->pending && entry->event.mailbox_id != event->mailbox_id) {
        entry->event.mailbox_id = 0; /* more than one */
    } else {
        entry->event.mailbox_id = event->mailbox_id;
    }
    entry->event.modseq = event->modseq;
    entry->pending = true;
    if (eventfd_write(entry->watch->fd, 1) != 0 && errno != EAGAIN) { /* EAGAIN: it is readable anyway */
        log_warning("watch.wake_failed", log_errno(errno));
    }
}

void watches_tell(struct store *store, struct slice login, const struct watch_event *event)
{
    pthread_mutex_lock(&store->watches_mutex);
    for (struct watch *watch = store->watches; watch; watch = watch->next) {
        for (struct watched *entry = watch->entries; entry; entry = entry->next) {
            if (slice_eq(text_slice(entry->login), login)) {
                note(entry, event);
            }
        }
    }
    pthread_mutex_unlock(&store->watches_mutex);
}

/* What the account's counter is now; 0 when there is no such account. */
static uint64_t current_modseq(struct store *store, struct slice login)
{
    struct account *account = NULL;
    uint64_t modseq = 0;
    if (!account_open(store, login, &account)) {
        struct state *state = account_state(account);
        modseq = state->modseq;
        state_release(state);
        account_close(account);
    }
    return modseq;
}

struct watched *watch_add(struct watch *watch, struct slice login, uint64_t modseq, watch_callback *callback,
                          void *data)
{
    struct store *store = watch->store;
    struct watched *entry = mem_new(struct watched);
    entry->watch = watch;
    entry->login = text_new(login);
    entry->callback = callback;
    entry->data = data;
    pthread_mutex_lock(&store->watches_mutex);
    entry->next = watch->entries;
    watch->entries = entry;
    pthread_mutex_unlock(&store->watches_mutex);
    uint64_t current = current_modseq(store, login); /* listed before: nothing comes in between unnoticed */
    if (current > modseq) {
        pthread_mutex_lock(&store->watches_mutex);
        note(entry, &(struct watch_event){.modseq = current});
        pthread_mutex_unlock(&store->watches_mutex);
    }
    return entry;
}

void watch_remove(struct watched *watched)
{
    if (!watched) {
        return;
    }
    pthread_mutex_lock(&watched->watch->store->watches_mutex);
    struct watched **link = &watched->watch->entries;
    while (*link != watched) {
        link = &(*link)->next;
    }
    *link = watched->next;
    pthread_mutex_unlock(&watched->watch->store->watches_mutex);
    text_release(watched->login);
    mem_free(watched);
}

/* The next entry that has something to be told; its callback may remove any of them, so the search begins
 * anew each time. */
static struct watched *take_pending(struct watch *watch, struct watch_event *event_r)
{
    pthread_mutex_lock(&watch->store->watches_mutex);
    struct watched *entry = watch->entries;
    while (entry && !entry->pending) {
        entry = entry->next;
    }
    if (entry) {
        entry->pending = false;
        *event_r = entry->event;
    }
    pthread_mutex_unlock(&watch->store->watches_mutex);
    return entry;
}

void watch_dispatch(struct watch *watch)
{
    eventfd_t ignored;
    struct watch_event event;
    struct watched *entry;
    if (eventfd_read(watch->fd, &ignored) != 0 && errno != EAGAIN) {
        log_warning("watch.read_failed", log_errno(errno));
    }
    while ((entry = take_pending(watch, &event))) {
        entry->callback(entry->data, &event);
    }
}
