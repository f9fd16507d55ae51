/* SPDX-License-Identifier: ISC */
/* What the account holds, as simple as it can be. */
#include "game.h"

const char *const flag_names[5] = {"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"};
const char *const word_names[GAME_WORDS] = {"$Forwarded", "$Junk", "alpha", "Beta", "x-1.b", "$MDNSent"};

#define GROW(list, count, room)                                            \
    do {                                                                   \
        if ((count) == (room)) {                                           \
            (room) = (room) ? (room)*2 : 16;                               \
            (list) = mem_realloc_array((list), (room), sizeof((list)[0])); \
        }                                                                  \
    } while (0)

struct mailbox *truth_mailbox(struct game *game, const char *name)
{
    for (size_t i = 0; i < game->mailbox_count; i++)
        if (!game->mailboxes[i]->deleted && strcmp(game->mailboxes[i]->name, name) == 0)
            return game->mailboxes[i];
    return NULL;
}

size_t truth_live(const struct game *game)
{
    size_t live = 0;
    for (size_t i = 0; i < game->mailbox_count; i++)
        live += !game->mailboxes[i]->deleted;
    return live;
}

struct mailbox *truth_any(struct game *game)
{
    struct mailbox *mailbox;
    do {
        mailbox = game->mailboxes[one_in(game, 2) ? 0 : below(game, game->mailbox_count)];
    } while (mailbox->deleted);
    return mailbox;
}

static void make(struct game *game, const char *name)
{
    struct mailbox *mailbox = mem_new(struct mailbox);
    snprintf(mailbox->name, sizeof(mailbox->name), "%s", name);
    mailbox->uidnext = 1;
    mailbox->is_sent = game->done == 0 && strcmp(name, "Sent") == 0;
    mailbox->tick = game->tick;
    GROW(game->mailboxes, game->mailbox_count, game->mailbox_room);
    game->mailboxes[game->mailbox_count++] = mailbox;
}

/* Levels above that are missing are made too. */
static void make_above(struct game *game, const char *name)
{
    char above[GAME_NAME];
    for (size_t i = 0; name[i]; i++) {
        if (name[i] != '/')
            continue;
        snprintf(above, sizeof(above), "%.*s", (int)i, name);
        if (!truth_mailbox(game, above))
            make(game, above);
    }
}

struct mailbox *truth_create(struct game *game, const char *name)
{
    make_above(game, name);
    make(game, name);
    return game->mailboxes[game->mailbox_count - 1];
}

void truth_delete(struct game *game, struct mailbox *mailbox)
{
    (void)game;
    mailbox->deleted = true;
    mailbox->count = 0;
}

bool truth_is_below(const char *name, const char *above)
{
    size_t length = strlen(above);
    return strncmp(name, above, length) == 0 && name[length] == '/';
}

static int subscription(const struct game *game, const char *name)
{
    for (size_t i = 0; i < game->subscription_count; i++)
        if (strcmp(game->subscriptions[i], name) == 0)
            return (int)i;
    return -1;
}

bool truth_is_subscribed(const struct game *game, const char *name)
{
    return subscription(game, name) >= 0;
}

void truth_subscribe(struct game *game, const char *name, bool subscribed)
{
    int at = subscription(game, name);
    if (subscribed && at < 0) {
        GROW(game->subscriptions, game->subscription_count, game->subscription_room);
        snprintf(game->subscriptions[game->subscription_count++], GAME_NAME, "%s", name);
    } else if (!subscribed && at >= 0) {
        memmove(game->subscriptions[at], game->subscriptions[--game->subscription_count], GAME_NAME);
    }
}

struct message *truth_message(struct mailbox *mailbox, uint32_t uid)
{
    for (size_t i = 0; i < mailbox->count; i++)
        if (mailbox->messages[i].uid == uid)
            return &mailbox->messages[i];
    return NULL;
}

/* A change that changes nothing is none. */
void truth_change(struct game *game, struct mailbox *mailbox, struct message *message, unsigned flags,
                  unsigned words)
{
    if (flags == message->flags && words == message->words)
        return;
    message->before.flags = message->flags;
    message->before.words = message->words;
    message->before.tick = message->tick;
    message->flags = flags;
    message->words = words;
    message->tick = mailbox->tick = game->tick;
}

struct message *truth_add(struct game *game, struct mailbox *mailbox, struct message message)
{
    message.uid = mailbox->uidnext++;
    message.tick = mailbox->tick = game->tick;
    GROW(mailbox->messages, mailbox->count, mailbox->room);
    mailbox->messages[mailbox->count] = message;
    return &mailbox->messages[mailbox->count++];
}

void truth_remove(struct game *game, struct mailbox *mailbox, uint32_t uid)
{
    struct message *message = truth_message(mailbox, uid);
    size_t behind = (size_t)(mailbox->messages + mailbox->count - (message + 1));
    memmove(message, message + 1, behind * sizeof(*message));
    mailbox->count--;
    mailbox->tick = game->tick;
    GROW(mailbox->gone, mailbox->gone_count, mailbox->gone_room);
    mailbox->gone[mailbox->gone_count++] = (struct gone){uid, game->tick};
}

