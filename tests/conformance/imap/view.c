/* SPDX-License-Identifier: ISC */
/*
 * What a client believes of its mailbox, from the untagged responses alone (RFC 3501 section 7), each checked
 * against the truth as it is applied: numbers are there, counts never shrink by themselves, flags are the
 * right ones, what is said to have gone has gone, and nothing goes while numbers are in use.
 */
#include "game.h"

static bool is_told_of(const struct client *client)
{
    return client->selected && (client->state == CLIENT_SELECTED);
}

struct entry *view_entry(struct client *client, uint32_t uid)
{
    for (size_t i = 0; i < client->count; i++)
        if (client->view[i].uid == uid)
            return &client->view[i];
    return NULL;
}

static bool others_idle(const struct client *client)
{
    for (size_t i = 0; i < client->game->client_count; i++) {
        const struct client *other = &client->game->clients[i];
        if (other != client && other->idles && other->selected == client->selected)
            return true;
    }
    return false;
}

/* \Recent goes to the first session that is told (RFC 3501 section 2.3.2); EXAMINE takes nothing away. With
 * another session in IDLE, which of the two was first is the server's secret. */
static enum recent claim(struct client *client, struct message *message)
{
    if (client->rev2) /* which has no \Recent */
        return RECENT_NO;
    if (!message) /* told of, and moved away by the same command; or not known yet */
        return RECENT_MAYBE;
    enum recent recent = message->recent_of == RECENT_NOBODY    ? RECENT_YES
                         : message->recent_of == RECENT_UNKNOWN ? RECENT_MAYBE
                                                                : RECENT_NO;
    if (recent == RECENT_YES && others_idle(client))
        recent = RECENT_MAYBE;
    /* Who looks only, and who is a guest, takes it from nobody. */
    if (!client->readonly && !client->is_guest && recent != RECENT_NO)
        message->recent_of = recent == RECENT_YES ? client->serial : RECENT_UNKNOWN;
    return recent;
}

void view_add(struct client *client, uint32_t uid)
{
    struct message *message = uid ? truth_message(client->selected, uid) : NULL;
    if (client->count == client->room) {
        client->room = client->room ? client->room * 2 : 64;
        client->view = mem_realloc_array(client->view, client->room, sizeof(client->view[0]));
    }
    client->view[client->count++] = (struct entry){.uid = uid, .recent = claim(client, message)};
    client->top = MAX_OF(client->top, uid);
}

void view_leave(struct client *client)
{
    client->count = 0;
    client->selected = NULL;
    client->top = client->seen_tick = client->safe_tick = 0;
    client->known_words = 0;
    client->has_saved = false;
    if (client->state == CLIENT_SELECTED)
        client->state = CLIENT_IN;
}

void view_enter(struct client *client, struct mailbox *mailbox, bool readonly)
{
    client->state = CLIENT_SELECTED;
    client->selected = mailbox;
    client->readonly = readonly;
    client->count = 0;
    client->top = client->seen_tick = client->safe_tick = 0;
}

static void remove_at(struct client *client, size_t at)
{
    struct entry *entry = &client->view[at];
    if (truth_message(client->selected, entry->uid))
        game_fail(client, "no such expunge: the message with UID %u is there", entry->uid);
    memmove(entry, entry + 1, (--client->count - at) * sizeof(*entry));
}

static void check_may_expunge(struct client *client)
{
    /* RFC 3501 section 7.4.1: not while no command runs, nor during FETCH, STORE, SEARCH. */
    if (!client->move && !client->idles)
        game_fail(client, "no expunge while no command runs (RFC 3501 section 7.4.1)");
    if (client->move && (client->move->traits & MOVE_NUMBERS))
        game_fail(client, "no expunge during FETCH, STORE and SEARCH (RFC 3501 section 7.4.1)");
}

static void apply_expunge(struct client *client, const struct reply *reply)
{
    check_may_expunge(client);
    if (client->qresync)
        game_fail(client, "VANISHED, not EXPUNGE, after ENABLE QRESYNC (RFC 7162 section 3.2.10)");
    if (reply->number > client->count)
        game_fail(client, "the number of a message that is there: 1 to %zu", client->count);
    remove_at(client, reply->number - 1);
}

static void apply_vanished(struct client *client, const struct reply *reply)
{
    if (!client->qresync)
        game_fail(client, "no VANISHED without ENABLE QRESYNC (RFC 7162 section 3.2.10)");
    if (reply->earlier)
        return; /* an answer; see the moves that ask for it */
    check_may_expunge(client);
    for (size_t i = 0; i < reply->set.count; i++) {
        for (uint32_t uid = reply->set.ranges[i].first; uid <= reply->set.ranges[i].last; uid++) {
            struct entry *entry = view_entry(client, uid);
            if (!entry)
                game_fail(client,
                          "VANISHED of messages that the client has (RFC 7162 section 3.2.10); not %u", uid);
            remove_at(client, (size_t)(entry - client->view));
        }
    }
}

