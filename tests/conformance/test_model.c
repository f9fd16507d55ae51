/* SPDX-License-Identifier: ISC */
/*
 * Random batches against a simple model (model.h). After every few of them all that a snapshot shows is
 * compared. The seed is printed; MODEL_SEED and MODEL_OPERATIONS choose others.
 */
#include "model.h"

#include <time.h>

struct game {
    struct fixture *fixture;
    struct account *account;
    struct model *model, *next; /* the batch works on `next` */
    uint64_t random;
    size_t step;
    struct sealed sealed[MODEL_TEXTS];
    size_t sizes[MODEL_TEXTS];
    struct arena arena; /* of one batch */
    const char *log[8]; /* what the batch does */
    size_t log_count;
};

/* --- chance --- */

static uint64_t next_random(struct game *game)
{
    game->random ^= game->random << 13; /* xorshift64 */
    game->random ^= game->random >> 7;
    game->random ^= game->random << 17;
    return game->random;
}

static size_t below(struct game *game, size_t n)
{
    return (size_t)(next_random(game) >> 11) % n;
}

static bool one_in(struct game *game, size_t n)
{
    return below(game, n) == 0;
}

static const char *any_name(struct game *game)
{
    static const char *const names[] = {"a",   "a/x", "a/x/p", "a/y",     "b",   "b/x",
                                        "c/d", "c",   "Sent",  "INBOX/k", "a b", "\xc3\xa4/\xc3\xb6"};
    return names[below(game, ARRAY_LEN(names))];
}

/* Mostly one that is there. In the batch's arena: the model moves. */
static const char *some_mailbox(struct game *game)
{
    const char *name = one_in(game, 12)  ? any_name(game)
                       : one_in(game, 4) ? "INBOX"
                                         : game->next->mailboxes[below(game, game->next->count)].name;
    return arena_cstr(&game->arena, slice_from(name));
}

/* Ranges over the UIDs that there are or were, now and then beyond. */
static struct uid_set some_uids(struct game *game, const char *name)
{
    struct model_mailbox *mailbox = model_find(game->next, name);
    uint32_t end = mailbox ? mailbox->uidnext + 2 : 5, uid = 0;
    uint32_t begin = mailbox && mailbox->count && !one_in(game, 6) ? mailbox->messages[0].uid : 1;
    struct uid_set_writer writer = {0};
    if (one_in(game, 10)) {
        return uid_set_all;
    }
    uid = begin + (uint32_t)below(game, end - begin + 1);
    for (size_t i = below(game, 4); i < 4 && uid < end; i++) {
        uint32_t last = uid + (uint32_t)below(game, 3);
        uid_set_add_range(&writer, (struct uid_range){uid, last});
        uid = last + 2 + (uint32_t)below(game, 4);
    }
    return uid_set_take(&writer, &game->arena);
}

static const struct slice *some_words(struct game *game, unsigned *mask_r, size_t *count_r)
{
    struct slice *words = arena_array(&game->arena, struct slice, MODEL_WORDS);
    *count_r = 0;
    *mask_r = one_in(game, 2) ? 0 : (unsigned)below(game, 1u << MODEL_WORDS) & (unsigned)next_random(game);
    for (size_t i = 0; i < MODEL_WORDS; i++) {
        if (*mask_r >> i & 1) {
            words[(*count_r)++] = model_words[i];
        }
    }
    return words;
}

static void say(struct game *game, const char *what)
{
    game->log[game->log_count++] = what;
}

/* --- operations: each is made, and done to the model --- */

struct move {
    struct batch_operation operation;
    enum err expected;
    /* What FLAGS, EXPUNGE, COPY are to answer; in the batch's arena. */
    bool has_sets;
    struct uid_set source, changed, failed;
};

static struct uid_set take_set(struct game *game, struct uid_set_writer *writer)
{
    return uid_set_take(writer, &game->arena);
}

