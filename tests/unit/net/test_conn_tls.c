/* SPDX-License-Identifier: ISC */
/* Connections behind TLS: from the first byte or in the middle, long transfers, compression, idling, ends. */
#include "tls_peer.h"

#include <zlib.h>

enum { BULK_LINES = 2000, BULK_LINE = 500 };

static void script_plain_session(struct client *client)
{
    shake_hands(client);
    say(client, "EHLO a\r\nNOOP\r\n");
    hear_until_end(client);
}

static void check_implicit(void *arg)
{
    (void)arg;
    struct client client = {0};
    client_start(&client, script_plain_session);
    assert_ok(conn_start_tls(client.conn, context));
    assert_true(conn_is_tls(client.conn));
    assert_string_equal(conn_tls_version(client.conn), "TLSv1.3");
    assert_true(slice_starts_with(slice_from(conn_tls_cipher(client.conn)), S("TLS_")));
    assert_line(client.conn, "EHLO a");
    assert_true(conn_has_input(client.conn));
    assert_line(client.conn, "NOOP");
    assert_false(conn_has_input(client.conn));
    send_text(client.conn, "250 hello\r\n");
    client_finish(&client);
    assert_true(client.verified);
    assert_true(client.closed_cleanly);
    assert_string_equal(client.text, "250 hello\r\n");
    client_free(&client);
}

static void tls_from_the_first_byte(void **state)
{
    (void)state;
    in_loop(check_implicit, NULL);
}

static void script_starttls(struct client *client)
{
    say_in_clear(client, "STARTTLS\r\n");
    hear_in_clear(client);
    shake_hands(client);
    say(client, "EHLO again\r\n");
    char bytes[16];
    while (SSL_read(client->ssl, bytes, sizeof bytes) > 0)
        continue;
}

static void check_starttls(void *arg)
{
    (void)arg;
    struct client client = {0};
    client_start(&client, script_starttls);
    assert_line(client.conn, "STARTTLS");
    assert_ok(conn_write(client.conn, S("220 go ahead\r\n"))); /* sent by conn_start_tls, in clear */
    assert_ok(conn_start_tls(client.conn, context));
    assert_line(client.conn, "EHLO again");
    client_finish(&client);
    assert_true(client.verified);
    assert_string_equal(client.text, "220 go ahead\r\n");
    client_free(&client);
}

static void tls_in_the_middle(void **state)
{
    (void)state;
    in_loop(check_starttls, NULL);
}

static void script_bulk(struct client *client)
{
    char line[BULK_LINE + 2];
    memset(line, 'x', BULK_LINE);
    memcpy(line + BULK_LINE, "\r\n", 2);
    shake_hands(client);
    for (int i = 0; i < BULK_LINES; i++)
        SSL_write(client->ssl, line, sizeof line);
    hear_until_end(client);
}

/* More than the socket takes, both ways: partial writes and records larger than the input buffer. */
static void check_bulk(void *arg)
{
    (void)arg;
    struct client client = {0};
    struct slice line;
    client_start(&client, script_bulk);
    assert_ok(conn_start_tls(client.conn, context));
    for (int i = 0; i < BULK_LINES; i++) {
        assert_ok(conn_read_line(client.conn, BULK_LINE, &line));
        assert_int_equal(line.len, BULK_LINE);
    }
    for (int i = 0; i < BULK_LINES; i++)
        assert_ok(conn_printf(client.conn, "%0*d\r\n", BULK_LINE, i));
    assert_ok(conn_flush(client.conn));
    assert_int_equal(conn_bytes_in(client.conn), BULK_LINES * (BULK_LINE + 2));
    assert_int_equal(conn_bytes_out(client.conn), BULK_LINES * (BULK_LINE + 2));
    client_finish(&client);
    assert_int_equal(client.bytes, BULK_LINES * (BULK_LINE + 2));
    assert_true(client.closed_cleanly);
    client_free(&client);
}

static void large_transfers_both_ways(void **state)
{
    (void)state;
    in_loop(check_bulk, NULL);
}

