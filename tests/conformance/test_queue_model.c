/* SPDX-License-Identifier: ISC */
/*
 * Random commands to the queue against a simple model (queue_model.h): every answer is compared. The seed is
 * printed and the same each time; others by
 *
 *     MODEL_SEED=1234 MODEL_COMMANDS=200000 meson test -C build queue_model-embedded -v
 */
#include "queue_model.h"

#include <stdlib.h>

#define SECOND ((int64_t)1000000)
#define START  ((int64_t)1800000000 * SECOND)
#define LARGE  70000
#ifdef ENGINE_MEMORY
#define MODEL_COMMANDS 20000
#else
#define MODEL_COMMANDS 10000 /* most of which wait for the disk */
#endif

struct game {
    struct fixture *fixture;
    struct arena *arena; /* of one command */
    struct model model;
    uint64_t random, command;
    const char *doing;
    int64_t now_us;
    int64_t last_number;
    unsigned skipped; /* destinations, for queue_due */
};

#define must(game, condition)                                                                            \
    do {                                                                                                 \
        if (!(condition))                                                                                \
            fail_msg("command %llu, %s: not so: %s", (unsigned long long)(game)->command, (game)->doing, \
                     #condition);                                                                        \
    } while (0)

/* --- chance --- */

static size_t below(struct game *game, size_t n)
{
    game->random ^= game->random << 13; /* xorshift64 */
    game->random ^= game->random >> 7;
    game->random ^= game->random << 17;
    return (size_t)(game->random >> 11) % n;
}

static bool one_in(struct game *game, size_t n)
{
    return below(game, n) == 0;
}

#define any_of(game, list) ((list)[below((game), ARRAY_LEN(list))])

static struct slice some_destination(struct game *game)
{
    return slice_from(any_of(game, model_destinations));
}

static const char *some_owner(struct game *game)
{
    static const char *const owners[] = {"relayd.1", "relayd.2"};
    return any_of(game, owners);
}

/* Mostly one that is there. */
static struct slice some_id(struct game *game)
{
    size_t count = game->model.count;
    if (count == 0 || one_in(game, 20))
        return S("nobody");
    return arena_copy(game->arena, slice_from(game->model.messages[below(game, count)].id));
}

/* A time that some things are before and some behind. */
static int64_t some_time(struct game *game)
{
    return game->now_us + ((int64_t)below(game, 4000) - 2000) * SECOND;
}

static struct queue_filter some_filter(struct game *game)
{
    static const char *const senders[] = {"<>", "@example.org", "ALICE@example.org", "x_y%z@example.net",
                                          "@nowhere.example"};
    static const char *const recipients[] = {"carol@Example.Net", "@example.com", "a%b_c@example.com",
                                             "e\\f@sub.example.com", "%"};
    static const char *const texts[] = {"no SUCH", "0%", "full_", "\\", "4."};
    struct queue_filter filter = {0};
    if (one_in(game, 4))
        filter.id = some_id(game);
    if (one_in(game, 4))
        filter.sender = slice_from(any_of(game, senders));
    if (one_in(game, 4))
        filter.recipient = slice_from(any_of(game, recipients));
    if (one_in(game, 4))
        filter.destination = some_destination(game);
    if (one_in(game, 4))
        filter.text = slice_from(any_of(game, texts));
    if (one_in(game, 2))
        filter.states = one_in(game, 4) ? ALL_STATES : (unsigned)below(game, ALL_STATES + 1);
    if (one_in(game, 5))
        filter.received_before_us = some_time(game);
    return filter;
}

/* --- comparison --- */

static bool same_reply(const struct queue_reply *a, const struct queue_reply *b)
{
    return a->code == b->code && slice_eq(a->text, b->text) && slice_eq(a->host, b->host) &&
           a->is_theirs == b->is_theirs;
}

static void compare_envelope(struct game *game, const struct queue_envelope *a,
                             const struct queue_envelope *b)
{
    must(game, slice_eq(a->id, b->id) && slice_eq(a->sender, b->sender) && slice_eq(a->envid, b->envid));
    must(game, slice_eq(a->login, b->login) && slice_eq(a->message_id, b->message_id));
    must(game, slice_eq(a->subject, b->subject) && slice_eq(a->top, b->top));
    must(game, a->flags == b->flags && a->size == b->size && a->skip == b->skip);
    must(game, a->received_us == b->received_us && a->expires_us == b->expires_us);
}

static void compare_recipient(struct game *game, const struct queue_taken_recipient *a,
                              const struct queue_taken_recipient *b)
{
    must(game, a->number == b->number && a->attempts == b->attempts && a->delay_told == b->delay_told);
    must(game, slice_eq(a->recipient.address, b->recipient.address));
    must(game, slice_eq(a->recipient.orcpt, b->recipient.orcpt));
    must(game, slice_eq(a->recipient.destination, b->recipient.destination));
    must(game, a->recipient.notify == b->recipient.notify && a->recipient.due_us == b->recipient.due_us);
    must(game, same_reply(&a->last, &b->last));
}

/* --- bodies --- */

static struct slice body_of(struct game *game, unsigned body, size_t size)
{
    char *text = arena_alloc(game->arena, size + 1);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + (body + i) % 23);
    return slice_of(text, size);
}

