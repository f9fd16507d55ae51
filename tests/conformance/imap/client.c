/* SPDX-License-Identifier: ISC */
/* One session: the connection in memory, the commands sent, the responses read. */
#include "game.h"

#define ANSWER_MS 20000 /* a server that says nothing for so long hangs */

static void serve(void *arg)
{
    struct client *client = arg;
    client->game->serve(client->server);
    conn_close(client->server);
    client->server = NULL;
}

void client_connect(struct client *client)
{
    struct conn *ends[2];
    /* Room for whatever is said while nobody reads, and pieces of odd sizes. */
    conn_pair(client->game->loop, 8 * 1024 * 1024,
              one_in(client->game, 4) ? 1 + below(client->game, 40) : 65536, ends);
    client->server = ends[0];
    client->conn = ends[1];
    conn_set_timeout(client->conn, ANSWER_MS);
    client->session = task_spawn(client->game->loop, "session", serve, client);
    client->serial = ++client->game->serials;
    client->condstore = client->qresync = client->utf8 = client->rev2 = client->idles = false;
    client->has_saved = false;
    client->state = CLIENT_IN;
    game_log(client, '-', S("connected"));
    buf_clear(&client->input);
    const struct reply *greeting = client_read(client);
    if (greeting->kind != REPLY_UNTAGGED || !reply_is(greeting, "OK"))
        game_fail(client, "a greeting (RFC 3501 section 7.1)");
    client_must(client, "LOGIN %s secret", client->is_guest ? "bob@example.org" : GAME_LOGIN);
}

void client_hang_up(struct client *client)
{
    game_log(client, '-', S("hung up"));
    conn_close(client->conn);
    client->conn = NULL;
    if (task_join(client->session))
        game_fail(client, "to wait for the session's end");
    client->state = CLIENT_OFF;
    client->idles = false;
    view_leave(client);
}

const struct reply *client_read(struct client *client)
{
    const char *why = NULL;
    size_t length;
    while ((length = reply_frame(buf_slice(&client->input), &why)) == 0) {
        struct slice bytes;
        bool closed = !why && conn_peek(client->conn, &bytes);
        if (closed && client->may_close)
            return NULL;
        if (why || closed) {
            game_log(client, 'S', buf_slice(&client->input));
            game_fail(client, "a response; %s", why ? why : err_text(conn_error(client->conn)));
        }
        buf_append(&client->input, bytes);
        conn_consume(client->conn, bytes.len);
    }
    struct slice bytes = slice_take(buf_slice(&client->input), length);
    game_log(client, 'S', bytes);
    if (client->reply_count == GAME_REPLIES)
        game_fail(client, "fewer responses");
    struct reply *reply = &client->replies[client->reply_count++];
    if (!reply_parse(&client->arena, bytes, client->utf8 || client->rev2, reply, &why))
        game_fail(client, "a well-formed response; %s", why);
    buf_drop(&client->input, length);
    return reply;
}

void client_say(struct client *client, struct slice text)
{
    game_log(client, 'C', text);
    enum err err = conn_write(client->conn, text);
    if (!err)
        err = conn_flush(client->conn);
    if (err && !client->may_close) /* or its last words are read next */
        game_fail(client, "a server that reads; %s", err_text(err));
}

void client_begin(struct client *client)
{
    arena_reset(&client->arena);
    client->reply_count = 0;
    client->end = NULL;
}

void client_next(struct client *client)
{
    client->reply_count = 0;
    client->end = NULL;
}

/* At a synchronising literal the server's "+" is awaited; untagged responses may come before. */
void client_send(struct client *client, struct move *move)
{
    struct slice text = buf_slice(&move->text);
    size_t at = 0;
    snprintf(move->tag, sizeof(move->tag), "%c%u", 'a' + (char)client->number, ++client->tag_count);
    buf_clear(&client->output);
    buf_printf(&client->output, "%s ", move->tag);
    for (size_t i = 0; i < move->break_count; i++) {
        buf_append(&client->output, slice_take(slice_skip(text, at), move->breaks[i] - at));
        client_say(client, buf_slice(&client->output));
        buf_clear(&client->output);
        at = move->breaks[i];
        const struct reply *reply;
        client->move = move;
        while ((reply = client_read(client))->kind == REPLY_UNTAGGED)
            view_apply(client, reply);
        client->move = NULL;
        if (reply->kind == REPLY_TAGGED) { /* refused before the literal was sent */
            client->end = reply;
            return;
        }
    }
    buf_append(&client->output, slice_skip(text, at));
    buf_append(&client->output, S("\r\n"));
    client_say(client, buf_slice(&client->output));
}

void client_receive(struct client *client, struct move *move)
{
    const struct reply *reply = client->end;
    client->move = move;
    while (!reply && (reply = client_read(client))->kind != REPLY_TAGGED) {
        if (reply->kind == REPLY_CONTINUE)
            game_fail(client, "no + now");
        view_apply(client, reply);
        if (move->kind && move->kind->answer)
            move->kind->answer(client, move, reply);
        reply = NULL;
    }
    if (!slice_eq(reply->tag, slice_from(move->tag)))
        game_fail(client, "the tag %s", move->tag);
    client->end = reply;
    client->move = NULL;
}

void client_must(struct client *client, const char *format, ...)
{
    struct move move = {.expected = "OK"};
    va_list args;
    va_start(args, format);
    buf_init(&move.text, 65536);
    buf_vprintf(&move.text, format, args);
    va_end(args);
    client_begin(client);
    client_send(client, &move);
    client_receive(client, &move);
    if (!reply_is(client->end, "OK"))
        game_fail(client, "OK");
    buf_free(&move.text);
}

const struct reply *client_reply(const struct client *client, const char *name, size_t from)
{
    for (size_t i = 0; i < client->reply_count; i++)
        if (client->replies[i].kind == REPLY_UNTAGGED && reply_is(&client->replies[i], name) && from-- == 0)
            return &client->replies[i];
    return NULL;
}

uint32_t client_uid(const struct client *client, const struct reply *reply)
{
    return client->reply_uids[reply - client->replies];
}

size_t client_count_replies(const struct client *client, const char *name)
{
    size_t count = 0;
    while (client_reply(client, name, count))
        count++;
    return count;
}
