/* SPDX-License-Identifier: ISC */
/*
 * Compression on connections (RFC 4978). The peer is zlib itself on the other end of a pair, so that each
 * test decides how it flushes, and sees what really goes over the wire.
 */
#include "in_loop.h"
#include "net/conn.h"

#include <signal.h>
#include <sys/socket.h>
#include <zlib.h>

#include "base/mem.h"

enum { LIMIT = 1000, PLENTY = 1 << 20, WIRE_MAX = 1 << 21 };

/* --- the peer --- */

struct peer {
    struct conn *conn; /* not compressed: what is written and read here is the wire */
    z_stream deflating, inflating;
};

static void peer_init(struct peer *peer, struct conn *conn)
{
    *peer = (struct peer){.conn = conn};
    assert_int_equal(
        deflateInit2(&peer->deflating, 9, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(inflateInit2(&peer->inflating, -MAX_WBITS), Z_OK);
}

static void peer_free(struct peer *peer)
{
    deflateEnd(&peer->deflating);
    inflateEnd(&peer->inflating);
    conn_close(peer->conn);
}

/* What zlib makes of the text, to be freed. */
static struct slice peer_pack(struct peer *peer, struct slice text, int flush)
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

static void wire(struct peer *peer, struct slice bytes)
{
    assert_ok(conn_write(peer->conn, bytes));
    assert_ok(conn_flush(peer->conn));
}

/* Returns the number of bytes on the wire. */
static size_t peer_send(struct peer *peer, struct slice text, int flush)
{
    struct slice bytes = peer_pack(peer, text, flush);
    wire(peer, bytes);
    mem_free((void *)bytes.data);
    return bytes.len;
}

/* All that has come over the wire by now. */
static void read_wire(struct peer *peer, struct buf *bytes)
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

static void inflate_wire(struct peer *peer, struct slice bytes, struct buf *text)
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

static void assert_received(struct peer *peer, const char *expected)
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

static void assert_line(struct conn *conn, const char *expected)
{
    struct slice line;
    assert_ok(conn_read_line(conn, LIMIT, &line));
    assert_text(line, expected);
}

static void send_text(struct conn *conn, const char *text)
{
    assert_ok(conn_write(conn, slice_from(text)));
    assert_ok(conn_flush(conn));
}

static void begin(struct peer *peer, struct conn **conn_r, size_t capacity, size_t chunk)
{
    struct conn *ends[2];
    conn_pair(task_loop(), capacity, chunk, ends);
    assert_ok(conn_start_deflate(ends[0]));
    *conn_r = ends[0];
    peer_init(peer, ends[1]);
}

static void end(struct peer *peer, struct conn *conn)
{
    conn_close(conn);
    peer_free(peer);
}

/* Text that repeats nothing, so that it takes its size on the wire: lines of 62 characters out of
 * 64. */
static char *random_text(size_t len, unsigned seed, const char *alphabet)
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

static char *random_lines(size_t len, unsigned seed)
{
    return random_text(len, seed, "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmno");
}

static char *random_base64(size_t len)
{
    return random_text(len, 99, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
}

/* --- tests --- */

static void check_dialogue(void *arg)
{
    struct peer peer;
    struct conn *conn;
    begin(&peer, &conn, PLENTY, *(size_t *)arg);
    static const int flushes[] = {Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_PARTIAL_FLUSH};
    for (size_t i = 0; i < 3 * ARRAY_LEN(flushes); i++) {
        int flush = flushes[i % ARRAY_LEN(flushes)];
        peer_send(&peer, S("a1 NOOP\r\na2 NOOP\r\na3 LO"), flush);
        assert_line(conn, "a1 NOOP");
        assert_line(conn, "a2 NOOP");
        send_text(conn, "* 23 EXISTS\r\na1 OK\r\n");
        assert_received(&peer, "* 23 EXISTS\r\na1 OK\r\n");
        peer_send(&peer, S("GOUT\r\n"), flush);
        assert_line(conn, "a3 LOGOUT");
        send_text(conn, "a3 OK\r\n");
        assert_received(&peer, "a3 OK\r\n");
    }
    end(&peer, conn);
}

static void dialogues_run_whole_and_byte_by_byte(void **state)
{
    (void)state;
    static const size_t chunks[] = {1, 2, 7, PLENTY};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
        in_loop(check_dialogue, (void *)&chunks[i]);
}

/* RFC 4978 section 3: compressed is what comes "immediately after the CRLF which ends the tagged OK", and the
 * client's "first command after COMPRESS". */
static void check_start(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    struct peer peer;
    struct slice bytes;
    conn_pair(task_loop(), PLENTY, PLENTY, ends);
    peer_init(&peer, ends[1]);
    wire(&peer, S("c COMPRESS DEFLATE\r\n"));
    assert_line(ends[0], "c COMPRESS DEFLATE");
    assert_false(conn_is_deflated(ends[0]));
    assert_ok(conn_write(ends[0], S("c OK DEFLATE active\r\n")));
    assert_ok(conn_start_deflate(ends[0]));
    assert_true(conn_is_deflated(ends[0]));
    assert_ok(conn_peek(peer.conn, &bytes));
    assert_text(bytes, "c OK DEFLATE active\r\n");
    conn_consume(peer.conn, bytes.len);
    peer_send(&peer, S("d NOOP\r\n"), Z_SYNC_FLUSH);
    assert_line(ends[0], "d NOOP");
    assert_err(conn_start_deflate(ends[0]), ERR_EXISTS);
    send_text(ends[0], "d OK\r\n");
    assert_received(&peer, "d OK\r\n");
    assert_int_equal(conn_bytes_in(ends[0]), strlen("c COMPRESS DEFLATE\r\nd NOOP\r\n"));
    assert_int_equal(conn_bytes_out(ends[0]), strlen("c OK DEFLATE active\r\nd OK\r\n"));
    end(&peer, ends[0]);
}

static void compression_starts_behind_the_reply(void **state)
{
    (void)state;
    in_loop(check_start, NULL);
}

/* A client that does not wait for our OK. Its compressed bytes are in our input buffer, in part or all. */
static void check_early_input(void *arg)
{
    struct conn *ends[2];
    struct peer peer;
    conn_pair(task_loop(), PLENTY, *(size_t *)arg, ends);
    peer_init(&peer, ends[1]);
    char *many = random_lines(64 * 1000, 1);
    assert_ok(conn_write(peer.conn, S("c COMPRESS DEFLATE\r\n")));
    peer_send(&peer, slice_from(many), Z_SYNC_FLUSH);
    peer_send(&peer, S("d NOOP\r\n"), Z_SYNC_FLUSH);
    assert_line(ends[0], "c COMPRESS DEFLATE");
    send_text(ends[0], "c OK\r\n");
    assert_ok(conn_start_deflate(ends[0]));
    for (int i = 0; i < 1000; i++) {
        struct slice line;
        assert_ok(conn_read_line(ends[0], LIMIT, &line));
        assert_slice(line, slice_of(many + 64 * i, 62));
    }
    assert_line(ends[0], "d NOOP");
    assert_int_equal(conn_bytes_in(ends[0]), 20 + 64 * 1000 + 8);
    mem_free(many);
    end(&peer, ends[0]);
}

static void input_that_came_before_the_start_is_compressed(void **state)
{
    (void)state;
    static const size_t chunks[] = {1, 50, 4096, PLENTY};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
        in_loop(check_early_input, (void *)&chunks[i]);
}

static size_t count_flush_marks(struct slice bytes)
{
    size_t n = 0;
    for (size_t i = 0; i + 4 <= bytes.len; i++)
        n += memcmp(bytes.data + i, "\0\0\xff\xff", 4) == 0;
    return n;
}

/* One mark for all that a command answers: what is written in small pieces is not to be torn into blocks. */
static void check_flushing(void *arg)
{
    (void)arg;
    struct peer peer;
    struct conn *conn;
    struct buf bytes;
    begin(&peer, &conn, PLENTY, PLENTY);
    buf_init(&bytes, WIRE_MAX);
    for (int i = 0; i < 10000; i++) /* more than the high-water mark */
        assert_ok(conn_printf(conn, "* %d FETCH (FLAGS (\\Seen))\r\n", i));
    assert_ok(conn_flush(conn));
    assert_ok(conn_flush(conn)); /* nothing to flush: no second mark */
    read_wire(&peer, &bytes);
    assert_int_equal(count_flush_marks(buf_slice(&bytes)), 1);
    assert_true(bytes.len < conn_bytes_out(conn) / 5);
    buf_clear(&bytes);
    assert_ok(conn_write(conn, S("not flushed")));
    read_wire(&peer, &bytes);
    assert_int_equal(bytes.len, 0);
    buf_free(&bytes);
    end(&peer, conn);
}

static void output_is_flushed_with_the_session_only(void **state)
{
    (void)state;
    in_loop(check_flushing, NULL);
}

/* Base64 and text in turns: both come back, and base64 takes its six bits a byte and little more. */
static void check_attachments(void *arg)
{
    (void)arg;
    struct peer peer;
    struct conn *conn;
    struct buf sent, bytes, received;
    begin(&peer, &conn, PLENTY, PLENTY);
    buf_init(&sent, PLENTY);
    buf_init(&bytes, WIRE_MAX);
    char *attachment = random_base64(64 * 2000);
    for (int i = 0; i < 3; i++) {
        buf_append(&sent, S("* 1 FETCH (BODY[] {128000}\r\n"));
        buf_append(&sent, slice_from(attachment + 64 * 10 * i));
        for (int j = 0; j < 1000; j++)
            buf_printf(&sent, ")\r\n* %d FETCH (FLAGS (\\Seen))\r\n", j);
    }
    assert_ok(conn_write(conn, buf_slice(&sent)));
    assert_ok(conn_flush(conn));
    read_wire(&peer, &bytes);
    assert_true(bytes.len > 3 * 64 * 2000 * 3 / 4);
    assert_true(bytes.len < 3 * 64 * 2000 * 4 / 5);
    buf_init(&received, PLENTY);
    inflate_wire(&peer, buf_slice(&bytes), &received);
    assert_slice(buf_slice(&received), buf_slice(&sent));
    mem_free(attachment);
    buf_free(&sent);
    buf_free(&bytes);
    buf_free(&received);
    end(&peer, conn);
}

/* What repeats all the same is not found in base64, and is in other text. */
static void check_no_search(void *arg)
{
    (void)arg;
    struct peer peer;
    struct conn *conn;
    struct buf bytes;
    char *lines[2] = {random_base64(64), random_lines(64, 9)};
    begin(&peer, &conn, PLENTY, PLENTY);
    for (int kind = 0; kind < 2; kind++) {
        buf_init(&bytes, WIRE_MAX);
        for (int i = 0; i < 1000; i++)
            assert_ok(conn_write(conn, slice_from(lines[kind])));
        assert_ok(conn_flush(conn));
        read_wire(&peer, &bytes);
        assert_true(kind == 0 ? bytes.len > 64 * 1000 / 2 : bytes.len < 64 * 1000 / 20);
        buf_free(&bytes);
        mem_free(lines[kind]);
    }
    end(&peer, conn);
}

static void attachments_are_not_searched_for_what_repeats(void **state)
{
    (void)state;
    in_loop(check_attachments, NULL);
    in_loop(check_no_search, NULL);
}

struct transfer {
    struct conn *conn;
    const char *text;
    size_t written;
};

static void write_task(void *arg)
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

/* Both ends compress here. The text is more than all buffers hold. */
static void check_back_pressure(void *arg)
{
    struct conn *ends[2];
    conn_pair(task_loop(), 1000, *(size_t *)arg, ends);
    assert_ok(conn_start_deflate(ends[0]));
    assert_ok(conn_start_deflate(ends[1]));
    char *text = random_lines(64 * 6000, 2);
    struct transfer transfer = {.conn = ends[0], .text = text};
    struct task *writer = task_spawn(task_loop(), "writer", write_task, &transfer);
    let_others_run();
    for (size_t i = 0; i < 6000; i++) {
        struct slice line;
        assert_true(transfer.written < 64 * i + 200 * 1024);
        assert_ok(conn_read_line(ends[1], LIMIT, &line));
        assert_slice(line, slice_of(text + 64 * i, 62));
    }
    assert_ok(task_join(writer));
    assert_int_equal(transfer.written, 64 * 6000);
    mem_free(text);
    conn_close(ends[0]);
    conn_close(ends[1]);
}

static void a_slow_reader_holds_the_writer_back(void **state)
{
    (void)state;
    static const size_t chunks[] = {1, 300, PLENTY};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
        in_loop(check_back_pressure, (void *)&chunks[i]);
}

static void check_lost_reader(void *arg)
{
    (void)arg;
    struct peer peer;
    struct conn *conn;
    begin(&peer, &conn, 100, PLENTY);
    peer_free(&peer);
    assert_ok(conn_write(conn, S("* BYE\r\n")));
    assert_err(conn_flush(conn), ERR_CLOSED);
    conn_close(conn);
}

static void a_lost_reader_fails_the_flush(void **state)
{
    (void)state;
    in_loop(check_lost_reader, NULL);
}

static void check_garbage(void *arg)
{
    struct peer peer;
    struct conn *conn;
    struct slice line;
    begin(&peer, &conn, PLENTY, *(size_t *)arg);
    peer_send(&peer, S("a NOOP\r\n"), Z_SYNC_FLUSH);
    wire(&peer, S("\x07 this is no block\r\n"));
    assert_line(conn, "a NOOP");
    assert_err(conn_read_line(conn, LIMIT, &line), ERR_PROTOCOL);
    assert_err(conn_read_line(conn, LIMIT, &line), ERR_PROTOCOL);
    assert_err(conn_write(conn, S("x")), ERR_PROTOCOL);
    assert_err(conn_error(conn), ERR_PROTOCOL);
    end(&peer, conn);
}

static void garbage_fails_the_connection(void **state)
{
    (void)state;
    static const size_t chunks[] = {1, 3, PLENTY};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
        in_loop(check_garbage, (void *)&chunks[i]);
}

/* A reference to text from before the first byte. */
static void check_impossible_reference(void *arg)
{
    (void)arg;
    struct peer peer;
    struct conn *conn;
    struct slice line;
    begin(&peer, &conn, PLENTY, PLENTY);
    peer_send(&peer, S("a LOGIN alice secret\r\n"), Z_SYNC_FLUSH);
    assert_line(conn, "a LOGIN alice secret");
    end(&peer, conn);

    begin(&peer, &conn, PLENTY, PLENTY);
    mem_free((void *)peer_pack(&peer, S("a LOGIN alice secret\r\n"), Z_SYNC_FLUSH).data); /* lost */
    peer_send(&peer, S("a LOGIN alice secret\r\n"), Z_SYNC_FLUSH);
    assert_err(conn_read_line(conn, LIMIT, &line), ERR_PROTOCOL);
    end(&peer, conn);
}

static void references_beyond_the_begin_are_garbage(void **state)
{
    (void)state;
    in_loop(check_impossible_reference, NULL);
}

static void check_end(void *arg)
{
    bool with_last_block = *(bool *)arg;
    struct peer peer;
    struct conn *conn;
    struct slice line;
    begin(&peer, &conn, PLENTY, 1);
    peer_send(&peer, S("a LOGOUT\r\n"), with_last_block ? Z_FINISH : Z_SYNC_FLUSH);
    assert_line(conn, "a LOGOUT");
    if (!with_last_block) {
        conn_close(peer.conn);
        peer.conn = NULL;
    }
    assert_err(conn_read_line(conn, LIMIT, &line), ERR_CLOSED);
    assert_err(conn_error(conn), ERR_CLOSED);
    if (with_last_block) {
        send_text(conn, "* BYE\r\n");
        assert_received(&peer, "* BYE\r\n");
    }
    end(&peer, conn);
}

static void the_input_ends_with_the_last_block_or_the_connection(void **state)
{
    (void)state;
    static bool with_last_block[] = {true, false};
    for (size_t i = 0; i < ARRAY_LEN(with_last_block); i++)
        in_loop(check_end, &with_last_block[i]);
}

/* 64 MiB in 64 KiB: one buffer's worth at a time, and a line that is too long is over as without compression.
 */
static void check_bomb(void *arg)
{
    (void)arg;
    enum { PIECES = 64 };
    struct peer peer;
    struct conn *conn;
    struct slice bytes;
    begin(&peer, &conn, WIRE_MAX, WIRE_MAX);
    char *zeros = mem_alloc(PLENTY);
    size_t on_wire = 0;
    for (int i = 0; i < PIECES; i++)
        on_wire += peer_send(&peer, slice_of(zeros, PLENTY), Z_NO_FLUSH);
    on_wire += peer_send(&peer, S("\r\nnext\r\n"), Z_SYNC_FLUSH);
    assert_true(on_wire < 128 * 1024);
    for (size_t have = 0; have < (PIECES / 2) * (size_t)PLENTY;) {
        assert_ok(conn_peek(conn, &bytes));
        assert_true(bytes.len <= 64 * 1024);
        have += bytes.len;
        conn_consume(conn, bytes.len);
    }
    assert_err(conn_read_line(conn, LIMIT, &bytes), ERR_TOO_LONG);
    assert_line(conn, "next");
    mem_free(zeros);
    end(&peer, conn);
}

static void bombs_are_inflated_piece_by_piece(void **state)
{
    (void)state;
    in_loop(check_bomb, NULL);
}

static void flood_task(void *arg)
{
    while (!task_is_canceled() && conn_write(arg, S("\0\0\0\xff\xff")) == ERR_OK)
        if (conn_flush(arg))
            break;
}

/* Empty blocks for ever. */
static void check_flood(void *arg)
{
    (void)arg;
    struct peer peer;
    struct conn *conn;
    struct slice line;
    begin(&peer, &conn, 100000, PLENTY);
    struct task *flood = task_spawn(task_loop(), "flood", flood_task, peer.conn);
    conn_set_timeout(conn, 30);
    assert_err(conn_read_line(conn, LIMIT, &line), ERR_TIMEOUT);
    send_text(conn, "* BYE idle for too long\r\n");
    assert_false(conn_has_input(conn));
    conn_close(conn);
    assert_ok(task_join(flood));
    peer_free(&peer);
}

static void blocks_without_text_are_no_input(void **state)
{
    (void)state;
    in_loop(check_flood, NULL);
}

static void check_idling(void *arg)
{
    (void)arg;
    struct peer peer;
    struct conn *conn;
    struct event event = {0};
    size_t which;
    begin(&peer, &conn, PLENTY, PLENTY);
    assert_err(conn_wait(conn, &event, loop_now(task_loop()) + 5, &which), ERR_TIMEOUT);
    peer_send(&peer, SLICE_EMPTY, Z_FULL_FLUSH);
    assert_err(conn_wait(conn, &event, loop_now(task_loop()) + 5, &which), ERR_TIMEOUT);
    event_set(&event);
    assert_ok(conn_wait(conn, &event, NO_DEADLINE, &which));
    assert_int_equal(which, 1);
    peer_send(&peer, S("DONE\r\n"), Z_SYNC_FLUSH);
    event_clear(&event);
    assert_ok(conn_wait(conn, &event, NO_DEADLINE, &which));
    assert_int_equal(which, 0);
    assert_line(conn, "DONE");
    end(&peer, conn);
}

static void idling_ends_with_text_only(void **state)
{
    (void)state;
    in_loop(check_idling, NULL);
}

/* Text that just fills the first read (4 KiB): the mark of the flush behind it is no input. */
static void check_pending(void *arg)
{
    (void)arg;
    struct peer peer;
    struct conn *conn;
    struct slice bytes;
    char *text = random_lines(8192, 3);
    begin(&peer, &conn, PLENTY, PLENTY);
    peer_send(&peer, slice_of(text, 4096), Z_SYNC_FLUSH);
    assert_ok(conn_peek(conn, &bytes));
    assert_slice(bytes, slice_of(text, 4096));
    conn_consume(conn, 4096);
    assert_false(conn_has_input(conn));
    end(&peer, conn);

    begin(&peer, &conn, PLENTY, PLENTY);
    peer_send(&peer, slice_of(text, 4097), Z_SYNC_FLUSH);
    assert_ok(conn_peek(conn, &bytes));
    assert_int_equal(bytes.len, 4096);
    conn_consume(conn, 4096);
    assert_true(conn_has_input(conn));
    assert_ok(conn_peek(conn, &bytes));
    assert_slice(bytes, slice_of(text + 4096, 1));
    conn_consume(conn, 1);
    assert_false(conn_has_input(conn));
    end(&peer, conn);
    mem_free(text);
}

static void pending_input_is_known(void **state)
{
    (void)state;
    in_loop(check_pending, NULL);
}

/* --- quiet connections --- */

static void read_all_task(void *arg)
{
    struct transfer *transfer = arg;
    size_t len = strlen(transfer->text);
    while (transfer->written < len) {
        struct slice bytes;
        assert_ok(conn_peek(transfer->conn, &bytes));
        assert_true(bytes.len <= len - transfer->written);
        assert_slice(bytes, slice_of(transfer->text + transfer->written, bytes.len));
        transfer->written += bytes.len;
        conn_consume(transfer->conn, bytes.len);
    }
}

/* Quiet at each byte of all kinds of blocks: only where nothing is lost is memory given back. */
static void check_quiet_anywhere(void *arg)
{
    int level = *(int *)arg;
    struct peer peer;
    struct conn *conn;
    struct buf text;
    char *unpacked = random_lines(2000, 4);
    begin(&peer, &conn, PLENTY, PLENTY);
    deflateParams(&peer.deflating, level, Z_DEFAULT_STRATEGY);
    conn_set_quiet_after(conn, 0);
    buf_init(&text, PLENTY);
    for (int i = 0; i < 3; i++) {
        buf_append(&text, slice_from(unpacked)); /* the second time by reference to the first */
        buf_append(&text, S("a b c d e f g\r\n"));
    }
    struct transfer transfer = {.conn = conn, .text = buf_cstr(&text)};
    struct task *reader = task_spawn(task_loop(), "reader", read_all_task, &transfer);
    for (size_t at = 0; at < text.len;) {
        struct slice piece = slice_take(slice_skip(buf_slice(&text), at), 700);
        struct slice bytes = peer_pack(&peer, piece, at % 3 == 0 ? Z_SYNC_FLUSH : Z_PARTIAL_FLUSH);
        for (size_t i = 0; i < bytes.len; i++) {
            wire(&peer, slice_of(bytes.data + i, 1));
            let_others_run();
        }
        mem_free((void *)bytes.data);
        at += piece.len;
        assert_int_equal(transfer.written, at);
    }
    assert_ok(task_join(reader));
    buf_free(&text);
    mem_free(unpacked);
    end(&peer, conn);
}

static void a_connection_may_become_quiet_anywhere(void **state)
{
    (void)state;
    static int levels[] = {0, 1, 9};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        in_loop(check_quiet_anywhere, &levels[i]);
}

static void check_quiet_dialogue(void *arg)
{
    (void)arg;
    struct peer peer;
    struct conn *conn;
    begin(&peer, &conn, PLENTY, PLENTY);
    char *long_reply = random_lines(64 * 1000, 5);
    for (int i = 0; i < 5; i++) {
        size_t which;
        conn_set_quiet_after(conn, i % 2 ? NO_DEADLINE / 2 : 0);
        assert_err(conn_wait(conn, NULL, loop_now(task_loop()) + 2, &which), ERR_TIMEOUT);
        peer_send(&peer, S("a FETCH 1 BODY[]\r\n"), Z_SYNC_FLUSH);
        assert_line(conn, "a FETCH 1 BODY[]");
        send_text(conn, long_reply);
        assert_received(&peer, long_reply);
        send_text(conn, long_reply + 63 * 1000);
        assert_received(&peer, long_reply + 63 * 1000);
    }
    mem_free(long_reply);
    end(&peer, conn);
}

static void a_dialogue_goes_on_after_a_quiet_time(void **state)
{
    (void)state;
    in_loop(check_quiet_dialogue, NULL);
}

/* What is not flushed yet is not lost when the reader's wait is long. */
static void check_quiet_keeps_output(void *arg)
{
    (void)arg;
    struct peer peer;
    struct conn *conn;
    size_t which;
    begin(&peer, &conn, PLENTY, PLENTY);
    conn_set_quiet_after(conn, 0);
    char *text =
        random_lines(64 * 1100, 6); /* some of it is in the compressor: more than the high-water mark */
    assert_ok(conn_write(conn, slice_from(text)));
    assert_err(conn_wait(conn, NULL, loop_now(task_loop()) + 2, &which), ERR_TIMEOUT);
    assert_ok(conn_flush(conn));
    assert_received(&peer, text);
    mem_free(text);
    end(&peer, conn);
}

static void a_quiet_reader_loses_no_output(void **state)
{
    (void)state;
    in_loop(check_quiet_keeps_output, NULL);
}

static size_t address_space(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* zlib's memory is mapped, half a MiB of address space for each direction. */
static void check_quiet_is_cheap(void *arg)
{
    (void)arg;
    enum { COUNT = 100 };
    struct peer peers[COUNT];
    struct conn *conns[COUNT];
    size_t which;
    char *line = random_lines(64, 8);
    for (int i = 0; i < COUNT; i++)
        begin(&peers[i], &conns[i], 8192, 8192);
    size_t before = address_space();
    for (int i = 0; i < COUNT; i++) {
        peer_send(&peers[i], slice_from(line), Z_SYNC_FLUSH);
        assert_ok(conn_peek(conns[i], &(struct slice){0}));
        conn_consume(conns[i], 64);
        send_text(conns[i], line);
        assert_received(&peers[i], line);
    }
    size_t busy = address_space();
    assert_true(busy > before + COUNT * (1000 * 1024));
    for (int i = 0; i < COUNT; i++) {
        conn_set_quiet_after(conns[i], 0);
        assert_err(conn_wait(conns[i], NULL, loop_now(task_loop()) + 1, &which), ERR_TIMEOUT);
    }
    assert_true(address_space() < busy - COUNT * (1000 * 1024));
    for (int i = 0; i < COUNT; i++) {
        /* By reference to the line that it sent first. */
        assert_true(peer_send(&peers[i], slice_from(line), Z_SYNC_FLUSH) < 20);
        assert_ok(conn_peek(conns[i], &(struct slice){0}));
        conn_consume(conns[i], 64);
        end(&peers[i], conns[i]);
    }
    mem_free(line);
}

static void a_quiet_connection_holds_no_zlib_memory(void **state)
{
    (void)state;
    in_loop(check_quiet_is_cheap, NULL);
}

/* --- sockets --- */

static void check_socket(void *arg)
{
    (void)arg;
    int fds[2];
    struct slice line;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct conn *ends[2] = {conn_from_fd(task_loop(), fds[0]), conn_from_fd(task_loop(), fds[1])};
    assert_ok(conn_start_deflate(ends[0]));
    assert_ok(conn_start_deflate(ends[1]));
    char *text = random_lines(64 * 20000, 7);
    struct transfer transfer = {.conn = ends[0], .text = text};
    struct task *writer = task_spawn(task_loop(), "writer", write_task, &transfer);
    for (int i = 0; i < 20000; i++) {
        assert_ok(conn_read_line(ends[1], LIMIT, &line));
        assert_slice(line, slice_of(text + 64 * i, 62));
    }
    assert_ok(task_join(writer));
    conn_close(ends[0]);
    assert_err(conn_read_line(ends[1], LIMIT, &line), ERR_CLOSED);
    conn_close(ends[1]);
    mem_free(text);
}

static void sockets_are_compressed(void **state)
{
    (void)state;
    in_loop(check_socket, NULL);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dialogues_run_whole_and_byte_by_byte),
        cmocka_unit_test(compression_starts_behind_the_reply),
        cmocka_unit_test(input_that_came_before_the_start_is_compressed),
        cmocka_unit_test(output_is_flushed_with_the_session_only),
        cmocka_unit_test(attachments_are_not_searched_for_what_repeats),
        cmocka_unit_test(a_slow_reader_holds_the_writer_back),
        cmocka_unit_test(a_lost_reader_fails_the_flush),
        cmocka_unit_test(garbage_fails_the_connection),
        cmocka_unit_test(references_beyond_the_begin_are_garbage),
        cmocka_unit_test(the_input_ends_with_the_last_block_or_the_connection),
        cmocka_unit_test(bombs_are_inflated_piece_by_piece),
        cmocka_unit_test(blocks_without_text_are_no_input),
        cmocka_unit_test(idling_ends_with_text_only),
        cmocka_unit_test(pending_input_is_known),
        cmocka_unit_test(a_connection_may_become_quiet_anywhere),
        cmocka_unit_test(a_dialogue_goes_on_after_a_quiet_time),
        cmocka_unit_test(a_quiet_reader_loses_no_output),
        cmocka_unit_test(a_quiet_connection_holds_no_zlib_memory),
        cmocka_unit_test(sockets_are_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