static void do_open(struct game *game)
{
    struct model_message *message = model_find(&game->model, some_id(game));
    struct blob_reader reader;
    enum err err = queue_open(game->fixture->store, message ? message->number : 9999999, &reader);
    must(game, err == (message ? ERR_OK : ERR_NOT_FOUND));
    if (!message)
        return;
    struct slice expected = body_of(game, message->body, message->envelope.size);
    char *text = arena_alloc(game->arena, expected.len + 1);
    must(game, reader.size == expected.len);
    must(game, pread(reader.fd, text, expected.len, 0) == (ssize_t)expected.len);
    must(game, slice_eq(slice_of(text, expected.len), expected));
    blob_reader_close(&reader);
}

/* --- into the queue --- */

static void fill_recipients(struct game *game, struct model_message *message, bool prepared)
{
    message->count = 1 + below(game, MODEL_RECIPIENTS);
    for (size_t i = 0; i < message->count; i++) {
        message->recipients[i] = (struct model_recipient){.state = prepared ? QUEUE_PREPARED : QUEUE_WAITING,
                                                          .owner = "",
                                                          .changed_us = message->envelope.received_us};
        message->recipients[i].taken.number = (uint32_t)i;
        message->recipients[i].taken.recipient =
            (struct queue_recipient){.address = slice_from(any_of(game, model_addresses)),
                                     .orcpt = one_in(game, 3) ? S("rfc822;x@example.net") : SLICE_EMPTY,
                                     .notify = (unsigned)below(game, 16),
                                     .destination = some_destination(game),
                                     .due_us = some_time(game)};
    }
}

static void fill_message(struct game *game, struct model_message *message, bool prepared)
{
    *message = (struct model_message){.body = (unsigned)below(game, 23)};
    snprintf(message->id, sizeof(message->id), "m%llu", (unsigned long long)game->command);
    message->envelope =
        (struct queue_envelope){.id = slice_from(message->id),
                                .sender = slice_from(any_of(game, model_senders)),
                                .envid = one_in(game, 3) ? S("QQ314159") : SLICE_EMPTY,
                                .login = one_in(game, 3) ? S("alice@example.org") : SLICE_EMPTY,
                                .message_id = one_in(game, 2) ? S("<1@example.org>") : SLICE_EMPTY,
                                .subject = one_in(game, 2) ? S("lunch \303\274") : SLICE_EMPTY,
                                .flags = (unsigned)below(game, 64),
                                .received_us = some_time(game),
                                .expires_us = game->now_us + (int64_t)below(game, 1000000),
                                .size = one_in(game, 30) ? LARGE : 1 + below(game, 400),
                                .skip = below(game, 2),
                                .top = one_in(game, 4) ? S("X: y\r\n") : SLICE_EMPTY};
    fill_recipients(game, message, prepared);
}

