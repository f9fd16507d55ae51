/* SPDX-License-Identifier: ISC */
/* Connections without TLS: in memory where the bytes' timing matters, on sockets where the kernel's behaviour
 * does. */
#include "in_loop.h"
#include "net/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/mem.h"

enum { LIMIT = 100, PLENTY = 1 << 20 };

static void send_text(struct conn *conn, struct slice text)
{
    assert_ok(conn_write(conn, text));
    assert_ok(conn_flush(conn));
}

static void assert_line(struct conn *conn, const char *expected)
{
    struct slice line;
    assert_ok(conn_read_line(conn, LIMIT, &line));
    assert_text(line, expected);
}

static void assert_no_line(struct conn *conn, enum err expected)
{
    struct slice line = S("untouched");
    assert_err(conn_read_line(conn, LIMIT, &line), expected);
    assert_text(line, "untouched");
}

/* Only the end of it is kept. */
static void assert_long_line(struct conn *conn, const char *end)
{
    struct slice line = SLICE_EMPTY;
    assert_err(conn_read_line(conn, LIMIT, &line), ERR_TOO_LONG);
    assert_true(line.len <= CONN_LINE_TAIL && slice_ends_with_nocase(line, slice_from(end)));
}

static void close_both(struct conn *ends[2])
{
    conn_close(ends[0]);
    conn_close(ends[1]);
}

static void socket_pair(struct conn **conn_r, int *peer_r)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    *conn_r = conn_from_fd(task_loop(), fds[0]);
    *peer_r = fds[1];
}

/* --- lines --- */

static void check_lines(void *arg)
{
    struct conn *ends[2];
    conn_pair(task_loop(), PLENTY, *(size_t *)arg, ends);
    send_text(ends[0], S("EHLO a\r\nbare\n\r\n\nx\0y\r\nin\rside\r\r\nunfinished"));
    conn_close(ends[0]);
    assert_line(ends[1], "EHLO a");
    assert_line(ends[1], "bare");
    assert_line(ends[1], "");
    assert_line(ends[1], "");
    struct slice line;
    assert_ok(conn_read_line(ends[1], LIMIT, &line));
    assert_slice(line, S("x\0y"));
    assert_line(ends[1], "in\rside\r");
    assert_no_line(ends[1], ERR_CLOSED);
    assert_no_line(ends[1], ERR_CLOSED);
    assert_err(conn_error(ends[1]), ERR_CLOSED);
    conn_close(ends[1]);
}

static void lines_come_whole_and_byte_by_byte(void **state)
{
    (void)state;
    for (size_t chunk = 1; chunk <= PLENTY; chunk *= 4)
        in_loop(check_lines, &chunk);
}

static void send_line_of(struct conn *conn, size_t len, struct slice line_end)
{
    char *text = mem_alloc(len);
    memset(text, 'x', len);
    assert_ok(conn_write(conn, slice_of(text, len)));
    mem_free(text);
    send_text(conn, line_end);
}

static void check_line_limit(void *arg)
{
    struct conn *ends[2];
    struct slice line;
    conn_pair(task_loop(), PLENTY, *(size_t *)arg, ends);
    send_line_of(ends[0], LIMIT, S("\r\n"));
    send_line_of(ends[0], LIMIT, S("\n"));
    send_line_of(ends[0], LIMIT + 1, S("\r\n"));
    send_text(ends[0], S("next\r\n"));
    send_line_of(ends[0], LIMIT + 1, S("\n"));
    send_line_of(ends[0], 300000, S("\r\n"));
    send_line_of(ends[0], LIMIT + 1, S(" {18+}\r\n"));
    send_text(ends[0], S("last\r\n"));
    assert_ok(conn_read_line(ends[1], LIMIT, &line));
    assert_int_equal(line.len, LIMIT);
    assert_ok(conn_read_line(ends[1], LIMIT, &line));
    assert_int_equal(line.len, LIMIT);
    assert_long_line(ends[1], "xxxxxxxx");
    assert_line(ends[1], "next");
    assert_long_line(ends[1], "xxxxxxxx");
    assert_long_line(ends[1], "xxxxxxxx");
    assert_long_line(ends[1], "x {18+}");
    assert_line(ends[1], "last");
    close_both(ends);
}

