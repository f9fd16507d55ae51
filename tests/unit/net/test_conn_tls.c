/* SPDX-License-Identifier: ISC */
/*
 * TLS on connections, against OpenSSL's own client: it runs blocking in a thread on the other end of a socket
 * pair, does one script per test, and leaves what it saw for the test to judge.
 */
#include "in_loop.h"
#include "net/conn.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <zlib.h>

enum { LIMIT = 1000, BULK_LINES = 2000, BULK_LINE = 500 };

static struct tls_context *context;
static char certificate_path[4096], key_path[4096], ca_path[4096];

/* --- the client --- */

struct client {
    int fd;
    SSL_CTX *ssl_context;
    SSL *ssl;
    void (*script)(struct client *client);
    pthread_t thread;
    struct conn *conn; /* the server's end */
    bool verified;
    bool resumed;
    bool closed_cleanly;
    size_t bytes;
    char text[256];
};

static void *client_thread(void *arg)
{
    struct client *client = arg;
    client->script(client);
    SSL_free(client->ssl);
    close(client->fd);
    return NULL;
}

static void client_start(struct client *client, void (*script)(struct client *client))
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    client->conn = conn_from_fd(task_loop(), fds[0]);
    client->fd = fds[1];
    client->ssl = NULL;
    client->script = script;
    client->bytes = 0;
    memset(client->text, 0, sizeof client->text);
    if (!client->ssl_context) {
        client->ssl_context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_load_verify_locations(client->ssl_context, ca_path, NULL);
        SSL_CTX_set_verify(client->ssl_context, SSL_VERIFY_PEER, NULL);
    }
    assert_int_equal(pthread_create(&client->thread, NULL, client_thread, client), 0);
}

static void client_finish(struct client *client)
{
    conn_close(client->conn);
    assert_int_equal(pthread_join(client->thread, NULL), 0);
}

static void client_free(struct client *client)
{
    SSL_CTX_free(client->ssl_context);
}

static bool shake_hands(struct client *client)
{
    client->ssl = SSL_new(client->ssl_context);
    SSL_set1_host(client->ssl, "localhost");
    SSL_set_fd(client->ssl, client->fd);
    client->verified = SSL_connect(client->ssl) == 1 && SSL_get_verify_result(client->ssl) == X509_V_OK;
    return client->verified;
}

static void say_in_clear(struct client *client, const char *text)
{
    if (write(client->fd, text, strlen(text)) < 0)
        client->text[0] = '\0';
}

static void say(struct client *client, const char *text)
{
    SSL_write(client->ssl, text, (int)strlen(text));
}

static void hear_in_clear(struct client *client)
{
    ssize_t n = read(client->fd, client->text, sizeof client->text - 1);
    client->text[n > 0 ? n : 0] = '\0';
}

/* All that comes until the server's end; its close_notify makes it a clean one. */
static void hear_until_end(struct client *client)
{
    char bytes[4096];
    int n;
    while ((n = SSL_read(client->ssl, bytes, sizeof bytes)) > 0) {
        size_t have = MIN_OF(client->bytes, sizeof client->text - 1);
        memcpy(client->text + have, bytes, MIN_OF((size_t)n, sizeof client->text - 1 - have));
        client->bytes += (size_t)n;
    }
    client->closed_cleanly = SSL_get_error(client->ssl, n) == SSL_ERROR_ZERO_RETURN;
}

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

/* --- tests --- */

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

static void script_injection(struct client *client)
{
    say_in_clear(client, "STARTTLS\r\nMAIL FROM:<evil@example.com>\r\n");
    hear_in_clear(client);
}

static void check_injection(void *arg)
{
    (void)arg;
    struct client client = {0};
    client_start(&client, script_injection);
    assert_line(client.conn, "STARTTLS");
    assert_err(conn_start_tls(client.conn, context), ERR_PROTOCOL);
    struct slice line;
    assert_err(conn_read_line(client.conn, LIMIT, &line), ERR_PROTOCOL);
    assert_false(conn_is_tls(client.conn));
    client_finish(&client);
    client_free(&client);
}

static void plaintext_behind_starttls_is_never_read(void **state)
{
    (void)state;
    in_loop(check_injection, NULL);
}

static void script_late_injection(struct client *client)
{
    say_in_clear(client, "STARTTLS\r\n");
    hear_in_clear(client);
    say_in_clear(client, "MAIL FROM:<evil@example.com>\r\n");
    hear_in_clear(client);
}

static void check_failed_handshake(void (*script)(struct client *client), enum err expected)
{
    struct client client = {0};
    client_start(&client, script);
    assert_line(client.conn, "STARTTLS");
    send_text(client.conn, "220 go ahead\r\n");
    if (expected == ERR_TIMEOUT)
        conn_set_timeout(client.conn, 20);
    assert_err(conn_start_tls(client.conn, context), expected);
    assert_err(conn_error(client.conn), expected);
    struct slice line;
    assert_err(conn_read_line(client.conn, LIMIT, &line), expected);
    assert_err(conn_write(client.conn, S("x")), expected);
    assert_false(conn_is_tls(client.conn));
    client_finish(&client);
    client_free(&client);
}

