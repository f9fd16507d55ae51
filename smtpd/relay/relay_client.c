/* SPDX-License-Identifier: ISC */
#include "relay_client.h"

#include <stdarg.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, QUOTE_MAX = 200 };

const struct relay_times relay_times_standard = {
    .greeting = 5 * MINUTE,
    .hello = 5 * MINUTE,
    .mail = 5 * MINUTE,
    .rcpt = 5 * MINUTE,
    .data = 2 * MINUTE,
    .block = 3 * MINUTE,
    .end = 10 * MINUTE,
    .quit = 5 * SECOND, /* nothing depends on it any more */
};

void relay_client_init(struct relay_client *client, struct conn *conn, const char *name)
{
    *client = (struct relay_client){.conn = conn, .times = &relay_times_standard, .name = name};
    relay_reply_init(&client->reply);
    buf_init(&client->line, RELAY_LINE_MAX);
}

void relay_client_free(struct relay_client *client)
{
    buf_free(&client->line);
    relay_reply_free(&client->reply);
}

/* What was no reply, for who has to find out why. */
static enum err quote(struct relay_client *client, struct slice line)
{
    relay_reply_clear(&client->reply);
    buf_append_char(&client->reply.text, '"');
    for (size_t i = 0; i < line.len && i < QUOTE_MAX; i++)
        buf_append_char(&client->reply.text, line.data[i] < ' ' || line.data[i] > '~' ? '?' : line.data[i]);
    buf_append_char(&client->reply.text, '"');
    return ERR_PROTOCOL;
}

/* A line into client->line, without its end. One that is too long is not read to its end: it may have none.
 */
static enum err read_line(struct relay_client *client, int64_t deadline)
{
    bool ended = false;
    buf_clear(&client->line);
    while (!ended) {
        struct slice bytes, rest;
        int64_t left = deadline - loop_now(conn_loop(client->conn));
        if (left <= 0)
            return ERR_TIMEOUT;
        conn_set_timeout(client->conn, left);
        enum err err = conn_peek(client->conn, &bytes);
        if (err)
            return err;
        rest = bytes;
        struct slice part = slice_split(&rest, '\n');
        ended = part.len < bytes.len;
        if (part.len > RELAY_LINE_MAX - client->line.len)
            return ERR_TOO_LONG;
        buf_append(&client->line, part);
        conn_consume(client->conn, part.len + ended);
    }
    if (client->line.len > 0 && client->line.data[client->line.len - 1] == '\r')
        client->line.len--;
    return ERR_OK;
}

enum err relay_read(struct relay_client *client, int64_t timeout_ms)
{
    int64_t deadline = loop_now(conn_loop(client->conn)) + timeout_ms;
    enum relay_line kind = RELAY_LINE_MORE;
    relay_reply_clear(&client->reply);
    while (kind == RELAY_LINE_MORE) {
        enum err err = read_line(client, deadline);
        if (err && err != ERR_TOO_LONG)
            return err;
        kind = err ? RELAY_LINE_BAD : relay_reply_add(&client->reply, buf_slice(&client->line));
        if (kind == RELAY_LINE_BAD)
            return quote(client, buf_slice(&client->line));
    }
    return ERR_OK;
}

enum err relay_check_silence(struct relay_client *client)
{
    struct slice bytes;
    if (!conn_has_input(client->conn))
        return ERR_OK;
    enum err err = conn_peek(client->conn, &bytes);
    return err ? err : quote(client, slice_split(&bytes, '\n'));
}

enum err relay_say(struct relay_client *client, int64_t timeout_ms, const char *format, ...)
{
    struct buf line;
    va_list args;
    buf_init(&line, RELAY_LINE_MAX);
    va_start(args, format);
    buf_vprintf(&line, format, args);
    va_end(args);
    buf_append(&line, S("\r\n"));
    conn_set_timeout(client->conn, timeout_ms);
    enum err err = buf_ok(&line) ? relay_check_silence(client) : ERR_TOO_LONG;
    if (!err)
        err = conn_write(client->conn, buf_slice(&line));
    buf_free(&line);
    if (!err)
        err = conn_flush(client->conn);
    return err ? err : relay_read(client, timeout_ms);
}

/* A server may refuse EHLO because it does not know it, or because it does not want us (421, 550 …): HELO
 * tells which. */
static enum err hello(struct relay_client *client)
{
    enum err err =
        relay_say(client, client->times->hello, "%s %s", client->is_lmtp ? "LHLO" : "EHLO", client->name);
    client->speaks_esmtp = !err && relay_reply_is(&client->reply, 2);
    client->abilities = (struct relay_abilities){0};
    if (client->speaks_esmtp)
        relay_abilities_read(&client->reply, &client->abilities);
    else if (!err && !client->is_lmtp && relay_reply_is(&client->reply, 5))
        err = relay_say(client, client->times->hello, "HELO %s", client->name);
    return err;
}

enum err relay_greet(struct relay_client *client)
{
    enum err err = relay_read(client, client->times->greeting);
    if (err || !relay_reply_is(&client->reply, 2))
        return err;
    return hello(client);
}

enum err relay_start_tls(struct relay_client *client, struct tls_client *tls,
                         const struct tls_expectation *expectation, bool *started_r,
                         enum tls_failure *failure_r, struct buf *why)
{
    *started_r = false;
    *failure_r = TLS_FAILURE_NONE;
    enum err err = relay_say(client, client->times->hello, "STARTTLS");
    if (err || client->reply.code != 220)
        return err;
    *started_r = true;
    conn_set_timeout(client->conn, client->times->hello);
    err = conn_start_tls_client(client->conn, tls, expectation, failure_r, why);
    return err ? err : hello(client);
}

void relay_quit(struct relay_client *client)
{
    /* Its answer changes nothing. */
    if (!conn_error(client->conn) && relay_say(client, client->times->quit, "QUIT") == ERR_OK)
        relay_reply_clear(&client->reply);
}