static void long_lines_are_discarded_and_the_next_is_read(void **state)
{
    (void)state;
    static const size_t chunks[] = {1, 7, PLENTY};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
        in_loop(check_line_limit, (void *)&chunks[i]);
}

static void check_large_limit(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    struct slice line;
    conn_pair(task_loop(), PLENTY, PLENTY, ends);
    send_line_of(ends[0], 200000, S("\r\n"));
    send_line_of(ends[0], 200001, S("\r\n"));
    assert_ok(conn_read_line(ends[1], 200000, &line));
    assert_int_equal(line.len, 200000);
    assert_err(conn_read_line(ends[1], 200000, &line), ERR_TOO_LONG);
    close_both(ends);
}

static void a_limit_above_the_buffer_is_honoured(void **state)
{
    (void)state;
    in_loop(check_large_limit, NULL);
}

static void check_many_lines(void *arg)
{
    struct conn *ends[2];
    conn_pair(task_loop(), 2 * PLENTY, *(size_t *)arg, ends);
    for (int i = 0; i < 20000; i++)
        assert_ok(conn_printf(ends[0], "line %d\r\n", i));
    assert_ok(conn_flush(ends[0]));
    for (int i = 0; i < 20000; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "line %d", i);
        assert_line(ends[1], expected);
    }
    assert_false(conn_has_input(ends[1]));
    assert_int_equal(conn_bytes_in(ends[1]), conn_bytes_out(ends[0]));
    close_both(ends);
}

/* Crosses buffer ends, growing and shrinking, at many places. */
static void many_pipelined_lines(void **state)
{
    (void)state;
    static const size_t chunks[] = {1000, 4096, 4097, PLENTY};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
        in_loop(check_many_lines, (void *)&chunks[i]);
}

/* --- bytes --- */

static void check_peek(void *arg)
{
    struct conn *ends[2];
    conn_pair(task_loop(), PLENTY, *(size_t *)arg, ends);
    send_text(ends[0], S("APPEND {5}\r\nab\ncd NEXT\r\n"));
    assert_line(ends[1], "APPEND {5}");
    char body[6] = "";
    for (size_t have = 0; have < 5;) {
        struct slice bytes, again;
        assert_ok(conn_peek(ends[1], &bytes));
        assert_true(bytes.len > 0);
        assert_ok(conn_peek(ends[1], &again));
        assert_slice(again, bytes);
        size_t n = MIN_OF(bytes.len, 5 - have);
        memcpy(body + have, bytes.data, n);
        conn_consume(ends[1], n);
        have += n;
    }
    assert_string_equal(body, "ab\ncd");
    assert_line(ends[1], " NEXT");
    struct slice bytes;
    conn_close(ends[0]);
    assert_err(conn_peek(ends[1], &bytes), ERR_CLOSED);
    conn_close(ends[1]);
}

static void peek_and_consume_leave_the_next_line(void **state)
{
    (void)state;
    static const size_t chunks[] = {1, 3, PLENTY};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
        in_loop(check_peek, (void *)&chunks[i]);
}

static void check_line_outlives_output(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    struct slice line;
    conn_pair(task_loop(), PLENTY, PLENTY, ends);
    send_text(ends[0], S("MAIL FROM:<a@b>\r\n"));
    assert_ok(conn_read_line(ends[1], LIMIT, &line));
    send_text(ends[1], S("250 fine\r\n"));
    assert_text(line, "MAIL FROM:<a@b>");
    assert_line(ends[0], "250 fine");
    close_both(ends);
}

static void a_line_stays_valid_while_output_is_written(void **state)
{
    (void)state;
    in_loop(check_line_outlives_output, NULL);
}