static void do_append(struct game *game, struct move *move, size_t index)
{
    const char *name = some_mailbox(game);
    struct model_mailbox *mailbox = model_find(game->next, name);
    struct model_message message = {.text = (int)below(game, MODEL_TEXTS), .result = index + 1};
    struct batch_operation *operation = &move->operation;
    *operation = append_to(name, &game->sealed[message.text]);
    message.flags = operation->append.flags = (uint32_t)below(game, 32);
    message.date = operation->append.internal_date_us =
        one_in(game, 4) ? 0 : (int64_t)below(game, 1u << 30) * 1000;
    operation->append.keywords = some_words(game, &message.words, &operation->append.keyword_count);
    say(game, arena_printf(&game->arena, "append %s", name));
    move->expected = !mailbox                                                                 ? ERR_NOT_FOUND
                     : !model_has_room(game->next, game->sizes, 1, game->sizes[message.text]) ? ERR_OVER_QUOTA
                                                                                              : ERR_OK;
    if (!move->expected) {
        model_put(game->next, mailbox, message);
    }
}

static uint64_t size_of_chosen(struct game *game, const struct model_mailbox *mailbox, struct uid_set set,
                               size_t *count_r)
{
    uint64_t bytes = 0;
    *count_r = 0;
    for (size_t i = 0; i < mailbox->count; i++) {
        if (uid_set_has(&set, mailbox->messages[i].uid)) {
            bytes += game->sizes[mailbox->messages[i].text];
            (*count_r)++;
        }
    }
    return bytes;
}

static void do_copy(struct game *game, struct move *move, bool is_move)
{
    const char *from = some_mailbox(game), *to = some_mailbox(game);
    struct model_mailbox *source = model_find(game->next, from), *target = model_find(game->next, to);
    struct uid_set set = some_uids(game, from);
    struct uid_set_writer done = {0};
    size_t count = 0;
    uint64_t bytes = source ? size_of_chosen(game, source, set, &count) : 0;
    if (target && target->count + count > MODEL_MESSAGES) { /* no room in the model */
        set = (struct uid_set){0};
        bytes = count = 0;
    }
    move->operation = operation_on(is_move ? BATCH_MOVE : BATCH_COPY, from);
    move->operation.copy = (struct batch_copy){.uids = set, .target = named(to)};
    say(game, arena_printf(&game->arena, "%s %s %s to %s", is_move ? "move" : "copy", from,
                           set_text(game->fixture, set), to));
    move->expected = !source || !target ? ERR_NOT_FOUND : ERR_OK;
    if (!move->expected && !is_move && count && !model_has_room(game->next, game->sizes, count, bytes)) {
        move->expected = ERR_OVER_QUOTA;
    }
    if (move->expected) {
        return;
    }
    struct model_message chosen[MODEL_MESSAGES];
    size_t n = 0;
    for (size_t i = 0; i < source->count; i++) {
        if (uid_set_has(&set, source->messages[i].uid)) {
            chosen[n++] = source->messages[i];
        }
    }
    for (size_t i = 0; i < n; i++) {
        uid_set_add(&done, chosen[i].uid);
        if (is_move) { /* the new row comes behind all others, so this order is the same */
            model_take(game->next, source, chosen[i].uid);
        }
        model_put(game->next, target, chosen[i]);
    }
    move->has_sets = true;
    move->source = take_set(game, &done);
}

static void do_flags(struct game *game, struct move *move)
{
    const char *name = some_mailbox(game);
    struct model_mailbox *mailbox = model_find(game->next, name);
    struct batch_operation *operation = &move->operation;
    struct uid_set_writer changed = {0}, failed = {0};
    unsigned words = 0;
    *operation = operation_on(BATCH_FLAGS, name);
    struct batch_flags *flags = &operation->flags;
    flags->uids = some_uids(game, name);
    flags->change = (enum batch_flag_change)below(game, 3);
    flags->flags = (uint32_t)below(game, 32) & (uint32_t)next_random(game);
    flags->keywords = some_words(game, &words, &flags->keyword_count);
    if (one_in(game, 3)) {
        flags->unchanged_since = game->model->modseq - below(game, MIN_OF(game->model->modseq, 20u));
    }
    flags->never = one_in(game, 30);
    say(game, arena_printf(&game->arena, "flags %s %s %d %u/%x since %llu", name,
                           set_text(game->fixture, flags->uids), (int)flags->change, flags->flags, words,
                           (unsigned long long)flags->unchanged_since));
    move->expected = mailbox ? ERR_OK : ERR_NOT_FOUND;
    for (size_t i = 0; mailbox && i < mailbox->count; i++) {
        struct model_message *message = &mailbox->messages[i];
        if (!uid_set_has(&flags->uids, message->uid)) {
            continue;
        }
        if (flags->never || (flags->unchanged_since && message->modseq > flags->unchanged_since)) {
            uid_set_add(&failed, message->uid);
            continue;
        }
        uint32_t new_flags = flags->change == FLAGS_ADD      ? message->flags | flags->flags
                             : flags->change == FLAGS_REMOVE ? message->flags & ~flags->flags
                                                             : flags->flags;
        unsigned new_words = flags->change == FLAGS_ADD      ? message->words | words
                             : flags->change == FLAGS_REMOVE ? message->words & ~words
                                                             : words;
        if (new_flags != message->flags || new_words != message->words) {
            message->flags = new_flags;
            message->words = new_words;
            message->modseq = MODSEQ_NOW;
            model_touch(game->next, mailbox);
            uid_set_add(&changed, message->uid);
        }
    }
    move->has_sets = true;
    move->changed = take_set(game, &changed);
    move->failed = take_set(game, &failed);
}

