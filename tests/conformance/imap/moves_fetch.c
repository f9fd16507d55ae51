/* SPDX-License-Identifier: ISC */
/* FETCH (RFC 3501 section 6.4.5), CHANGEDSINCE and VANISHED (RFC 7162 sections 3.1.4.1 and 3.2.6). */
#include "game.h"

static const struct {
    unsigned bit;
    const char *name;
} item_names[] = {
    {REPLY_FLAGS, "FLAGS"},       {REPLY_UID, "UID"},
    {REPLY_MODSEQ, "MODSEQ"},     {REPLY_SIZE, "RFC822.SIZE"},
    {REPLY_DATE, "INTERNALDATE"}, {REPLY_ENVELOPE, "ENVELOPE"},
    {REPLY_BODY, "BODY"},         {REPLY_STRUCTURE, "BODYSTRUCTURE"},
    {REPLY_EMAILID, "EMAILID"},
};

static void begin_fetch(struct client *client, struct move *move)
{
    choose_set(client, move);
    move->is_fetch = true;
    move->traits |= move->set.by_uid ? 0 : MOVE_NUMBERS | MOVE_BY_NUMBER;
    buf_append(&move->text, move->set.by_uid ? S("UID FETCH ") : S("FETCH "));
    choose_write(&move->text, &move->set);
    buf_append_char(&move->text, ' ');
}

static void write_items(struct client *client, struct move *move)
{
    const char *space = "(";
    move->items = 1u << below(client->game, 9);
    if (one_in(client->game, 2))
        move->items |= (unsigned)below(client->game, 512);
    for (size_t i = 0; i < ARRAY_LEN(item_names); i++) {
        if (!(move->items & item_names[i].bit))
            continue;
        buf_printf(&move->text, "%s%s", space, item_names[i].name);
        space = " ";
    }
}

static bool compose_fetch(struct client *client, struct move *move)
{
    static const char *const macros[] = {"ALL", "FAST", "FULL"};
    size_t macro = below(client->game, 30);
    begin_fetch(client, move);
    if (macro < 3) {
        move->items = REPLY_FLAGS | REPLY_DATE | REPLY_SIZE | (macro != 1 ? REPLY_ENVELOPE : 0) |
                      (macro == 2 ? REPLY_BODY : 0);
        buf_append(&move->text, slice_from(macros[macro]));
    } else {
        write_items(client, move);
        buf_append_char(&move->text, ')');
    }
    return true;
}

/* --- sections --- */

/* Of the header of a message those lines, in the message's order, and the empty line behind them. */
static struct slice header_fields(struct client *client, const struct text *text, struct slice list,
                                  bool inverse)
{
    struct buf lines;
    buf_init(&lines, 1 << 20);
    for (size_t i = 0; i < text->field_count; i++) {
        struct slice rest = list;
        bool listed = false;
        while (rest.len > 0)
            listed = slice_eq_nocase(slice_split(&rest, ' '), slice_from(text->fields[i].name)) || listed;
        if (listed != inverse)
            buf_append(&lines, text->fields[i].line);
    }
    buf_append(&lines, S("\r\n"));
    struct slice copy = arena_copy(&client->arena, buf_slice(&lines));
    buf_free(&lines);
    return copy;
}

static void choose_fields(struct client *client, struct move *move)
{
    static const char *const fields[] = {"From", "SUBJECT", "x-number", "Message-Id", "To", "Absent", "Date"};
    size_t count = 1 + below(client->game, 4), length;
    bool inverse = one_in(client->game, 3);
    snprintf(move->section_name, sizeof(move->section_name), "HEADER.FIELDS%s (", inverse ? ".NOT" : "");
    /* .NOT must name what write_quoted adds beside its fields, so that all are known */
    if (inverse)
        strcat(move->section_name, "Content-Transfer-Encoding ");
    for (size_t i = 0; i < count; i++) {
        length = strlen(move->section_name);
        snprintf(move->section_name + length, sizeof(move->section_name) - length, "%s%s", i ? " " : "",
                 fields[below(client->game, ARRAY_LEN(fields))]);
    }
    strcat(move->section_name, ")");
}

static void choose_section(struct client *client, struct move *move)
{
    struct game *game = client->game;
    const struct text *text = &game->texts[below(game, GAME_TEXTS)];
    if (one_in(game, 4))
        choose_fields(client, move);
    else
        snprintf(move->section_name, sizeof(move->section_name), "%s",
                 text->sections[below(game, text->section_count)].name);
}

static const char *const old_names[] = {"RFC822", "RFC822.HEADER", "RFC822.TEXT"};
enum { BODY_PEEK, BODY_SEEN, BODY_RFC822, BODY_RFC822_HEADER, BODY_RFC822_TEXT };