static void check_input_is_known(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), PLENTY, PLENTY, ends);
    assert_false(conn_has_input(ends[1]));
    assert_false(conn_has_line(ends[1]));
    send_text(ends[0], S("one\r\ntwo\r\nth"));
    assert_line(ends[1], "one");
    assert_true(conn_has_input(ends[1]));
    assert_true(conn_has_line(ends[1]));
    assert_line(ends[1], "two");
    assert_true(conn_has_input(ends[1]));
    assert_false(conn_has_line(ends[1]));
    send_text(ends[0], S("ree\r\n"));
    assert_line(ends[1], "three");
    assert_false(conn_has_input(ends[1]));
    assert_false(conn_has_line(ends[1]));
    close_both(ends);
}

static void pipelined_input_is_known(void **state)
{
    (void)state;
    in_loop(check_input_is_known, NULL);
}

/* --- output --- */

enum { TRANSFER = 400000, IN_FLIGHT_MAX = 64 * 1024 + 16 };

struct transfer {
    struct conn *conn;
    size_t written;
    size_t read;
};

static char pattern(size_t i)
{
    return (char)('a' + i % 23);
}

static void write_transfer(void *arg)
{
    struct transfer *transfer = arg;
    while (transfer->written < TRANSFER) {
        char piece[500];
        for (size_t i = 0; i < sizeof piece; i++)
            piece[i] = pattern(transfer->written + i);
        assert_ok(conn_write(transfer->conn, slice_of(piece, sizeof piece)));
        transfer->written += sizeof piece;
        assert_true(transfer->written <= transfer->read + IN_FLIGHT_MAX + sizeof piece);
    }
    assert_ok(conn_flush(transfer->conn));
    assert_true(transfer->read + 16 >= TRANSFER); /* the rest lies in the pipe */
}

static void check_back_pressure(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), 16, 16, ends);
    struct transfer transfer = {.conn = ends[0]};
    struct task *writer = task_spawn(task_loop(), "writer", write_transfer, &transfer);
    while (transfer.read < TRANSFER) {
        struct slice bytes;
        assert_ok(conn_peek(ends[1], &bytes));
        for (size_t i = 0; i < bytes.len; i++)
            assert_int_equal(bytes.data[i], pattern(transfer.read + i));
        transfer.read += bytes.len;
        conn_consume(ends[1], bytes.len);
    }
    assert_ok(task_join(writer));
    close_both(ends);
}

static void a_slow_reader_holds_the_writer_back(void **state)
{
    (void)state;
    in_loop(check_back_pressure, NULL);
}

static void check_output_is_gathered(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    struct slice bytes;
    conn_pair(task_loop(), PLENTY, PLENTY, ends);
    assert_ok(conn_printf(ends[0], "250-%s\r\n", "one"));
    assert_ok(conn_write(ends[0], S("250 two\r\n")));
    assert_int_equal(conn_bytes_out(ends[0]), 0);
    assert_ok(conn_flush(ends[0]));
    assert_ok(conn_peek(ends[1], &bytes));
    assert_text(bytes, "250-one\r\n250 two\r\n");
    close_both(ends);
}

static void output_is_gathered_until_flush(void **state)
{
    (void)state;
    in_loop(check_output_is_gathered, NULL);
}

static void check_write_to_closed(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), PLENTY, PLENTY, ends);
    send_text(ends[1], S("pipelined\r\n"));
    conn_close(ends[1]);
    assert_ok(conn_write(ends[0], S("x")));
    assert_err(conn_flush(ends[0]), ERR_CLOSED);
    assert_err(conn_write(ends[0], S("x")), ERR_CLOSED);
    assert_err(conn_printf(ends[0], "x"), ERR_CLOSED);
    assert_no_line(ends[0], ERR_CLOSED);
    assert_err(conn_error(ends[0]), ERR_CLOSED);
    conn_close(ends[0]);
}

