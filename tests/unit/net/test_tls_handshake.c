/* SPDX-License-Identifier: ISC */
/* Handshakes that fail, that are cancelled, that resume; and what was said in clear before them. */
#include "tls_peer.h"

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

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plaintext_behind_starttls_is_never_read),
        cmocka_unit_test(failed_handshakes_end_the_connection),
        cmocka_unit_test(sessions_are_resumed_also_after_a_reload),
        cmocka_unit_test(a_handshake_can_be_cancelled),
        cmocka_unit_test(pairs_have_no_tls),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
