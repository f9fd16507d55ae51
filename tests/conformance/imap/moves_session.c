/* SPDX-License-Identifier: ISC */
/* Commands of any state, and what opens and leaves a mailbox (RFC 3501 sections 6.1, 6.3.1, 6.4.1, 6.4.2). */
#include "game.h"

static bool write_command(struct move *move, const char *text)
{
    buf_append(&move->text, slice_from(text));
    return true;
}

static bool compose_noop(struct client *client, struct move *move)
{
    (void)client;
    return write_command(move, "NOOP");
}

static bool compose_check(struct client *client, struct move *move)
{
    (void)client;
    return write_command(move, "CHECK");
}

static bool compose_capability(struct client *client, struct move *move)
{
    (void)client;
    return write_command(move, "CAPABILITY");
}

static void check_capability(struct client *client, struct move *move)
{
    (void)move;
    const struct reply *reply = client_reply(client, "CAPABILITY", 0);
    if (!reply || reply->words.count == 0 || client_reply(client, "CAPABILITY", 1))
        game_fail(client, "one CAPABILITY (RFC 3501 section 7.2.1)");
}

static bool compose_namespace(struct client *client, struct move *move)
{
    (void)client;
    return write_command(move, "NAMESPACE");
}

static void check_namespace(struct client *client, struct move *move)
{
    (void)move;
    if (client_count_replies(client, "NAMESPACE") != 1)
        game_fail(client, "one NAMESPACE (RFC 2342 section 5)");
}

/* What no server may take for a command. */
static bool compose_bad(struct client *client, struct move *move)
{
    static const char *const wrong[] = {"FETCH 1 (FLAGS",
                                        "STORE",
                                        "FETCH 0 FLAGS",
                                        "SEARCH (",
                                        "UID NOOP",
                                        "FETCH 1:2: FLAGS",
                                        "UID COPY 1",
                                        "BODY",
                                        "FETCH 1 BODY[HEADER.FIELDS ()]",
                                        "STORE 1 FLAGS (\\Nope)",
                                        "SEARCH NOT",
                                        "FETCH 1 (FLAGS )"};
    move->expected = "BAD";
    return write_command(move, wrong[below(client->game, ARRAY_LEN(wrong))]);
}

/* --- ENABLE --- */

static bool compose_enable(struct client *client, struct move *move)
{
    if (client->state == CLIENT_SELECTED) /* RFC 5161 section 3.1 forbids it */
        return false;
    static const char *const lists[] = {"CONDSTORE", "CONDSTORE QRESYNC", "QRESYNC", "UTF8=ACCEPT X-UNKNOWN",
                                        "IMAP4rev2"};
    buf_printf(&move->text, "ENABLE %s", lists[below(client->game, ARRAY_LEN(lists))]);
    return true;
}

static void check_enable(struct client *client, struct move *move)
{
    (void)move;
    const struct reply *reply = client_reply(client, "ENABLED", 0);
    if (!reply)
        game_fail(client, "ENABLED (RFC 5161 section 3.1)");
    for (size_t i = 0; i < reply->words.count; i++) {
        struct slice word = reply->words.list[i];
        if (slice_eq_nocase(word, S("X-UNKNOWN")))
            game_fail(client, "ENABLED without what the server does not know (RFC 5161 section 3.1)");
        client->qresync = client->qresync || slice_eq_nocase(word, S("QRESYNC"));
        client->condstore = client->condstore || client->qresync || slice_eq_nocase(word, S("CONDSTORE"));
        client->utf8 = client->utf8 || slice_eq_nocase(word, S("UTF8=ACCEPT"));
        client->rev2 = client->rev2 || slice_eq_nocase(word, S("IMAP4rev2"));
    }
}

/* --- SELECT, EXAMINE --- */

static void remember(struct client *client)
{
    struct cache *cache = &client->cache;
    if (!client->qresync || !client->selected || !truth_modseq(client->game, client->safe_tick))
        return;
    cache->mailbox = client->selected;
    cache->uidvalidity = client->selected->uidvalidity;
    cache->tick = client->safe_tick;
    cache->entries = mem_realloc_array(cache->entries, client->count + 1, sizeof(cache->entries[0]));
    memcpy(cache->entries, client->view, client->count * sizeof(cache->entries[0]));
    cache->count = client->count;
}

