/* SPDX-License-Identifier: ISC */
/* What comes in over compressed connections: garbage, ends, bombs, blocks without text. */
#include "deflate_peer.h"

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
    event_raise(&event);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_fails_the_connection),
        cmocka_unit_test(references_beyond_the_begin_are_garbage),
        cmocka_unit_test(the_input_ends_with_the_last_block_or_the_connection),
        cmocka_unit_test(bombs_are_inflated_piece_by_piece),
        cmocka_unit_test(blocks_without_text_are_no_input),
        cmocka_unit_test(idling_ends_with_text_only),
        cmocka_unit_test(pending_input_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