static void do_expunge(struct game *game, struct move *move)
{
    const char *name = some_mailbox(game);
    struct model_mailbox *mailbox = model_find(game->next, name);
    struct uid_set_writer gone = {0};
    move->operation = operation_on(BATCH_EXPUNGE, name);
    move->operation.expunge.uids = some_uids(game, name);
    move->operation.expunge.deleted_only = !one_in(game, 4);
    say(game, arena_printf(&game->arena, "expunge %s %s%s", name,
                           set_text(game->fixture, move->operation.expunge.uids),
                           move->operation.expunge.deleted_only ? " deleted" : ""));
    move->expected = mailbox ? ERR_OK : ERR_NOT_FOUND;
    for (size_t i = 0; mailbox && i < mailbox->count;) {
        struct model_message *message = &mailbox->messages[i];
        if (uid_set_has(&move->operation.expunge.uids, message->uid) &&
            (!move->operation.expunge.deleted_only || (message->flags & MESSAGE_DELETED))) {
            uid_set_add(&gone, message->uid);
            model_take(game->next, mailbox, message->uid);
        } else {
            i++;
        }
    }
    move->has_sets = true;
    move->changed = take_set(game, &gone);
}

static void do_create(struct game *game, struct move *move)
{
    const char *name = any_name(game);
    move->operation = operation_on(BATCH_MAILBOX_CREATE, name);
    move->operation.create.subscribed = one_in(game, 2);
    say(game, arena_printf(&game->arena, "create %s", name));
    if (model_find(game->next, name)) {
        move->expected = ERR_EXISTS;
        return;
    }
    model_levels_above(game->next, name);
    model_make(game->next, name);
    if (move->operation.create.subscribed) {
        model_subscribe(game->next, name, true);
    }
}

/* Names may grow by a rename: within bounds. */
static bool rename_fits(struct game *game, const char *from, const char *to)
{
    size_t longest = 0;
    for (size_t i = 0; i < game->next->count; i++) {
        longest = MAX_OF(longest, strlen(game->next->mailboxes[i].name));
    }
    for (size_t i = 0; i < game->next->subscription_count; i++) {
        longest = MAX_OF(longest, strlen(game->next->subscriptions[i]));
    }
    return longest + strlen(to) <= strlen(from) + MODEL_NAME;
}

static void do_rename(struct game *game, struct move *move)
{
    const char *from = some_mailbox(game);
    const char *to = one_in(game, 2)
                         ? any_name(game)
                         : arena_printf(&game->arena, "%s/r%d", any_name(game), (int)below(game, 3));
    if (one_in(game, 3)) { /* up in its own tree */
        struct slice name = slice_from(from);
        size_t slash = slice_find_last(name, '/');
        to = slash < name.len ? arena_cstr(&game->arena, slice_take(name, slash)) : to;
    }
    bool two_errors = model_is_below(to, from) && model_find(game->next, to); /* either may be told */
    if (two_errors || !rename_fits(game, from, to)) {
        from = "none/such";
        to = "free";
    }
    move->operation = rename_of(from, to);
    say(game, arena_printf(&game->arena, "rename %s to %s", from, to));
    move->expected = model_rename(game->next, from, to);
}

