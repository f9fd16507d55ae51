/* SPDX-License-Identifier: ISC */
/* STORE, EXPUNGE, COPY, MOVE (RFC 3501 section 6.4, RFC 4315, RFC 6851, RFC 7162 section 3.1.3). */
#include "game.h"

/* --- STORE --- */

enum { STORE_REPLACE, STORE_ADD, STORE_REMOVE };

static bool compose_store(struct client *client, struct move *move)
{
    static const char *const changes[] = {"FLAGS", "+FLAGS", "-FLAGS"};
    struct game *game = client->game;
    choose_set(client, move);
    move->traits |= move->set.by_uid ? 0 : MOVE_NUMBERS | MOVE_BY_NUMBER;
    move->change = (int)below(game, 3);
    move->silent = one_in(game, 3);
    choose_flags(game, &move->flags, &move->words);
    buf_append(&move->text, move->set.by_uid ? S("UID STORE ") : S("STORE "));
    choose_write(&move->text, &move->set);
    move->has_limit = one_in(game, 4) && choose_modseq(client, &move->limit_tick, &move->limit);
    if (move->has_limit)
        buf_printf(&move->text, " (UNCHANGEDSINCE %llu)", (unsigned long long)move->limit);
    buf_printf(&move->text, " %s%s ", changes[move->change], move->silent ? ".SILENT" : "");
    write_flags(&move->text, move->flags, move->words);
    return true;
}

static unsigned changed(unsigned old, int change, unsigned bits)
{
    return change == STORE_ADD ? old | bits : change == STORE_REMOVE ? old & ~bits : bits;
}

/* A client that said .SILENT knows by itself what it did. */
static void change_view(struct client *client, const struct move *move, uint32_t uid)
{
    struct entry *entry = view_entry(client, uid);
    if (!entry) /* it is told of on the way */
        return;
    entry->flags = changed(entry->flags, move->change, move->flags);
    entry->words = changed(entry->words, move->change, move->words);
    entry->knows_flags = entry->knows_flags || move->change == STORE_REPLACE;
}

static void effect_store(struct client *client, struct move *move)
{
    choose_resolve(client, &move->set);
    bool tells_gone = move->set.has_gone && !move->silent && !move->set.by_uid; /* RFC 2180 section 4.2 */
    move->expected = move->set.is_bad   ? (client->readonly ? NULL : "BAD")
                     : client->readonly ? (client->is_guest && !move->flags && !move->words ? NULL : "NO")
                     : tells_gone       ? "NO"
                                        : "OK";
    client->condstore = client->condstore || (move->has_limit && !move->set.is_bad);
    if (move->set.is_bad || client->readonly)
        return;
    move->tick = ++client->game->tick;
    move->failed = arena_array(&client->arena, uint32_t, move->set.uid_count + 1);
    for (size_t i = 0; i < move->set.uid_count; i++) {
        struct message *message = truth_message(client->selected, move->set.uids[i]);
        if (!message)
            continue;
        if (move->has_limit && message->tick > move->limit_tick) {
            move->failed[move->failed_count++] = message->uid;
            continue;
        }
        unsigned flags =
            flags_set_by(client, message->flags,
                         changed(flags_seen_by(client, message->flags), move->change, move->flags));
        unsigned words = changed(message->words, move->change, move->words);
        truth_change(client->game, client->selected, message, flags, words);
        if (move->silent)
            change_view(client, move, message->uid);
    }
}

static bool is_told(const struct client *client, uint32_t uid, unsigned items)
{
    const struct reply *reply;
    for (size_t i = 0; (reply = client_reply(client, "FETCH", i)); i++)
        if (client_uid(client, reply) == uid && (reply->fetch.has & items) == items)
            return true;
    return false;
}

/* MODIFIED names them by number or by UID, as the command did; numbers are those of the view, from which
 * nothing went while they were in use. */
static void check_modified(struct client *client, struct move *move)
{
    const struct reply_code *code = &client->end->code;
    bool is_there = slice_eq(code->name, S("MODIFIED"));
    size_t live = 0;
    for (size_t i = 0; i < move->failed_count; i++) {
        struct entry *entry = view_entry(client, move->failed[i]);
        uint32_t number = move->set.by_uid ? move->failed[i] : (uint32_t)(entry - client->view) + 1;
        if (!is_there || !reply_set_has(&code->set, number))
            game_fail(client, "[MODIFIED] with %u (RFC 7162 section 3.1.3)", number);
    }
    for (size_t i = 0; i < move->set.uid_count; i++)
        live += truth_message(client->selected, move->set.uids[i]) != NULL;
    if (is_there && reply_set_size(&code->set) > move->failed_count + move->set.uid_count - live)
        game_fail(client, "[MODIFIED] with %zu of them", move->failed_count);
}

