/* SPDX-License-Identifier: ISC */
/*
 * Several sessions at the same moment: who came first nobody can say from outside. While it blows, each
 * client's view is only kept by the rules of numbers; afterwards the truth is read from the store, and all
 * views must agree with it once everybody was told of everything.
 */
#include "storage/snapshot.h"

#include "../../unit/storage/fixture.h"
#include "store_compare.h"

#define STORM_MOVES 3

/* Or one session, and the store fails under it: who is told NO must find nothing changed. */
struct storm {
    struct game *game;
    struct client *clients[GAME_CLIENTS];
    struct move moves[GAME_CLIENTS][STORM_MOVES];
    size_t move_counts[GAME_CLIENTS];
    size_t count;
    struct account *account;
    bool has_fault, refused;
    uint64_t modseq; /* before it */
    uint32_t tick;
    uint64_t *new_modseqs; /* what came after that; sorted */
    size_t modseq_count, modseq_room;
};

/* --- the rules of numbers --- */

static void remove_entry(struct client *client, size_t at)
{
    struct entry *entry = &client->view[at];
    memmove(entry, entry + 1, (--client->count - at) * sizeof(*entry));
}

static void check_may_expunge(struct client *client)
{
    if (client->move->traits & MOVE_NUMBERS)
        game_fail(client, "no expunge during FETCH, STORE and SEARCH (RFC 3501 section 7.4.1)");
}

/* Of a message whose UID was not told yet, which stands in the view with 0: behind all that have lower ones.
 */
static struct entry *unknown_entry(struct client *client, uint32_t uid)
{
    struct entry *found = NULL;
    for (size_t i = client->count; i-- > 0;) {
        struct entry *entry = &client->view[i];
        if (entry->uid && entry->uid < uid)
            break;
        found = entry->uid ? found : entry;
    }
    return found;
}

static void apply_vanished(struct client *client, const struct reply *reply)
{
    for (size_t i = 0; i < reply->set.count && !reply->earlier; i++) {
        for (uint32_t uid = reply->set.ranges[i].first; uid <= reply->set.ranges[i].last; uid++) {
            struct entry *entry = view_entry(client, uid);
            entry = entry ? entry : unknown_entry(client, uid);
            if (!entry)
                game_fail(client, "VANISHED of messages that the client has; not %u", uid);
            remove_entry(client, (size_t)(entry - client->view));
        }
    }
}

static void apply_exists(struct client *client, const struct reply *reply)
{
    if (reply->number < client->count)
        game_fail(client, "EXISTS of at least %zu (RFC 3501 section 7.3.1)", client->count);
    while (client->count < reply->number)
        view_add(client, 0);
}

static void apply_fetch(struct client *client, const struct reply *reply)
{
    const struct reply_fetch *fetch = &reply->fetch;
    bool recent;
    if (reply->number > client->count)
        game_fail(client, "the number of a message that is there: 1 to %zu", client->count);
    struct entry *entry = &client->view[reply->number - 1];
    if ((fetch->has & REPLY_UID) && entry->uid && fetch->uid != entry->uid)
        game_fail(client, "message %llu to have UID %u", (unsigned long long)reply->number, entry->uid);
    if (fetch->has & REPLY_UID)
        entry->uid = fetch->uid;
    if (fetch->has & REPLY_FLAGS) {
        view_read_flags(client, &fetch->flags, &entry->flags, &entry->words, &recent);
        entry->knows_flags = true;
    }
}

static void apply(struct client *client, const struct reply *reply)
{
    if ((reply_is(reply, "BYE") && !client->may_close) || reply_is(reply, "BAD"))
        game_fail(client, "no BYE and no BAD");
    if (reply_is(reply, "EXPUNGE")) {
        check_may_expunge(client);
        if (reply->number > client->count)
            game_fail(client, "the number of a message that is there: 1 to %zu", client->count);
        remove_entry(client, reply->number - 1);
    } else if (reply_is(reply, "VANISHED")) {
        if (!reply->earlier)
            check_may_expunge(client);
        apply_vanished(client, reply);
    } else if (reply_is(reply, "EXISTS")) {
        apply_exists(client, reply);
    } else if (reply_is(reply, "FETCH")) {
        apply_fetch(client, reply);
    } else if (reply_is(reply, "FLAGS")) {
        unsigned flags;
        bool recent;
        view_read_flags(client, &reply->words, &flags, &client->known_words, &recent);
    }
}

