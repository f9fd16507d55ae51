/* SPDX-License-Identifier: ISC */
/* Mailboxes: what they hold, which there are, and what becomes of them (RFC 3501 section 6.3). */
#include "mail/mutf7.h"

#include "game.h"

/* --- STATUS --- */

static const char *const counters[] = {"MESSAGES", "RECENT",        "UIDNEXT", "UIDVALIDITY",
                                       "UNSEEN",   "HIGHESTMODSEQ", "SIZE",    "DELETED"};

static bool compose_status(struct client *client, struct move *move)
{
    choose_name(client, move->name);
    move->items = 1 + (unsigned)below(client->game, (1u << ARRAY_LEN(counters)) - 1);
    if (client->rev2)
        move->items &= ~2u;
    buf_append(&move->text, S("STATUS "));
    write_mailbox(client, &move->text, move->name);
    const char *space = " (";
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        if (!(move->items >> i & 1))
            continue;
        buf_printf(&move->text, "%s%s", space, counters[i]);
        space = " ";
    }
    buf_append_char(&move->text, ')');
    return move->items != 0;
}

static void effect_status(struct client *client, struct move *move)
{
    move->mailbox = mailbox_of(client, move->name);
    move->expected = move->mailbox ? "OK" : "NO";
    client->condstore = client->condstore || (move->mailbox && (move->items & 32));
    /* What this session has as \Recent and was not told to be gone may count. */
    for (size_t i = 0; move->mailbox && client->selected == move->mailbox && i < client->count; i++)
        move->number +=
            client->view[i].recent != RECENT_NO && !truth_message(move->mailbox, client->view[i].uid);
}

/* What is \Recent for nobody yet, and what is so for this session. */
static void count_recent(struct client *client, struct mailbox *mailbox, uint64_t *sure_r, uint64_t *maybe_r)
{
    bool open = client->state == CLIENT_SELECTED && client->selected == mailbox;
    *sure_r = *maybe_r = 0;
    for (size_t i = 0; i < mailbox->count; i++) {
        const struct message *message = &mailbox->messages[i];
        const struct entry *entry = open ? view_entry(client, message->uid) : NULL;
        bool sure = message->recent_of == RECENT_NOBODY ||
                    (entry && entry->recent == RECENT_YES && !client->readonly && !client->is_guest);
        *sure_r += sure;
        *maybe_r += !sure && (message->recent_of == RECENT_UNKNOWN || (entry && entry->recent != RECENT_NO));
    }
}

static void check_counter(struct client *client, const struct move *move, const struct reply_counter *counter)
{
    struct mailbox *mailbox = move->mailbox;
    uint64_t unseen = 0, deleted = 0, size = 0, recent = 0, maybe_recent = 0;
    for (size_t i = 0; i < mailbox->count; i++) {
        const struct message *message = &mailbox->messages[i];
        unseen += !(flags_seen_by(client, message->flags) & FLAG_SEEN);
        deleted += (message->flags & FLAG_DELETED) != 0;
        size += message->text->bytes.len;
    }
    count_recent(client, mailbox, &recent, &maybe_recent);
    uint64_t expected = slice_eq(counter->name, S("MESSAGES"))  ? mailbox->count
                        : slice_eq(counter->name, S("UIDNEXT")) ? mailbox->uidnext
                        : slice_eq(counter->name, S("UNSEEN"))  ? unseen
                        : slice_eq(counter->name, S("DELETED")) ? deleted
                        : slice_eq(counter->name, S("SIZE"))    ? size
                        : slice_eq(counter->name, S("RECENT"))  ? recent
                        : slice_eq(counter->name, S("UIDVALIDITY")) && mailbox->uidvalidity
                            ? mailbox->uidvalidity
                            : counter->value;
    if (slice_eq(counter->name, S("RECENT")) && counter->value > recent &&
        counter->value <= recent + maybe_recent + move->number)
        expected = counter->value;
    if (slice_eq(counter->name, S("HIGHESTMODSEQ")))
        truth_learn_modseq(client, mailbox->tick, counter->value);
    if (counter->value != expected)
        game_fail(client, "%.*s %llu", SLICE_ARG(counter->name), (unsigned long long)expected);
}