/* What the store says that it has: also what number it gave it. */
static void learn_number(struct game *game, struct model_message *message)
{
    struct queue_filter filter = {.id = message->envelope.id, .states = ALL_STATES};
    struct queue_item *items;
    size_t count;
    assert_ok(queue_list(game->fixture->store, &filter, 0, 2, game->arena, &items, &count));
    must(game, count == 1 && items[0].message > game->last_number);
    message->number = game->last_number = items[0].message;
}

static void do_add(struct game *game)
{
    bool prepared = one_in(game, 3), again = one_in(game, 20);
    if (game->model.count == MODEL_MESSAGES)
        return;
    struct model_message *message = &game->model.messages[game->model.count];
    struct queue_recipient recipients[MODEL_RECIPIENTS];
    struct blob *blob;
    fill_message(game, message, prepared);
    for (size_t i = 0; i < message->count; i++)
        recipients[i] = message->recipients[i].taken.recipient;
    struct queue_envelope envelope = message->envelope;
    if (again && game->model.count > 0)
        envelope.id = slice_from(game->model.messages[below(game, game->model.count)].id);
    size_t count = one_in(game, 50) ? 0 : message->count;
    enum err expected = count == 0                                    ? ERR_SYNTAX
                        : slice_eq(envelope.id, message->envelope.id) ? ERR_OK
                                                                      : ERR_EXISTS;
    assert_ok(blob_begin(game->fixture->store, &blob));
    assert_ok(blob_write(blob, body_of(game, message->body, envelope.size)));
    if (one_in(game, 4))
        assert_ok(blob_seal(blob)); /* a file, and not a row */
    must(game, queue_add(game->fixture->store, blob, &envelope, recipients, count, prepared) == expected);
    blob_free(blob);
    if (!expected) {
        learn_number(game, message);
        game->model.count++;
    }
}

/* Mostly one that is prepared, and now and then has lost recipients since. */
static struct slice some_prepared(struct game *game)
{
    struct slice id = some_id(game);
    for (int turn = 0; turn < 10; turn++) {
        const struct model_message *message = model_find(&game->model, id);
        if (message && model_has_state(message, BIT(QUEUE_PREPARED)))
            break;
        id = some_id(game);
    }
    return id;
}

static void do_confirm(struct game *game)
{
    struct slice id = some_prepared(game);
    struct model_message *message = model_find(&game->model, id);
    bool there = message && model_has_state(message, BIT(QUEUE_PREPARED));
    must(game, queue_confirm(game->fixture->store, id) == (there ? ERR_OK : ERR_NOT_FOUND));
    for (size_t i = 0; there && i < message->count; i++)
        if (message->recipients[i].state == QUEUE_PREPARED)
            message->recipients[i].state = QUEUE_WAITING;
}

static void do_cancel(struct game *game)
{
    struct slice id = some_prepared(game);
    struct model_message *message = model_find(&game->model, id);
    bool there = message && model_has_state(message, BIT(QUEUE_PREPARED));
    must(game, queue_cancel(game->fixture->store, id) == (there ? ERR_OK : ERR_NOT_FOUND));
    if (there)
        model_delete(&game->model, message);
}

/* --- delivering --- */

static bool is_skipped(void *data, struct slice destination)
{
    const struct game *game = data;
    for (size_t i = 0; i < ARRAY_LEN(model_destinations); i++)
        if (slice_eq(destination, slice_from(model_destinations[i])))
            return game->skipped >> i & 1;
    return false;
}