static void do_small(struct game *game, struct move *move)
{
    struct batch_operation *operation = &move->operation;
    size_t which = below(game, MODEL_ENTRIES);
    int value = 1 + (int)below(game, 1000);
    struct slice name = slice_from(arena_printf(&game->arena, "n%zu", which));
    struct slice text = slice_from(arena_printf(&game->arena, "%d", value));
    struct model *model = game->next;
    switch (below(game, 6)) {
    case 0:
        *operation = (struct batch_operation){.kind = BATCH_ANNOTATE};
        operation->annotate.entry = slice_from(arena_printf(&game->arena, "/private/n%zu", which));
        operation->annotate.value = text;
        operation->annotate.remove = one_in(game, 3);
        model->annotations[which] = operation->annotate.remove ? 0 : value;
        say(game, "annotate");
        break;
    case 1:
        *operation = (struct batch_operation){.kind = BATCH_SIEVE_PUT, .sieve = {name, text, SLICE_EMPTY}};
        model->scripts[which] = value;
        say(game, "sieve put");
        break;
    case 2:
        *operation = (struct batch_operation){.kind = BATCH_SIEVE_ACTIVATE, .sieve = {.name = name}};
        move->expected = model->scripts[which] ? ERR_OK : ERR_NOT_FOUND;
        model->active = move->expected ? model->active : (int)which + 1;
        say(game, "sieve activate");
        break;
    case 3:
        *operation = (struct batch_operation){.kind = BATCH_SIEVE_DELETE, .sieve = {.name = name}};
        move->expected = !model->scripts[which]            ? ERR_NOT_FOUND
                         : model->active == (int)which + 1 ? ERR_DENIED
                                                           : ERR_OK;
        model->scripts[which] = move->expected ? model->scripts[which] : 0;
        say(game, "sieve delete");
        break;
    case 4:
        *operation = (struct batch_operation){.kind = BATCH_QUOTA_SET};
        operation->quota.limit_messages = model->limit_messages = one_in(game, 2) ? 0 : below(game, 500);
        operation->quota.limit_bytes = model->limit_bytes = one_in(game, 2) ? 0 : below(game, 100000);
        say(game, "quota");
        break;
    default:
        *operation = operation_on(BATCH_SUBSCRIBE, any_name(game));
        operation->subscribe.subscribed = one_in(game, 2);
        if (model->subscription_count > MODEL_MAILBOXES) { /* names of mailboxes that are gone */
            *operation =
                operation_on(BATCH_SUBSCRIBE, arena_cstr(&game->arena, slice_from(model->subscriptions[0])));
            operation->subscribe.subscribed = false;
        }
        model_subscribe(model, operation->mailbox.name.data, operation->subscribe.subscribed);
        say(game, "subscribe");
        break;
    }
}

static void do_claim(struct game *game, struct move *move)
{
    const char *name = some_mailbox(game);
    struct model_mailbox *mailbox = model_find(game->next, name);
    move->operation = operation_on(BATCH_CLAIM_RECENT, name);
    move->expected = mailbox ? ERR_OK : ERR_NOT_FOUND;
    if (mailbox) {
        mailbox->first_recent = mailbox->uidnext;
    }
    say(game, arena_printf(&game->arena, "claim %s", name));
}

static bool some_mailbox_is_full(const struct model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        if (model->mailboxes[i].count + 4 > MODEL_MESSAGES) {
            return true;
        }
    }
    return false;
}

static void do_delete(struct game *game, struct move *move)
{
    const char *name = some_mailbox(game);
    move->operation = operation_on(BATCH_MAILBOX_DELETE, name);
    say(game, arena_printf(&game->arena, "delete %s", name));
    move->expected = model_delete(game->next, name);
}

static void do_something(struct game *game, struct move *move, size_t index)
{
    size_t chance = below(game, 100);
    bool may_make = game->next->count + 5 < MODEL_MAILBOXES;
    *move = (struct move){.expected = ERR_OK};
    if (some_mailbox_is_full(game->next) && chance < 40) {
        do_expunge(game, move);
    } else if (chance < 30 && !some_mailbox_is_full(game->next)) {
        do_append(game, move, index);
    } else if (chance < 40) {
        do_copy(game, move, false);
    } else if (chance < 50) {
        do_copy(game, move, true);
    } else if (chance < 68) {
        do_flags(game, move);
    } else if (chance < 76) {
        do_expunge(game, move);
    } else if (chance < 82 && may_make) {
        do_create(game, move);
    } else if (chance < 88 && may_make) {
        do_rename(game, move);
    } else if (chance < 92 || !may_make) {
        do_delete(game, move);
    } else if (chance < 94) {
        do_claim(game, move);
    } else {
        do_small(game, move);
    }
}