/* The name of a mailbox as the client is told it. */
static bool is_named(const struct client *client, struct slice written, const char *name)
{
    struct buf decoded;
    bool utf8 = client->utf8 || client->rev2;
    buf_init(&decoded, 4096);
    bool same = utf8 ? slice_eq(written, slice_from(name))
                     : mutf7_decode(&decoded, written, SLICE_EMPTY) == 0 &&
                           slice_eq(buf_slice(&decoded), slice_from(name));
    buf_free(&decoded);
    return same;
}

static void check_status(struct client *client, struct move *move)
{
    if (!move->mailbox)
        return;
    const struct reply *reply = client_reply(client, "STATUS", 0);
    if (!reply || client_reply(client, "STATUS", 1))
        game_fail(client, "one STATUS (RFC 3501 section 7.2.4)");
    if (!is_named(client, reply->mailbox, name_for(client, move->name)))
        game_fail(client, "the STATUS of %s", move->name);
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        const struct reply_counter *counter = reply_counter(reply, counters[i]);
        if ((move->items >> i & 1) != (counter != NULL))
            game_fail(client, "STATUS with what was asked for; %s", counters[i]);
        if (counter)
            check_counter(client, move, counter);
    }
}

/* --- LIST, LSUB --- */

/* RFC 3501 section 6.3.8: "*" is anything, "%" anything without the hierarchy delimiter. */
static bool matches_as(const char *pattern, const char *name, bool any_case)
{
    if (*pattern == '\0')
        return *name == '\0';
    if (*pattern != '*' && *pattern != '%')
        return (*pattern == *name || (any_case && char_upper(*pattern) == *name)) &&
               matches_as(pattern + 1, name + 1, any_case);
    for (;; name++) {
        if (matches_as(pattern + 1, name, any_case))
            return true;
        if (*name == '\0' || (*pattern == '%' && *name == '/'))
            return false;
    }
}

static bool matches(const char *pattern, const char *name)
{
    return matches_as(pattern, name, strcmp(name, "INBOX") == 0); /* one name in any case (section 5.1) */
}

static const char *const patterns[] = {"*",      "%",     "%/%",    "a/%", "a*",   "Work/%",
                                       "*/2024", "INBOX", "INBOX*", "%x%", "a/b/*"};

static bool compose_list(struct client *client, struct move *move)
{
    const char *pattern = patterns[below(client->game, ARRAY_LEN(patterns))];
    snprintf(move->name, sizeof(move->name), "%s", pattern);
    move->sub = move->kind == &kind_lsub;
    move->has_limit = !move->sub && one_in(client->game, 3);
    buf_printf(&move->text, "%s \"\" \"%s\"%s", move->sub ? "LSUB" : "LIST", pattern,
               move->has_limit ? " RETURN (SUBSCRIBED CHILDREN)" : "");
    return true;
}

static bool has_attribute(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->words.count; i++)
        if (slice_eq_nocase(reply->words.list[i], slice_from(name)))
            return true;
    return false;
}

static const struct reply *listed(const struct client *client, const char *kind, const char *name)
{
    const struct reply *reply;
    for (size_t i = 0; (reply = client_reply(client, kind, i)); i++)
        if (is_named(client, reply->mailbox, name))
            return reply;
    return NULL;
}

static bool has_children(const struct game *game, const char *name)
{
    for (size_t i = 0; i < game->mailbox_count; i++)
        if (!game->mailboxes[i]->deleted && truth_is_below(game->mailboxes[i]->name, name))
            return true;
    return false;
}

