/* SPDX-License-Identifier: ISC */
/* What is due, who takes it, and what came of it. */
#include "queue.h"

#include <stdlib.h>

#include "base/mem.h"
#include "queue_state.h"

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
        if (queue_is_prepared(message, &since_us) && since_us < prepared_us) {
            queue_delete(queue, i);
        }
    }
    queue_unlock(queue);
    return ERR_OK;
}
