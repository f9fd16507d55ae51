/* SPDX-License-Identifier: ISC */
/* Compressed connections on which nothing happens give their memory back, and go on as if nothing were. */
#include "deflate_peer.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_may_become_quiet_anywhere),
        cmocka_unit_test(a_dialogue_goes_on_after_a_quiet_time),
        cmocka_unit_test(a_quiet_reader_loses_no_output),
        cmocka_unit_test(a_quiet_connection_holds_no_zlib_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
