/* SPDX-License-Identifier: ISC */
/* Into the queue, and out of it. */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "queue_state.h"

struct queue *queue_new(void)
{
    struct queue *queue = mem_new(struct queue);
    pthread_mutex_init(&queue->mutex, NULL);
    queue->suppressions = suppressions_new();
    return queue;
}

static void message_free(struct queued_message *message)
{
    for (size_t i = 0; i < message->count; i++) {
        text_release(message->recipients[i].destination);
        text_release(message->recipients[i].text);
        text_release(message->recipients[i].host);
        text_release(message->recipients[i].owner);
    }
    text_release(message->content);
    arena_free(&message->arena);
    mem_free(message);
}

void queue_free(struct queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        message_free(queue->messages[i]);
    }
    suppressions_free(queue->suppressions);
    pthread_mutex_destroy(&queue->mutex);
    mem_free(queue->messages);
    mem_free(queue);
}

enum err queue_lock(struct store *store, enum memory_step step, struct queue **queue_r)
{
    enum err err = store_step(store, step);
    if (!err) {
        *queue_r = store->queue;
        pthread_mutex_lock(&store->queue->mutex);
    }
    return err;
}

void queue_unlock(struct queue *queue)
{
    pthread_mutex_unlock(&queue->mutex);
}

void queue_note_over(struct queued_message *message, int64_t now_us)
{
    for (size_t i = 0; i < message->count; i++) {
        if (QUEUE_BIT(message->recipients[i].state) & QUEUE_OPEN) {
            return;
        }
    }
    message->over_us = message->over_us ? message->over_us : now_us;
}

void queue_delete(struct queue *queue, size_t index)
{
    message_free(queue->messages[index]);
    queue->count--;
    memmove(&queue->messages[index], &queue->messages[index + 1],
            (queue->count - index) * sizeof(struct queued_message *));
}

static struct queued_message *find(struct queue *queue, struct slice id, size_t *index_r)
{
    for (size_t i = 0; i < queue->count; i++) {
        if (slice_eq(queue->messages[i]->envelope.id, id)) {
            *index_r = i;
            return queue->messages[i];
        }
    }
    return NULL;
}

static struct queue_envelope copy_envelope(const struct queue_envelope *from, struct arena *arena)
{
    struct queue_envelope envelope = *from;
    envelope.id = arena_copy(arena, from->id);
    envelope.sender = arena_copy(arena, from->sender);
    envelope.envid = arena_copy(arena, from->envid);
    envelope.login = arena_copy(arena, from->login);
    envelope.message_id = arena_copy(arena, from->message_id);
    envelope.subject = arena_copy(arena, from->subject);
    envelope.top = arena_copy(arena, from->top);
    return envelope;
}

void queue_copy_envelope(const struct queued_message *message, struct arena *arena,
                         struct queue_envelope *envelope_r)
{
    *envelope_r = copy_envelope(&message->envelope, arena);
}

void queue_copy_recipient(const struct queued_recipient *recipient, struct arena *arena,
                          struct queue_taken_recipient *recipient_r)
{
    *recipient_r = recipient->taken;
    recipient_r->recipient.address = arena_copy(arena, recipient->taken.recipient.address);
    recipient_r->recipient.orcpt = arena_copy(arena, recipient->taken.recipient.orcpt);
    recipient_r->recipient.destination = arena_copy(arena, text_slice(recipient->destination));
    recipient_r->last.text = arena_copy(arena, text_slice(recipient->text));
    recipient_r->last.host = arena_copy(arena, text_slice(recipient->host));
}

static struct queued_message *message_new(const struct blob *blob, const struct queue_envelope *envelope,
                                          const struct queue_recipient *recipients, size_t count,
                                          bool prepared)
{
    struct queued_message *message = mem_new(struct queued_message);
    message->envelope = copy_envelope(envelope, &message->arena);
    message->envelope.size = blob_size(blob);
    message->content = text_share(blob_content(blob));
    message->count = count;
    message->recipients = arena_array(&message->arena, struct queued_recipient, count);
    for (size_t i = 0; i < count; i++) {
        struct queued_recipient *recipient = &message->recipients[i];
        recipient->taken = (struct queue_taken_recipient){.number = (uint32_t)i, .recipient = recipients[i]};
        recipient->taken.recipient.address = arena_copy(&message->arena, recipients[i].address);
        recipient->taken.recipient.orcpt = arena_copy(&message->arena, recipients[i].orcpt);
        recipient->destination = text_new(recipients[i].destination);
        recipient->text = text_new(S(""));
        recipient->host = text_new(S(""));
        recipient->owner = text_new(S(""));
        recipient->state = prepared ? QUEUE_PREPARED : QUEUE_WAITING;
        recipient->changed_us = envelope->received_us;
    }
    return message;
}

enum err queue_add(struct store *store, struct blob *blob, const struct queue_envelope *envelope,
                   const struct queue_recipient *recipients, size_t count, bool prepared)
{
    struct queue *queue;
    size_t index;
    enum err err = queue_is_complete(recipients, count) ? blob_seal(blob) : ERR_SYNTAX;
    if (!err) {
        err = queue_lock(store, MEMORY_COMMIT, &queue);
    }
    if (err) {
        return err;
    }
    if (find(queue, envelope->id, &index)) {
        err = ERR_EXISTS;
    } else {
        if (queue->count == queue->room) {
            queue->room = queue->room ? 2 * queue->room : 16;
            queue->messages =
                mem_realloc_array(queue->messages, queue->room, sizeof(struct queued_message *));
        }
        struct queued_message *message = message_new(blob, envelope, recipients, count, prepared);
        message->number = ++queue->last_number;
        queue->messages[queue->count++] = message;
        queue_ring(queue, false);
    }
    queue_unlock(queue);
    return err;
}

/* Some of its recipients may have been removed meanwhile; since when the others wait for it. */
bool queue_is_prepared(const struct queued_message *message, int64_t *since_us)
{
    for (size_t i = 0; i < message->count; i++) {
        if (message->recipients[i].state == QUEUE_PREPARED) {
            *since_us = message->recipients[i].changed_us;
            return true;
        }
    }
    return false;
}

enum err queue_confirm(struct store *store, struct slice id)
{
    struct queue *queue;
    size_t index;
    int64_t since_us;
    enum err err = queue_lock(store, MEMORY_COMMIT, &queue);
    if (err) {
        return err;
    }
    struct queued_message *message = find(queue, id, &index);
    err = message && queue_is_prepared(message, &since_us) ? ERR_OK : ERR_NOT_FOUND;
    for (size_t i = 0; !err && i < message->count; i++) {
        if (message->recipients[i].state == QUEUE_PREPARED) {
            message->recipients[i].state = QUEUE_WAITING;
        }
    }
    queue_ring(queue, false);
    queue_unlock(queue);
    return err;
}

enum err queue_cancel(struct store *store, struct slice id)
{
    struct queue *queue;
    size_t index;
    int64_t since_us;
    enum err err = queue_lock(store, MEMORY_COMMIT, &queue);
    if (err) {
        return err;
    }
    struct queued_message *message = find(queue, id, &index);
    err = message && queue_is_prepared(message, &since_us) ? ERR_OK : ERR_NOT_FOUND;
    if (!err) {
        queue_delete(queue, index);
    }
    queue_unlock(queue);
    return err;
}