static bool compose_open(struct client *client, struct move *move, bool readonly)
{
    choose_name(client, move->name);
    move->readonly = readonly;
    buf_printf(&move->text, "%s ", readonly ? "EXAMINE" : "SELECT");
    write_mailbox(client, &move->text, move->name);
    move->has_limit = one_in(client->game, 4);
    if (move->has_limit)
        buf_append(&move->text, S(" (CONDSTORE)"));
    return true;
}

static bool compose_select(struct client *client, struct move *move)
{
    return compose_open(client, move, false);
}

static bool compose_examine(struct client *client, struct move *move)
{
    return compose_open(client, move, true);
}

static void effect_open(struct client *client, struct move *move)
{
    remember(client);
    move->source = client->selected;
    move->mailbox = mailbox_of(client, move->name);
    view_leave(client);
    client->condstore = client->condstore || move->has_limit;
    move->expected = move->mailbox ? "OK" : "NO";
    if (move->mailbox && client->is_guest && move->mailbox->is_for_reading)
        move->readonly = true;
    if (move->mailbox)
        view_enter(client, move->mailbox, move->readonly);
}

static const struct reply_code *find_code(struct client *client, const char *name)
{
    for (size_t i = 0; i < client->reply_count; i++)
        if (slice_eq(client->replies[i].code.name, slice_from(name)))
            return &client->replies[i].code;
    return NULL;
}

static const struct reply_code *need_code(struct client *client, const char *name)
{
    const struct reply_code *code = find_code(client, name);
    if (!code)
        game_fail(client, "the code %s in the answer to SELECT", name);
    return code;
}

/* A mailbox keeps its own when it is renamed: of what the name had before it must differ, as all do. */
static bool may_follow(const struct mailbox *mailbox, uint32_t uidvalidity, const struct mailbox *before)
{
    return mailbox->is_renamed ? before->uidvalidity != uidvalidity : before->uidvalidity < uidvalidity;
}

static void check_uidvalidity(struct client *client, struct mailbox *mailbox, uint32_t uidvalidity)
{
    struct game *game = client->game;
    for (size_t i = 0; i < game->mailbox_count && !mailbox->uidvalidity; i++) {
        const struct mailbox *other = game->mailboxes[i];
        if (other != mailbox && strcmp(other->name, mailbox->name) == 0 &&
            !may_follow(mailbox, uidvalidity, other))
            game_fail(client, "a greater UIDVALIDITY than %u (RFC 3501 section 2.3.1.1)", other->uidvalidity);
    }
    if (mailbox->uidvalidity && mailbox->uidvalidity != uidvalidity)
        game_fail(client, "UIDVALIDITY %u", mailbox->uidvalidity);
    mailbox->uidvalidity = uidvalidity;
}

static void check_unseen(struct client *client)
{
    const struct reply_code *code = find_code(client, "UNSEEN");
    size_t first = 0;
    while (
        first < client->count &&
        (flags_seen_by(client, truth_message(client->selected, client->view[first].uid)->flags) & FLAG_SEEN))
        first++;
    if (code && code->number != first + 1)
        game_fail(client, "UNSEEN %zu", first + 1);
}

static void check_open(struct client *client, struct move *move)
{
    struct mailbox *mailbox = move->mailbox;
    if (!mailbox)
        return;
    if (client_count_replies(client, "EXISTS") != 1 || client_count_replies(client, "FLAGS") != 1)
        game_fail(client, "one EXISTS and one FLAGS (RFC 3501 section 6.3.1)");
    if (!client->rev2 && client_count_replies(client, "RECENT") != 1)
        game_fail(client, "one RECENT (RFC 3501 section 6.3.1)");
    if (client->count != mailbox->count)
        game_fail(client, "%zu EXISTS", mailbox->count);
    check_uidvalidity(client, mailbox, (uint32_t)need_code(client, "UIDVALIDITY")->number);
    if (need_code(client, "UIDNEXT")->number != mailbox->uidnext)
        game_fail(client, "UIDNEXT %u", mailbox->uidnext);
    truth_learn_modseq(client, mailbox->tick, need_code(client, "HIGHESTMODSEQ")->number);
    client->seen_tick = mailbox->tick;
    need_code(client, "PERMANENTFLAGS");
    check_unseen(client);
    if (!slice_eq(client->end->code.name, move->readonly ? S("READ-ONLY") : S("READ-WRITE")))
        game_fail(client, "[READ-ONLY] or [READ-WRITE] (RFC 3501 section 6.3.1)");
    if (move->source && client->qresync && !find_code(client, "CLOSED"))
        game_fail(client, "[CLOSED] (RFC 7162 section 3.2.11)");
}