/* The first of each destination, without those that are skipped. */
static size_t due_destinations(struct game *game, struct model_due *list)
{
    size_t all = model_waiting(&game->model, SLICE_EMPTY, list), count = 0;
    for (size_t i = 0; i < all; i++) {
        bool known = is_skipped(game, list[i].recipient->taken.recipient.destination);
        for (size_t j = 0; j < count && !known; j++)
            known = slice_eq(list[j].recipient->taken.recipient.destination,
                             list[i].recipient->taken.recipient.destination);
        if (!known)
            list[count++] = list[i];
    }
    return count;
}

static int64_t due_of(const struct model_due *list, size_t count, struct slice destination)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(list[i].recipient->taken.recipient.destination, destination))
            return list[i].recipient->taken.recipient.due_us;
    return INT64_MAX;
}

static void do_due(struct game *game)
{
    struct model_due list[MODEL_MESSAGES * MODEL_RECIPIENTS];
    size_t limit = 1 + below(game, 5), count, expected = 0;
    struct slice *names;
    int64_t next_us;
    game->skipped = one_in(game, 2) ? 0 : (unsigned)below(game, 32);
    size_t all = due_destinations(game, list);
    assert_ok(queue_due(game->fixture->store, game->now_us, limit, is_skipped, game, game->arena, &names,
                        &count, &next_us));
    while (expected < all && expected < limit &&
           list[expected].recipient->taken.recipient.due_us <= game->now_us)
        expected++;
    must(game, count == expected);
    for (size_t i = 0; i < count; i++) { /* those due at the same time come in any order */
        must(game, due_of(list, all, names[i]) == list[i].recipient->taken.recipient.due_us);
        for (size_t j = 0; j < i; j++)
            must(game, !slice_eq(names[i], names[j]));
    }
    must(game, next_us == (count < all ? list[count].recipient->taken.recipient.due_us : INT64_MAX));
}

static void do_claim(struct game *game)
{
    struct model_due list[MODEL_MESSAGES * MODEL_RECIPIENTS];
    struct slice destination = some_destination(game);
    const char *owner = some_owner(game);
    int64_t lease_us = game->now_us + (int64_t)below(game, 3000) * SECOND;
    size_t messages = 1 + below(game, 4), limit = 1 + below(game, 8), count, at = 0, claimed = 0;
    size_t all = model_waiting(&game->model, destination, list);
    struct queue_claim *claims;
    assert_ok(queue_claim(game->fixture->store, destination, slice_from(owner), game->now_us, lease_us,
                          messages, limit, game->arena, &claims, &count));
    for (; at < all && at < limit && list[at].recipient->taken.recipient.due_us <= game->now_us; at++) {
        if (at == 0 || list[at].message != list[at - 1].message) {
            if (claimed == messages)
                break;
            must(game, claimed < count && claims[claimed].message == list[at].message->number);
            compare_envelope(game, &claims[claimed].envelope, &list[at].message->envelope);
            must(game, at == 0 || claims[claimed - 1].count == 0);
            claimed++;
        }
        struct queue_claim *claim = &claims[claimed - 1]; /* eaten up as it is compared */
        must(game, claim->count > 0);
        compare_recipient(game, &claim->recipients[0], &list[at].recipient->taken);
        claim->recipients++;
        claim->count--;
    }
    must(game, claimed == count && (count == 0 || claims[count - 1].count == 0));
    while (at-- > 0) {
        list[at].recipient->state = QUEUE_TAKEN;
        list[at].recipient->owner = owner;
        list[at].recipient->lease_us = lease_us;
        list[at].recipient->changed_us = game->now_us;
    }
}

static struct queue_outcome some_outcome(struct game *game, int64_t message, uint32_t number)
{
    static const enum queue_state states[] = {QUEUE_WAITING, QUEUE_DELIVERED, QUEUE_DELIVERED, QUEUE_FAILED};
    return (struct queue_outcome){.message = message,
                                  .number = number,
                                  .state = any_of(game, states),
                                  .due_us = some_time(game),
                                  .attempted = one_in(game, 2),
                                  .delay_told = one_in(game, 2),
                                  .reply = {.code = any_of(game, model_codes),
                                            .text = slice_from(any_of(game, model_texts)),
                                            .host = slice_from(any_of(game, model_hosts)),
                                            .is_theirs = one_in(game, 2)}};
}