/* --- comparing --- */

static void explain(struct game *game)
{
    print_error("step %zu:\n", game->step);
    for (size_t i = 0; i < game->log_count; i++) {
        print_error("    %s\n", game->log[i]);
    }
}

#define expect(game, condition)     \
    do {                            \
        if (!(condition)) {         \
            explain(game);          \
            assert_true(condition); \
        }                           \
    } while (0)

static void compare_keywords(struct game *game, struct snapshot *snapshot, const struct message_page *page,
                             size_t i, const struct model_message *message)
{
    struct slice *names;
    size_t count;
    unsigned words = 0;
    assert_ok(snapshot_keywords(snapshot, &game->arena, &names, &count));
    for (size_t bit = 0; bit < count; bit++) {
        for (size_t word = 0; word < MODEL_WORDS; word++) {
            if (slice_eq_nocase(names[bit], model_words[word]) && (page->keywords[i] >> bit & 1)) {
                words |= 1u << word;
            }
        }
    }
    expect(game, words == message->words);
}

static void compare_messages(struct game *game, struct snapshot *snapshot, struct model_mailbox *mailbox)
{
    struct message_scan scan = {.mailbox_id = mailbox->id, .uids = uid_set_all};
    struct message_page page;
    message_page_init(&page, SCAN_FLAGS | SCAN_SIZE | SCAN_DATES | SCAN_GUID);
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    expect(game, page.count == mailbox->count && scan.done);
    for (size_t i = 0; i < page.count; i++) {
        struct model_message *message = &mailbox->messages[i];
        expect(game, page.uids[i] == message->uid);
        expect(game, page.flags[i] == message->flags);
        expect(game, page.modseqs[i] == message->modseq);
        expect(game, page.sizes[i] == game->sizes[message->text]);
        expect(game, memcmp(page.guids[i], message->guid, 16) == 0);
        message->date = message->date ? message->date : page.internal_dates_us[i];
        expect(game, page.internal_dates_us[i] == message->date);
        compare_keywords(game, snapshot, &page, i, message);
    }
    message_page_free(&page);
}

static void compare_vanished(struct game *game, struct snapshot *snapshot,
                             const struct model_mailbox *mailbox, uint64_t floor)
{
    uint64_t since = mailbox->gone_count ? mailbox->gone[below(game, mailbox->gone_count)].modseq : 0;
    uint32_t list[MODEL_GONE];
    struct uid_set found;
    bool complete = false;
    size_t count = 0;
    since = MAX_OF(MAX_OF(since, mailbox->gone_floor), floor);
    for (size_t i = 0; i < mailbox->gone_count; i++) {
        if (mailbox->gone[i].modseq > since) {
            size_t at = count++;
            for (; at > 0 && list[at - 1] > mailbox->gone[i].uid; at--) {
                list[at] = list[at - 1];
            }
            list[at] = mailbox->gone[i].uid;
        }
    }
    struct uid_set expected = uid_set_from_uids(&game->arena, list, count);
    assert_ok(snapshot_vanished(snapshot, mailbox->id, since, &game->arena, &found, &complete));
    expect(game, complete);
    assert_set(game->fixture, found, set_text(game->fixture, expected));
}

static void compare_uids(struct game *game, struct snapshot *snapshot, const struct model_mailbox *mailbox)
{
    struct uid_set_writer writer = {0};
    struct uid_set found;
    for (size_t i = 0; i < mailbox->count; i++) {
        uid_set_add(&writer, mailbox->messages[i].uid);
    }
    struct uid_set expected = uid_set_take(&writer, &game->arena);
    assert_ok(snapshot_uids(snapshot, mailbox->id, &game->arena, &found));
    assert_set(game->fixture, found, set_text(game->fixture, expected));
}