static void a_lost_reader_fails_everything(void **state)
{
    (void)state;
    in_loop(check_write_to_closed, NULL);
}

/* Known without reading, and before what it said last was read. */
static void check_hung_up(void *arg)
{
    (void)arg;
    struct conn *ends[2], *conn;
    int peer;
    conn_pair(task_loop(), PLENTY, PLENTY, ends);
    send_text(ends[1], S("last\r\n"));
    assert_false(conn_has_hung_up(ends[0]));
    conn_close(ends[1]);
    assert_true(conn_has_hung_up(ends[0]));
    assert_line(ends[0], "last");
    conn_close(ends[0]);

    socket_pair(&conn, &peer);
    assert_int_equal(write(peer, "last\r\n", 6), 6);
    assert_false(conn_has_hung_up(conn));
    shutdown(peer, SHUT_WR); /* it may still read */
    assert_true(conn_has_hung_up(conn));
    send_text(conn, S("answer"));
    assert_line(conn, "last");
    close(peer);
    assert_true(conn_has_hung_up(conn));
    conn_close(conn);
}

static void who_hung_up_is_known(void **state)
{
    (void)state;
    in_loop(check_hung_up, NULL);
}

/* --- time --- */

static void drip(void *arg)
{
    struct conn *conn = arg;
    while (task_sleep(2) == ERR_OK && conn_write(conn, S("x")) == ERR_OK && conn_flush(conn) == ERR_OK)
        continue;
}

static void check_read_timeout(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), PLENTY, PLENTY, ends);
    struct task *dripping = task_spawn(task_loop(), "drip", drip, ends[0]);
    conn_set_timeout(ends[1], 30);
    assert_no_line(ends[1], ERR_TIMEOUT);
    assert_no_line(ends[1], ERR_TIMEOUT);
    assert_err(conn_error(ends[1]), ERR_TIMEOUT);
    send_text(ends[1], S("421 too slow\r\n"));
    task_cancel(dripping);
    assert_ok(task_join(dripping));
    assert_line(ends[0], "421 too slow");
    close_both(ends);
}

static void a_dripping_client_runs_out_of_time_and_is_told(void **state)
{
    (void)state;
    in_loop(check_read_timeout, NULL);
}

static void check_flush_timeout(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), 4, 4, ends);
    conn_set_timeout(ends[0], 10);
    assert_ok(conn_write(ends[0], S("longer than four")));
    assert_err(conn_flush(ends[0]), ERR_TIMEOUT);
    assert_err(conn_write(ends[0], S("x")), ERR_TIMEOUT);
    assert_no_line(ends[0], ERR_TIMEOUT);
    close_both(ends);
}

static void a_stalled_reader_fails_the_writer(void **state)
{
    (void)state;
    in_loop(check_flush_timeout, NULL);
}

static void read_slowly(void *arg)
{
    struct conn *conn = arg;
    struct slice bytes;
    for (size_t have = 0; have < 100; have += bytes.len) {
        assert_ok(task_sleep(20));
        assert_ok(conn_peek(conn, &bytes));
        conn_consume(conn, bytes.len);
    }
}

static void check_flush_progress(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), 2, 2, ends);
    struct task *reader = task_spawn(task_loop(), "reader", read_slowly, ends[1]);
    conn_set_timeout(ends[0], 500); /* less than the whole takes */
    send_line_of(ends[0], 98, S("\r\n"));
    assert_ok(task_join(reader));
    close_both(ends);
}

static void a_slow_reader_may_take_its_time(void **state)
{
    (void)state;
    in_loop(check_flush_progress, NULL);
}

static void read_for_ever(void *arg)
{
    struct slice bytes;
    while (task_sleep(5) == ERR_OK && conn_peek(arg, &bytes) == ERR_OK)
        conn_consume(arg, bytes.len);
}