static void check_store(struct client *client, struct move *move)
{
    if (move->set.is_bad || client->readonly)
        return;
    check_modified(client, move);
    for (size_t i = 0; i < move->set.uid_count; i++) {
        uint32_t uid = move->set.uids[i];
        struct message *message = truth_message(client->selected, uid);
        if (!message || uids_have(move->failed, move->failed_count, uid))
            continue;
        if (!move->silent && !is_told(client, uid, REPLY_FLAGS))
            game_fail(client, "FETCH with FLAGS of UID %u (RFC 3501 section 6.4.6)", uid);
        if (!move->silent && move->set.by_uid && !is_told(client, uid, REPLY_FLAGS | REPLY_UID))
            game_fail(client, "FETCH with UID of UID %u (RFC 3501 section 6.4.8)", uid);
        if (client->condstore && message->tick == move->tick && !is_told(client, uid, REPLY_MODSEQ))
            game_fail(client, "FETCH with MODSEQ of UID %u (RFC 7162 section 3.1.3)", uid);
    }
    if (move->set.has_gone && reply_is(client->end, "NO") &&
        !slice_eq(client->end->code.name, S("EXPUNGEISSUED")) &&
        !slice_eq(client->end->code.name, S("MODIFIED"))) /* RFC 7162 section 3.1.3, example 11 */
        game_fail(client, "[EXPUNGEISSUED] (RFC 5530 section 3)");
}

/* --- EXPUNGE --- */

static bool compose_expunge(struct client *client, struct move *move)
{
    (void)client;
    buf_append(&move->text, S("EXPUNGE"));
    return true;
}

static bool compose_uid_expunge(struct client *client, struct move *move)
{
    choose_set(client, move);
    if (!move->set.by_uid && !move->set.saved)
        return false;
    move->set.by_uid = true;
    buf_append(&move->text, S("UID EXPUNGE "));
    choose_write(&move->text, &move->set);
    return true;
}

static void effect_expunge(struct client *client, struct move *move)
{
    struct mailbox *mailbox = client->selected;
    bool all = move->kind == &kind_expunge;
    if (!all)
        choose_resolve(client, &move->set);
    move->expected = client->readonly ? "NO" : "OK";
    move->tick = ++client->game->tick;
    for (size_t i = mailbox->count; i-- > 0 && !client->readonly;) {
        const struct message *message = &mailbox->messages[i];
        if (!(message->flags & FLAG_DELETED))
            continue;
        bool named = all ? view_entry(client, message->uid) != NULL /* what the client was told of */
                         : uids_have(move->set.uids, move->set.uid_count, message->uid);
        if (named) {
            move_add_uid(client, move, message->uid);
            truth_remove(client->game, mailbox, message->uid);
        }
    }
}

static void check_expunge(struct client *client, struct move *move)
{
    const struct reply_code *code = &client->end->code;
    for (size_t i = 0; i < move->uid_count; i++)
        if (view_entry(client, move->uids[i]))
            game_fail(client, "UID %u to be expunged", move->uids[i]);
    if (slice_eq(code->name, S("HIGHESTMODSEQ"))) {
        truth_learn_modseq(client, client->selected->tick, code->number);
        client->seen_tick = MAX_OF(client->seen_tick, client->selected->tick);
    } else if (client->qresync && move->uid_count > 0) {
        game_fail(client, "[HIGHESTMODSEQ] (RFC 7162 section 3.2.7)");
    }
}

/* --- COPY, MOVE --- */

static bool compose_transfer(struct client *client, struct move *move, const char *verb)
{
    choose_set(client, move);
    choose_name(client, move->name);
    struct mailbox *target = mailbox_of(client, move->name);
    if (target && target->count + client->count > GAME_MESSAGES)
        return false;
    move->traits |= move->set.by_uid ? 0 : MOVE_BY_NUMBER | MOVE_KEEPS;
    buf_printf(&move->text, "%s%s ", move->set.by_uid ? "UID " : "", verb);
    choose_write(&move->text, &move->set);
    buf_append_char(&move->text, ' ');
    write_mailbox(client, &move->text, move->name);
    return true;
}

