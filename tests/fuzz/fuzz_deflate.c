/* SPDX-License-Identifier: ISC */
/*
 * Compression of connections: any bytes fed whole and byte by byte (with a quiet time behind each) must give
 * the same text and come to the same end; and any text that is written must come back.
 */
#include <stdlib.h>
#include <string.h>

#include "net/conn.h"
#include "net/task.h"

/* Of what a small input may inflate to, no more is looked at. */
enum { TEXT_MAX = 64 * 1024, CAPACITY = 256 * 1024 };

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* The first text that the connection gives, and why there is no more. */
static enum err read_text(struct conn *conn, struct buf *text)
{
    for (;;) {
        struct slice bytes;
        enum err err = conn_peek(conn, &bytes);
        if (err)
            return err;
        must(bytes.len > 0 && bytes.len <= 64 * 1024);
        struct slice part = slice_take(bytes, TEXT_MAX - text->len);
        buf_append(text, part);
        if (text->len == TEXT_MAX)
            return ERR_TOO_LONG;
        conn_consume(conn, bytes.len);
    }
}

static enum err inflate_input(struct slice input, size_t chunk, struct buf *text)
{
    struct conn *ends[2];
    conn_pair(task_loop(), CAPACITY, chunk, ends);
    must(conn_start_deflate(ends[0]) == ERR_OK);
    if (chunk == 1)
        conn_set_quiet_after(ends[0], 0);
    must(conn_write(ends[1], input) == ERR_OK && conn_flush(ends[1]) == ERR_OK);
    conn_close(ends[1]);
    enum err err = read_text(ends[0], text);
    conn_close(ends[0]);
    return err;
}

static void check_inflating(struct slice input)
{
    struct buf whole, bytes;
    buf_init(&whole, TEXT_MAX);
    buf_init(&bytes, TEXT_MAX);
    enum err whole_err = inflate_input(input, CAPACITY, &whole);
    enum err bytes_err = inflate_input(input, 1, &bytes);
    must(whole_err == bytes_err);
    must(whole_err == ERR_CLOSED || whole_err == ERR_PROTOCOL || whole_err == ERR_TOO_LONG);
    must(slice_eq(buf_slice(&whole), buf_slice(&bytes)));
    buf_free(&whole);
    buf_free(&bytes);
}

/* In pieces of the sizes that the input's own bytes name, flushed now and then. */
static void check_round_trip(struct slice input)
{
    struct conn *ends[2];
    struct buf text;
    conn_pair(task_loop(), CAPACITY, CAPACITY, ends);
    must(conn_start_deflate(ends[0]) == ERR_OK && conn_start_deflate(ends[1]) == ERR_OK);
    for (size_t at = 0; at < input.len;) {
        size_t step = 1 + 8 * (unsigned char)input.data[at];
        must(conn_write(ends[0], slice_take(slice_skip(input, at), step)) == ERR_OK);
        if (step % 16 == 1)
            must(conn_flush(ends[0]) == ERR_OK);
        at += step;
    }
    must(conn_flush(ends[0]) == ERR_OK);
    conn_close(ends[0]);
    buf_init(&text, TEXT_MAX);
    enum err err = read_text(ends[1], &text);
    must(input.len < TEXT_MAX ? err == ERR_CLOSED : err == ERR_TOO_LONG);
    must(slice_eq(buf_slice(&text), slice_take(input, TEXT_MAX)));
    buf_free(&text);
    conn_close(ends[1]);
}

static void run(void *arg)
{
    const struct slice *input = arg;
    check_inflating(*input);
    check_round_trip(*input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct loop *loop = loop_new();
    task_detach(task_spawn(loop, "fuzz", run, &input));
    loop_run(loop);
    loop_free(loop);
    return 0;
}
