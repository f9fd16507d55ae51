/* SPDX-License-Identifier: ISC */
/*
 * For the tests of compression on connections (RFC 4978). The peer is zlib itself on the other end of a pair,
 * so that each test decides how it flushes, and sees what really goes over the wire.
 */
#ifndef TEST_NET_DEFLATE_PEER_H
#define TEST_NET_DEFLATE_PEER_H

#include "in_loop.h"
#include "net/conn.h"
#include "our_end.h"

#include <zlib.h>

#include "base/mem.h"

enum { PLENTY = 1 << 20, WIRE_MAX = 1 << 21 };

/* --- the peer --- */

struct peer {
    struct conn *conn; /* not compressed: what is written and read here is the wire */
    z_stream deflating, inflating;
};

static inline void peer_init(struct peer *peer, struct conn *conn)
{
    *peer = (struct peer){.conn = conn};
    assert_int_equal(
        deflateInit2(&peer->deflating, 9, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(inflateInit2(&peer->inflating, -MAX_WBITS), Z_OK);
}

static inline void peer_free(struct peer *peer)
{
    deflateEnd(&peer->deflating);
    inflateEnd(&peer->inflating);
    conn_close(peer->conn);
}

/* What zlib makes of the text, to be freed. */
static inline struct slice peer_pack(struct peer *peer, struct slice text, int flush)
{
    char *bytes = mem_alloc(WIRE_MAX);
    peer->deflating.next_in = (Bytef *)text.data;
    peer->deflating.avail_in = (uInt)text.len;
    peer->deflating.next_out = (Bytef *)bytes;
    peer->deflating.avail_out = WIRE_MAX;
    assert_true(deflate(&peer->deflating, flush) >= 0);
    assert_int_equal(peer->deflating.avail_in, 0);
    return slice_of(bytes, WIRE_MAX - peer->deflating.avail_out);
}

static inline void wire(struct peer *peer, struct slice bytes)
{
    assert_ok(conn_write(peer->conn, bytes));
    assert_ok(conn_flush(peer->conn));
}

/* Returns the number of bytes on the wire. */
static inline size_t peer_send(struct peer *peer, struct slice text, int flush)
{
    struct slice bytes = peer_pack(peer, text, flush);
    wire(peer, bytes);
    mem_free((void *)bytes.data);
    return bytes.len;
}

/* All that has come over the wire by now. */
static inline void read_wire(struct peer *peer, struct buf *bytes)
{
    let_others_run();
    for (;;) {
        size_t which;
        struct slice some;
        if (conn_wait(peer->conn, NULL, loop_now(task_loop()), &which) || conn_peek(peer->conn, &some))
            return;
        buf_append(bytes, some);
        conn_consume(peer->conn, some.len);
    }
}

static inline void inflate_wire(struct peer *peer, struct slice bytes, struct buf *text)
{
    peer->inflating.next_in = (Bytef *)bytes.data;
    peer->inflating.avail_in = (uInt)bytes.len;
    do {
        char *room = buf_reserve(text, 4096);
        peer->inflating.next_out = (Bytef *)room;
        peer->inflating.avail_out = 4096;
        int result = inflate(&peer->inflating, Z_SYNC_FLUSH);
        assert_true(result == Z_OK || result == Z_BUF_ERROR);
        buf_commit(text, 4096 - peer->inflating.avail_out);
    } while (peer->inflating.avail_out == 0);
    assert_int_equal(peer->inflating.avail_in, 0);
}

static inline void assert_received(struct peer *peer, const char *expected)
{
    struct buf bytes, text;
    buf_init(&bytes, WIRE_MAX);
    buf_init(&text, PLENTY);
    read_wire(peer, &bytes);
    inflate_wire(peer, buf_slice(&bytes), &text);
    assert_text(buf_slice(&text), expected);
    buf_free(&bytes);
    buf_free(&text);
}

/* --- our end --- */

static inline void begin(struct peer *peer, struct conn **conn_r, size_t capacity, size_t chunk)
{
    struct conn *ends[2];
    conn_pair(task_loop(), capacity, chunk, ends);
    assert_ok(conn_start_deflate(ends[0]));
    *conn_r = ends[0];
    peer_init(peer, ends[1]);
}

static inline void end(struct peer *peer, struct conn *conn)
{
    conn_close(conn);
    peer_free(peer);
}

/* Text that repeats nothing, so that it takes its size on the wire: lines of 62 characters out of
 * 64. */
static inline char *random_text(size_t len, unsigned seed, const char *alphabet)
{
    char *text = mem_alloc(len + 1);
    uint64_t state = 88172645463325252u + seed;
    for (size_t i = 0; i < len; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : alphabet[state % 64];
    }
    return text;
}

static inline char *random_lines(size_t len, unsigned seed)
{
    return random_text(len, seed, "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmno");
}

static inline char *random_base64(size_t len)
{
    return random_text(len, 99, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

struct transfer {
    struct conn *conn;
    const char *text;
    size_t written;
};

static inline void write_task(void *arg)
{
    struct transfer *transfer = arg;
    size_t len = strlen(transfer->text);
    for (size_t i = 0; i < len; i += 64) {
        assert_ok(conn_write(transfer->conn, slice_of(transfer->text + i, MIN_OF(len - i, (size_t)64))));
        transfer->written = i;
    }
    assert_ok(conn_flush(transfer->conn));
    transfer->written = len;
}

#endif
