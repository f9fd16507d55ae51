/* SPDX-License-Identifier: ISC */
/* The queue as an array: what storage/queue.h says in its plainest form, for test_queue_model.c. */
#ifndef CONFORMANCE_QUEUE_MODEL_H
#define CONFORMANCE_QUEUE_MODEL_H

#include "suite.h"

#include "storage/queue.h"

#define MODEL_MESSAGES   64
#define MODEL_RECIPIENTS 4
#define ALL_STATES       ((1u << QUEUE_STATE_COUNT) - 1)
#define BIT(state)       (1u << (state))
#define OPEN_STATES      (BIT(QUEUE_WAITING) | BIT(QUEUE_TAKEN) | BIT(QUEUE_HELD) | BIT(QUEUE_PREPARED))

/* What texts are chosen from: letters of both cases, and what patterns take for more than itself. */
static const char *const model_senders[] = {"", "alice@example.org", "Bob@Example.ORG", "x_y%z@example.net"};
static const char *const model_addresses[] = {"carol@example.net", "Dave@EXAMPLE.net", "a%b_c@example.com",
                                              "aXbYc@example.com", "e\\f@sub.example.com"};
static const char *const model_destinations[] = {"example.net", "example.com", "route:slow", "mx:example.org",
                                                 "smtp://[192.0.2.1]:25"};
static const char *const model_texts[] = {"", "5.1.1 No such user", "4.2.0 100% full_now",
                                          "4.2.0 100x fullNow", "4.7.1 later\\never"};
static const char *const model_hosts[] = {"", "mx.example.net [192.0.2.1]"};
static const unsigned model_codes[] = {0, 250, 421, 450, 550};

struct model_recipient {
    struct queue_taken_recipient taken; /* texts are those above */
    enum queue_state state;
    const char *owner;
    int64_t lease_us, changed_us;
};
struct model_message {
    int64_t number;
    char id[24];
    unsigned body; /* what its octets are made of */
    struct queue_envelope envelope;
    struct model_recipient recipients[MODEL_RECIPIENTS];
    size_t count;
    int64_t over_us; /* 0: not yet */
};
struct model {
    struct model_message messages[MODEL_MESSAGES]; /* in the order of their numbers */
    size_t count;
};

static inline struct model_message *model_find(struct model *model, struct slice id)
{
    for (size_t i = 0; i < model->count; i++)
        if (slice_eq(slice_from(model->messages[i].id), id))
            return &model->messages[i];
    return NULL;
}

static inline struct model_message *model_numbered(struct model *model, int64_t number)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->messages[i].number == number)
            return &model->messages[i];
    return NULL;
}

static inline void model_delete(struct model *model, struct model_message *message)
{
    size_t at = (size_t)(message - model->messages);
    model->count--;
    memmove(message, message + 1, (model->count - at) * sizeof(*message));
    for (size_t i = at; i < model->count; i++) /* it stands in the message itself */
        model->messages[i].envelope.id = slice_from(model->messages[i].id);
}

static inline bool model_has_state(const struct model_message *message, unsigned states)
{
    for (size_t i = 0; i < message->count; i++)
        if (BIT(message->recipients[i].state) & states)
            return true;
    return false;
}

static inline void model_note_over(struct model_message *message, int64_t now_us)
{
    if (!message->over_us && !model_has_state(message, OPEN_STATES))
        message->over_us = now_us;
}

/* --- filters --- */

static inline bool address_meets(struct slice address, struct slice wanted)
{
    if (wanted.len == 0)
        return true;
    if (slice_eq(wanted, S("<>")))
        return address.len == 0;
    if (wanted.data[0] == '@')
        return slice_ends_with_nocase(address, wanted);
    return slice_eq_nocase(address, wanted);
}

static inline bool model_meets(const struct model_message *message, const struct model_recipient *recipient,
                               const struct queue_filter *filter)
{
    bool has_text = filter->text.len == 0;
    for (size_t i = 0; i < recipient->taken.last.text.len && !has_text; i++)
        has_text = slice_starts_with_nocase(slice_skip(recipient->taken.last.text, i), filter->text);
    return has_text && (filter->id.len == 0 || slice_eq(filter->id, message->envelope.id)) &&
           address_meets(message->envelope.sender, filter->sender) &&
           address_meets(recipient->taken.recipient.address, filter->recipient) &&
           (filter->destination.len == 0 ||
            slice_eq(filter->destination, recipient->taken.recipient.destination)) &&
           (BIT(recipient->state) & (filter->states ? filter->states : OPEN_STATES)) &&
           (!filter->received_before_us || message->envelope.received_us < filter->received_before_us);
}

/* --- changes --- */

static inline unsigned model_changeable(enum queue_action action)
{
    static const unsigned states[] = {[QUEUE_RETRY] = BIT(QUEUE_WAITING),
                                      [QUEUE_HOLD] = BIT(QUEUE_WAITING),
                                      [QUEUE_RELEASE] = BIT(QUEUE_HELD),
                                      [QUEUE_REMOVE] = OPEN_STATES,
                                      [QUEUE_ROUTE] = BIT(QUEUE_WAITING) | BIT(QUEUE_HELD)};
    return states[action];
}

static inline void model_change_one(struct model_recipient *recipient, enum queue_action action,
                                    struct slice destination, int64_t now_us)
{
    static const enum queue_state states[] = {
        [QUEUE_HOLD] = QUEUE_HELD, [QUEUE_RELEASE] = QUEUE_WAITING, [QUEUE_REMOVE] = QUEUE_REMOVED};
    if (action == QUEUE_RETRY || action == QUEUE_RELEASE || action == QUEUE_ROUTE)
        recipient->taken.recipient.due_us = now_us;
    if (action == QUEUE_ROUTE)
        recipient->taken.recipient.destination = destination;
    else if (action != QUEUE_RETRY)
        recipient->state = states[action];
    if (action != QUEUE_RETRY)
        recipient->changed_us = now_us;
}

/* --- what is due --- */

struct model_due {
    struct model_message *message;
    struct model_recipient *recipient;
};

static inline int model_compare_due(const void *a, const void *b)
{
    const struct model_due *left = a, *right = b;
    int64_t first = left->recipient->taken.recipient.due_us,
            second = right->recipient->taken.recipient.due_us;
    if (first == second) {
        first = left->message->number;
        second = right->message->number;
    }
    if (first == second) {
        first = left->recipient->taken.number;
        second = right->recipient->taken.number;
    }
    return (first > second) - (first < second);
}

/* Those that wait, the longest due first; `destination`: of it, empty: of all. */
static inline size_t model_waiting(struct model *model, struct slice destination, struct model_due *list)
{
    size_t count = 0;
    for (size_t i = 0; i < model->count; i++)
        for (size_t j = 0; j < model->messages[i].count; j++) {
            struct model_recipient *one = &model->messages[i].recipients[j];
            if (one->state == QUEUE_WAITING &&
                (destination.len == 0 || slice_eq(one->taken.recipient.destination, destination)))
                list[count++] = (struct model_due){&model->messages[i], one};
        }
    if (count > 0)
        qsort(list, count, sizeof(*list), model_compare_due);
    return count;
}

#endif