static void compare_mailbox(struct game *game, struct snapshot *snapshot, const struct mailbox_entry *entry)
{
    struct model_mailbox *mailbox = model_find(game->model, arena_cstr(&game->arena, entry->name));
    expect(game, mailbox != NULL);
    mailbox->id = mailbox->id ? mailbox->id : entry->status.id;
    mailbox->uidvalidity = mailbox->uidvalidity ? mailbox->uidvalidity : entry->status.uidvalidity;
    expect(game, entry->status.id == mailbox->id);
    expect(game, entry->status.uidvalidity == mailbox->uidvalidity);
    expect(game, entry->status.uidnext == mailbox->uidnext);
    expect(game, entry->status.highestmodseq == mailbox->modseq);
    expect(game, entry->status.first_recent == mailbox->first_recent);
    expect(game, entry->status.messages == mailbox->count);
    expect(game, entry->subscribed == (model_subscription(game->model, mailbox->name) >= 0));
    compare_messages(game, snapshot, mailbox);
    compare_uids(game, snapshot, mailbox);
    compare_vanished(game, snapshot, mailbox, entry->status.vanished_floor);
}

static void compare_rest(struct game *game, struct snapshot *snapshot)
{
    struct slice *names;
    struct annotation *annotations;
    struct sieve_entry *scripts;
    struct quota_state quota;
    size_t count, expected = 0, used = 0;
    uint64_t messages, bytes;
    assert_ok(snapshot_subscriptions(snapshot, &game->arena, &names, &count));
    expect(game, count == game->model->subscription_count);
    assert_ok(snapshot_annotations(snapshot, 0, &game->arena, &annotations, &count));
    for (size_t i = 0; i < MODEL_ENTRIES; i++) { /* both are sorted */
        if (game->model->annotations[i]) {
            expect(game, expected < count);
            expect(game, slice_eq(annotations[expected++].value,
                                  slice_from(arena_printf(&game->arena, "%d", game->model->annotations[i]))));
        }
    }
    expect(game, expected == count);
    assert_ok(snapshot_sieve_list(snapshot, &game->arena, &scripts, &count));
    for (size_t i = 0; i < MODEL_ENTRIES; i++) {
        if (game->model->scripts[i]) {
            expect(game, used < count);
            expect(game, scripts[used++].active == (game->model->active == (int)i + 1));
        }
    }
    expect(game, used == count);
    model_usage(game->model, game->sizes, &messages, &bytes);
    assert_ok(snapshot_quota(snapshot, &quota));
    expect(game, quota.messages == messages && quota.bytes == bytes);
    expect(game, quota.limit_messages == game->model->limit_messages);
    expect(game, quota.limit_bytes == game->model->limit_bytes);
}

static void compare_all(struct game *game)
{
    struct mailbox_entry *list;
    size_t count;
    struct snapshot *snapshot = open_snapshot(game->account);
    assert_ok(snapshot_mailboxes(snapshot, &game->arena, &list, &count));
    expect(game, count == game->model->count);
    expect(game, snapshot_modseq(snapshot) == game->model->modseq);
    for (size_t i = 0; i < count; i++) {
        compare_mailbox(game, snapshot, &list[i]);
    }
    compare_rest(game, snapshot);
    snapshot_close(snapshot);
}

/* A body or two from anywhere. */
static void compare_body(struct game *game)
{
    struct model_mailbox *mailbox = &game->model->mailboxes[below(game, game->model->count)];
    if (mailbox->count && mailbox->id) {
        struct model_message *message = &mailbox->messages[below(game, mailbox->count)];
        struct slice text = read_message(game->fixture, game->account, mailbox->id, message->uid);
        expect(game, text.len == game->sizes[message->text] && text.data[9] == '0' + message->text);
    }
}

/* --- playing --- */

/* What the results tell of the messages that came. */
static void learn(struct game *game, const struct batch_operation *operations)
{
    for (size_t i = 0; i < game->next->count; i++) {
        struct model_mailbox *mailbox = &game->next->mailboxes[i];
        for (size_t j = 0; j < mailbox->count; j++) {
            struct model_message *message = &mailbox->messages[j];
            if (message->result) {
                memcpy(message->guid, operations[message->result - 1].result.guid, 16);
                message->result = 0;
            }
        }
    }
}

static void check_set(struct game *game, struct uid_set set, struct uid_set expected)
{
    const char *text = set_text(game->fixture, expected);
    if (strcmp(set_text(game->fixture, set), text) != 0) {
        explain(game);
    }
    assert_set(game->fixture, set, text);
}