/* --- SELECT (QRESYNC …), RFC 7162 section 3.2.5 --- */

static bool compose_resync(struct client *client, struct move *move)
{
    const struct cache *cache = &client->cache;
    if (!client->qresync || !cache->mailbox || cache->mailbox->deleted || !cache->uidvalidity ||
        (client->is_guest && !cache->mailbox->is_shared))
        return false;
    snprintf(move->name, sizeof(move->name), "%s", cache->mailbox->name);
    move->readonly = one_in(client->game, 6);
    buf_append(&move->text, move->readonly ? S("EXAMINE ") : S("SELECT "));
    write_mailbox(client, &move->text, move->name);
    buf_printf(&move->text, " (QRESYNC (%u %llu", cache->uidvalidity,
               (unsigned long long)truth_modseq(client->game, cache->tick));
    if (cache->count > 0 && one_in(client->game, 2)) {
        buf_printf(&move->text, " %u:%u", cache->entries[0].uid, cache->entries[cache->count - 1].uid);
        move->has_partial = true;
        if (one_in(client->game, 2)) {
            size_t at = below(client->game, cache->count);
            buf_printf(&move->text, " (%zu %u)", at + 1, cache->entries[at].uid);
        }
    }
    buf_append(&move->text, S("))"));
    return true;
}

static bool is_vanished(struct client *client, uint32_t uid)
{
    const struct reply *reply;
    for (size_t i = 0; (reply = client_reply(client, "VANISHED", i)); i++)
        if (reply_set_has(&reply->set, uid))
            return true;
    return false;
}

/* Rebuilds what the client had: gone is what VANISHED names, and flags are as they were unless told. */
static void merge_cache(struct client *client, const struct move *move)
{
    const struct cache *cache = &client->cache;
    size_t kept = 0;
    for (size_t i = 0; i < cache->count; i++) {
        const struct entry *old = &cache->entries[i];
        bool vanished = is_vanished(client, old->uid), live = truth_message(client->selected, old->uid);
        if (vanished == live)
            game_fail(client,
                      live ? "no VANISHED for UID %u" : "VANISHED for UID %u (RFC 7162 section 3.2.5)",
                      old->uid);
        struct entry *entry = live ? view_entry(client, old->uid) : NULL;
        kept += entry != NULL;
        if (entry && !entry->knows_flags) {
            entry->knows_flags = old->knows_flags;
            entry->flags = old->flags;
            entry->words = old->words;
        }
    }
    /* With a list of known UIDs the answer is about those alone. */
    for (size_t i = kept; i < client->count && !move->has_partial; i++)
        if (!client->view[i].knows_flags)
            game_fail(client, "FETCH for the new UID %u (RFC 7162 section 3.2.5.1)", client->view[i].uid);
}

static void check_told(struct client *client)
{
    const struct reply *reply;
    for (size_t i = 0; (reply = client_reply(client, "VANISHED", i)); i++) {
        if (!reply->earlier)
            game_fail(client, "(EARLIER) in the answer to SELECT (RFC 7162 section 3.2.10.1)");
        for (size_t j = 0; j < client->count; j++)
            if (reply_set_has(&reply->set, client->view[j].uid))
                game_fail(client, "no VANISHED for UID %u, which is there", client->view[j].uid);
    }
    for (size_t i = 0; (reply = client_reply(client, "FETCH", i)); i++) {
        struct message *message = truth_message(client->selected, client_uid(client, reply));
        if (message->tick <= client->cache.tick)
            game_fail(client, "no FETCH for UID %u, which did not change since", message->uid);
        if (~reply->fetch.has & (REPLY_UID | REPLY_FLAGS | REPLY_MODSEQ))
            game_fail(client, "UID, FLAGS and MODSEQ (RFC 7162 section 3.2.5.1)");
    }
}