/* COMPRESS and the first compressed command in one record, and many in the next. */
static void script_compress(struct client *client)
{
    static const char lines[] = "NOOP\r\n";
    char wire[256] = "COMPRESS DEFLATE\r\n";
    size_t len = strlen(wire);
    z_stream zlib = {.avail_out = (uInt)(sizeof wire - len), .next_out = (Bytef *)wire + len};
    deflateInit2(&zlib, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    zlib.next_in = (Bytef *)lines;
    zlib.avail_in = sizeof lines - 1;
    deflate(&zlib, Z_SYNC_FLUSH);
    shake_hands(client);
    SSL_write(client->ssl, wire, (int)(sizeof wire - zlib.avail_out));
    for (int i = 0; i < BULK_LINES; i++) {
        zlib.next_in = (Bytef *)lines;
        zlib.avail_in = sizeof lines - 1;
        zlib.next_out = (Bytef *)wire;
        zlib.avail_out = sizeof wire;
        deflate(&zlib, Z_SYNC_FLUSH);
        SSL_write(client->ssl, wire, (int)(sizeof wire - zlib.avail_out));
    }
    deflateEnd(&zlib);
    hear_until_end(client);
}

static void assert_inflates_to(struct slice wire, const char *expected)
{
    char text[256] = "";
    z_stream zlib = {.next_in = (Bytef *)wire.data,
                     .avail_in = (uInt)wire.len,
                     .next_out = (Bytef *)text,
                     .avail_out = sizeof text - 1};
    assert_int_equal(inflateInit2(&zlib, -MAX_WBITS), Z_OK);
    assert_int_equal(inflate(&zlib, Z_SYNC_FLUSH), Z_OK);
    inflateEnd(&zlib);
    assert_string_equal(text, expected);
}

static void check_compression(void *arg)
{
    (void)arg;
    struct client client = {0};
    client_start(&client, script_compress);
    assert_ok(conn_start_tls(client.conn, context));
    assert_line(client.conn, "COMPRESS DEFLATE");
    assert_ok(conn_write(client.conn, S("OK\r\n")));
    assert_ok(conn_start_deflate(client.conn));
    assert_true(conn_is_tls(client.conn));
    for (int i = 0; i <= BULK_LINES; i++)
        assert_line(client.conn, "NOOP");
    assert_false(conn_has_input(client.conn));
    send_text(client.conn, "* OK done, done, done, done, done\r\n");
    conn_set_quiet_after(client.conn, 0);
    size_t which;
    assert_err(conn_wait(client.conn, NULL, loop_now(task_loop()) + 2, &which), ERR_TIMEOUT);
    client_finish(&client);
    assert_true(client.closed_cleanly);
    assert_memory_equal(client.text, "OK\r\n", 4);
    assert_true(client.bytes < 40);
    assert_inflates_to(slice_of(client.text + 4, client.bytes - 4), "* OK done, done, done, done, done\r\n");
    client_free(&client);
}

static void compression_runs_inside_tls(void **state)
{
    (void)state;
    in_loop(check_compression, NULL);
}

static void check_tls_too_late(void *arg)
{
    (void)arg;
    struct client client = {0};
    client_start(&client, hear_in_clear);
    assert_ok(conn_start_deflate(client.conn));
    assert_err(conn_start_tls(client.conn, context), ERR_TLS);
    client_finish(&client);
    client_free(&client);
}

static void tls_does_not_start_inside_compression(void **state)
{
    (void)state;
    in_loop(check_tls_too_late, NULL);
}

static void script_key_update(struct client *client)
{
    shake_hands(client);
    say(client, "IDLE\r\n");
    SSL_key_update(client->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_do_handshake(client->ssl);
    hear_until_end(client);
}

/* A key update makes the descriptor readable without bringing any bytes: a session that idles is not to be
 * woken by it. */
static void check_idle(void *arg)
{
    (void)arg;
    struct client client = {0};
    struct event event = {0};
    size_t which;
    client_start(&client, script_key_update);
    assert_ok(conn_start_tls(client.conn, context));
    assert_line(client.conn, "IDLE");
    ERR_raise(ERR_LIB_USER, 1); /* another session's, left in the queue that all share */
    assert_err(conn_wait(client.conn, &event, loop_now(task_loop()) + 50, &which), ERR_TIMEOUT);
    send_text(client.conn, "* BYE\r\n");
    client_finish(&client);
    assert_string_equal(client.text, "* BYE\r\n");
    client_free(&client);
}

static void idling_is_not_disturbed_by_records_without_data(void **state)
{
    (void)state;
    in_loop(check_idle, NULL);
}

static void script_end_of_input(struct client *client)
{
    shake_hands(client);
    say(client, "QUIT\r\n");
    SSL_shutdown(client->ssl);
    hear_until_end(client);
}

static void check_end_of_input(void *arg)
{
    (void)arg;
    struct client client = {0};
    struct slice line;
    client_start(&client, script_end_of_input);
    assert_ok(conn_start_tls(client.conn, context));
    assert_line(client.conn, "QUIT");
    assert_err(conn_read_line(client.conn, LIMIT, &line), ERR_CLOSED);
    send_text(client.conn, "221 bye\r\n");
    client_finish(&client);
    assert_string_equal(client.text, "221 bye\r\n");
    client_free(&client);
}

static void close_notify_ends_the_input_only(void **state)
{
    (void)state;
    in_loop(check_end_of_input, NULL);
}

static void script_vanish(struct client *client)
{
    shake_hands(client);
    say(client, "NOOP\r\n");
}

/* Without close_notify, as many mail programs do. */
static void check_vanish(void *arg)
{
    (void)arg;
    struct client client = {0};
    struct slice line;
    client_start(&client, script_vanish);
    assert_ok(conn_start_tls(client.conn, context));
    assert_line(client.conn, "NOOP");
    assert_err(conn_read_line(client.conn, LIMIT, &line), ERR_CLOSED);
    client_finish(&client);
    client_free(&client);
}

static void a_client_that_just_closes_is_an_end_too(void **state)
{
    (void)state;
    in_loop(check_vanish, NULL);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_from_the_first_byte),
        cmocka_unit_test(tls_in_the_middle),
        cmocka_unit_test(large_transfers_both_ways),
        cmocka_unit_test(compression_runs_inside_tls),
        cmocka_unit_test(tls_does_not_start_inside_compression),
        cmocka_unit_test(idling_is_not_disturbed_by_records_without_data),
        cmocka_unit_test(close_notify_ends_the_input_only),
        cmocka_unit_test(a_client_that_just_closes_is_an_end_too),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
