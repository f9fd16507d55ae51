/* SPDX-License-Identifier: ISC */
/* The game: who does what, in which order; and the end of it when something is wrong. */
#include <unistd.h>

#include "store_compare.h"

#define PIPELINE_MAX 4

static const struct kind *const kinds[] = {
    &kind_noop,      &kind_check,   &kind_capability,  &kind_namespace,   &kind_enable, &kind_select,
    &kind_examine,   &kind_resync,  &kind_close,       &kind_unselect,    &kind_logout, &kind_drop,
    &kind_idle,      &kind_fetch,   &kind_fetch_body,  &kind_fetch_since, &kind_store,  &kind_search,
    &kind_esearch,   &kind_expunge, &kind_uid_expunge, &kind_copy,        &kind_move,   &kind_append,
    &kind_status,    &kind_list,    &kind_lsub,        &kind_create,      &kind_delete, &kind_rename,
    &kind_subscribe, &kind_sort,    &kind_binary,      &kind_replace,     &kind_bad};

/* --- chance --- */

/* xorshift64* */
static uint64_t next_random(struct game *game)
{
    game->random ^= game->random >> 12;
    game->random ^= game->random << 25;
    game->random ^= game->random >> 27;
    return game->random * 2685821657736338717u;
}

size_t below(struct game *game, size_t n)
{
    return (size_t)((next_random(game) >> 11) % n);
}

bool one_in(struct game *game, size_t n)
{
    return below(game, n) == 0;
}

/* --- the dialogues, for when something is wrong --- */

void game_log(struct client *client, char direction, struct slice text)
{
    struct log_line *line = &client->log[client->log_count++ % GAME_LOG];
    size_t at = (size_t)snprintf(line->text, sizeof(line->text), "%u %c: ", client->number, direction);
    line->number = ++client->game->log_lines;
    for (size_t i = 0; i < text.len && at + 8 < sizeof(line->text); i++) {
        char c = text.data[i];
        if (c == '\r' || c == '\n') {
            line->text[at++] = '\\';
            c = c == '\r' ? 'r' : 'n';
        }
        line->text[at++] = c >= 0 && c < ' ' ? '?' : c;
    }
    snprintf(line->text + at, sizeof(line->text) - at, "%s", at + 8 < sizeof(line->text) ? "" : "…");
}

static void print_dialogues(const struct game *game)
{
    for (uint64_t number = 1; number <= game->log_lines; number++) {
        for (size_t i = 0; i < game->client_count; i++) {
            const struct client *client = &game->clients[i];
            for (size_t j = 0; j < GAME_LOG && j < client->log_count; j++)
                if (client->log[j].number == number)
                    fprintf(stderr, "# %s\n", client->log[j].text);
        }
        if (number == 1 && game->log_lines > (uint64_t)GAME_LOG * GAME_CLIENTS * 4)
            number = game->log_lines - (uint64_t)GAME_LOG * GAME_CLIENTS * 4;
    }
}

static void print_view(const struct client *client)
{
    fprintf(stderr,
            "# session %u%s: %s%s%s%s%s, told up to UID %u; its view (gone in brackets):", client->number,
            client->is_guest ? " (the guest)" : "", client->selected ? client->selected->name : "no mailbox",
            client->readonly ? " read-only" : "", client->condstore ? " condstore" : "",
            client->qresync ? " qresync"
            : client->rev2  ? " rev2"
                            : "",
            client->idles ? " idles" : "", client->top);
    for (size_t i = 0; client->selected && i < client->count; i++) {
        const struct message *message = truth_message(client->selected, client->view[i].uid);
        fprintf(stderr, message ? " %u" : " (%u)", client->view[i].uid);
    }
    fprintf(stderr, "\n");
}

void game_fail(struct client *client, const char *format, ...)
{
    struct game *game = client->game;
    va_list args;
    print_dialogues(game);
    for (size_t i = 0; i < game->client_count; i++)
        print_view(&game->clients[i]);
    fprintf(stderr, "# MODEL_SEED=%llu MODEL_COMMANDS=%llu, command %llu, session %u, expected:\n# ",
            (unsigned long long)game->seed, (unsigned long long)game->commands,
            (unsigned long long)game->done, client->number);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    game->clean_up();
    printf("Bail out! the server and the model disagree\n");
    fflush(NULL);
    _exit(1);
}

