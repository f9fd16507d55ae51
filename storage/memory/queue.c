/* SPDX-License-Identifier: ISC */
/* Into the queue, out of it, and what came of it. */
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
static bool is_prepared(const struct queued_message *message, int64_t *since_us)
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
    err = message && is_prepared(message, &since_us) ? ERR_OK : ERR_NOT_FOUND;
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
    err = message && is_prepared(message, &since_us) ? ERR_OK : ERR_NOT_FOUND;
    if (!err) {
        queue_delete(queue, index);
    }
    queue_unlock(queue);
    return err;
}

/* --- delivering --- */

struct due_destination {
    struct text *name;
    int64_t due_us;
};

static int compare_due(const void *a, const void *b)
{
    const struct due_destination *left = a, *right = b;
    return left->due_us < right->due_us ? -1 : left->due_us > right->due_us;
}

static void note_due(struct due_destination *list, size_t *count, const struct queued_recipient *recipient)
{
    int64_t due_us = recipient->taken.recipient.due_us;
    for (size_t i = 0; i < *count; i++) {
        if (slice_eq(text_slice(list[i].name), text_slice(recipient->destination))) {
            list[i].due_us = MIN_OF(list[i].due_us, due_us);
            return;
        }
    }
    list[(*count)++] = (struct due_destination){recipient->destination, due_us};
}

static struct due_destination *all_due(const struct queue *queue, struct arena *arena, size_t *count_r)
{
    size_t most = 0;
    for (size_t i = 0; i < queue->count; i++) {
        most += queue->messages[i]->count;
    }
    struct due_destination *list = arena_array(arena, struct due_destination, most);
    *count_r = 0;
    for (size_t i = 0; i < queue->count; i++) {
        for (size_t j = 0; j < queue->messages[i]->count; j++) {
            if (queue->messages[i]->recipients[j].state == QUEUE_WAITING) {
                note_due(list, count_r, &queue->messages[i]->recipients[j]);
            }
        }
    }
    if (*count_r > 0) {
        qsort(list, *count_r, sizeof(*list), compare_due);
    }
    return list;
}

enum err queue_due(struct store *store, int64_t now_us, size_t limit,
                   bool (*skips)(void *data, struct slice destination), void *data, struct arena *arena,
                   struct slice **destinations_r, size_t *count_r, int64_t *next_us_r)
{
    struct queue *queue;
    size_t all, count = 0, i = 0;
    enum err err = queue_lock(store, MEMORY_READ, &queue);
    if (err) {
        return err;
    }
    struct due_destination *list = all_due(queue, arena, &all);
    struct slice *names = arena_array(arena, struct slice, limit);
    *next_us_r = INT64_MAX;
    for (; i < all; i++) {
        if (skips && skips(data, text_slice(list[i].name))) {
            continue;
        }
        if (list[i].due_us > now_us || count == limit) {
            *next_us_r = list[i].due_us;
            break;
        }
        names[count++] = arena_copy(arena, text_slice(list[i].name));
    }
    queue_unlock(queue);
    *destinations_r = names;
    *count_r = count;
    return ERR_OK;
}

struct due_recipient {
    struct queued_message *message;
    struct queued_recipient *recipient;
};

static int compare_recipients(const void *a, const void *b)
{
    const struct due_recipient *left = a, *right = b;
    int64_t l = left->recipient->taken.recipient.due_us, r = right->recipient->taken.recipient.due_us;
    if (l != r) {
        return l < r ? -1 : 1;
    }
    if (left->message != right->message) {
        return left->message->number < right->message->number ? -1 : 1;
    }
    return left->recipient->taken.number < right->recipient->taken.number ? -1 : 1;
}

static size_t find_due(const struct queue *queue, struct slice destination, int64_t now_us,
                       struct due_recipient *list)
{
    size_t count = 0;
    for (size_t i = 0; i < queue->count; i++) {
        for (size_t j = 0; j < queue->messages[i]->count; j++) {
            struct queued_recipient *recipient = &queue->messages[i]->recipients[j];
            if (recipient->state == QUEUE_WAITING && recipient->taken.recipient.due_us <= now_us &&
                slice_eq(text_slice(recipient->destination), destination)) {
                list[count++] = (struct due_recipient){queue->messages[i], recipient};
            }
        }
    }
    if (count > 0) {
        qsort(list, count, sizeof(*list), compare_recipients);
    }
    return count;
}

static void replace(struct text **text, struct slice value)
{
    text_release(*text);
    *text = text_new(value);
}

static size_t take(struct due_recipient *due, size_t count, struct slice owner, int64_t now_us,
                   int64_t lease_us, struct arena *arena, struct queue_claim *claims)
{
    struct queue_taken_recipient *recipients = arena_array(arena, struct queue_taken_recipient, count);
    size_t claim_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (claim_count == 0 || claims[claim_count - 1].message != due[i].message->number) {
            claims[claim_count] =
                (struct queue_claim){.message = due[i].message->number, .recipients = &recipients[i]};
            queue_copy_envelope(due[i].message, arena, &claims[claim_count++].envelope);
        }
        queue_copy_recipient(due[i].recipient, arena, &recipients[i]);
        claims[claim_count - 1].count++;
        due[i].recipient->state = QUEUE_TAKEN;
        due[i].recipient->lease_us = lease_us;
        due[i].recipient->changed_us = now_us;
        replace(&due[i].recipient->owner, owner);
    }
    return claim_count;
}