static void check_end(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), 2, 2, ends);
    struct task *reader = task_spawn(task_loop(), "reader", read_for_ever, ends[1]);
    conn_set_timeout(ends[0], 60 * 1000);
    conn_set_end(ends[0], loop_now(task_loop()) + 50);
    assert_ok(conn_write(ends[0], S("far more than can be read at this speed, two bytes at a time")));
    assert_err(conn_flush(ends[0]), ERR_TIMEOUT);
    assert_no_line(ends[0], ERR_TIMEOUT);
    task_cancel(reader);
    assert_ok(task_join(reader));
    close_both(ends);
}

static void no_progress_helps_past_the_end(void **state)
{
    (void)state;
    in_loop(check_end, NULL);
}

/* --- conn_wait --- */

static void set_event(void *arg)
{
    let_others_run();
    event_raise(arg);
}

static void check_wait(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    struct event event = {0};
    size_t which = 9;
    conn_pair(task_loop(), PLENTY, PLENTY, ends);
    int64_t soon = loop_now(task_loop()) + 10;
    assert_err(conn_wait(ends[1], &event, soon, &which), ERR_TIMEOUT);
    assert_int_equal(which, 9);
    assert_ok(conn_error(ends[1]));

    struct task *setter = task_spawn(task_loop(), "setter", set_event, &event);
    assert_ok(conn_wait(ends[1], &event, NO_DEADLINE, &which));
    assert_int_equal(which, 1);
    assert_ok(task_join(setter));
    event_clear(&event);

    send_text(ends[0], S("DONE\r\n"));
    assert_ok(conn_wait(ends[1], &event, NO_DEADLINE, &which));
    assert_int_equal(which, 0);
    assert_line(ends[1], "DONE");

    conn_close(ends[0]);
    assert_ok(conn_wait(ends[1], NULL, NO_DEADLINE, &which));
    assert_int_equal(which, 0);
    assert_no_line(ends[1], ERR_CLOSED);
    conn_close(ends[1]);
}

static void idling_waits_for_input_event_or_deadline(void **state)
{
    (void)state;
    in_loop(check_wait, NULL);
}

/* --- interruption --- */

struct reading {
    struct conn *conn;
    enum err err;
};

static void read_line_task(void *arg)
{
    struct reading *reading = arg;
    struct slice line;
    reading->err = conn_read_line(reading->conn, LIMIT, &line);
}

static void peek_task(void *arg)
{
    struct reading *reading = arg;
    struct slice bytes;
    reading->err = conn_peek(reading->conn, &bytes);
}

static void check_interruption(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), PLENTY, PLENTY, ends);
    struct reading reading = {.conn = ends[1]};
    struct task *reader = task_spawn(task_loop(), "reader", read_line_task, &reading);
    let_others_run();
    conn_interrupt(ends[1]);
    assert_ok(task_join(reader));
    assert_err(reading.err, ERR_SHUTDOWN);
    assert_ok(conn_error(ends[1]));
    assert_no_line(ends[1], ERR_SHUTDOWN);
    size_t which = 9;
    assert_ok(conn_wait(ends[1], NULL, NO_DEADLINE, &which));
    assert_int_equal(which, 0);
    send_text(ends[1], S("421 bye\r\n"));
    assert_line(ends[0], "421 bye");
    close_both(ends);
}

static void interruption_ends_the_wait_for_a_line(void **state)
{
    (void)state;
    in_loop(check_interruption, NULL);
}

static void check_interruption_spares(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), PLENTY, PLENTY, ends);
    send_text(ends[0], S("one\r\ntwo\r\nunfin"));
    assert_line(ends[1], "one");
    conn_interrupt(ends[1]);
    assert_line(ends[1], "two");
    assert_no_line(ends[1], ERR_SHUTDOWN);
    struct slice bytes;
    assert_ok(conn_peek(ends[1], &bytes));
    assert_text(bytes, "unfin");
    conn_consume(ends[1], bytes.len);
    struct reading reading = {.conn = ends[1]};
    struct task *reader = task_spawn(task_loop(), "reader", peek_task, &reading);
    let_others_run();
    send_text(ends[0], S("body"));
    assert_ok(task_join(reader));
    assert_ok(reading.err);
    close_both(ends);
}

