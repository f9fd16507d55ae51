/* SPDX-License-Identifier: ISC */
/*
 * Output: gathered in one buffer and sent when the session asks for it (conn_flush, before it waits for the
 * client) or when 64 KiB are waiting, so that many small replies make one packet and a large answer needs
 * bounded memory.
 */
#include "conn_internal.h"

#include "net/task.h"

/* 64 KiB with the NUL that struct buf adds: one more byte would double what it allocates. */
enum { HIGH_WATER = 64 * 1024 - 1 };

void conn_release_output(struct conn *conn)
{
    if (conn->sent == conn->output.len) {
        buf_free(&conn->output);
        conn->sent = 0;
    }
}

/* Waits for what the stream needs, or makes its failure ours. */
static enum err go_on(struct conn *conn, enum stream_result result, const struct wait_item *want,
                      int64_t deadline)
{
    if (result != STREAM_AGAIN)
        return conn_fail(conn, result);
    size_t which;
    conn->moves = 0;
    enum err err = wait_any(want, 1, deadline, &which);
    if (err == ERR_TIMEOUT)
        conn->error = err;
    return err;
}

/* Hands the buffer over to the stream, which may hold it back. The time-out starts anew with each progress: a
 * large message over a slow line is no reason to cut it off. */
static enum err send_buffer(struct conn *conn)
{
    if (conn->error)
        return conn->error;
    int64_t deadline = conn_deadline(conn);
    while (conn->sent < conn->output.len) {
        struct wait_item want;
        size_t n;
        struct slice rest = slice_skip(buf_slice(&conn->output), conn->sent);
        enum stream_result result = conn->stream->ops->write(conn->stream, rest, &n, &want);
        enum err err;
        if (result == STREAM_DONE) {
            conn->sent += n;
            conn->bytes_out += n;
            err = conn_give_turn(conn);
            deadline = conn_deadline(conn);
        } else {
            err = go_on(conn, result, &want, deadline);
        }
        if (err)
            return err;
    }
    buf_clear(&conn->output);
    conn->sent = 0;
    return ERR_OK;
}

enum err conn_send_all(struct conn *conn)
{
    enum err err = send_buffer(conn);
    while (!err && conn->stream->ops->flush) {
        struct wait_item want;
        enum stream_result result = conn->stream->ops->flush(conn->stream, &want);
        if (result == STREAM_DONE)
            break;
        err = go_on(conn, result, &want, conn_deadline(conn));
    }
    return err;
}

enum err conn_flush(struct conn *conn)
{
    return conn_send_all(conn);
}

static size_t unsent(const struct conn *conn)
{
    return conn->output.len - conn->sent;
}

enum err conn_write(struct conn *conn, struct slice bytes)
{
    if (conn->error)
        return conn->error;
    while (bytes.len > 0) {
        size_t waiting = unsent(conn);
        if (waiting >= HIGH_WATER) {
            enum err err = send_buffer(conn);
            if (err)
                return err;
            continue;
        }
        struct slice part = slice_take(bytes, HIGH_WATER - waiting);
        buf_append(&conn->output, part);
        bytes = slice_skip(bytes, part.len);
    }
    return ERR_OK;
}

enum err conn_printf(struct conn *conn, const char *format, ...)
{
    if (conn->error)
        return conn->error;
    va_list args;
    va_start(args, format);
    buf_vprintf(&conn->output, format, args);
    va_end(args);
    if (!buf_ok(&conn->output)) {
        conn->output.error = ERR_OK;
        return ERR_TOO_LONG;
    }
    return unsent(conn) > HIGH_WATER ? send_buffer(conn) : ERR_OK;
}
