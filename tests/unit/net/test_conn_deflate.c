/* SPDX-License-Identifier: ISC */
/* Compression on connections (RFC 4978): how it begins, what goes out and when. */
#include "deflate_peer.h"

#include <signal.h>
#include <sys/socket.h>

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
        cmocka_unit_test(sockets_are_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