static void interruption_spares_whole_lines_and_bodies(void **state)
{
    (void)state;
    in_loop(check_interruption_spares, NULL);
}

/* --- cancelling, at every waiting point --- */

static void wait_task(void *arg)
{
    struct reading *reading = arg;
    size_t which;
    reading->err = conn_wait(reading->conn, NULL, NO_DEADLINE, &which);
}

static void write_task(void *arg)
{
    struct reading *reading = arg;
    do
        reading->err = conn_write(reading->conn, S("many bytes, again and again "));
    while (!reading->err);
}

static void flush_task(void *arg)
{
    struct reading *reading = arg;
    reading->err = conn_write(reading->conn, S("longer than sixteen"));
    if (!reading->err)
        reading->err = conn_flush(reading->conn);
}

static void check_cancelling(void *arg)
{
    struct conn *ends[2];
    conn_pair(task_loop(), 16, 16, ends);
    struct reading reading = {.conn = ends[1]};
    struct task *task = task_spawn(task_loop(), "victim", *(task_fn **)arg, &reading);
    let_others_run();
    task_cancel(task);
    assert_ok(task_join(task));
    assert_err(reading.err, ERR_CANCELED);
    assert_ok(conn_error(ends[1])); /* another task may say goodbye */
    close_both(ends);
}

static void each_wait_can_be_cancelled(void **state)
{
    (void)state;
    static task_fn *const waits[] = {read_line_task, peek_task, wait_task, write_task, flush_task};
    for (size_t i = 0; i < ARRAY_LEN(waits); i++)
        in_loop(check_cancelling, (void *)&waits[i]);
}

static void goodbye_task(void *arg)
{
    struct reading *reading = arg;
    struct slice line;
    assert_err(conn_read_line(reading->conn, LIMIT, &line), ERR_CANCELED);
    assert_ok(conn_write(reading->conn, S("421 bye\r\n")));
    reading->err = conn_flush(reading->conn);
}

static void check_goodbye(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), 16, 16, ends);
    struct reading reading = {.conn = ends[1], .err = ERR_IO};
    struct task *task = task_spawn(task_loop(), "victim", goodbye_task, &reading);
    let_others_run();
    task_cancel(task);
    assert_ok(task_join(task));
    assert_ok(reading.err);
    assert_line(ends[0], "421 bye");
    close_both(ends);
}

static void a_cancelled_task_can_still_send_what_needs_no_wait(void **state)
{
    (void)state;
    in_loop(check_goodbye, NULL);
}

static void read_all_task(void *arg)
{
    struct reading *reading = arg;
    struct slice bytes;
    task_cancel(task_current());
    while (!(reading->err = conn_peek(reading->conn, &bytes)))
        conn_consume(reading->conn, bytes.len);
}

/* Also when there would be no need to wait: a client that never stops sending must not keep its task alive.
 */
static void check_cancelling_with_input(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), PLENTY, 1, ends);
    send_text(ends[0], S("bytes that are there"));
    struct reading reading = {.conn = ends[1]};
    struct task *task = task_spawn(task_loop(), "victim", read_all_task, &reading);
    assert_ok(task_join(task));
    assert_err(reading.err, ERR_CANCELED);
    assert_int_equal(conn_bytes_in(ends[1]), 0);
    close_both(ends);
}

static void a_cancelled_task_reads_no_further(void **state)
{
    (void)state;
    in_loop(check_cancelling_with_input, NULL);
}

/* --- turns --- */

static void count_turns(void *arg)
{
    while (task_sleep(0) == ERR_OK)
        ++*(size_t *)arg;
}