static void check_listed(struct client *client, const struct move *move, const char *name)
{
    const struct reply *reply = listed(client, "LIST", name);
    bool children = has_children(client->game, name);
    if (!reply)
        game_fail(client, "LIST of %s", name);
    if (reply->delimiter != '/')
        game_fail(client, "the delimiter /");
    if (has_attribute(reply, children ? "\\HasNoChildren" : "\\HasChildren") ||
        (move->has_limit && !has_attribute(reply, children ? "\\HasChildren" : "\\HasNoChildren")))
        game_fail(client, "%s %s children (RFC 5258 section 4)", name, children ? "with" : "without");
    if (move->has_limit && has_attribute(reply, "\\Subscribed") != truth_is_subscribed(client->game, name))
        game_fail(client, "%s %ssubscribed", name, truth_is_subscribed(client->game, name) ? "" : "not ");
}

/* A level above a mailbox that is no mailbox itself. */
static bool is_level(const struct game *game, const struct client *client, struct slice written)
{
    char above[GAME_NAME];
    for (size_t i = 0; i < game->mailbox_count; i++) {
        const char *name = game->mailboxes[i]->name;
        for (size_t j = 0; name[j] && !game->mailboxes[i]->deleted; j++) {
            snprintf(above, sizeof(above), "%.*s", (int)j, name);
            if (name[j] == '/' && is_named(client, written, above))
                return true;
        }
    }
    return false;
}

static void check_list(struct client *client, struct move *move)
{
    struct game *game = client->game;
    size_t expected = 0, levels = 0;
    for (size_t i = 0; i < game->mailbox_count; i++) {
        const char *name = game->mailboxes[i]->name;
        if (game->mailboxes[i]->deleted || !matches(move->name, name))
            continue;
        check_listed(client, move, name);
        expected++;
    }
    const struct reply *reply;
    for (size_t i = 0; (reply = client_reply(client, "LIST", i)); i++) {
        if (!has_attribute(reply, "\\Noselect") && !has_attribute(reply, "\\NonExistent"))
            continue;
        levels++;
        if (!is_level(game, client, reply->mailbox))
            game_fail(client, "no level that has nothing below it: %.*s", SLICE_ARG(reply->mailbox));
    }
    if (client_count_replies(client, "LIST") != expected + levels)
        game_fail(client, "%zu mailboxes, each once", expected);
}

static void check_lsub(struct client *client, struct move *move)
{
    struct game *game = client->game;
    const struct reply *reply;
    size_t levels = 0, expected = 0;
    for (size_t i = 0; i < game->subscription_count; i++) {
        if (!matches(move->name, game->subscriptions[i]))
            continue;
        expected++;
        if (!listed(client, "LSUB", game->subscriptions[i]))
            game_fail(client, "LSUB of %s", game->subscriptions[i]);
    }
    for (size_t i = 0; (reply = client_reply(client, "LSUB", i)); i++) {
        bool subscribed = false;
        for (size_t j = 0; j < game->subscription_count; j++)
            subscribed = subscribed || is_named(client, reply->mailbox, game->subscriptions[j]);
        /* RFC 3501 section 6.3.9: "%" also shows levels above what is subscribed. */
        if (!subscribed && !has_attribute(reply, "\\Noselect"))
            game_fail(client, "no LSUB of %.*s", SLICE_ARG(reply->mailbox));
        levels += !subscribed;
    }
    if (client_count_replies(client, "LSUB") != expected + levels)
        game_fail(client, "%zu subscriptions, each once", expected);
}

/* --- CREATE, DELETE, RENAME, SUBSCRIBE --- */

static bool compose_create(struct client *client, struct move *move)
{
    if (truth_live(client->game) + 4 > GAME_MAILBOXES)
        return false;
    choose_name(client, move->name);
    buf_append(&move->text, S("CREATE "));
    write_mailbox(client, &move->text, move->name);
    return true;
}

static void effect_create(struct client *client, struct move *move)
{
    bool exists = truth_mailbox(client->game, move->name);
    move->expected = exists ? "NO" : "OK";
    client->game->tick++;
    if (!exists)
        truth_create(client->game, move->name);
}