static bool compose_body(struct client *client, struct move *move)
{
    static const char *const sections[] = {"", "HEADER", "TEXT"};
    struct game *game = client->game;
    size_t which = below(game, 12);
    begin_fetch(client, move);
    move->change = one_in(game, 3) ? BODY_SEEN : BODY_PEEK;
    if (which < 3) {
        move->change = BODY_RFC822 + (int)which;
        snprintf(move->section_name, sizeof(move->section_name), "%s", sections[which]);
        buf_printf(&move->text, "(%s", old_names[which]);
    } else {
        choose_section(client, move);
        buf_printf(&move->text, "(BODY%s[%s]", move->change == BODY_PEEK ? ".PEEK" : "", move->section_name);
        move->has_partial = one_in(game, 3);
        move->origin = (uint32_t)below(game, one_in(game, 2) ? 20 : 2000);
        move->length = 1 + (uint32_t)below(game, one_in(game, 3) ? 5 : 4000);
        if (move->has_partial)
            buf_printf(&move->text, "<%u.%u>", move->origin, move->length);
    }
    if (one_in(game, 3)) {
        move->items = REPLY_FLAGS | REPLY_UID;
        buf_append(&move->text, S(" FLAGS UID"));
    }
    buf_append_char(&move->text, ')');
    /* New mail is not held for ever: of several such commands in a row only the first is sure to. */
    move->traits |=
        strstr(move->section_name, "HEADER") || strstr(move->section_name, "MIME") || client->holds
            ? MOVE_MAY_HOLD
            : MOVE_HOLDS_MAIL;
    return true;
}

static void effect_fetch(struct client *client, struct move *move)
{
    choose_resolve(client, &move->set);
    /* Which UID a number has the session knows, also of what is gone. */
    bool only_uid = move->kind == &kind_fetch && move->items == REPLY_UID;
    move->expected = move->set.is_bad                          ? "BAD"
                     : move->set.has_gone && !move->set.by_uid ? only_uid ? "OK" : "NO"
                     : move->set.has_gone                      ? NULL
                                                               : "OK";
    if (move->items & REPLY_MODSEQ)
        client->condstore = true;
}

/* Bodies that were read are \Seen, but not with PEEK, RFC822.HEADER and EXAMINE. */
static void effect_body(struct client *client, struct move *move)
{
    effect_fetch(client, move);
    if (move->set.is_bad || client->readonly || move->change == BODY_PEEK ||
        move->change == BODY_RFC822_HEADER)
        return;
    client->game->tick++;
    for (size_t i = 0; i < move->set.uid_count; i++) {
        struct message *message = truth_message(client->selected, move->set.uids[i]);
        if (message)
            truth_change(
                client->game, client->selected, message,
                flags_set_by(client, message->flags, flags_seen_by(client, message->flags) | FLAG_SEEN),
                message->words);
    }
}

/* --- comparing --- */

static bool section_bytes(struct client *client, const struct move *move, const struct text *text,
                          struct slice *bytes_r)
{
    struct slice name = slice_from(move->section_name);
    const struct text_section *section = text_section(text, move->section_name);
    size_t open = slice_find(name, '(');
    if (open < name.len)
        *bytes_r = header_fields(client, text, slice_take(slice_skip(name, open + 1), name.len - open - 2),
                                 slice_starts_with(name, S("HEADER.FIELDS.NOT")));
    else if (section)
        *bytes_r = section->bytes;
    else
        return false; /* no such part: an empty text or NIL */
    return true;
}

static void check_section(struct client *client, const struct move *move, const struct message *message,
                          const struct reply_section *section)
{
    struct slice expected = SLICE_EMPTY;
    bool exists = section_bytes(client, move, message->text, &expected);
    if (move->has_partial != section->has_origin || (move->has_partial && section->origin != move->origin))
        game_fail(client, "the origin of the partial text as it was asked for (RFC 3501 section 7.4.2)");
    if (move->has_partial)
        expected = slice_take(slice_skip(expected, move->origin), move->length);
    if (move->change < BODY_RFC822 && (!slice_eq(section->item, S("BODY")) ||
                                       !slice_eq_nocase(section->name, slice_from(move->section_name))))
        game_fail(client, "BODY[%s]", move->section_name);
    if (move->change >= BODY_RFC822 &&
        !slice_eq(section->item, slice_from(old_names[move->change - BODY_RFC822])))
        game_fail(client, "%s", old_names[move->change - BODY_RFC822]);
    if (exists && section->is_nil)
        game_fail(client, "%zu bytes of UID %u, not NIL", expected.len, message->uid);
    if (exists && !slice_eq(section->value, expected))
        game_fail(client, "of UID %u %zu bytes:\n%.*s", message->uid, expected.len, SLICE_ARG(expected));
    /* Of a message that is no multipart RFC 3501 does not say what 1.MIME is. */
    if (!exists && section->value.len > 0 && strcmp(move->section_name, "1.MIME") != 0)
        game_fail(client, "nothing of a part that UID %u does not have", message->uid);
}