static void check_turns(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), PLENTY, 1, ends);
    size_t turns = 0;
    struct task *other = task_spawn(task_loop(), "other", count_turns, &turns);
    send_line_of(ends[0], 1000, S("\r\n"));
    size_t turns_of_writer = turns;
    assert_true(turns_of_writer > 10);
    assert_long_line(ends[1], "xxxxxxxx");
    assert_true(turns > turns_of_writer + 10);
    task_cancel(other);
    assert_ok(task_join(other));
    close_both(ends);
}

static void a_peer_that_is_always_ready_does_not_starve_others(void **state)
{
    (void)state;
    in_loop(check_turns, NULL);
}

/* --- sockets --- */

static void check_half_close(void *arg)
{
    (void)arg;
    struct conn *conn;
    int peer;
    socket_pair(&conn, &peer);
    assert_int_equal(write(peer, "QUIT\r\n", 6), 6);
    shutdown(peer, SHUT_WR);
    assert_line(conn, "QUIT");
    assert_no_line(conn, ERR_CLOSED);
    send_text(conn, S("221 bye\r\n"));
    char reply[32];
    assert_int_equal(read(peer, reply, sizeof reply), 9);
    conn_close(conn);
    assert_int_equal(read(peer, reply, sizeof reply), 0);
    close(peer);
}

static void a_client_that_ends_its_output_still_gets_replies(void **state)
{
    (void)state;
    in_loop(check_half_close, NULL);
}

/* A listening socket on a free port of the loopback, and a client connected to it. */
static void tcp_pair(int family, struct conn **conn_r, int *peer_r, bool mapped)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (mapped)
        v6.sin6_addr = in6addr_any;
    bool listens_v6 = family == AF_INET6 || mapped;
    struct sockaddr *address = listens_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    socklen_t len = listens_v6 ? sizeof v6 : sizeof v4;
    int listening = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listening < 0 || bind(listening, address, len) != 0) {
        close(listening);
        *conn_r = NULL; /* no IPv6 here */
        return;
    }
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, address, &len), 0);
    if (mapped) {
        v4.sin_port = v6.sin6_port;
        address = (struct sockaddr *)&v4;
        len = sizeof v4;
    }
    *peer_r = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*peer_r, address, len), 0);
    int fd = accept(listening, NULL, NULL);
    assert_true(fd >= 0);
    close(listening);
    *conn_r = conn_from_fd(task_loop(), fd);
}

static void check_peer(int family, bool mapped, const char *expected)
{
    struct conn *conn;
    int peer;
    tcp_pair(family, &conn, &peer, mapped);
    if (!conn)
        return;
    assert_string_equal(conn_peer_address(conn), expected);
    assert_true(conn_peer_is_loopback(conn));
    struct sockaddr_in6 own;
    socklen_t len = sizeof own;
    assert_int_equal(getsockname(peer, (struct sockaddr *)&own, &len), 0);
    assert_int_equal(conn_peer_port(conn), ntohs(own.sin6_port)); /* at the same place for both families */
    conn_close(conn);
    close(peer);
}

static void check_peers(void *arg)
{
    (void)arg;
    check_peer(AF_INET, false, "127.0.0.1");
    check_peer(AF_INET6, false, "::1");
    check_peer(AF_INET, true, "127.0.0.1");
    struct conn *conn;
    int peer;
    socket_pair(&conn, &peer);
    assert_string_equal(conn_peer_address(conn), "local");
    assert_int_equal(conn_peer_port(conn), 0);
    assert_true(conn_peer_is_loopback(conn));
    assert_ptr_equal(conn_loop(conn), task_loop());
    assert_false(conn_is_tls(conn));
    assert_string_equal(conn_tls_version(conn), "");
    conn_close(conn);
    close(peer);
}

static void peers_are_told_apart(void **state)
{
    (void)state;
    in_loop(check_peers, NULL);
}