static bool compose_copy(struct client *client, struct move *move)
{
    return compose_transfer(client, move, "COPY");
}

static bool compose_move(struct client *client, struct move *move)
{
    return compose_transfer(client, move, "MOVE");
}

static void effect_transfer(struct client *client, struct move *move)
{
    struct game *game = client->game;
    bool moves = move->kind == &kind_move;
    move->source = client->selected;
    move->target = target_of(client, move->name);
    choose_resolve(client, &move->set);
    bool refused = !move->target || (moves && client->readonly);
    move->expected = move->set.is_bad     ? (refused ? NULL : "BAD")
                     : refused            ? "NO"
                     : move->set.has_gone ? NULL
                                          : "OK";
    if (move->set.is_bad || refused)
        return;
    move->tick = ++game->tick;
    move->first_uid = move->target->uidnext;
    for (size_t i = 0; i < move->set.uid_count; i++) {
        struct message *message = truth_message(client->selected, move->set.uids[i]);
        if (!message)
            continue;
        struct message copy = *message;
        copy.recent_of = RECENT_NOBODY;
        move_add_uid(client, move, message->uid);
        truth_add(game, move->target, copy);
        if (moves)
            truth_remove(game, client->selected, copy.uid);
    }
}

/* The nth number of a set, as it is written. */
static uint32_t set_at(const struct reply_set *set, size_t n)
{
    for (size_t i = 0; i < set->count; i++) {
        size_t size = set->ranges[i].last - set->ranges[i].first + 1;
        if (n < size)
            return set->ranges[i].first + (uint32_t)n;
        n -= size;
    }
    return 0;
}

/* RFC 4315 section 3: the same number of UIDs on both sides, in the order that they belong together. */
static void check_copyuid(struct client *client, struct move *move, const struct reply_code *code)
{
    if (reply_set_size(&code->set) != move->uid_count || reply_set_size(&code->to) != move->uid_count)
        game_fail(client, "COPYUID with %zu UIDs", move->uid_count);
    for (size_t i = 0; i < move->uid_count; i++)
        if (set_at(&code->set, i) != move->uids[i] || set_at(&code->to, i) != move->first_uid + i)
            game_fail(client, "COPYUID of UID %u to %u", move->uids[i], move->first_uid + (uint32_t)i);
    if (move->target->uidvalidity && move->target->uidvalidity != code->number)
        game_fail(client, "UIDVALIDITY %u in COPYUID", move->target->uidvalidity);
    move->target->uidvalidity = (uint32_t)code->number;
}

static void check_transfer(struct client *client, struct move *move)
{
    if (move->set.is_bad || !move->tick) {
        if (!move->set.is_bad && !mailbox_of(client, move->name) &&
            !slice_eq(client->end->code.name, S("TRYCREATE")) &&
            !(client->readonly && move->kind == &kind_move))
            game_fail(client, "[TRYCREATE] (RFC 3501 section 6.4.7)");
        return;
    }
    const struct reply_code *code = NULL;
    for (size_t i = 0; i < client->reply_count; i++) {
        const struct reply *reply = &client->replies[i];
        if (slice_eq(reply->code.name, S("COPYUID")))
            code = &reply->code;
        /* RFC 6851 section 4.3: COPYUID before the messages go. */
        if ((reply_is(reply, "EXPUNGE") || reply_is(reply, "VANISHED")) && !code && move->uid_count > 0 &&
            move->kind == &kind_move)
            game_fail(client, "COPYUID before EXPUNGE (RFC 6851 section 4.3)");
    }
    if (code)
        check_copyuid(client, move, code);
    else if (move->uid_count > 0)
        game_fail(client, "COPYUID (RFC 4315 section 3)");
}

#define SELECTED_CHANGES (MOVE_SELECTED | MOVE_CHANGES)

const struct kind kind_store = {"STORE", 100, SELECTED_CHANGES, compose_store, effect_store, check_store};
const struct kind kind_expunge = {"EXPUNGE",      16,           SELECTED_CHANGES, compose_expunge,
                                  effect_expunge, check_expunge};
const struct kind kind_uid_expunge = {"UID EXPUNGE",  16,           SELECTED_CHANGES, compose_uid_expunge,
                                      effect_expunge, check_expunge};
const struct kind kind_copy = {"COPY", 14, SELECTED_CHANGES, compose_copy, effect_transfer, check_transfer};
const struct kind kind_move = {"MOVE", 14, SELECTED_CHANGES, compose_move, effect_transfer, check_transfer};