/* RFC 3501 section 6.3.5: the messages go to a new mailbox, INBOX stays and is empty. */
static void rename_inbox(struct game *game, const char *to)
{
    struct mailbox *made = truth_create(game, to), *inbox = truth_mailbox(game, "INBOX");
    while (inbox->count > 0) {
        struct message message = inbox->messages[0];
        message.recent_of = RECENT_UNKNOWN;
        truth_add(game, made, message);
        truth_remove(game, inbox, inbox->messages[0].uid);
    }
}

static bool is_in_tree(const char *name, const char *top)
{
    return strcmp(name, top) == 0 || truth_is_below(name, top);
}

/* Those of mailboxes, whose names are still the old ones; what is only subscribed stays. */
static void rename_subscriptions(struct game *game, const char *from, const char *to)
{
    size_t count = game->subscription_count, moved = 0;
    char(*names)[GAME_NAME] = mem_alloc((count + 1) * GAME_NAME), name[GAME_NAME * 2];
    for (size_t i = 0; i < count; i++)
        if (is_in_tree(game->subscriptions[i], from) && truth_mailbox(game, game->subscriptions[i]))
            memcpy(names[moved++], game->subscriptions[i], GAME_NAME);
    for (size_t i = 0; i < moved; i++) /* all old ones first: a new name may be an old one */
        truth_subscribe(game, names[i], false);
    for (size_t i = 0; i < moved; i++) {
        snprintf(name, sizeof(name), "%s%s", to, names[i] + strlen(from));
        truth_subscribe(game, name, true);
    }
    mem_free(names);
}

const char *truth_rename(struct game *game, const char *from, const char *to)
{
    char name[GAME_NAME * 2];
    bool inbox = strcmp(from, "INBOX") == 0;
    if (!truth_mailbox(game, from) || truth_mailbox(game, to) || (!inbox && truth_is_below(to, from)))
        return "NO";
    if (inbox) {
        rename_inbox(game, to);
        return "OK";
    }
    for (int pass = 0; pass < 2; pass++) { /* may it be; do it */
        if (pass == 1)
            rename_subscriptions(game, from, to);
        for (size_t i = 0; i < game->mailbox_count; i++) {
            struct mailbox *mailbox = game->mailboxes[i];
            if (mailbox->deleted ||
                (strcmp(mailbox->name, from) != 0 && !truth_is_below(mailbox->name, from)))
                continue;
            snprintf(name, sizeof(name), "%s%s", to, mailbox->name + strlen(from));
            if (pass == 0 && (strlen(name) >= GAME_NAME || truth_mailbox(game, name)))
                return "NO";
            mailbox->is_renamed = mailbox->is_renamed || pass == 1;
            if (pass == 1)
                snprintf(mailbox->name, sizeof(mailbox->name), "%.*s", GAME_NAME - 1, name);
        }
    }
    make_above(game, to);
    return "OK";
}

unsigned flags_seen_by(const struct client *client, unsigned flags)
{
    bool seen = flags & (client->is_guest ? FLAG_SEEN_BY_GUEST : FLAG_SEEN);
    return (flags & FLAGS_ALL & ~(unsigned)FLAG_SEEN) | (seen ? FLAG_SEEN : 0);
}

unsigned flags_set_by(const struct client *client, unsigned flags, unsigned seen)
{
    unsigned mine = client->is_guest ? FLAG_SEEN_BY_GUEST : FLAG_SEEN;
    unsigned theirs = flags & (FLAG_SEEN | FLAG_SEEN_BY_GUEST) & ~mine;
    return (seen & FLAGS_ALL & ~(unsigned)FLAG_SEEN) | theirs | (seen & FLAG_SEEN ? mine : 0);
}

uint64_t truth_modseq(const struct game *game, uint32_t tick)
{
    return tick < game->modseq_room ? game->modseqs[tick] : 0;
}

/* MODSEQ rises with every change of the account, and all messages that one command changed got the same. */
void truth_learn_modseq(struct client *client, uint32_t tick, uint64_t modseq)
{
    struct game *game = client->game;
    if (tick == 0) /* what was there from the beginning was not made by one change */
        return;
    if (tick >= game->modseq_room) {
        size_t room = (size_t)tick * 2 + 1024;
        game->modseqs = mem_realloc_array(game->modseqs, room, sizeof(uint64_t));
        memset(game->modseqs + game->modseq_room, 0, (room - game->modseq_room) * sizeof(uint64_t));
        game->modseq_room = room;
    }
    uint64_t known = game->modseqs[tick];
    if (known == modseq)
        return;
    if (known)
        game_fail(client, "MODSEQ %llu for a change that had %llu", (unsigned long long)modseq,
                  (unsigned long long)known);
    for (uint32_t before = tick; before-- > 0;) {
        if (game->modseqs[before] >= modseq)
            game_fail(client, "MODSEQ %llu for a change after the one that had %llu",
                      (unsigned long long)modseq, (unsigned long long)game->modseqs[before]);
        if (game->modseqs[before])
            break;
    }
    for (size_t after = tick + 1; after < game->modseq_room && after <= game->tick; after++) {
        if (!game->modseqs[after])
            continue;
        if (game->modseqs[after] <= modseq)
            game_fail(client, "MODSEQ %llu for a change before the one that had %llu",
                      (unsigned long long)modseq, (unsigned long long)game->modseqs[after]);
        break;
    }
    game->modseqs[tick] = modseq;
}