static void check_reset(void *arg)
{
    (void)arg;
    struct conn *conn;
    int peer;
    tcp_pair(AF_INET, &conn, &peer, false);
    struct reading reading = {.conn = conn};
    struct task *reader = task_spawn(task_loop(), "reader", read_line_task, &reading);
    let_others_run();
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(peer);
    assert_ok(task_join(reader));
    assert_err(reading.err, ERR_CLOSED);
    assert_err(conn_write(conn, S("x")), ERR_CLOSED);
    conn_close(conn);
}

static void a_reset_is_the_end_of_both_directions(void **state)
{
    (void)state;
    in_loop(check_reset, NULL);
}

struct socket_transfer {
    struct conn *conn;
    bool done;
};

static void write_socket(void *arg)
{
    struct socket_transfer *transfer = arg;
    for (int i = 0; i < 1000; i++)
        assert_ok(conn_printf(transfer->conn, "%0998d\r\n", i));
    assert_ok(conn_flush(transfer->conn));
    transfer->done = true;
}

static void read_socket(void *arg)
{
    struct socket_transfer *transfer = arg;
    for (int i = 0; i < 1000; i++) {
        struct slice line;
        assert_ok(conn_read_line(transfer->conn, 998, &line));
        uint64_t number;
        assert_true(slice_to_u64(line, 1000, &number));
        assert_int_equal(number, i);
    }
    transfer->done = true;
}

/* Both ends write a megabyte, more than the kernel takes, before they have read anything: one task each for
 * reading. */
static void check_both_directions(void *arg)
{
    (void)arg;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct conn *ends[2] = {conn_from_fd(task_loop(), fds[0]), conn_from_fd(task_loop(), fds[1])};
    struct socket_transfer transfers[4] = {{ends[0]}, {ends[1]}, {ends[0]}, {ends[1]}};
    struct task *tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = task_spawn(task_loop(), "transfer", i < 2 ? write_socket : read_socket, &transfers[i]);
    for (int i = 0; i < 4; i++) {
        assert_ok(task_join(tasks[i]));
        assert_true(transfers[i].done);
    }
    close_both(ends);
}

static void one_task_reads_while_another_writes(void **state)
{
    (void)state;
    in_loop(check_both_directions, NULL);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_whole_and_byte_by_byte),
        cmocka_unit_test(long_lines_are_discarded_and_the_next_is_read),
        cmocka_unit_test(a_limit_above_the_buffer_is_honoured),
        cmocka_unit_test(many_pipelined_lines),
        cmocka_unit_test(peek_and_consume_leave_the_next_line),
        cmocka_unit_test(a_line_stays_valid_while_output_is_written),
        cmocka_unit_test(pipelined_input_is_known),
        cmocka_unit_test(a_slow_reader_holds_the_writer_back),
        cmocka_unit_test(output_is_gathered_until_flush),
        cmocka_unit_test(a_lost_reader_fails_everything),
        cmocka_unit_test(who_hung_up_is_known),
        cmocka_unit_test(a_dripping_client_runs_out_of_time_and_is_told),
        cmocka_unit_test(a_stalled_reader_fails_the_writer),
        cmocka_unit_test(a_slow_reader_may_take_its_time),
        cmocka_unit_test(no_progress_helps_past_the_end),
        cmocka_unit_test(idling_waits_for_input_event_or_deadline),
        cmocka_unit_test(interruption_ends_the_wait_for_a_line),
        cmocka_unit_test(interruption_spares_whole_lines_and_bodies),
        cmocka_unit_test(each_wait_can_be_cancelled),
        cmocka_unit_test(a_cancelled_task_can_still_send_what_needs_no_wait),
        cmocka_unit_test(a_cancelled_task_reads_no_further),
        cmocka_unit_test(a_peer_that_is_always_ready_does_not_starve_others),
        cmocka_unit_test(a_client_that_ends_its_output_still_gets_replies),
        cmocka_unit_test(peers_are_told_apart),
        cmocka_unit_test(a_reset_is_the_end_of_both_directions),
        cmocka_unit_test(one_task_reads_while_another_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
