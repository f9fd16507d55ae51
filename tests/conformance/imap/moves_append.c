/* SPDX-License-Identifier: ISC */
/* What is put into mailboxes: APPEND (RFC 3501 section 6.3.11, RFC 3502, RFC 4315), REPLACE (RFC 8508). */
#include "mail/date.h"

#include "game.h"

/* --- APPEND --- */

static bool compose_append(struct client *client, struct move *move)
{
    struct game *game = client->game;
    choose_name(client, move->name);
    struct mailbox *target = mailbox_of(client, move->name);
    if (target && (target->count >= GAME_MESSAGES || target->is_sent))
        return false;
    move->text_count = one_in(game, 5) ? 1 + below(game, 4) : 1;
    buf_append(&move->text, S("APPEND "));
    write_mailbox(client, &move->text, move->name);
    for (size_t i = 0; i < move->text_count; i++) {
        move->texts[i] = &game->texts[below(game, GAME_TEXTS)];
        buf_append_char(&move->text, ' ');
        if (one_in(game, 2)) {
            choose_flags(game, &move->many_flags[i], &move->many_words[i]);
            write_flags(&move->text, move->many_flags[i], move->many_words[i]);
            buf_append_char(&move->text, ' ');
        }
        if (one_in(game, 2)) {
            /* Noon, so that no zone makes it another day. */
            move->dates[i] = 86400 * (10957 + (int64_t)below(game, 6)) + 43200 + (int64_t)below(game, 3600);
            buf_append_char(&move->text, '"');
            date_format_imap(&move->text, move->dates[i], one_in(game, 2) ? 0 : 60);
            buf_append(&move->text, S("\" "));
        }
        write_literal(client, move, move->texts[i]->bytes);
    }
    return true;
}

static void effect_append(struct client *client, struct move *move)
{
    struct game *game = client->game;
    move->target = target_of(client, move->name);
    move->expected = move->target ? "OK" : "NO";
    if (!move->target)
        return;
    move->tick = ++game->tick;
    move->first_uid = move->target->uidnext;
    for (size_t i = 0; i < move->text_count; i++)
        truth_add(game, move->target,
                  (struct message){.flags = flags_set_by(client, 0, move->many_flags[i]),
                                   .words = move->many_words[i],
                                   .text = move->texts[i],
                                   .date = move->dates[i]});
}

static void check_append(struct client *client, struct move *move)
{
    const struct reply_code *code = &client->end->code;
    if (!move->target) {
        if (!mailbox_of(client, move->name) && !slice_eq(code->name, S("TRYCREATE")))
            game_fail(client, "[TRYCREATE] (RFC 3501 section 6.3.11)");
        return;
    }
    if (!slice_eq(code->name, S("APPENDUID")))
        game_fail(client, "[APPENDUID] (RFC 4315 section 3)");
    if (move->target->uidvalidity && code->number != move->target->uidvalidity)
        game_fail(client, "UIDVALIDITY %u in APPENDUID", move->target->uidvalidity);
    move->target->uidvalidity = (uint32_t)code->number;
    if (reply_set_size(&code->set) != move->text_count)
        game_fail(client, "APPENDUID with %zu UIDs", move->text_count);
    for (size_t i = 0; i < move->text_count; i++)
        if (!reply_set_has(&code->set, move->first_uid + (uint32_t)i))
            game_fail(client, "APPENDUID with UID %u", move->first_uid + (uint32_t)i);
}

/* --- REPLACE (RFC 8508) --- */

static bool compose_replace(struct client *client, struct move *move)
{
    struct game *game = client->game;
    if (client->count == 0 || client->readonly)
        return false;
    choose_name(client, move->name);
    struct mailbox *target = target_of(client, move->name);
    if (!target || target->count >= GAME_MESSAGES || target->is_sent)
        return false;
    size_t at = below(game, client->count);
    move->set.by_uid = one_in(game, 2);
    move->set.ranges[0].first = move->set.ranges[0].last =
        move->set.by_uid ? client->view[at].uid : (uint32_t)at + 1;
    move->set.count = 1;
    move->traits |= move->set.by_uid ? 0 : MOVE_BY_NUMBER | MOVE_KEEPS;
    buf_printf(&move->text, "%sREPLACE %u ", move->set.by_uid ? "UID " : "", move->set.ranges[0].first);
    write_mailbox(client, &move->text, move->name);
    move->texts[0] = &game->texts[below(game, GAME_TEXTS)];
    move->text_count = 1;
    choose_flags(game, &move->many_flags[0], &move->many_words[0]);
    buf_append_char(&move->text, ' ');
    write_flags(&move->text, move->many_flags[0], move->many_words[0]);
    buf_append_char(&move->text, ' ');
    write_literal(client, move, move->texts[0]->bytes);
    return true;
}

static void effect_replace(struct client *client, struct move *move)
{
    choose_resolve(client, &move->set);
    move->target = target_of(client, move->name);
    /* One that went meanwhile cannot be removed, so the command fails (RFC 8508 section 3.2). */
    bool may = move->target && move->set.uid_count == 1 && !move->set.has_gone;
    move->expected = may ? "OK" : NULL;
    if (!may)
        return;
    move->tick = ++client->game->tick;
    truth_remove(client->game, client->selected, move->set.uids[0]);
    move->first_uid = move->target->uidnext;
    truth_add(client->game, move->target,
              (struct message){.flags = flags_set_by(client, 0, move->many_flags[0]),
                               .words = move->many_words[0],
                               .text = move->texts[0]});
}

static void check_replace(struct client *client, struct move *move)
{
    const struct reply_code *code = NULL;
    for (size_t i = 0; i < client->reply_count; i++)
        if (slice_eq(client->replies[i].code.name, S("APPENDUID")))
            code = &client->replies[i].code;
    if (!move->tick) {
        if (reply_is(client->end, "OK"))
            game_fail(client, "NO: there is nothing to replace (RFC 8508 section 3.5)");
    } else if (!code || reply_set_size(&code->set) != 1 || !reply_set_has(&code->set, move->first_uid)) {
        game_fail(client, "[APPENDUID] with UID %u (RFC 8508 section 3.6)", move->first_uid);
    }
}

const struct kind kind_append = {"APPEND", 60, MOVE_CHANGES, compose_append, effect_append, check_append};
const struct kind kind_replace = {"REPLACE",      12,           MOVE_SELECTED | MOVE_CHANGES, compose_replace,
                                  effect_replace, check_replace};