static void check_date(struct client *client, struct message *message, int64_t date)
{
    message->date = message->date ? message->date : date;
    if (message->date != date)
        game_fail(client, "INTERNALDATE of UID %u: %lld seconds, not %lld", message->uid,
                  (long long)message->date, (long long)date);
}

static void check_items(struct client *client, struct message *message, const struct reply_fetch *fetch)
{
    const struct text *text = message->text;
    if ((fetch->has & REPLY_SIZE) && fetch->size != text->bytes.len)
        game_fail(client, "RFC822.SIZE %zu", text->bytes.len);
    if (fetch->has & REPLY_DATE)
        check_date(client, message, fetch->date);
    if ((fetch->has & REPLY_ENVELOPE) && !slice_eq(fetch->envelope, text->envelope))
        game_fail(client, "ENVELOPE %.*s", SLICE_ARG(text->envelope));
    if ((fetch->has & REPLY_BODY) && !slice_eq(fetch->body, text->short_structure))
        game_fail(client, "BODY %.*s", SLICE_ARG(text->short_structure));
    if ((fetch->has & REPLY_STRUCTURE) && !slice_eq(fetch->structure, text->structure))
        game_fail(client, "BODYSTRUCTURE %.*s", SLICE_ARG(text->structure));
    if (fetch->has & REPLY_EMAILID) {
        if (message->emailid[0] && !slice_eq(fetch->emailid, slice_from(message->emailid)))
            game_fail(client, "EMAILID %s (RFC 8474 section 5.1)", message->emailid);
        snprintf(message->emailid, sizeof(message->emailid), "%.*s", SLICE_ARG(fetch->emailid));
    }
}

/* What came for one message: everything that was asked for in one response, and nothing that was not. */
static void check_message(struct client *client, struct move *move, uint32_t uid)
{
    struct message *message = truth_message(client->selected, uid);
    unsigned wanted = move->items | (move->set.by_uid ? REPLY_UID : 0);
    bool wants_section = move->kind == &kind_fetch_body, answered = false;
    const struct reply *reply;
    for (size_t i = 0; (reply = client_reply(client, "FETCH", i)); i++) {
        const struct reply_fetch *fetch = &reply->fetch;
        if (client_uid(client, reply) != uid)
            continue;
        if (message)
            check_items(client, message, fetch);
        if (fetch->has & ~(wanted | REPLY_FLAGS | REPLY_UID | REPLY_MODSEQ))
            game_fail(client, "no items that nobody asked for");
        if (fetch->section_count > wants_section)
            game_fail(client, "one section");
        if ((fetch->has & wanted) != wanted || fetch->section_count != wants_section)
            continue;
        if (answered && (wants_section || (wanted & ~(REPLY_FLAGS | REPLY_UID | REPLY_MODSEQ))))
            game_fail(client, "one answer for UID %u", uid);
        answered = true;
        if (wants_section && message)
            check_section(client, move, message, &fetch->sections[0]);
    }
    if (!answered && message)
        game_fail(client, "FETCH of UID %u with all that was asked for", uid);
}

/* Data that was not asked for is for flags only. */
static void check_others(struct client *client, const struct move *move)
{
    const struct reply *reply;
    for (size_t i = 0; (reply = client_reply(client, "FETCH", i)); i++) {
        bool asked = uids_have(move->set.uids, move->set.uid_count, client_uid(client, reply));
        if (!asked && (reply->fetch.section_count > 0 ||
                       (reply->fetch.has & ~(REPLY_FLAGS | REPLY_UID | REPLY_MODSEQ))))
            game_fail(client, "nothing of message %llu, which was not asked for",
                      (unsigned long long)reply->number);
    }
}

static void check_fetch(struct client *client, struct move *move)
{
    if (move->set.is_bad)
        return;
    for (size_t i = 0; i < move->set.uid_count; i++)
        check_message(client, move, move->set.uids[i]);
    check_others(client, move);
    if (move->set.has_gone && reply_is(client->end, "NO") &&
        !slice_eq(client->end->code.name, S("EXPUNGEISSUED")))
        game_fail(client, "[EXPUNGEISSUED] (RFC 5530 section 3)");
}

/* --- BINARY (RFC 3516): the attachments, decoded --- */

static bool compose_binary(struct client *client, struct move *move)
{
    begin_fetch(client, move);
    move->silent = one_in(client->game, 3); /* the size only */
    buf_printf(&move->text, "(%s[2]", move->silent ? "BINARY.SIZE" : "BINARY.PEEK");
    move->has_partial = !move->silent && one_in(client->game, 3);
    move->origin = (uint32_t)below(client->game, 400);
    move->length = 1 + (uint32_t)below(client->game, 100);
    if (move->has_partial)
        buf_printf(&move->text, "<%u.%u>", move->origin, move->length);
    buf_append_char(&move->text, ')');
    move->traits |= MOVE_MAY_HOLD;
    return true;
}