static void effect_resync(struct client *client, struct move *move)
{
    struct cache saved = client->cache; /* the old one is what was sent */
    client->cache = (struct cache){0};
    effect_open(client, move);
    mem_free(client->cache.entries);
    client->cache = saved;
}

static void check_resync(struct client *client, struct move *move)
{
    check_open(client, move);
    if (client->cache.uidvalidity != move->mailbox->uidvalidity)
        return;
    check_told(client);
    merge_cache(client, move);
}

/* --- CLOSE, UNSELECT, LOGOUT --- */

static bool compose_close(struct client *client, struct move *move)
{
    (void)client;
    return write_command(move, "CLOSE");
}

static void effect_close(struct client *client, struct move *move)
{
    struct mailbox *mailbox = client->selected;
    (void)move;
    remember(client);
    client->game->tick++;
    for (size_t i = mailbox->count; i-- > 0 && !client->readonly;)
        if (mailbox->messages[i].flags & FLAG_DELETED)
            truth_remove(client->game, mailbox, mailbox->messages[i].uid);
    view_leave(client);
}

static bool compose_unselect(struct client *client, struct move *move)
{
    (void)client;
    return write_command(move, "UNSELECT");
}

static void effect_unselect(struct client *client, struct move *move)
{
    (void)move;
    remember(client);
    view_leave(client);
}

static bool compose_logout(struct client *client, struct move *move)
{
    (void)client;
    return write_command(move, "LOGOUT");
}

static void check_logout(struct client *client, struct move *move)
{
    (void)move;
    if (client_count_replies(client, "BYE") != 1)
        game_fail(client, "BYE (RFC 3501 section 6.1.3)");
    client_hang_up(client);
}

/* A client whose network went away: with whatever it has not read. */
static bool compose_drop(struct client *client, struct move *move)
{
    (void)client;
    (void)move;
    return true;
}

static void effect_drop(struct client *client, struct move *move)
{
    (void)move;
    if (client->selected)
        remember(client);
    client_hang_up(client);
}

static bool compose_idle(struct client *client, struct move *move)
{
    (void)client;
    return write_command(move, "IDLE");
}

const struct kind kind_noop = {"NOOP", 60, 0, compose_noop, NULL, NULL};
const struct kind kind_check = {"CHECK", 8, MOVE_SELECTED, compose_check, NULL, NULL};
const struct kind kind_capability = {"CAPABILITY", 2, 0, compose_capability, NULL, check_capability};
const struct kind kind_namespace = {"NAMESPACE", 2, 0, compose_namespace, NULL, check_namespace};
const struct kind kind_bad = {"malformed", 4, MOVE_SELECTED | MOVE_SILENT, compose_bad, NULL, NULL};
const struct kind kind_enable = {"ENABLE", 5, MOVE_SILENT, compose_enable, NULL, check_enable};
const struct kind kind_select = {"SELECT", 25, MOVE_LEAVES, compose_select, effect_open, check_open};
const struct kind kind_examine = {"EXAMINE", 6, MOVE_LEAVES, compose_examine, effect_open, check_open};
const struct kind kind_resync = {"QRESYNC", 15, MOVE_LEAVES, compose_resync, effect_resync, check_resync};
const struct kind kind_close = {"CLOSE",      5,   MOVE_SELECTED | MOVE_LEAVES | MOVE_CHANGES, compose_close,
                                effect_close, NULL};
const struct kind kind_unselect = {"UNSELECT",      4,   MOVE_SELECTED | MOVE_LEAVES, compose_unselect,
                                   effect_unselect, NULL};
const struct kind kind_logout = {"LOGOUT", 5, MOVE_LEAVES, compose_logout, effect_unselect, check_logout};
const struct kind kind_drop = {"drop", 5, MOVE_LEAVES, compose_drop, effect_drop, NULL};
const struct kind kind_idle = {"IDLE", 12, MOVE_SELECTED, compose_idle, NULL, NULL};
