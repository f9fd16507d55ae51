/* SPDX-License-Identifier: ISC */
/* What a client may ask for: sets of messages, names, flags, and the ways to write them. */
#include "mail/mutf7.h"

#include "game.h"

/* --- sets --- */

static uint32_t some_number(struct client *client, bool by_uid)
{
    struct game *game = client->game;
    size_t at = below(game, client->count);
    if (by_uid && one_in(game, 12))
        return 1 + (uint32_t)below(game, client->top + 3);
    return by_uid ? client->view[at].uid : (uint32_t)at + 1;
}

/* Mostly of what the client has; now and then of what it cannot know to be gone, or of nothing. */
void choose_set(struct client *client, struct move *move)
{
    struct game *game = client->game;
    struct chosen *set = &move->set;
    *set = (struct chosen){.by_uid = one_in(game, 2)};
    /* Not where a SEARCH before it may change it. */
    if (client->has_saved && !client->pipelines && one_in(game, 6)) {
        set->saved = true;
        return;
    }
    size_t ranges = one_in(game, 3) ? 1 + below(game, GAME_RANGES - 1) : 1;
    while (set->count < ranges) {
        struct range *range = &set->ranges[set->count++];
        range->first = client->count ? some_number(client, set->by_uid) : 1;
        range->last = range->first;
        if (one_in(game, 8))
            *range = (struct range){1, 0};
        else if (one_in(game, 8))
            range->first = range->last = 0;
        else if (client->count && one_in(game, 3))
            range->last = some_number(client, set->by_uid);
        if (set->by_uid && one_in(game, 20)) /* what Thunderbird asks for after each NOOP */
            *range = (struct range){client->top + 1, 0};
        if (!set->by_uid && one_in(game, 60))
            range->last = (uint32_t)client->count + 1 + (uint32_t)below(game, 5);
    }
}

static void write_number(struct buf *text, uint32_t number)
{
    if (number)
        buf_append_number(text, number, 1);
    else
        buf_append_char(text, '*');
}

void choose_write(struct buf *text, const struct chosen *set)
{
    if (set->saved)
        buf_append_char(text, '$');
    for (size_t i = 0; i < set->count; i++) {
        if (i > 0)
            buf_append_char(text, ',');
        write_number(text, set->ranges[i].first);
        if (set->ranges[i].last != set->ranges[i].first) {
            buf_append_char(text, ':');
            write_number(text, set->ranges[i].last);
        }
    }
}

bool uids_have(const uint32_t *uids, size_t count, uint32_t uid)
{
    for (size_t i = 0; i < count; i++)
        if (uids[i] == uid)
            return true;
    return false;
}

static bool set_names(const struct client *client, const struct chosen *set, uint32_t number,
                      uint32_t highest)
{
    for (size_t i = 0; i < set->count; i++) {
        uint32_t first = set->ranges[i].first ? set->ranges[i].first : highest;
        uint32_t last = set->ranges[i].last ? set->ranges[i].last : highest;
        if (first && last && number >= MIN_OF(first, last) && number <= MAX_OF(first, last))
            return true;
    }
    return set->saved && uids_have(client->saved, client->saved_count, number);
}

/* When the command runs: numbers are those of the view. UIDs behind it that the client was not told of yet
 * are told first, and belong to it then; "*" is the last message of the view. */
void choose_resolve(struct client *client, struct chosen *set)
{
    struct mailbox *mailbox = client->selected;
    uint32_t highest = 0, last_uid = client->count ? client->view[client->count - 1].uid : 0;
    set->uids = arena_array(&client->arena, uint32_t, client->count + mailbox->count + 1);
    set->uid_count = 0;
    set->has_gone = set->is_bad = set->tells_new = false;
    for (size_t i = 0; i < set->count; i++)
        highest = MAX_OF(highest, MAX_OF(set->ranges[i].first, set->ranges[i].last));
    set->is_bad = !set->by_uid && !set->saved && highest > client->count;
    set->tells_new = set->by_uid && !set->saved && highest > last_uid;
    bool has_new = mailbox->count > 0 && mailbox->messages[mailbox->count - 1].uid > client->top;
    if (set->tells_new && has_new)
        last_uid = mailbox->messages[mailbox->count - 1].uid;
    set->last_uid = last_uid;
    for (size_t i = 0; i < client->count; i++) {
        uint32_t uid = client->view[i].uid;
        bool by_number = !set->by_uid && !set->saved;
        if (!set_names(client, set, by_number ? (uint32_t)i + 1 : uid,
                       by_number ? (uint32_t)client->count : last_uid))
            continue;
        set->uids[set->uid_count++] = uid;
        set->has_gone = set->has_gone || !truth_message(mailbox, uid);
    }
    set->new_uids = arena_array(&client->arena, uint32_t, mailbox->count + 1);
    set->new_count = 0;
    for (size_t i = 0; i < mailbox->count && set->tells_new; i++) {
        uint32_t uid = mailbox->messages[i].uid;
        if (uid <= client->top)
            continue;
        set->new_uids[set->new_count++] = uid;
        if (set_names(client, set, uid, last_uid))
            set->uids[set->uid_count++] = uid;
    }
}