static void receive(struct client *client, struct move *move)
{
    const struct reply *reply;
    client_next(client);
    client->move = move;
    while ((reply = client_read(client)) && reply->kind != REPLY_TAGGED)
        apply(client, reply);
    client->move = NULL;
    client->end = reply;
    if (!reply) { /* the session ended: what it was about to say is not known */
        client_hang_up(client);
        return;
    }
    if (!slice_eq(reply->tag, slice_from(move->tag)))
        game_fail(client, "the tag %s", move->tag);
    /* A number that was not there when it was asked for. */
    if (reply_is(reply, "BAD") && !(move->traits & MOVE_BY_NUMBER))
        game_fail(client, "OK or NO");
}

/* --- the storm --- */

static const struct kind *const storm_kinds[] = {
    &kind_noop, &kind_fetch,   &kind_fetch_body,  &kind_store, &kind_store, &kind_store,  &kind_search,
    &kind_copy, &kind_expunge, &kind_uid_expunge, &kind_move,  &kind_move,  &kind_append, &kind_append};

static bool compose(struct client *client, struct move *move, const struct move *before)
{
    for (int attempt = 0; attempt < 30; attempt++) {
        const struct kind *kind = storm_kinds[below(client->game, ARRAY_LEN(storm_kinds))];
        *move = (struct move){.kind = kind, .traits = kind->traits};
        buf_init(&move->text, 1 << 22);
        /* What a silent STORE makes of flags that change at the same time its client cannot know. */
        if (game_plays(client->game, kind) && kind->compose(client, move) && !move->silent &&
            !(before && (move->traits & MOVE_BY_NUMBER) && !(before->traits & MOVE_NUMBERS)))
            return true;
        buf_free(&move->text);
    }
    return false;
}

static void gather(struct storm *storm)
{
    struct game *game = storm->game;
    size_t moves = storm->has_fault ? 1 : STORM_MOVES;
    for (size_t i = 0; i < game->client_count; i++) {
        struct client *client = &game->clients[i];
        if (client->state != CLIENT_SELECTED || (storm->has_fault && storm->count > 0))
            continue;
        size_t at = storm->count++, *count = &storm->move_counts[at];
        storm->clients[at] = client;
        client_begin(client);
        client->pipelines = true;
        while (*count < 1 + below(game, moves) && *count < moves &&
               compose(client, &storm->moves[at][*count], *count ? &storm->moves[at][*count - 1] : NULL))
            (*count)++;
    }
}

/* What OK promised is what is there, if nobody took it away again. */
static void check_promise(struct client *client, struct move *move)
{
    const struct reply_code *code = &client->end->code;
    if (move->kind != &kind_append || !reply_is(client->end, "OK"))
        return;
    move->target = mailbox_of(client, move->name);
    if (!move->target || !slice_eq(code->name, S("APPENDUID")) ||
        reply_set_size(&code->set) != move->text_count)
        game_fail(client, "[APPENDUID] with %zu UIDs", move->text_count);
    move->first_uid = code->set.ranges[0].first;
}

/* Whether nothing was done: FETCH may set \Seen and then fail to read, and what went meanwhile is no reason
 * to leave the rest alone. */
static bool is_refused(const struct reply *end, const struct move *move)
{
    return !reply_is(end, "OK") && !slice_eq(end->code.name, S("EXPUNGEISSUED")) &&
           !slice_eq(end->code.name, S("MODIFIED")) && move->kind != &kind_fetch_body;
}

static void blow(struct storm *storm)
{
    for (size_t i = 0; i < storm->count; i++)
        storm->clients[i]->may_close = storm->has_fault;
    if (storm->has_fault)
        storm->game->inject_fault(1 + below(storm->game, 8));
    for (size_t i = 0; i < storm->count; i++)
        for (size_t j = 0; j < storm->move_counts[i]; j++)
            client_send(storm->clients[i], &storm->moves[i][j]);
    for (size_t i = 0; i < storm->count; i++) {
        for (size_t j = 0; j < storm->move_counts[i]; j++) {
            receive(storm->clients[i], &storm->moves[i][j]);
            if (!storm->clients[i]->end)
                break;
            check_promise(storm->clients[i], &storm->moves[i][j]);
            storm->refused = storm->refused || is_refused(storm->clients[i]->end, &storm->moves[i][j]);
            storm->game->done++;
        }
    }
}

/* Everybody is told of everything. */
static void calm_down(struct storm *storm)
{
    if (storm->has_fault)
        storm->game->heal();
    for (size_t i = 0; i < storm->count; i++) {
        struct client *client = storm->clients[i];
        struct move move = {.expected = "OK"};
        client->pipelines = client->may_close = client->has_saved = client->holds = false;
        if (client->state != CLIENT_SELECTED)
            continue;
        client_begin(client);
        buf_init(&move.text, 100);
        buf_append(&move.text, S("NOOP"));
        client_send(client, &move);
        receive(client, &move);
        buf_free(&move.text);
    }
}