/* How many of them belong to the first `messages` messages. */
static size_t of_first_messages(const struct due_recipient *due, size_t count, size_t messages)
{
    size_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        if ((i == 0 || due[i].message != due[i - 1].message) && seen++ == messages) {
            return i;
        }
    }
    return count;
}

enum err queue_claim(struct store *store, struct slice destination, struct slice owner, int64_t now_us,
                     int64_t lease_us, size_t messages, size_t limit, struct arena *arena,
                     struct queue_claim **claims_r, size_t *count_r)
{
    struct queue *queue;
    size_t most = 0;
    enum err err = queue_lock(store, MEMORY_COMMIT, &queue);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < queue->count; i++) {
        most += queue->messages[i]->count;
    }
    struct due_recipient *due = arena_array(arena, struct due_recipient, most);
    size_t count = MIN_OF(find_due(queue, destination, now_us, due), limit);
    count = of_first_messages(due, count, messages);
    *claims_r = arena_array(arena, struct queue_claim, count);
    *count_r = take(due, count, owner, now_us, lease_us, arena, *claims_r);
    queue_unlock(queue);
    return ERR_OK;
}

static struct queued_message *numbered(const struct queue *queue, int64_t number)
{
    for (size_t i = 0; i < queue->count; i++) {
        if (queue->messages[i]->number == number) {
            return queue->messages[i];
        }
    }
    return NULL;
}

enum err queue_open(struct store *store, int64_t message_number, struct blob_reader *reader_r)
{
    struct queue *queue;
    enum err err = queue_lock(store, MEMORY_READ, &queue);
    if (err) {
        return err;
    }
    const struct queued_message *message = numbered(queue, message_number);
    err = message ? content_open(message->content, reader_r) : ERR_NOT_FOUND;
    queue_unlock(queue);
    return err;
}

static bool settle(struct queue *queue, struct slice owner, const struct queue_outcome *outcome,
                   int64_t now_us)
{
    struct queued_message *message = numbered(queue, outcome->message);
    struct queued_recipient *recipient =
        message && outcome->number < message->count ? &message->recipients[outcome->number] : NULL;
    if (!recipient || recipient->state != QUEUE_TAKEN || !slice_eq(text_slice(recipient->owner), owner)) {
        return false;
    }
    recipient->state = outcome->state;
    recipient->changed_us = now_us;
    recipient->taken.recipient.due_us = outcome->due_us;
    recipient->taken.attempts += outcome->attempted;
    recipient->taken.delay_told = outcome->delay_told;
    recipient->taken.last = outcome->reply;
    replace(&recipient->text, slice_take(outcome->reply.text, QUEUE_TEXT_MAX));
    replace(&recipient->host, slice_take(outcome->reply.host, QUEUE_HOST_MAX));
    queue_note_over(message, now_us);
    return true;
}

/* Who dies takes this queue with him. */
void queue_note(struct store *store, int64_t message, const uint32_t *numbers, size_t count)
{
    (void)store, (void)message, (void)numbers, (void)count;
}

enum err queue_settle(struct store *store, struct slice owner, const struct queue_outcome *outcomes,
                      size_t count, int64_t now_us, size_t *settled_r)
{
    struct queue *queue;
    enum err err = queue_lock(store, MEMORY_COMMIT, &queue);
    if (err) {
        return err;
    }
    *settled_r = 0;
    for (size_t i = 0; i < count; i++) {
        *settled_r += settle(queue, owner, &outcomes[i], now_us);
    }
    queue_unlock(queue);
    return ERR_OK;
}

enum err queue_extend(struct store *store, struct slice owner, int64_t lease_us)
{
    struct queue *queue;
    enum err err = queue_lock(store, MEMORY_COMMIT, &queue);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < queue->count; i++) {
        for (size_t j = 0; j < queue->messages[i]->count; j++) {
            struct queued_recipient *recipient = &queue->messages[i]->recipients[j];
            if (recipient->state == QUEUE_TAKEN && slice_eq(text_slice(recipient->owner), owner)) {
                recipient->lease_us = lease_us;
            }
        }
    }
    queue_unlock(queue);
    return ERR_OK;
}

enum err queue_recover(struct store *store, int64_t now_us, int64_t prepared_us)
{
    struct queue *queue;
    enum err err = queue_lock(store, MEMORY_COMMIT, &queue);
    if (err) {
        return err;
    }
    for (size_t i = queue->count; i-- > 0;) {
        struct queued_message *message = queue->messages[i];
        for (size_t j = 0; j < message->count; j++) {
            struct queued_recipient *recipient = &message->recipients[j];
            if (recipient->state == QUEUE_TAKEN && recipient->lease_us < now_us) {
                recipient->state = QUEUE_WAITING;
            }
        }
        int64_t since_us;
        if (is_prepared(message, &since_us) && since_us < prepared_us) {
            queue_delete(queue, i);
        }
    }
    queue_unlock(queue);
    return ERR_OK;
}