static bool settle_one(struct game *game, const char *owner, const struct queue_outcome *outcome)
{
    struct model_message *message = model_numbered(&game->model, outcome->message);
    if (!message || outcome->number >= message->count)
        return false;
    struct model_recipient *recipient = &message->recipients[outcome->number];
    if (recipient->state != QUEUE_TAKEN || strcmp(recipient->owner, owner) != 0)
        return false;
    recipient->state = outcome->state;
    recipient->taken.recipient.due_us = outcome->due_us;
    recipient->taken.attempts += outcome->attempted;
    recipient->taken.delay_told = outcome->delay_told;
    recipient->taken.last = outcome->reply;
    recipient->changed_us = game->now_us;
    model_note_over(message, game->now_us);
    return true;
}

/* Some that are taken, by whomever, and now and then one that is not. */
static void do_settle(struct game *game)
{
    struct queue_outcome outcomes[12];
    const char *owner = some_owner(game);
    size_t count = 0, expected = 0, settled;
    for (size_t i = 0; i < game->model.count && count < ARRAY_LEN(outcomes) - 1; i++) {
        const struct model_message *message = &game->model.messages[i];
        for (size_t j = 0; j < message->count && count < ARRAY_LEN(outcomes) - 1; j++)
            if (one_in(game, message->recipients[j].state == QUEUE_TAKEN ? 2 : 40))
                outcomes[count++] = some_outcome(game, message->number, (uint32_t)j);
    }
    if (one_in(game, 10))
        outcomes[count++] = some_outcome(game, 9999999, 0);
    for (size_t i = 0; i < count; i++)
        expected += settle_one(game, owner, &outcomes[i]);
    assert_ok(queue_settle(game->fixture->store, slice_from(owner), outcomes, count, game->now_us, &settled));
    must(game, settled == expected);
}

static void do_extend(struct game *game)
{
    const char *owner = some_owner(game);
    int64_t lease_us = some_time(game);
    assert_ok(queue_extend(game->fixture->store, slice_from(owner), lease_us));
    for (size_t i = 0; i < game->model.count; i++)
        for (size_t j = 0; j < game->model.messages[i].count; j++) {
            struct model_recipient *one = &game->model.messages[i].recipients[j];
            if (one->state == QUEUE_TAKEN && strcmp(one->owner, owner) == 0)
                one->lease_us = lease_us;
        }
}

static void do_recover(struct game *game)
{
    int64_t before_us = one_in(game, 4) ? INT64_MAX : some_time(game), prepared_us = some_time(game);
    assert_ok(queue_recover(game->fixture->store, before_us, prepared_us));
    for (size_t i = game->model.count; i-- > 0;) {
        struct model_message *message = &game->model.messages[i];
        bool dropped = false;
        for (size_t j = 0; j < message->count; j++) {
            struct model_recipient *one = &message->recipients[j];
            if (one->state == QUEUE_TAKEN && one->lease_us < before_us)
                one->state = QUEUE_WAITING;
            dropped |= one->state == QUEUE_PREPARED && one->changed_us < prepared_us;
        }
        if (dropped)
            model_delete(&game->model, message);
    }
}

/* --- for people --- */

static void compare_item(struct game *game, const struct queue_filter *filter,
                         const struct model_message *message, const struct queue_item *item)
{
    size_t found = 0;
    must(game, item->message == message->number);
    compare_envelope(game, &item->envelope, &message->envelope);
    for (size_t i = 0; i < message->count; i++) {
        const struct model_recipient *expected = &message->recipients[i];
        if (!model_meets(message, expected, filter))
            continue;
        must(game, found < item->count);
        compare_recipient(game, &item->recipients[found].taken, &expected->taken);
        must(game, item->recipients[found].state == expected->state);
        must(game, item->recipients[found].changed_us == expected->changed_us);
        found++;
    }
    must(game, found == item->count);
}