static void apply_exists(struct client *client, const struct reply *reply)
{
    if (reply->number < client->count)
        game_fail(client, "EXISTS of at least %zu (RFC 3501 section 7.3.1)", client->count);
    if (reply->number > client->count && client->move && (client->move->traits & MOVE_HOLDS_MAIL) &&
        !client->move->set.tells_new)
        game_fail(client, "new mail to be told only behind a FETCH of bodies");
    struct mailbox *mailbox = client->selected;
    const struct chosen *set = client->move ? &client->move->set : NULL;
    for (size_t i = 0; set && i < set->new_count && client->count < reply->number; i++)
        if (set->new_uids[i] > client->top)
            view_add(client, set->new_uids[i]);
    for (size_t i = 0; i < mailbox->count && client->count < reply->number; i++)
        if (mailbox->messages[i].uid > client->top)
            view_add(client, mailbox->messages[i].uid);
    if (client->count < reply->number)
        game_fail(client, "EXISTS of at most %zu", client->count);
}

static void apply_recent(struct client *client, const struct reply *reply)
{
    size_t low = 0, high = 0;
    if (client->rev2)
        game_fail(client, "no RECENT in IMAP4rev2 (RFC 9051 appendix E)");
    for (size_t i = 0; i < client->count; i++) {
        low += client->view[i].recent == RECENT_YES;
        high += client->view[i].recent != RECENT_NO;
    }
    if (reply->number < low || reply->number > high)
        game_fail(client, "RECENT between %zu and %zu", low, high);
}

void view_read_flags(struct client *client, const struct reply_words *list, unsigned *flags_r,
                     unsigned *words_r, bool *recent_r)
{
    *flags_r = *words_r = 0;
    *recent_r = false;
    for (size_t i = 0; i < list->count; i++) {
        bool known = slice_eq(list->list[i], S("\\*"));
        for (unsigned bit = 0; bit < 5; bit++) {
            if (slice_eq_nocase(list->list[i], slice_from(flag_names[bit]))) {
                known = !(*flags_r & 1u << bit);
                *flags_r |= 1u << bit;
            }
        }
        for (unsigned bit = 0; bit < GAME_WORDS; bit++) {
            if (slice_eq_nocase(list->list[i], slice_from(word_names[bit]))) {
                known = !(*words_r & 1u << bit);
                *words_r |= 1u << bit;
            }
        }
        if (slice_eq_nocase(list->list[i], S("\\Recent")))
            known = *recent_r = true;
        if (!known)
            game_fail(client, "flags that somebody set, each once; not %.*s", SLICE_ARG(list->list[i]));
    }
}

/* \Recent of one message in one session: learned once, and then it stays; at most one session has it. */
static void learn_recent(struct client *client, struct entry *entry, bool recent)
{
    struct message *message = truth_message(client->selected, entry->uid);
    if (client->rev2 ? recent : entry->recent != RECENT_MAYBE && recent != (entry->recent == RECENT_YES))
        game_fail(client, "UID %u %s \\Recent (RFC 3501 section 2.3.2)", entry->uid,
                  entry->recent == RECENT_YES && !client->rev2 ? "with" : "without");
    if (client->rev2 || entry->recent != RECENT_MAYBE)
        return;
    entry->recent = recent ? RECENT_YES : RECENT_NO;
    if (recent && message && !client->readonly && !client->is_guest) {
        if (message->recent_of != RECENT_UNKNOWN)
            game_fail(client, "\\Recent of UID %u in one session only (RFC 3501 section 2.3.2)", entry->uid);
        message->recent_of = client->serial;
    }
}

/* The flags of a message that is there. What others did before may be told before this command's own change
 * is; and in IDLE something may be read that was said before the last change: what counts is the end. Returns
 * the tick of the change that these flags come from; 0: not known. */
static uint32_t check_flags(struct client *client, const struct message *message, unsigned flags,
                            unsigned words)
{
    unsigned expected = flags_seen_by(client, message->flags);
    if (expected == flags && message->words == words)
        return message->tick;
    if (client->idles)
        return 0;
    if (client->move && message->tick > client->game->tick_before &&
        flags_seen_by(client, message->before.flags) == flags && message->before.words == words)
        return message->before.tick;
    game_fail(client, "UID %u has the flags %#x and the keywords %#x, not %#x and %#x", message->uid,
              expected, message->words, flags, words);
}

static uint32_t apply_flags(struct client *client, struct entry *entry, const struct reply_fetch *fetch)
{
    struct message *message = truth_message(client->selected, entry->uid);
    unsigned flags, words;
    bool recent;
    view_read_flags(client, &fetch->flags, &flags, &words, &recent);
    learn_recent(client, entry, recent);
    if (words & ~client->known_words)
        game_fail(client, "FLAGS to list a keyword before a message has it (RFC 3501 section 7.2.6)");
    entry->knows_flags = true;
    entry->flags = flags;
    entry->words = words;
    return message ? check_flags(client, message, flags, words) : 0;
}

