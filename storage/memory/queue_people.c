/* SPDX-License-Identifier: ISC */
/* The queue as people look at it, and what they do to it. */
#include "queue.h"

#include <stdlib.h>

#include "base/mem.h"
#include "queue_state.h"

static bool meets_address(struct slice address, struct slice wanted)
{
    if (slice_eq(wanted, S("<>"))) {
        return address.len == 0;
    }
    return wanted.len == 0 || (wanted.data[0] == '@' ? slice_ends_with_nocase(address, wanted)
                                                     : slice_eq_nocase(address, wanted));
}

static bool has_text(struct slice text, struct slice wanted)
{
    bool found = wanted.len == 0;
    for (size_t i = 0; !found && i + wanted.len <= text.len; i++) {
        found = slice_starts_with_nocase(slice_skip(text, i), wanted);
    }
    return found;
}

static bool meets(const struct queued_message *message, const struct queued_recipient *recipient,
                  const struct queue_filter *filter, unsigned states)
{
    return (filter->id.len == 0 || slice_eq(filter->id, message->envelope.id)) &&
           meets_address(message->envelope.sender, filter->sender) &&
           meets_address(recipient->taken.recipient.address, filter->recipient) &&
           (filter->destination.len == 0 ||
            slice_eq(filter->destination, text_slice(recipient->destination))) &&
           has_text(text_slice(recipient->text), filter->text) && (QUEUE_BIT(recipient->state) & states) &&
           (!filter->received_before_us || message->envelope.received_us < filter->received_before_us);
}

static unsigned wanted_states(const struct queue_filter *filter)
{
    return filter->states ? filter->states : QUEUE_OPEN;
}

static bool list_message(const struct queued_message *message, const struct queue_filter *filter,
                         struct arena *arena, struct queue_item *item)
{
    *item =
        (struct queue_item){.message = message->number,
                            .recipients = arena_array(arena, struct queue_item_recipient, message->count)};
    for (size_t i = 0; i < message->count; i++) {
        const struct queued_recipient *recipient = &message->recipients[i];
        if (meets(message, recipient, filter, wanted_states(filter))) {
            struct queue_item_recipient *found = &item->recipients[item->count++];
            found->state = recipient->state;
            found->changed_us = recipient->changed_us;
            queue_copy_recipient(recipient, arena, &found->taken);
        }
    }
    if (item->count > 0) {
        queue_copy_envelope(message, arena, &item->envelope);
    }
    return item->count > 0;
}

enum err queue_list(struct store *store, const struct queue_filter *filter, int64_t after, size_t limit,
                    struct arena *arena, struct queue_item **items_r, size_t *count_r)
{
    struct queue *queue;
    size_t count = 0;
    enum err err = queue_lock(store, MEMORY_READ, &queue);
    if (err) {
        return err;
    }
    struct queue_item *items = arena_array(arena, struct queue_item, limit);
    for (size_t i = 0; i < queue->count && count < limit; i++) {
        if (queue->messages[i]->number > after) {
            count += list_message(queue->messages[i], filter, arena, &items[count]);
        }
    }
    queue_unlock(queue);
    *items_r = items;
    *count_r = count;
    return ERR_OK;
}

enum err queue_count(struct store *store, struct queue_figures *figures_r)
{
    struct queue_figures figures = {0};
    struct queue *queue;
    enum err err = queue_lock(store, MEMORY_READ, &queue);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < queue->count; i++) {
        const struct queued_message *message = queue->messages[i];
        for (size_t j = 0; j < message->count; j++) {
            figures.recipients[message->recipients[j].state]++;
        }
        if (!message->over_us) {
            figures.messages++;
            figures.bytes += message->envelope.size;
            figures.oldest_us = figures.oldest_us ? MIN_OF(figures.oldest_us, message->envelope.received_us)
                                                  : message->envelope.received_us;
        }
    }
    queue_unlock(queue);
    *figures_r = figures;
    return ERR_OK;
}