static bool any_meets(const struct model_message *message, const struct queue_filter *filter)
{
    for (size_t i = 0; i < message->count; i++)
        if (model_meets(message, &message->recipients[i], filter))
            return true;
    return false;
}

static void compare_list(struct game *game, const struct queue_filter *filter, int64_t after, size_t limit)
{
    struct queue_item *items;
    size_t count, found = 0;
    assert_ok(queue_list(game->fixture->store, filter, after, limit, game->arena, &items, &count));
    for (size_t i = 0; i < game->model.count && found < limit; i++) {
        const struct model_message *message = &game->model.messages[i];
        if (message->number <= after || !any_meets(message, filter))
            continue;
        must(game, found < count);
        compare_item(game, filter, message, &items[found++]);
    }
    must(game, found == count);
}

static void do_list(struct game *game)
{
    struct queue_filter filter = some_filter(game);
    int64_t after = one_in(game, 2) ? 0 : game->last_number - (int64_t)below(game, 60);
    compare_list(game, &filter, after, 1 + below(game, 20));
}

static void compare_everything(struct game *game)
{
    struct queue_filter filter = {.states = ALL_STATES};
    compare_list(game, &filter, 0, MODEL_MESSAGES + 1);
}

/* Whether it is the group of this recipient. */
static bool is_of_cause(const struct queue_cause *cause, const struct model_recipient *recipient)
{
    return cause->reply.code == recipient->taken.last.code &&
           slice_eq(cause->destination, recipient->taken.recipient.destination);
}

/* One group, as the recipients that meet the filter make it up. */
static uint64_t compare_cause(struct game *game, const struct queue_filter *filter,
                              const struct queue_cause *cause)
{
    uint64_t count = 0;
    int64_t oldest_us = INT64_MAX, due_us = INT64_MAX, newest_us = INT64_MIN;
    bool has_reply = false;
    for (size_t i = 0; i < game->model.count; i++)
        for (size_t j = 0; j < game->model.messages[i].count; j++) {
            const struct model_message *message = &game->model.messages[i];
            const struct model_recipient *one = &message->recipients[j];
            if (!model_meets(message, one, filter) || !is_of_cause(cause, one))
                continue;
            count++;
            oldest_us = MIN_OF(oldest_us, message->envelope.received_us);
            if (one->state == QUEUE_WAITING)
                due_us = MIN_OF(due_us, one->taken.recipient.due_us);
            has_reply = one->changed_us > newest_us ? false : has_reply; /* several may be the newest */
            newest_us = MAX_OF(newest_us, one->changed_us);
            has_reply |= one->changed_us == newest_us && same_reply(&one->taken.last, &cause->reply);
        }
    must(game, count == cause->recipients && oldest_us == cause->oldest_us && due_us == cause->due_us);
    must(game, has_reply);
    return count;
}

static void do_causes(struct game *game)
{
    struct queue_filter filter = some_filter(game);
    size_t limit = one_in(game, 2) ? 100 : 1 + below(game, 4), count;
    struct queue_cause *causes;
    uint64_t sum = 0, all = 0;
    assert_ok(queue_causes(game->fixture->store, &filter, limit, game->arena, &causes, &count));
    must(game, count <= limit);
    for (size_t i = 0; i < count; i++) {
        sum += compare_cause(game, &filter, &causes[i]);
        if (i > 0) {
            int order = slice_cmp(causes[i - 1].destination, causes[i].destination);
            must(game, causes[i - 1].recipients > causes[i].recipients ||
                           (causes[i - 1].recipients == causes[i].recipients &&
                            (order < 0 || (order == 0 && causes[i - 1].reply.code < causes[i].reply.code))));
        }
    }
    for (size_t i = 0; i < game->model.count; i++)
        for (size_t j = 0; j < game->model.messages[i].count; j++)
            all += model_meets(&game->model.messages[i], &game->model.messages[i].recipients[j], &filter);
    must(game, count == limit ? sum <= all : sum == all);
}