static void script_leave(struct client *client)
{
    say_in_clear(client, "STARTTLS\r\n");
    hear_in_clear(client);
}

static void script_stall(struct client *client)
{
    say_in_clear(client, "STARTTLS\r\n");
    hear_in_clear(client);
    hear_in_clear(client); /* until the server gives up */
}

static void script_old_version(struct client *client)
{
    SSL_CTX_set_security_level(client->ssl_context, 0);
    SSL_CTX_set_min_proto_version(client->ssl_context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(client->ssl_context, TLS1_1_VERSION);
    say_in_clear(client, "STARTTLS\r\n");
    hear_in_clear(client);
    shake_hands(client);
}

static void check_failures(void *arg)
{
    (void)arg;
    check_failed_handshake(script_late_injection, ERR_TLS);
    check_failed_handshake(script_leave, ERR_TLS);
    check_failed_handshake(script_stall, ERR_TIMEOUT);
    check_failed_handshake(script_old_version, ERR_TLS);
}

static void failed_handshakes_end_the_connection(void **state)
{
    (void)state;
    in_loop(check_failures, NULL);
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

static SSL_SESSION *kept_session;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept_session);
    kept_session = session;
    return 1;
}

static void script_resume(struct client *client)
{
    SSL_CTX_set_session_cache_mode(client->ssl_context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client->ssl_context, keep_session);
    client->ssl = SSL_new(client->ssl_context);
    SSL_set_fd(client->ssl, client->fd);
    if (kept_session)
        SSL_set_session(client->ssl, kept_session);
    client->verified = SSL_connect(client->ssl) == 1;
    client->resumed = SSL_session_reused(client->ssl);
    hear_until_end(client);
    SSL_shutdown(client->ssl); /* else OpenSSL takes the session for a broken one */
}

static bool resumes(struct client *client)
{
    client_start(client, script_resume);
    assert_ok(conn_start_tls(client->conn, context));
    send_text(client->conn, "220 hello\r\n");
    client_finish(client);
    assert_true(client->verified);
    return client->resumed;
}

static void check_resumption(void *arg)
{
    (void)arg;
    struct client client = {0};
    struct buf why;
    buf_init(&why, 1000);
    assert_false(resumes(&client));
    assert_true(resumes(&client));
    assert_ok(tls_context_reload(context, certificate_path, key_path, &why));
    assert_true(resumes(&client));
    buf_free(&why);
    SSL_SESSION_free(kept_session);
    kept_session = NULL;
    client_free(&client);
}

static void sessions_are_resumed_also_after_a_reload(void **state)
{
    (void)state;
    in_loop(check_resumption, NULL);
}

static void start_tls_task(void *arg)
{
    assert_err(conn_start_tls(arg, context), ERR_CANCELED);
}

static void check_cancelling(void *arg)
{
    (void)arg;
    struct client client = {0};
    client_start(&client, hear_in_clear);
    struct task *task = task_spawn(task_loop(), "victim", start_tls_task, client.conn);
    let_others_run();
    task_cancel(task);
    assert_ok(task_join(task));
    assert_err(conn_error(client.conn), ERR_TLS);
    client_finish(&client);
    client_free(&client);
}

static void a_handshake_can_be_cancelled(void **state)
{
    (void)state;
    in_loop(check_cancelling, NULL);
}

static void check_pair(void *arg)
{
    (void)arg;
    struct conn *ends[2];
    conn_pair(task_loop(), 100, 100, ends);
    assert_err(conn_start_tls(ends[0], context), ERR_TLS);
    conn_close(ends[0]);
    conn_close(ends[1]);
}

static void pairs_have_no_tls(void **state)
{
    (void)state;
    in_loop(check_pair, NULL);
}

static int group_setup(void **state)
{
    static const char *const names[] = {"localhost"};
    char *directory = check_temporary_directory();
    struct buf why;
    buf_init(&why, 1000);
    snprintf(certificate_path, sizeof certificate_path, "%s/cert.pem", directory);
    snprintf(key_path, sizeof key_path, "%s/key.pem", directory);
    snprintf(ca_path, sizeof ca_path, "%s/ca.pem", directory);
    *state = directory;
    int failed = tls_make_certificate(directory, names, 1, &why) ||
                 tls_context_new(certificate_path, key_path, &context, &why);
    buf_free(&why);
    return failed;
}

static int group_teardown(void **state)
{
    tls_context_free(context);
    check_remove_directory(*state);
    return 0;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_from_the_first_byte),
        cmocka_unit_test(tls_in_the_middle),
        cmocka_unit_test(plaintext_behind_starttls_is_never_read),
        cmocka_unit_test(failed_handshakes_end_the_connection),
        cmocka_unit_test(large_transfers_both_ways),
        cmocka_unit_test(compression_runs_inside_tls),
        cmocka_unit_test(tls_does_not_start_inside_compression),
        cmocka_unit_test(idling_is_not_disturbed_by_records_without_data),
        cmocka_unit_test(close_notify_ends_the_input_only),
        cmocka_unit_test(a_client_that_just_closes_is_an_end_too),
        cmocka_unit_test(sessions_are_resumed_also_after_a_reload),
        cmocka_unit_test(a_handshake_can_be_cancelled),
        cmocka_unit_test(pairs_have_no_tls),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