/* --- causes --- */

struct causes {
    struct queue_cause *list;
    int64_t *changed_us; /* beside them: of the newest reply */
    size_t count, room;
};

static struct queue_cause *cause_of(struct causes *causes, const struct queued_recipient *recipient,
                                    struct arena *arena)
{
    struct slice destination = text_slice(recipient->destination);
    for (size_t i = 0; i < causes->count; i++) {
        if (causes->list[i].reply.code == recipient->taken.last.code &&
            slice_eq(causes->list[i].destination, destination)) {
            return &causes->list[i];
        }
    }
    if (causes->count == causes->room) {
        causes->room = causes->room ? 2 * causes->room : 16;
        causes->list = mem_realloc_array(causes->list, causes->room, sizeof(*causes->list));
        causes->changed_us = mem_realloc_array(causes->changed_us, causes->room, sizeof(*causes->changed_us));
    }
    causes->changed_us[causes->count] = INT64_MIN;
    causes->list[causes->count] = (struct queue_cause){.destination = arena_copy(arena, destination),
                                                       .oldest_us = INT64_MAX,
                                                       .due_us = INT64_MAX,
                                                       .reply.code = recipient->taken.last.code};
    return &causes->list[causes->count++];
}

static void add_cause(struct causes *causes, const struct queued_message *message,
                      const struct queued_recipient *recipient, struct arena *arena)
{
    struct queue_cause *cause = cause_of(causes, recipient, arena);
    int64_t *changed_us = &causes->changed_us[cause - causes->list];
    cause->recipients++;
    cause->oldest_us = MIN_OF(cause->oldest_us, message->envelope.received_us);
    if (recipient->state == QUEUE_WAITING) {
        cause->due_us = MIN_OF(cause->due_us, recipient->taken.recipient.due_us);
    }
    if (recipient->changed_us > *changed_us) {
        struct queue_taken_recipient copy;
        queue_copy_recipient(recipient, arena, &copy);
        cause->reply = copy.last;
        *changed_us = recipient->changed_us;
    }
}

static int by_size(const void *a, const void *b)
{
    const struct queue_cause *first = a, *second = b;
    int order = (first->recipients < second->recipients) - (first->recipients > second->recipients);
    order = order ? order : slice_cmp(first->destination, second->destination);
    return order ? order : (int)first->reply.code - (int)second->reply.code;
}

enum err queue_causes(struct store *store, const struct queue_filter *filter, size_t limit,
                      struct arena *arena, struct queue_cause **causes_r, size_t *count_r)
{
    struct causes causes = {0};
    struct queue *queue;
    enum err err = queue_lock(store, MEMORY_READ, &queue);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < queue->count; i++) {
        const struct queued_message *message = queue->messages[i];
        for (size_t j = 0; j < message->count; j++) {
            if (meets(message, &message->recipients[j], filter, wanted_states(filter))) {
                add_cause(&causes, message, &message->recipients[j], arena);
            }
        }
    }
    queue_unlock(queue);
    if (causes.count > 0) {
        qsort(causes.list, causes.count, sizeof(*causes.list), by_size);
    }
    *causes_r = arena_take_array(arena, causes.list, causes.count, sizeof(*causes.list));
    *count_r = MIN_OF(causes.count, limit);
    mem_free(causes.changed_us);
    return ERR_OK;
}

/* --- changes --- */

struct change {
    enum queue_action action;
    struct slice destination;
    int64_t now_us;
};

static const unsigned changeable[] = {
    [QUEUE_RETRY] = QUEUE_BIT(QUEUE_WAITING),
    [QUEUE_HOLD] = QUEUE_BIT(QUEUE_WAITING),
    [QUEUE_RELEASE] = QUEUE_BIT(QUEUE_HELD),
    [QUEUE_REMOVE] = QUEUE_OPEN,
    [QUEUE_ROUTE] = QUEUE_BIT(QUEUE_WAITING) | QUEUE_BIT(QUEUE_HELD),
};