static void do_change(struct game *game)
{
    struct queue_filter filter = some_filter(game);
    enum queue_action action = (enum queue_action)below(game, QUEUE_ROUTE + 1);
    struct slice destination = one_in(game, 20) ? SLICE_EMPTY : some_destination(game);
    bool good = action != QUEUE_ROUTE || destination.len > 0;
    uint64_t count = 0, expected = 0;
    if (action == QUEUE_REMOVE && filter.id.len == 0 && !one_in(game, 4))
        filter.id = some_id(game);                 /* else not much would be left */
    if (action == QUEUE_REMOVE && one_in(game, 2)) /* of a message some */
        filter.recipient = slice_from(any_of(game, model_addresses));
    must(game, queue_change(game->fixture->store, &filter, action, destination, game->now_us, &count) ==
                   (good ? ERR_OK : ERR_SYNTAX));
    for (size_t i = 0; i < game->model.count && good; i++) {
        struct model_message *message = &game->model.messages[i];
        for (size_t j = 0; j < message->count; j++) {
            struct model_recipient *one = &message->recipients[j];
            if (model_meets(message, one, &filter) && (BIT(one->state) & model_changeable(action))) {
                model_change_one(one, action, destination, game->now_us);
                expected++;
            }
        }
        if (action == QUEUE_REMOVE)
            model_note_over(message, game->now_us);
    }
    must(game, count == expected);
}

/* By the letters of both: the same for the model and the store. */
static struct slice rerouted(void *data, struct slice now, struct slice address, struct arena *arena)
{
    size_t which = (now.len + address.len + *(const size_t *)data) % (ARRAY_LEN(model_destinations) + 1);
    return which == ARRAY_LEN(model_destinations) ? SLICE_EMPTY
                                                  : arena_copy(arena, slice_from(model_destinations[which]));
}

static void do_reroute(struct game *game)
{
    struct queue_filter filter = some_filter(game);
    size_t shift = below(game, 10);
    struct queue_router router = {rerouted, &shift};
    uint64_t count, expected = 0;
    assert_ok(queue_reroute(game->fixture->store, &filter, &router, game->now_us, &count));
    for (size_t i = 0; i < game->model.count; i++)
        for (size_t j = 0; j < game->model.messages[i].count; j++) {
            struct model_recipient *one = &game->model.messages[i].recipients[j];
            struct queue_recipient *recipient = &one->taken.recipient;
            if (!model_meets(&game->model.messages[i], one, &filter) ||
                !(BIT(one->state) & model_changeable(QUEUE_ROUTE)))
                continue;
            struct slice wanted = rerouted(&shift, recipient->destination, recipient->address, game->arena);
            for (size_t k = 0; k < ARRAY_LEN(model_destinations); k++)
                if (wanted.len > 0 && slice_eq(wanted, slice_from(model_destinations[k])) &&
                    !slice_eq(wanted, recipient->destination)) {
                    model_change_one(one, QUEUE_ROUTE, slice_from(model_destinations[k]), game->now_us);
                    expected++;
                    break;
                }
        }
    must(game, count == expected);
}

static bool is_there(struct game *game, const struct model_message *message)
{
    struct queue_filter filter = {.id = message->envelope.id, .states = ALL_STATES};
    struct queue_item *items;
    size_t count;
    assert_ok(queue_list(game->fixture->store, &filter, 0, 1, game->arena, &items, &count));
    return count > 0;
}

