/* SPDX-License-Identifier: ISC */
/*
 * Input: lines and bytes out of a buffer that exists only while something is in it.
 *
 * A connection that waits with nothing buffered holds no buffer at all: of ten thousand mail programs that
 * idle, each then costs its task and little more. The buffer is made small, doubles while reads fill it whole
 * (a message coming in), and shrinks again when they bring little. Only an unfinished line can make it larger
 * than 64 KiB, up to that line's limit.
 */
#include "conn_internal.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "net/task.h"

enum { INPUT_MIN = 4096, INPUT_MAX = 64 * 1024 };

static size_t buffered(const struct conn *conn)
{
    return conn->end - conn->start;
}

void conn_release_input(struct conn *conn)
{
    mem_free(conn->input);
    conn->input = NULL;
    conn->input_size = conn->start = conn->end = conn->scanned = 0;
}

static void drop(struct conn *conn, size_t n)
{
    conn->start += n;
    conn->scanned = 0;
    if (conn->start == conn->end)
        conn->start = conn->end = 0;
}

/* Room for at least one byte at the end. A line of `limit` bytes and its CRLF must fit as a whole. */
static void make_room(struct conn *conn, size_t limit)
{
    if (buffered(conn) == 0 && conn->input_size != conn->next_size) {
        conn_release_input(conn);
        conn->input = mem_realloc(NULL, conn->next_size);
        conn->input_size = conn->next_size;
        return;
    }
    if (conn->start > 0) {
        memmove(conn->input, conn->input + conn->start, buffered(conn));
        conn->end -= conn->start;
        conn->start = 0;
    }
    if (conn->end == conn->input_size) {
        size_t most = MAX_OF((size_t)INPUT_MAX, limit + 2);
        assert(conn->input_size < most);
        conn->input_size = MIN_OF(conn->input_size * 2, most);
        conn->input = mem_realloc(conn->input, conn->input_size);
    }
}

static void adapt_size(struct conn *conn, size_t room, size_t n)
{
    if (n == room)
        conn->next_size = MIN_OF(conn->next_size * 2, (size_t)INPUT_MAX);
    else if (n < conn->next_size / 4)
        conn->next_size = MAX_OF(conn->next_size / 2, (size_t)INPUT_MIN);
}

/* One read: STREAM_DONE when there is more in the buffer now. */
static enum stream_result read_some(struct conn *conn, size_t limit, struct wait_item *want_r)
{
    make_room(conn, limit);
    size_t room = conn->input_size - conn->end;
    size_t n;
    enum stream_result result =
        conn->stream->ops->read(conn->stream, conn->input + conn->end, room, &n, want_r);
    if (result == STREAM_DONE) {
        conn->end += n;
        conn->bytes_in += n;
        adapt_size(conn, room, n);
    }
    return result;
}

static enum err input_ended(struct conn *conn, enum err err)
{
    conn->input_error = err;
    if (buffered(conn) == 0)
        conn_release_input(conn);
    return err;
}

/* A wait that lasts gives back what can be had anew: the stream's buffers, and the part of the stack that
 * earlier calls have touched. */
static enum err wait_quietly(const struct conn *conn, const struct wait_item *items, size_t count,
                             int64_t deadline, size_t *which_r)
{
    int64_t quiet = loop_now(conn->loop) + conn->quiet_after;
    if (quiet < deadline) {
        enum err err = wait_any(items, count, quiet, which_r);
        if (err != ERR_TIMEOUT)
            return err;
        if (conn->stream->ops->quiet)
            conn->stream->ops->quiet(conn->stream);
        task_release_stack();
    }
    return wait_any(items, count, deadline, which_r);
}

/* The peer has sent what carries no text. That is no reason to suspend, but it must neither keep the other
 * tasks from running nor put off the deadline. */
static enum err take_turn(struct conn *conn, int64_t deadline)
{
    enum err err = conn_give_turn(conn);
    if (err)
        return err;
    return deadline <= loop_now(conn->loop) ? ERR_TIMEOUT : ERR_BUSY;
}

/* Reads once, or suspends until reading is worth while: ERR_BUSY then. `extra`: a further event that ends the
 * wait, or NULL. The wait's own outcome is returned as it is; *which_r tells the item: 0 the stream, 1 the
 * interruption, 2 `extra`. */
static enum err read_or_wait(struct conn *conn, size_t limit, int64_t deadline, struct event *interruption,
                             struct event *extra, size_t *which_r)
{
    struct wait_item items[3];
    enum stream_result result = read_some(conn, limit, &items[0]);
    *which_r = 0;
    if (result == STREAM_DONE)
        return conn_give_turn(conn);
    if (result == STREAM_TURN)
        return take_turn(conn, deadline);
    if (result == STREAM_END)
        return input_ended(conn, ERR_CLOSED);
    if (result != STREAM_AGAIN)
        return conn_fail(conn, result);
    if (buffered(conn) == 0)
        conn_release_input(conn);
    conn_release_output(conn);
    conn->moves = 0;
    size_t count = 1;
    size_t meaning[3] = {0};
    if (interruption) {
        items[count] = (struct wait_item){.event = interruption};
        meaning[count++] = 1;
    }
    if (extra) {
        items[count] = (struct wait_item){.event = extra};
        meaning[count++] = 2;
    }
    size_t which;
    enum err err = wait_quietly(conn, items, count, deadline, &which);
    if (err)
        return err;
    *which_r = meaning[which];
    return ERR_BUSY;
}

