/* SPDX-License-Identifier: ISC */
/* The queue in memory: a list of messages under one mutex. */
#ifndef STORAGE_MEMORY_QUEUE_H
#define STORAGE_MEMORY_QUEUE_H

#include "memory_store.h"
#include "storage/queue.h"
#include "suppression.h"

struct queued_recipient {
    struct queue_taken_recipient
        taken; /* its `last` has texts of its own, below; the rest is the message's */
    struct text *destination, *text, *host, *owner;
    enum queue_state state;
    int64_t lease_us, changed_us;
};
struct queued_message {
    struct arena arena; /* envelope, and what of the recipients never changes */
    int64_t number;
    struct queue_envelope envelope;
    struct queued_recipient *recipients;
    size_t count;
    struct text *content;
    int64_t over_us; /* 0: not yet */
};
struct queue {
    pthread_mutex_t mutex;
    struct queued_message **messages; /* by number */
    size_t count, room;
    int64_t last_number;
    struct queue_bell *bell; /* NULL: nobody delivers */
    struct suppressions *suppressions;
};

struct queue *queue_new(void) NEVER_NULL;
void queue_free(struct queue *queue);

/* The step that fails on demand, then the mutex. */
enum err queue_lock(struct store *store, enum memory_step step, struct queue **queue_r) MUST_CHECK;
void queue_unlock(struct queue *queue);
/* With the mutex. */
/* Somebody may have something to deliver now; `by_person`: somebody wants it. */
void queue_ring(struct queue *queue, bool by_person);
/* Some recipient waits for queue_confirm(); since when. */
bool queue_is_prepared(const struct queued_message *message, int64_t *since_us_r);
void queue_note_over(struct queued_message *message, int64_t now_us);
void queue_delete(struct queue *queue, size_t index);
/* A copy for the caller. */
void queue_copy_envelope(const struct queued_message *message, struct arena *arena,
                         struct queue_envelope *envelope_r);
void queue_copy_recipient(const struct queued_recipient *recipient, struct arena *arena,
                          struct queue_taken_recipient *recipient_r);

#endif