static bool is_open(const struct game *game, const struct mailbox *mailbox)
{
    for (size_t i = 0; i < game->client_count; i++)
        if (game->clients[i].state == CLIENT_SELECTED && game->clients[i].selected == mailbox)
            return true;
    return false;
}

static bool compose_delete(struct client *client, struct move *move)
{
    choose_name(client, move->name);
    struct mailbox *mailbox = truth_mailbox(client->game, move->name);
    /* Whoever has it open is thrown out (RFC 2180 section 3.3); and INBOX is the playground. */
    if (mailbox && (is_open(client->game, mailbox) || has_children(client->game, move->name)))
        return false;
    buf_append(&move->text, S("DELETE "));
    write_mailbox(client, &move->text, move->name);
    return true;
}

static void effect_delete(struct client *client, struct move *move)
{
    struct mailbox *mailbox = truth_mailbox(client->game, move->name);
    bool may = mailbox && strcmp(move->name, "INBOX") != 0;
    move->expected = may ? "OK" : "NO";
    client->game->tick++;
    if (may)
        truth_delete(client->game, mailbox);
}

static bool compose_rename(struct client *client, struct move *move)
{
    struct game *game = client->game;
    choose_name(client, move->name);
    choose_name(client, move->new_name);
    struct mailbox *target = truth_mailbox(game, move->new_name);
    if (truth_live(game) + 4 > GAME_MAILBOXES || (target && one_in(game, 2)) || strlen(move->name) > 40)
        return false;
    if (strcmp(move->name, "INBOX") == 0 && !one_in(game, 3))
        return false;
    buf_append(&move->text, S("RENAME "));
    write_mailbox(client, &move->text, move->name);
    buf_append_char(&move->text, ' ');
    write_mailbox(client, &move->text, move->new_name);
    return true;
}

static void effect_rename(struct client *client, struct move *move)
{
    client->game->tick++;
    move->expected = truth_rename(client->game, move->name, move->new_name);
}

static bool compose_subscribe(struct client *client, struct move *move)
{
    move->sub = one_in(client->game, 2);
    choose_name(client, move->name);
    buf_append(&move->text, move->sub ? S("SUBSCRIBE ") : S("UNSUBSCRIBE "));
    write_mailbox(client, &move->text, move->name);
    return true;
}

static void effect_subscribe(struct client *client, struct move *move)
{
    bool known = truth_is_subscribed(client->game, move->name);
    /* A server may check that the mailbox is there, and that the name was subscribed (RFC 3501 section
     * 6.3.6, 6.3.7). */
    bool may = truth_mailbox(client->game, move->name) && (move->sub || known);
    move->expected = may ? "OK" : NULL;
}

static void check_subscribe(struct client *client, struct move *move)
{
    if (reply_is(client->end, "OK"))
        truth_subscribe(client->game, move->name, move->sub);
}

const struct kind kind_status = {"STATUS", 20, 0, compose_status, effect_status, check_status};
const struct kind kind_list = {"LIST", 8, MOVE_OWN | 0, compose_list, NULL, check_list};
const struct kind kind_lsub = {"LSUB", 5, MOVE_OWN | 0, compose_list, NULL, check_lsub};
const struct kind kind_create = {"CREATE", 6, MOVE_OWN | MOVE_CHANGES, compose_create, effect_create, NULL};
const struct kind kind_delete = {"DELETE", 6, MOVE_OWN | MOVE_CHANGES, compose_delete, effect_delete, NULL};
const struct kind kind_rename = {"RENAME", 5, MOVE_OWN | MOVE_CHANGES, compose_rename, effect_rename, NULL};
const struct kind kind_subscribe = {
    "SUBSCRIBE", 6, MOVE_OWN | MOVE_CHANGES, compose_subscribe, effect_subscribe, check_subscribe};