static void check_binary(struct client *client, struct move *move)
{
    const struct reply *reply;
    for (size_t i = 0; !move->set.is_bad && (reply = client_reply(client, "FETCH", i)); i++) {
        struct message *message = truth_message(client->selected, client_uid(client, reply));
        const struct text_section *part = message ? text_section(message->text, "2") : NULL;
        if (!part || !part->decoded.data || reply->fetch.section_count == 0)
            continue;
        const struct reply_section *section = &reply->fetch.sections[0];
        struct slice expected = part->decoded;
        if (move->has_partial)
            expected = slice_take(slice_skip(expected, move->origin), move->length);
        if (!slice_eq(section->item, move->silent ? S("BINARY.SIZE") : S("BINARY")) ||
            !slice_eq(section->name, S("2")))
            game_fail(client, "BINARY[2] (RFC 3516 section 7)");
        if (move->silent ? section->number != expected.len : !slice_eq(section->value, expected))
            game_fail(client, "the %zu decoded bytes of part 2 of UID %u", expected.len, message->uid);
    }
}

/* --- CHANGEDSINCE --- */

static bool compose_since(struct client *client, struct move *move)
{
    begin_fetch(client, move);
    if (!choose_modseq(client, &move->limit_tick, &move->limit))
        return false;
    write_items(client, move);
    move->silent = client->qresync && move->set.by_uid && !move->set.saved && one_in(client->game, 2);
    buf_printf(&move->text, ") (CHANGEDSINCE %llu%s)", (unsigned long long)move->limit,
               move->silent ? " VANISHED" : "");
    move->items |= REPLY_MODSEQ;
    return true;
}

static void effect_since(struct client *client, struct move *move)
{
    effect_fetch(client, move);
    client->condstore = true;
    size_t kept = 0;
    bool gone_may_have_changed = false;
    for (size_t i = 0; i < move->set.uid_count; i++) {
        struct message *message = truth_message(client->selected, move->set.uids[i]);
        gone_may_have_changed = gone_may_have_changed || !message;
        if (message && message->tick > move->limit_tick)
            move->set.uids[kept++] = message->uid;
    }
    move->set.uid_count = kept;
    if (gone_may_have_changed && !move->set.is_bad)
        move->expected = NULL;
}

static bool set_has_uid(const struct chosen *set, uint32_t uid)
{
    uint32_t highest = set->last_uid;
    for (size_t i = 0; i < set->count; i++) {
        uint32_t first = set->ranges[i].first ? set->ranges[i].first : highest;
        uint32_t last = set->ranges[i].last ? set->ranges[i].last : highest;
        if (first && last && uid >= MIN_OF(first, last) && uid <= MAX_OF(first, last))
            return true;
    }
    return false;
}

static void check_since(struct client *client, struct move *move)
{
    check_fetch(client, move);
    const struct mailbox *mailbox = client->selected;
    const struct reply *reply;
    for (size_t i = 0; (reply = client_reply(client, "VANISHED", i)); i++) {
        if (reply->earlier && !move->silent)
            game_fail(client, "no VANISHED (EARLIER) unless asked for (RFC 7162 section 3.2.6)");
        for (size_t j = 0; j < mailbox->count; j++)
            if (reply_set_has(&reply->set, mailbox->messages[j].uid))
                game_fail(client, "no VANISHED for UID %u, which is there", mailbox->messages[j].uid);
    }
    for (size_t i = 0; move->silent && i < mailbox->gone_count; i++) {
        bool told = false;
        if (mailbox->gone[i].tick <= move->limit_tick || !set_has_uid(&move->set, mailbox->gone[i].uid))
            continue;
        for (size_t j = 0; (reply = client_reply(client, "VANISHED", j)); j++)
            told = told || reply_set_has(&reply->set, mailbox->gone[i].uid);
        if (!told)
            game_fail(client, "VANISHED for UID %u (RFC 7162 section 3.2.6)", mailbox->gone[i].uid);
    }
}

const struct kind kind_fetch = {"FETCH", 60, MOVE_SELECTED, compose_fetch, effect_fetch, check_fetch};
const struct kind kind_fetch_body = {"FETCH BODY", 50,          MOVE_SELECTED | MOVE_CHANGES,
                                     compose_body, effect_body, check_fetch};
const struct kind kind_fetch_since = {"CHANGEDSINCE", 20,           MOVE_SELECTED,
                                      compose_since,  effect_since, check_since};
const struct kind kind_binary = {"BINARY", 10, MOVE_SELECTED, compose_binary, effect_fetch, check_binary};