static void change_recipient(struct queued_recipient *recipient, const struct change *change)
{
    int64_t *due_us = &recipient->taken.recipient.due_us;
    switch (change->action) {
    case QUEUE_RETRY:
        *due_us = change->now_us;
        return; /* nothing else changed */
    case QUEUE_HOLD:
        recipient->state = QUEUE_HELD;
        break;
    case QUEUE_RELEASE:
        recipient->state = QUEUE_WAITING;
        *due_us = change->now_us;
        break;
    case QUEUE_REMOVE:
        recipient->state = QUEUE_REMOVED;
        break;
    case QUEUE_ROUTE:
        text_release(recipient->destination);
        recipient->destination = text_new(change->destination);
        *due_us = change->now_us;
        break;
    }
    recipient->changed_us = change->now_us;
}

enum err queue_change(struct store *store, const struct queue_filter *filter, enum queue_action action,
                      struct slice destination, int64_t now_us, uint64_t *count_r)
{
    struct change change = {action, destination, now_us};
    struct queue *queue;
    bool good = action != QUEUE_ROUTE || destination.len > 0;
    enum err err = good ? queue_lock(store, MEMORY_COMMIT, &queue) : ERR_SYNTAX;
    if (err) {
        return err;
    }
    *count_r = 0;
    for (size_t i = 0; i < queue->count; i++) {
        struct queued_message *message = queue->messages[i];
        for (size_t j = 0; j < message->count; j++) {
            if (meets(message, &message->recipients[j], filter, wanted_states(filter) & changeable[action])) {
                change_recipient(&message->recipients[j], &change);
                ++*count_r;
            }
        }
        queue_note_over(message, now_us);
    }
    queue_ring(queue, true);
    queue_unlock(queue);
    return ERR_OK;
}

static void reroute_recipient(struct queued_recipient *recipient, const struct queue_router *router,
                              int64_t now_us, uint64_t *count)
{
    struct arena arena = {0};
    struct slice now = text_slice(recipient->destination);
    struct change change = {.action = QUEUE_ROUTE, .now_us = now_us};
    change.destination = router->destination(router->data, now, recipient->taken.recipient.address, &arena);
    if (change.destination.len > 0 && !slice_eq(change.destination, now)) {
        change_recipient(recipient, &change);
        ++*count;
    }
    arena_free(&arena);
}

enum err queue_reroute(struct store *store, const struct queue_filter *filter,
                       const struct queue_router *router, int64_t now_us, uint64_t *count_r)
{
    unsigned states = wanted_states(filter) & changeable[QUEUE_ROUTE];
    struct queue *queue;
    enum err err = queue_lock(store, MEMORY_COMMIT, &queue);
    if (err) {
        return err;
    }
    *count_r = 0;
    for (size_t i = 0; i < queue->count; i++) {
        struct queued_message *message = queue->messages[i];
        for (size_t j = 0; j < message->count; j++) {
            if (meets(message, &message->recipients[j], filter, states)) {
                reroute_recipient(&message->recipients[j], router, now_us, count_r);
            }
        }
    }
    queue_ring(queue, true);
    queue_unlock(queue);
    return ERR_OK;
}

enum err queue_forget(struct store *store, int64_t before_us, size_t limit, size_t *count_r)
{
    struct queue *queue;
    enum err err = queue_lock(store, MEMORY_COMMIT, &queue);
    if (err) {
        return err;
    }
    *count_r = 0;
    for (size_t i = 0; i < queue->count && *count_r < limit;) {
        const struct queued_message *message = queue->messages[i];
        if (message->over_us && message->over_us < before_us) {
            queue_delete(queue, i);
            ++*count_r;
        } else {
            i++;
        }
    }
    queue_unlock(queue);
    return ERR_OK;
}