/* --- moves --- */

static bool is_wanted(const struct game *game, const char *name)
{
    const char *at = game->without ? strstr(game->without, name) : NULL;
    return !at || at[strlen(name)] != ',' || (at > game->without && at[-1] != ',');
}

bool game_plays(const struct game *game, const struct kind *kind)
{
    return is_wanted(game, kind->name);
}

static const struct kind *choose_kind(struct client *client)
{
    struct game *game = client->game;
    if (client->state == CLIENT_IN && one_in(game, 2))
        return client->cache.mailbox && one_in(game, 2) ? &kind_resync : &kind_select;
    size_t total = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        total += kinds[i]->weight;
    size_t chance = below(game, total), at = 0;
    while (chance >= kinds[at]->weight)
        chance -= kinds[at++]->weight;
    return kinds[at];
}

static void move_free(struct move *move)
{
    buf_free(&move->text);
}

/* A command that may be sent now, behind `before` (NULL: it is the first). */
static bool choose_move(struct client *client, struct move *move, const struct move *before)
{
    for (int attempt = 0; attempt < 30; attempt++) {
        const struct kind *kind = choose_kind(client);
        if (!game_plays(client->game, kind))
            continue;
        if (((kind->traits & MOVE_SELECTED) && client->state != CLIENT_SELECTED) ||
            ((kind->traits & MOVE_OWN) && client->is_guest))
            continue;
        if (before &&
            ((kind->traits & (MOVE_LEAVES | MOVE_SILENT)) || kind == &kind_idle || kind == &kind_drop))
            continue;
        *move = (struct move){.kind = kind, .traits = kind->traits, .expected = "OK"};
        buf_init(&move->text, 1 << 22);
        /* RFC 3501 section 5.5: numbers may have changed when what came before could expunge. */
        if (kind->compose(client, move) &&
            !(before && (move->traits & MOVE_BY_NUMBER) && !(before->traits & MOVE_NUMBERS)))
            return true;
        move_free(move);
    }
    return false;
}

/* Carries the command out on the truth, and compares what the server says. */
static void finish_move(struct client *client, struct move *move)
{
    client->game->done++;
    client->game->tick_before = client->game->tick;
    if (move->kind->effect)
        move->kind->effect(client, move);
    client_receive(client, move);
    if (move->expected && !reply_is(client->end, move->expected))
        game_fail(client, "%s", move->expected);
    if (move->kind->check)
        move->kind->check(client, move);
    view_check(client, move);
    client->holds = move->traits & (MOVE_HOLDS_MAIL | MOVE_MAY_HOLD);
}

/* Those who wait hear of everything at once (RFC 2177). */
static void ask_idlers(struct game *game)
{
    const char *why;
    for (size_t i = 0; i < game->client_count; i++) {
        struct client *client = &game->clients[i];
        while (client->idles && !view_is_true(client, &why)) {
            client_begin(client);
            const struct reply *reply = client_read(client);
            if (reply->kind != REPLY_UNTAGGED)
                game_fail(client, "%s during IDLE (RFC 2177)", why);
            view_apply(client, reply);
        }
        if (client->idles) {
            client->safe_tick = client->seen_tick;
            client->top = client->selected->uidnext - 1;
        }
    }
}

static void begin_idle(struct client *client, struct move *move)
{
    const struct reply *reply;
    client_send(client, move);
    snprintf(client->idle_tag, sizeof(client->idle_tag), "%s", move->tag);
    client->idles = true;
    while ((reply = client_read(client))->kind != REPLY_CONTINUE) {
        if (reply->kind == REPLY_TAGGED)
            game_fail(client, "+ (RFC 2177)");
        view_apply(client, reply);
    }
}

static void end_idle(struct client *client)
{
    struct move move = {.kind = &kind_idle};
    client_begin(client);
    snprintf(move.tag, sizeof(move.tag), "%s", client->idle_tag);
    client_say(client, S("DONE\r\n"));
    client_receive(client, &move);
    if (!reply_is(client->end, "OK"))
        game_fail(client, "OK to DONE");
    client->idles = false;
    client->game->done++;
    view_check(client, &move);
}

static bool somebody_idles(const struct game *game)
{
    for (size_t i = 0; i < game->client_count; i++)
        if (game->clients[i].idles)
            return true;
    return false;
}