static void check_results(struct game *game, const struct move *moves,
                          const struct batch_operation *operations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (moves[i].has_sets) {
            check_set(game, operations[i].result.source, moves[i].source);
            check_set(game, operations[i].result.changed, moves[i].changed);
            check_set(game, operations[i].result.failed, moves[i].failed);
        }
    }
}

static void play_batch(struct game *game)
{
    struct move moves[4];
    struct batch_operation operations[4];
    size_t count = one_in(game, 2) ? 1 : 2 + below(game, 3), made = 0;
    enum err expected = ERR_OK;
    *game->next = *game->model;
    game->log_count = 0;
    while (made < count && !expected) {
        do_something(game, &moves[made], made);
        operations[made] = moves[made].operation;
        expected = moves[made++].expected;
    }
    enum err err = batch_commit(game->account, operations, made, &game->arena);
    if (err != expected) {
        explain(game);
        print_error("expected: %s, came: %s\n", err_text(expected), err_text(err));
    }
    assert_err(err, expected);
    struct snapshot *snapshot = open_snapshot(game->account);
    uint64_t modseq = snapshot_modseq(snapshot);
    snapshot_close(snapshot);
    if (err) {
        expect(game, modseq == game->model->modseq);
        return;
    }
    check_results(game, moves, operations, made);
    expect(game, modseq > game->model->modseq || (modseq == game->model->modseq && !game->next->changed));
    learn(game, operations);
    model_settle(game->next, modseq);
    struct model *swap = game->model;
    game->model = game->next;
    game->next = swap;
}

/* What directory_user_add made. */
static void learn_first_mailboxes(struct game *game)
{
    struct snapshot *snapshot = open_snapshot(game->account);
    struct mailbox_entry *list;
    size_t count;
    assert_ok(snapshot_mailboxes(snapshot, &game->arena, &list, &count));
    for (size_t i = 0; i < count; i++) {
        const char *name = arena_cstr(&game->arena, list[i].name);
        struct model_mailbox *mailbox = model_make(game->model, name);
        mailbox->modseq = list[i].status.highestmodseq;
        mailbox->id = list[i].status.id;
        model_subscribe(game->model, name, true);
    }
    model_settle(game->model, snapshot_modseq(snapshot));
    snapshot_close(snapshot);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    uint64_t value = otherwise;
    const char *text = getenv(name);
    return text && slice_to_u64(slice_from(text), UINT64_MAX, &value) ? value : otherwise;
}

static void store_agrees_with_the_model(void **state)
{
    struct fixture *fixture = *state;
    uint64_t seed = from_environment("MODEL_SEED", (uint64_t)time(NULL)) | 1;
    uint64_t steps = from_environment("MODEL_OPERATIONS", 1500); /* batches of some two operations */
    struct game game = {.fixture = fixture, .account = open_account(fixture, ALICE), .random = seed};
    print_message("# MODEL_SEED=%llu\n", (unsigned long long)seed);
    game.model = calloc(1, sizeof(struct model));
    game.next = calloc(1, sizeof(struct model));
    for (int i = 0; i < MODEL_TEXTS; i++) {
        const char *text = arena_printf(&fixture->arena, "Subject: %d\r\n\r\n%0*d\r\n", i, 1 + 37 * i, i);
        game.sealed[i] = seal(fixture, slice_from(text));
        game.sizes[i] = strlen(text);
    }
    learn_first_mailboxes(&game);
    for (game.step = 1; game.step <= steps; game.step++) {
        play_batch(&game);
        if (game.step % 7 == 0 || game.step == steps) {
            compare_all(&game);
            compare_body(&game);
        }
        arena_reset(&game.arena);
        if (game.step % 100 == 0) {
            arena_reset(&fixture->arena); /* the bodies' summaries stand in it */
            for (int i = 0; i < MODEL_TEXTS; i++) {
                blob_free(game.sealed[i].blob);
                const char *text =
                    arena_printf(&fixture->arena, "Subject: %d\r\n\r\n%0*d\r\n", i, 1 + 37 * i, i);
                game.sealed[i] = seal(fixture, slice_from(text));
            }
        }
    }
    for (int i = 0; i < MODEL_TEXTS; i++) {
        blob_free(game.sealed[i].blob);
    }
    arena_free(&game.arena);
    free(game.model);
    free(game.next);
    account_close(game.account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {conformance_test(store_agrees_with_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