enum err conn_fill(struct conn *conn, size_t limit, int64_t deadline, bool for_line)
{
    if (conn->error || conn->input_error)
        return conn->error ? conn->error : conn->input_error;
    for (;;) {
        if (task_is_canceled())
            return ERR_CANCELED;
        if (for_line && conn->interrupted.is_set)
            return ERR_SHUTDOWN;
        size_t which;
        enum err err =
            read_or_wait(conn, limit, deadline, for_line ? &conn->interrupted : NULL, NULL, &which);
        if (err == ERR_TIMEOUT)
            return input_ended(conn, ERR_TIMEOUT);
        if (err != ERR_BUSY)
            return err;
    }
}

/* The next line that is wholly buffered. Looks at each byte once. */
static bool take_line(struct conn *conn, struct slice *line_r)
{
    size_t fresh = buffered(conn) - conn->scanned;
    if (fresh == 0)
        return false;
    const char *line = conn->input + conn->start;
    const char *lf = memchr(line + conn->scanned, '\n', fresh);
    if (!lf) {
        conn->scanned += fresh;
        return false;
    }
    size_t len = (size_t)(lf - line);
    drop(conn, len + 1);
    if (len > 0 && line[len - 1] == '\r')
        len--;
    *line_r = slice_of(line, len);
    return true;
}

/* Of a line that is read away its end is kept: there may stand what belongs to it (a literal in IMAP). */
static void keep_tail(struct conn *conn, struct slice bytes)
{
    size_t fresh = MIN_OF(bytes.len, (size_t)CONN_LINE_TAIL);
    size_t kept = MIN_OF(conn->line_tail_len, CONN_LINE_TAIL - fresh);
    memmove(conn->line_tail, conn->line_tail + conn->line_tail_len - kept, kept);
    if (fresh > 0)
        memcpy(conn->line_tail + kept, bytes.data + bytes.len - fresh, fresh);
    conn->line_tail_len = kept + fresh;
}

enum err conn_read_line(struct conn *conn, size_t limit, struct slice *line_r)
{
    int64_t deadline = conn_deadline(conn);
    if (conn->error)
        return conn->error;
    for (;;) {
        struct slice line;
        if (take_line(conn, &line)) {
            bool too_long = conn->discarding || line.len > limit;
            conn->discarding = false;
            if (too_long) {
                keep_tail(conn, line);
                if (conn->line_tail_len > 0 && conn->line_tail[conn->line_tail_len - 1] == '\r')
                    conn->line_tail_len--; /* it came before the LF */
                *line_r = slice_of(conn->line_tail, conn->line_tail_len);
                conn->line_tail_len = 0;
                return ERR_TOO_LONG;
            }
            *line_r = line;
            return ERR_OK;
        }
        /* One byte more than the limit may be the CR of a line that just fits. */
        if (buffered(conn) > limit + 1)
            conn->discarding = true;
        if (conn->discarding) {
            keep_tail(conn, slice_of(conn->input + conn->start, buffered(conn)));
            drop(conn, buffered(conn));
        }
        enum err err = conn_fill(conn, limit, deadline, true);
        if (err)
            return err;
    }
}

enum err conn_peek(struct conn *conn, struct slice *bytes_r)
{
    if (conn->error)
        return conn->error;
    if (buffered(conn) == 0) {
        enum err err = conn_fill(conn, 0, conn_deadline(conn), false);
        if (err)
            return err;
    }
    *bytes_r = slice_of(conn->input + conn->start, buffered(conn));
    return ERR_OK;
}

void conn_consume(struct conn *conn, size_t n)
{
    assert(n <= buffered(conn));
    drop(conn, n);
}

bool conn_has_input(const struct conn *conn)
{
    return buffered(conn) > 0 || conn->stream->ops->has_pending(conn->stream);
}

bool conn_has_line(const struct conn *conn)
{
    return buffered(conn) > conn->scanned &&
           memchr(conn->input + conn->start + conn->scanned, '\n', buffered(conn) - conn->scanned);
}

/* Reads instead of only polling: behind TLS a readable descriptor need not mean that there are bytes for us.
 */
enum err conn_wait(struct conn *conn, struct event *event, int64_t deadline, size_t *which_r)
{
    for (;;) {
        if (task_is_canceled())
            return ERR_CANCELED;
        if (buffered(conn) > 0 || conn->error || conn->input_error || conn->interrupted.is_set) {
            *which_r = 0;
            return ERR_OK;
        }
        size_t which;
        enum err err = read_or_wait(conn, 0, deadline, &conn->interrupted, event, &which);
        if (err == ERR_TIMEOUT || err == ERR_CANCELED)
            return err;
        if (err == ERR_BUSY && which == 2) {
            *which_r = 1;
            return ERR_OK;
        }
    }
}