/* Names, how they are written, and what is selected must be known for what comes behind. */
static bool ends_group(const struct kind *kind)
{
    return (kind->traits & MOVE_LEAVES) || kind == &kind_idle || kind == &kind_create ||
           kind == &kind_delete || kind == &kind_rename || kind == &kind_enable;
}

/* One command, or a few at once; not before listeners, who might hear of any state in between. */
static void play_moves(struct client *client)
{
    struct move moves[PIPELINE_MAX];
    bool many = one_in(client->game, 6) && !somebody_idles(client->game);
    size_t wanted = many ? 2 + below(client->game, PIPELINE_MAX - 1) : 1, count = 0;
    client_begin(client);
    client->pipelines = wanted > 1;
    while (count < wanted && choose_move(client, &moves[count], count ? &moves[count - 1] : NULL)) {
        count++;
        if (ends_group(moves[count - 1].kind))
            break;
    }
    /* The last of a group may not be one that ends it, unless it is alone. */
    for (size_t i = 0; i < count && moves[0].kind != &kind_idle && moves[0].kind != &kind_drop; i++)
        client_send(client, &moves[i]);
    for (size_t i = 0; i < count; i++) {
        if (moves[i].kind == &kind_idle) {
            begin_idle(client, &moves[i]);
        } else if (moves[i].kind == &kind_drop) {
            moves[i].kind->effect(client, &moves[i]);
        } else {
            finish_move(client, &moves[i]);
            client_next(client);
        }
        move_free(&moves[i]);
    }
    client->pipelines = false;
}

static void play_turn(struct game *game)
{
    struct client *client = &game->clients[below(game, game->client_count)];
    if (one_in(game, 12)) {
        elsewhere_play(game);
    } else if (one_in(game, 25) && is_wanted(game, "storm") && !somebody_idles(game)) {
        storm_play(game);
    } else if (client->state == CLIENT_OFF) {
        client_connect(client);
        struct move move = {.kind = &kind_enable, .traits = MOVE_SILENT, .expected = "OK"};
        client_begin(client);
        buf_init(&move.text, 65536);
        if (one_in(game, 2) && game_plays(game, &kind_enable) && kind_enable.compose(client, &move)) {
            client_send(client, &move);
            finish_move(client, &move);
        }
        move_free(&move);
    } else if (!client->idles) {
        play_moves(client);
    } else if (one_in(game, 4)) {
        end_idle(client);
    }
    ask_idlers(game);
}

void game_play(struct game *game)
{
    for (size_t i = 0; i < game->client_count; i++) {
        struct client *client = &game->clients[i];
        client->game = game;
        client->number = (unsigned)i + 1;
        client->is_guest = i >= 2 && i % 2 == 0 && is_wanted(game, "guest");
        buf_init(&client->input, 1 << 26);
        buf_init(&client->output, 1 << 22);
        client->replies = mem_alloc(GAME_REPLIES * sizeof(client->replies[0]));
        client->reply_uids = mem_alloc(GAME_REPLIES * sizeof(client->reply_uids[0]));
    }
    while (game->done < game->commands)
        play_turn(game);
    for (size_t i = 0; i < game->client_count; i++) {
        if (game->clients[i].idles)
            end_idle(&game->clients[i]);
        if (game->clients[i].state != CLIENT_OFF)
            client_hang_up(&game->clients[i]);
    }
    store_compare(game);
}

void game_free(struct game *game)
{
    for (size_t i = 0; i < game->client_count; i++) {
        struct client *client = &game->clients[i];
        buf_free(&client->input);
        buf_free(&client->output);
        arena_free(&client->arena);
        mem_free(client->replies);
        mem_free(client->reply_uids);
        mem_free(client->view);
        mem_free(client->cache.entries);
        mem_free(client->saved);
    }
    for (size_t i = 0; i < game->mailbox_count; i++) {
        mem_free(game->mailboxes[i]->messages);
        mem_free(game->mailboxes[i]->gone);
        mem_free(game->mailboxes[i]);
    }
    mem_free(game->mailboxes);
    mem_free(game->subscriptions);
    mem_free(game->modseqs);
    arena_free(&game->arena);
    arena_free(&game->scratch);
}