/* With a limit it says itself which of them are gone. */
static void do_forget(struct game *game)
{
    int64_t before_us = game->now_us - (int64_t)below(game, 400) * SECOND;
    size_t limit = 1 + below(game, 8), count, may = 0, gone = 0;
    assert_ok(queue_forget(game->fixture->store, before_us, limit, &count));
    for (size_t i = game->model.count; i-- > 0;) {
        struct model_message *message = &game->model.messages[i];
        if (!message->over_us || message->over_us >= before_us)
            continue;
        may++;
        if (!is_there(game, message)) {
            model_delete(&game->model, message);
            gone++;
        }
    }
    must(game, count == MIN_OF(limit, may) && gone == count);
}

static void do_count(struct game *game)
{
    struct queue_figures figures, expected = {0};
    assert_ok(queue_count(game->fixture->store, &figures));
    for (size_t i = 0; i < game->model.count; i++) {
        const struct model_message *message = &game->model.messages[i];
        for (size_t j = 0; j < message->count; j++)
            expected.recipients[message->recipients[j].state]++;
        if (message->over_us)
            continue;
        int64_t received_us = message->envelope.received_us;
        expected.messages++;
        expected.bytes += message->envelope.size;
        expected.oldest_us = expected.oldest_us ? MIN_OF(expected.oldest_us, received_us) : received_us;
    }
    must(game, memcmp(figures.recipients, expected.recipients, sizeof(expected.recipients)) == 0);
    must(game, figures.messages == expected.messages && figures.bytes == expected.bytes);
    must(game, figures.oldest_us == expected.oldest_us);
}

/* As another process would find it; a store in memory is there as long as somebody has it open. */
static void do_reopen(struct game *game)
{
    struct store *before = game->fixture->store;
    open_store(game->fixture);
    store_close(before);
    compare_everything(game);
}

/* --- the game --- */

static const struct {
    const char *name;
    void (*run)(struct game *game);
    unsigned share;
} commands[] = {
    {"add", do_add, 20},        {"confirm", do_confirm, 6}, {"cancel", do_cancel, 5},
    {"due", do_due, 12},        {"claim", do_claim, 26},    {"settle", do_settle, 20},
    {"extend", do_extend, 2},   {"recover", do_recover, 2}, {"open", do_open, 5},
    {"list", do_list, 10},      {"causes", do_causes, 8},   {"change", do_change, 8},
    {"reroute", do_reroute, 2}, {"forget", do_forget, 8},   {"count", do_count, 5},
};

static void play(struct game *game)
{
    unsigned all = 0;
    size_t which = 0;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        all += commands[i].share;
    for (size_t turn = below(game, all); turn >= commands[which].share; which++)
        turn -= commands[which].share;
    game->doing = commands[which].name;
    commands[which].run(game);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    uint64_t value = otherwise;
    const char *text = getenv(name);
    return text && slice_to_u64(slice_from(text), UINT64_MAX, &value) ? value : otherwise;
}

static void queue_agrees_with_the_model(void **state)
{
    struct fixture *fixture = *state;
    uint64_t seed = from_environment("MODEL_SEED", 5321) | 1;
    uint64_t steps = from_environment("MODEL_COMMANDS", MODEL_COMMANDS);
    struct game *game = calloc(1, sizeof(*game));
    print_message("# MODEL_SEED=%llu MODEL_COMMANDS=%llu\n", (unsigned long long)seed,
                  (unsigned long long)steps);
    *game = (struct game){
        .fixture = fixture, .arena = &fixture->arena, .random = seed * 0x9e3779b97f4a7c15u, .now_us = START};
    for (game->command = 1; game->command <= steps; game->command++) {
        game->now_us += (int64_t)(1 + below(game, 20)) * SECOND;
        play(game);
        if (game->command % 50 == 0)
            compare_everything(game);
        if (game->command % 2000 == 0)
            do_reopen(game);
        arena_reset(&fixture->arena);
    }
    free(game);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queue_agrees_with_the_model, set_up_empty, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