void move_add_uid(struct client *client, struct move *move, uint32_t uid)
{
    if (!move->uids)
        move->uids = arena_array(&client->arena, uint32_t, 4096);
    move->uids[move->uid_count++] = uid;
}

bool choose_modseq(struct client *client, uint32_t *tick_r, uint64_t *modseq_r)
{
    struct mailbox *mailbox = client->selected;
    uint32_t tick = mailbox->tick;
    if (mailbox->count > 0 && !one_in(client->game, 4))
        tick = mailbox->messages[below(client->game, mailbox->count)].tick;
    *tick_r = tick;
    *modseq_r = truth_modseq(client->game, tick);
    return *modseq_r != 0;
}

/* --- flags --- */

void choose_flags(struct game *game, unsigned *flags_r, unsigned *words_r)
{
    *flags_r = (unsigned)(below(game, 32) & below(game, 32));
    *words_r =
        one_in(game, 2) ? 0 : (unsigned)(below(game, 1u << GAME_WORDS) & below(game, 1u << GAME_WORDS));
}

void write_flags(struct buf *text, unsigned flags, unsigned words)
{
    const char *space = "";
    buf_append_char(text, '(');
    for (unsigned bit = 0; bit < 5 + GAME_WORDS; bit++) {
        if (bit < 5 ? !(flags >> bit & 1) : !(words >> (bit - 5) & 1))
            continue;
        buf_printf(text, "%s%s", space, bit < 5 ? flag_names[bit] : word_names[bit - 5]);
        space = " ";
    }
    buf_append_char(text, ')');
}

/* --- names --- */

static const char *const names[] = {
    "a",           "a/b",       "a/b/c",        "a/x y",       "Work",
    "Work/2024",   "Work/2025", "\xc3\x84rger", "Mail & More", "Mail & More/\xe5\x8f\xb0\xe5\x8c\x97",
    "INBOX/below", "q\"uote",   "z/1/2",        "lone"};

/* Of the owner's account; the guest knows what is shared with him, and tries names that are not there. */
void choose_name(struct client *client, char name[GAME_NAME])
{
    struct game *game = client->game;
    const char *chosen = names[below(game, ARRAY_LEN(names))];
    if (!one_in(game, 4) || (client->is_guest && truth_mailbox(game, chosen))) {
        struct mailbox *mailbox;
        do
            mailbox = truth_any(game);
        while (client->is_guest && !mailbox->is_shared);
        chosen = mailbox->name;
    }
    snprintf(name, GAME_NAME, "%s", chosen);
}

const char *name_for(const struct client *client, const char *name)
{
    static char buffer[GAME_NAME * 2];
    bool inbox = strcmp(name, "INBOX") == 0;
    if (!client->is_guest)
        return name;
    snprintf(buffer, sizeof(buffer), "Shared/" GAME_LOGIN "%s%s", inbox ? "" : "/", inbox ? "" : name);
    return buffer;
}

struct mailbox *mailbox_of(struct client *client, const char *name)
{
    struct mailbox *mailbox = truth_mailbox(client->game, name);
    return mailbox && client->is_guest && !mailbox->is_shared ? NULL : mailbox;
}

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!char_is_alnum(text.data[i]) && text.data[i] != '/' && text.data[i] != '&' && text.data[i] != '-')
            return false;
    return text.len > 0;
}

struct mailbox *target_of(struct client *client, const char *name)
{
    struct mailbox *mailbox = mailbox_of(client, name);
    return mailbox && client->is_guest && mailbox->is_for_reading ? NULL : mailbox;
}

void write_mailbox(struct client *client, struct buf *text, const char *owners_name)
{
    const char *name = name_for(client, owners_name);
    struct buf encoded;
    buf_init(&encoded, 4096);
    if (client->utf8 || client->rev2)
        buf_append(&encoded, slice_from(name));
    else
        assert_int_equal(mutf7_encode(&encoded, slice_from(name), SLICE_EMPTY), 0);
    struct slice written = buf_slice(&encoded);
    if (is_plain(written) && one_in(client->game, 2)) {
        buf_append(text, written);
    } else {
        buf_append_char(text, '"');
        for (size_t i = 0; i < written.len; i++) {
            if (written.data[i] == '"' || written.data[i] == '\\')
                buf_append_char(text, '\\');
            buf_append_char(text, written.data[i]);
        }
        buf_append_char(text, '"');
    }
    buf_free(&encoded);
}

/* Synchronising or not (RFC 7888). */
void write_literal(struct client *client, struct move *move, struct slice text)
{
    bool waits = !client->pipelines && move->break_count < ARRAY_LEN(move->breaks) && one_in(client->game, 2);
    buf_printf(&move->text, "{%zu%s}\r\n", text.len, waits ? "" : "+");
    if (waits)
        move->breaks[move->break_count++] = move->text.len;
    buf_append(&move->text, text);
}