static void apply_fetch(struct client *client, const struct reply *reply)
{
    const struct reply_fetch *fetch = &reply->fetch;
    if (reply->number > client->count)
        game_fail(client, "the number of a message that is there: 1 to %zu", client->count);
    struct entry *entry = &client->view[reply->number - 1];
    struct message *message = truth_message(client->selected, entry->uid);
    uint32_t tick = message && !client->idles ? message->tick : 0;
    client->reply_uids[reply - client->replies] = entry->uid;
    if ((fetch->has & REPLY_UID) && fetch->uid != entry->uid)
        game_fail(client, "message %llu to have UID %u", (unsigned long long)reply->number, entry->uid);
    if (fetch->has & REPLY_FLAGS)
        tick = apply_flags(client, entry, fetch);
    /* RFC 7162 section 3.2.4: but for what FETCH itself asked for. */
    bool is_news = (fetch->has & REPLY_FLAGS) &&
                   !(client->move && client->move->is_fetch && (client->move->items & REPLY_FLAGS));
    if (is_news && client->condstore && !(fetch->has & REPLY_MODSEQ))
        game_fail(client, "MODSEQ beside FLAGS once it was asked for (RFC 7162 section 3.1)");
    if (is_news && client->qresync && !(fetch->has & REPLY_UID))
        game_fail(client, "UID beside FLAGS after ENABLE QRESYNC (RFC 7162 section 3.2.4)");
    if ((fetch->has & REPLY_MODSEQ) && tick && !client->idles) {
        truth_learn_modseq(client, tick, fetch->modseq);
        client->seen_tick = MAX_OF(client->seen_tick, tick);
    }
}

void view_apply(struct client *client, const struct reply *reply)
{
    bool numbered = reply_is(reply, "EXPUNGE") || reply_is(reply, "EXISTS") || reply_is(reply, "RECENT") ||
                    reply_is(reply, "FETCH") || reply_is(reply, "VANISHED") || reply_is(reply, "FLAGS");
    if (reply_is(reply, "BYE") && (!client->move || !(client->move->traits & MOVE_LEAVES)))
        game_fail(client, "no BYE");
    if (reply_is(reply, "NO") || reply_is(reply, "BAD"))
        game_fail(client, "no complaint");
    if (!numbered)
        return;
    if (!is_told_of(client))
        game_fail(client, "a mailbox to be selected before something is told of it");
    if (reply_is(reply, "EXPUNGE")) {
        apply_expunge(client, reply);
    } else if (reply_is(reply, "VANISHED")) {
        apply_vanished(client, reply);
    } else if (reply_is(reply, "EXISTS")) {
        apply_exists(client, reply);
    } else if (reply_is(reply, "RECENT")) {
        apply_recent(client, reply);
    } else if (reply_is(reply, "FETCH")) {
        apply_fetch(client, reply);
    } else {
        unsigned flags;
        bool recent;
        view_read_flags(client, &reply->words, &flags, &client->known_words, &recent);
        if (flags != FLAGS_ALL)
            game_fail(client, "FLAGS with all system flags (RFC 3501 section 7.2.6)");
    }
}

bool view_has_gone(struct client *client)
{
    for (size_t i = 0; i < client->count; i++)
        if (!truth_message(client->selected, client->view[i].uid))
            return true;
    return false;
}

static bool has_new(const struct client *client)
{
    const struct mailbox *mailbox = client->selected;
    return mailbox->count > 0 && mailbox->messages[mailbox->count - 1].uid > client->top;
}

static bool flags_are_true(struct client *client)
{
    for (size_t i = 0; i < client->count; i++) {
        const struct entry *entry = &client->view[i];
        const struct message *message = truth_message(client->selected, entry->uid);
        if (message && entry->knows_flags &&
            (entry->flags != flags_seen_by(client, message->flags) || entry->words != message->words))
            return false;
    }
    return true;
}

bool view_is_true(struct client *client, const char **why)
{
    *why = has_new(client)           ? "new mail to be told"
           : view_has_gone(client)   ? "what other sessions expunged to be told"
           : !flags_are_true(client) ? "flags that other sessions changed to be told"
                                     : NULL;
    return *why == NULL;
}

/* Behind a command everything is told that may be told then. */
void view_check(struct client *client, const struct move *move)
{
    if (client->state != CLIENT_SELECTED || (move->traits & MOVE_SILENT))
        return;
    if (!(move->traits & (MOVE_HOLDS_MAIL | MOVE_MAY_HOLD)) && has_new(client))
        game_fail(client, "new mail to be told");
    if (!(move->traits & (MOVE_NUMBERS | MOVE_KEEPS)) && view_has_gone(client))
        game_fail(client, "what other sessions expunged to be told");
    if (!flags_are_true(client))
        game_fail(client, "flags that other sessions changed to be told");
    if (!(move->traits & (MOVE_HOLDS_MAIL | MOVE_MAY_HOLD)))
        client->top = client->selected->uidnext - 1;
    const char *why;
    if (view_is_true(client, &why))
        client->safe_tick = client->seen_tick;
}