/* --- the truth afterwards --- */

static int compare_modseqs(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void note_modseq(struct storm *storm, uint64_t modseq)
{
    for (size_t i = 0; i < storm->modseq_count; i++)
        if (storm->new_modseqs[i] == modseq)
            return;
    if (modseq <= storm->modseq)
        return;
    if (storm->modseq_count == storm->modseq_room) {
        storm->modseq_room = storm->modseq_room * 2 + 64;
        storm->new_modseqs = mem_realloc_array(storm->new_modseqs, storm->modseq_room, sizeof(uint64_t));
    }
    storm->new_modseqs[storm->modseq_count++] = modseq;
}

/* The changes in the order of their MODSEQs. */
static uint32_t tick_of(const struct storm *storm, uint64_t modseq, uint32_t otherwise)
{
    for (size_t i = 0; i < storm->modseq_count; i++)
        if (storm->new_modseqs[i] == modseq)
            return storm->tick + 1 + (uint32_t)i;
    return otherwise;
}

static const struct text *read_text(struct storm *storm, int64_t mailbox, uint32_t uid)
{
    struct game *game = storm->game;
    struct blob_reader reader;
    assert_int_equal(message_open(storm->account, mailbox, uid, &reader), 0);
    char *bytes = arena_alloc(&game->scratch, reader.size + 1);
    assert_int_equal(pread(reader.fd, bytes, reader.size, 0), (ssize_t)reader.size);
    struct slice text = slice_of(bytes, reader.size);
    blob_reader_close(&reader);
    for (size_t i = 0; i < GAME_TEXTS; i++)
        if (slice_eq(game->texts[i].bytes, text))
            return &game->texts[i];
    game_fail(storm->clients[0], "UID %u to be a message that somebody put in", uid);
}

/* One message as the store has it now. */
static void settle_message(struct storm *storm, struct snapshot *snapshot, struct mailbox *mailbox,
                           int64_t id, const struct message_page *page, size_t i, const struct uid_set *seen)
{
    struct message *message = truth_message(mailbox, page->uids[i]);
    if (!message && page->uids[i] < mailbox->uidnext)
        game_fail(storm->clients[0], "no UID used again: %u (RFC 3501 section 2.3.1.1)", page->uids[i]);
    if (!message) {
        mailbox->uidnext = page->uids[i];
        message = truth_add(storm->game, mailbox,
                            (struct message){.text = read_text(storm, id, page->uids[i]),
                                             .date = page->internal_dates_us[i] / 1000000,
                                             .recent_of = RECENT_UNKNOWN});
    }
    message->flags = page->flags[i] | (uid_set_has(seen, message->uid) ? FLAG_SEEN_BY_GUEST : 0);
    /* Who was told of it first? */
    message->recent_of = message->recent_of == RECENT_NOBODY ? RECENT_UNKNOWN : message->recent_of;
    message->words = store_words(storm->game, snapshot, page->keywords[i]);
    message->tick = tick_of(storm, page->modseqs[i], message->tick);
    message->before.tick = 0;
    message->before.flags = message->flags;
    message->before.words = message->words;
}

static void note_modseqs(struct storm *storm, struct snapshot *snapshot, int64_t id,
                         struct message_page *page)
{
    struct message_scan scan = {.mailbox_id = id, .uids = uid_set_all};
    assert_int_equal(snapshot_scan(snapshot, &scan, page), 0);
    assert_true(scan.done);
    for (size_t i = 0; i < page->count; i++)
        note_modseq(storm, page->modseqs[i]);
}

static void settle_mailbox(struct storm *storm, struct snapshot *snapshot, struct mailbox *mailbox,
                           const struct mailbox_status *status)
{
    struct message_page page;
    struct message_scan scan = {.mailbox_id = status->id, .uids = uid_set_all};
    struct uid_set seen;
    message_page_init(&page, SCAN_FLAGS | SCAN_DATES);
    assert_int_equal(snapshot_scan(snapshot, &scan, &page), 0);
    assert_int_equal(snapshot_seen(snapshot, status->id, S("bob@example.org"), &storm->game->scratch, &seen),
                     0);
    for (size_t i = mailbox->count, j; i-- > 0;) {
        uint32_t uid = mailbox->messages[i].uid;
        for (j = 0; j < page.count && page.uids[j] != uid;)
            j++;
        if (j == page.count)
            truth_remove(storm->game, mailbox, uid);
    }
    for (size_t i = 0; i < page.count; i++)
        settle_message(storm, snapshot, mailbox, status->id, &page, i, &seen);
    if (status->uidnext < mailbox->uidnext)
        game_fail(storm->clients[0], "UIDNEXT of at least %u", mailbox->uidnext);
    mailbox->uidnext = status->uidnext;
    mailbox->tick = tick_of(storm, status->highestmodseq, mailbox->tick);
    message_page_free(&page);
}

static void settle(struct storm *storm)
{
    struct game *game = storm->game;
    struct snapshot *snapshot = NULL;
    struct mailbox_entry *list;
    struct message_page page;
    size_t count;
    arena_reset(&game->scratch);
    assert_int_equal(snapshot_open(storm->account, &snapshot), 0);
    assert_int_equal(snapshot_mailboxes(snapshot, &game->scratch, &list, &count), 0);
    message_page_init(&page, 0);
    for (size_t i = 0; i < count; i++) {
        note_modseq(storm, list[i].status.highestmodseq);
        note_modseqs(storm, snapshot, list[i].status.id, &page);
    }
    message_page_free(&page);
    if (storm->modseq_count > 0)
        qsort(storm->new_modseqs, storm->modseq_count, sizeof(uint64_t), compare_modseqs);
    game->tick = storm->tick + 1; /* what went: at the storm's beginning at the earliest */
    for (size_t i = 0; i < count; i++)
        settle_mailbox(storm, snapshot, truth_mailbox(game, arena_cstr(&game->scratch, list[i].name)),
                       &list[i].status);
    game->tick = storm->tick + 1 + (uint32_t)storm->modseq_count;
    for (size_t i = 0; i < storm->modseq_count; i++)
        truth_learn_modseq(storm->clients[0], storm->tick + 1 + (uint32_t)i, storm->new_modseqs[i]);
    snapshot_close(snapshot);
}

static void compare(struct client *client)
{
    struct mailbox *mailbox = client->selected;
    const char *why;
    if (client->count != mailbox->count)
        game_fail(client, "%zu messages, not %zu", mailbox->count, client->count);
    for (size_t i = 0; i < client->count; i++) {
        struct entry *entry = &client->view[i];
        if (entry->uid && entry->uid != mailbox->messages[i].uid)
            game_fail(client, "message %zu with UID %u, not %u", i + 1, mailbox->messages[i].uid, entry->uid);
        entry->uid = mailbox->messages[i].uid;
    }
    client->top = mailbox->uidnext - 1;
    if (!view_is_true(client, &why))
        game_fail(client, "%s", why);
}

/* RFC 3501 section 7.1.2: NO means that it was not done. */
static void check_refused(const struct storm *storm)
{
    for (size_t i = 0; i < storm->count && storm->has_fault && storm->modseq_count > 0; i++)
        for (size_t j = 0; j < storm->move_counts[i]; j++)
            if (storm->refused)
                game_fail(storm->clients[i], "nothing changed by what was answered NO");
}

static void check_texts(const struct storm *storm)
{
    for (size_t i = 0; i < storm->count; i++) {
        for (size_t j = 0; j < storm->move_counts[i]; j++) {
            const struct move *move = &storm->moves[i][j];
            for (size_t k = 0; move->first_uid && k < move->text_count; k++) {
                struct message *message = truth_message(move->target, move->first_uid + (uint32_t)k);
                if (message && message->text != move->texts[k])
                    game_fail(storm->clients[i], "UID %u to be what was appended", message->uid);
            }
        }
    }
}

void storm_play(struct game *game)
{
    struct storm *storm = mem_new(struct storm);
    struct snapshot *snapshot = NULL;
    storm->game = game;
    storm->tick = game->tick;
    storm->has_fault = game->inject_fault && one_in(game, 2);
    store_compare(game);
    gather(storm);
    assert_int_equal(account_open(game->store, S(GAME_LOGIN), &storm->account), 0);
    assert_int_equal(snapshot_open(storm->account, &snapshot), 0);
    storm->modseq = snapshot_modseq(snapshot);
    snapshot_close(snapshot);
    if (storm->count > 0) {
        blow(storm);
        calm_down(storm);
        settle(storm);
        check_texts(storm);
        check_refused(storm);
    }
    for (size_t i = 0; i < storm->count; i++) {
        if (storm->clients[i]->state == CLIENT_SELECTED)
            compare(storm->clients[i]);
        for (size_t j = 0; j < storm->move_counts[i]; j++)
            buf_free(&storm->moves[i][j].text);
    }
    account_close(storm->account);
    mem_free(storm->new_modseqs);
    mem_free(storm);
}
