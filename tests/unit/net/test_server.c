/* SPDX-License-Identifier: ISC */
/* The server's frame: limits, refusals, the orderly end, and no descriptor left behind. Clients are
 * connections of the same loop, on a Unix socket or on a free port of the loopback. */
#include "in_loop.h"
#include "net/server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { LIMIT = 200 };

static const struct server_limits generous = {1000, 1000};

struct fixture {
    struct loop *loop;
    struct server *server;
    struct sockaddr_in address;
    size_t sessions_begun;
    size_t sessions_ended;
    bool ignore_interrupt; /* sessions go on until they are cancelled */
    enum err last_err;
    int64_t grace_ms;
    struct tls_context *tls;
    task_fn *scenario;
    bool scenario_ended;
};

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* Greets, echoes lines, ends at QUIT. */
static void echo_session(struct conn *conn, void *arg)
{
    struct fixture *fixture = arg;
    struct slice line;
    enum err err;
    fixture->sessions_begun++;
    conn_write(conn, S("220 hello\r\n"));
    for (;;) {
        conn_flush(conn);
        err = conn_read_line(conn, LIMIT, &line);
        if (err == ERR_SHUTDOWN && fixture->ignore_interrupt)
            err = task_sleep(1000 * 1000);
        if (err)
            break;
        conn_printf(conn, "250 %.*s\r\n", SLICE_ARG(line));
        if (slice_eq(line, S("QUIT")))
            break;
    }
    if (err == ERR_SHUTDOWN)
        conn_write(conn, S("421 shutting down\r\n"));
    conn_flush(conn);
    fixture->last_err = err;
    fixture->sessions_ended++;
}

static void start(struct fixture *fixture, struct server_limits limits, struct peers *peers)
{
    struct server_service service = {.name = "echo", .refusal = S("421 too many\r\n"), .tls = fixture->tls};
    socklen_t len = sizeof fixture->address;
    fixture->loop = task_loop();
    fixture->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&fixture->address, len), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&fixture->address, &len), 0);
    fixture->server = server_new(fixture->loop, limits, peers);
    server_listen(fixture->server, fd, &service, echo_session, fixture);
}

static int connect_socket(const struct fixture *fixture)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&fixture->address, sizeof fixture->address), 0);
    return fd;
}

static struct conn *connect_client(const struct fixture *fixture)
{
    struct conn *conn = conn_from_fd(fixture->loop, connect_socket(fixture));
    conn_set_timeout(conn, 60 * 1000);
    return conn;
}

static void assert_reply(struct conn *conn, const char *expected)
{
    struct slice line;
    assert_ok(conn_read_line(conn, LIMIT, &line));
    assert_text(line, expected);
}

static void assert_end(struct conn *conn)
{
    struct slice line;
    assert_err(conn_read_line(conn, LIMIT, &line), ERR_CLOSED);
}

static void say(struct conn *conn, struct slice text)
{
    assert_ok(conn_write(conn, text));
    assert_ok(conn_flush(conn));
}

static void quit(struct conn *conn)
{
    say(conn, S("QUIT\r\n"));
    assert_reply(conn, "250 QUIT");
    assert_end(conn);
    conn_close(conn);
}

static void scenario_task(void *arg)
{
    struct fixture *fixture = arg;
    fixture->scenario(fixture);
    fixture->scenario_ended = true;
}

/* Runs the scenario as a task until the server has stopped the loop; the clients may need a little longer. */
static void run_scenario(struct fixture *fixture)
{
    struct loop *loop = loop_new();
    task_detach(task_spawn(loop, "scenario", scenario_task, fixture));
    loop_run(loop);
    assert_int_equal(server_session_count(fixture->server), 0);
    assert_int_equal(fixture->sessions_begun, fixture->sessions_ended);
    while (!fixture->scenario_ended)
        loop_run(loop);
    server_free(fixture->server);
    loop_free(loop);
}

static void with_fixture(task_fn *scenario, struct fixture *fixture)
{
    loop_free(loop_new()); /* libuv opens descriptors of its own with the first loop */
    size_t before = count_descriptors();
    fixture->scenario = scenario;
    run_scenario(fixture);
    assert_int_equal(count_descriptors(), before);
}

/* --- sessions --- */

static void scenario_echo(void *arg)
{
    struct fixture *fixture = arg;
    start(fixture, generous, NULL);
    struct conn *clients[20];
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        clients[i] = connect_client(fixture);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        assert_reply(clients[i], "220 hello");
        say(clients[i], S("one\r\ntwo\r\n"));
        assert_reply(clients[i], "250 one");
        assert_reply(clients[i], "250 two");
    }
    assert_int_equal(server_session_count(fixture->server), ARRAY_LEN(clients));
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        quit(clients[i]);
    server_shutdown(fixture->server, 60 * 1000);
}

static void sessions_run_side_by_side(void **state)
{
    (void)state;
    struct fixture fixture = {0};
    with_fixture(scenario_echo, &fixture);
    assert_int_equal(fixture.sessions_begun, 20);
}

/* The client still talks while the server says goodbye and closes. A socket that is closed with input unread
 * sends a reset, which may take the last reply with it; after an orderly end the client could still send. */
static void scenario_last_reply(void *arg)
{
    static const char junk[30000];
    struct fixture *fixture = arg;
    start(fixture, generous, NULL);
    struct conn *client = connect_client(fixture);
    assert_reply(client, "220 hello");
    assert_ok(conn_write(client, S("QUIT\r\n")));
    say(client, slice_of(junk, sizeof junk));
    assert_reply(client, "250 QUIT");
    assert_end(client);
    assert_ok(conn_write(client, S("more")));
    conn_close(client);
    server_shutdown(fixture->server, 60 * 1000);
}

static void the_last_reply_arrives_though_input_is_left(void **state)
{
    (void)state;
    struct fixture fixture = {0};
    with_fixture(scenario_last_reply, &fixture);
}

static void scenario_vanishing(void *arg)
{
    struct fixture *fixture = arg;
    start(fixture, generous, NULL);
    for (int i = 0; i < 100; i++) {
        int fd = connect_socket(fixture);
        struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
    struct conn *client = connect_client(fixture);
    assert_reply(client, "220 hello");
    quit(client);
    server_shutdown(fixture->server, 60 * 1000);
}

static void vanishing_clients_leave_nothing_behind(void **state)
{
    (void)state;
    struct fixture fixture = {0};
    with_fixture(scenario_vanishing, &fixture);
}

/* --- limits --- */

static void check_limits(struct fixture *fixture, struct server_limits limits, struct peers *peers)
{
    start(fixture, limits, peers);
    struct conn *first = connect_client(fixture);
    struct conn *second = connect_client(fixture);
    assert_reply(first, "220 hello");
    assert_reply(second, "220 hello");
    struct conn *third = connect_client(fixture);
    assert_reply(third, "421 too many");
    assert_end(third);
    conn_close(third);
    assert_int_equal(server_session_count(fixture->server), 2);
    quit(second);
    let_others_run();
    struct conn *fourth = connect_client(fixture);
    assert_reply(fourth, "220 hello");
    server_set_limits(fixture->server, generous);
    struct conn *fifth = connect_client(fixture);
    assert_reply(fifth, "220 hello");
    quit(first);
    quit(fourth);
    quit(fifth);
    server_shutdown(fixture->server, 60 * 1000);
}

static void scenario_total_limit(void *arg)
{
    check_limits(arg, (struct server_limits){2, 1000}, NULL);
}

static void scenario_address_limit(void *arg)
{
    check_limits(arg, (struct server_limits){1000, 2}, NULL);
}

static struct peers *shared_peers;

static void scenario_shared_total_limit(void *arg)
{
    check_limits(arg, (struct server_limits){2, 1000}, shared_peers);
}

static void scenario_shared_address_limit(void *arg)
{
    check_limits(arg, (struct server_limits){1000, 2}, shared_peers);
}

static void connections_over_a_limit_are_refused(void **state)
{
    (void)state;
    with_fixture(scenario_total_limit, &(struct fixture){0});
    with_fixture(scenario_address_limit, &(struct fixture){0});
}

static void limits_hold_with_shared_counters(void **state)
{
    (void)state;
    char *directory = check_temporary_directory();
    char path[4096];
    snprintf(path, sizeof path, "%s/echo.peers", directory);
    assert_ok(peers_open(path, 0, &shared_peers));
    with_fixture(scenario_shared_total_limit, &(struct fixture){0});
    with_fixture(scenario_shared_address_limit, &(struct fixture){0});
    assert_int_equal(peers_total(shared_peers), 0);
    peers_close(shared_peers);
    check_remove_directory(directory);
}

/* More refused clients than may be told so at once: the rest is just closed, and nothing is left. */
static void scenario_flood(void *arg)
{
    struct fixture *fixture = arg;
    start(fixture, (struct server_limits){1, 1000}, NULL);
    struct conn *only = connect_client(fixture);
    assert_reply(only, "220 hello");
    int flood[150];
    for (size_t i = 0; i < ARRAY_LEN(flood); i++) {
        flood[i] = connect_socket(fixture);
        let_others_run();
    }
    assert_int_equal(server_session_count(fixture->server), 1);
    assert_true(task_count(fixture->loop) < ARRAY_LEN(flood) / 2);
    say(only, S("still here\r\n"));
    assert_reply(only, "250 still here");
    for (size_t i = 0; i < ARRAY_LEN(flood); i++)
        close(flood[i]);
    quit(only);
    server_shutdown(fixture->server, 60 * 1000);
}

static void a_flood_of_refusals_is_bounded(void **state)
{
    (void)state;
    with_fixture(scenario_flood, &(struct fixture){0});
}

/* No descriptor is left to accept with: the server waits instead of spinning or dying, and goes on later. */
static void scenario_no_descriptors(void *arg)
{
    struct fixture *fixture = arg;
    start(fixture, generous, NULL);
    int client_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int placeholders[64];
    struct rlimit usual;
    getrlimit(RLIMIT_NOFILE, &usual);
    let_others_run(); /* the listener polls already */
    size_t count = 0;
    int highest = dup(client_fd);
    struct rlimit tight = {(rlim_t)highest + 1, usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    while (count < ARRAY_LEN(placeholders) && (placeholders[count] = dup(client_fd)) >= 0)
        count++;
    assert_int_equal(connect(client_fd, (struct sockaddr *)&fixture->address, sizeof fixture->address), 0);
    assert_ok(task_sleep(20));
    assert_int_equal(server_session_count(fixture->server), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    while (count > 0)
        close(placeholders[--count]);
    close(highest);
    struct conn *client = conn_from_fd(fixture->loop, client_fd);
    assert_reply(client, "220 hello");
    quit(client);
    server_shutdown(fixture->server, 60 * 1000);
}

static void running_out_of_descriptors_pauses_accepting(void **state)
{
    (void)state;
    with_fixture(scenario_no_descriptors, &(struct fixture){0});
}

/* --- TLS from the first byte --- */

/* No session begins for one who does not speak TLS, and nothing is ever said in clear. */
static void scenario_tls(void *arg)
{
    struct fixture *fixture = arg;
    start(fixture, (struct server_limits){1, 1000}, NULL);
    struct conn *silent = connect_client(fixture);
    while (server_session_count(fixture->server) == 0)
        assert_ok(task_sleep(1));
    struct conn *refused = connect_client(fixture);
    assert_end(refused);
    assert_int_equal(conn_bytes_in(refused), 0);
    conn_close(refused);
    say(silent, S("EHLO in.clear\r\n"));
    struct slice bytes;
    while (conn_peek(silent, &bytes) == ERR_OK) {
        assert_int_equal(bytes.data[0], 0x15); /* the alert record of TLS (RFC 8446 section 5.1) */
        conn_consume(silent, bytes.len);
    }
    conn_close(silent);
    server_shutdown(fixture->server, 60 * 1000);
}

static void sessions_behind_tls_begin_with_the_handshake(void **state)
{
    (void)state;
    static const char *const names[] = {"localhost"};
    char *directory = check_temporary_directory();
    char certificate[4096], key[4096];
    struct fixture fixture = {0};
    struct buf why;
    buf_init(&why, 1000);
    snprintf(certificate, sizeof certificate, "%s/cert.pem", directory);
    snprintf(key, sizeof key, "%s/key.pem", directory);
    assert_ok(tls_make_certificate(directory, names, 1, &why));
    assert_ok(tls_context_new(certificate, key, &fixture.tls, &why));
    with_fixture(scenario_tls, &fixture);
    assert_int_equal(fixture.sessions_begun, 0);
    tls_context_free(fixture.tls);
    buf_free(&why);
    check_remove_directory(directory);
}

/* --- the end --- */

static void scenario_shutdown(void *arg)
{
    struct fixture *fixture = arg;
    start(fixture, generous, NULL);
    struct conn *client = connect_client(fixture);
    assert_reply(client, "220 hello");
    server_shutdown(fixture->server, fixture->grace_ms);
    server_shutdown(fixture->server,
                    fixture->grace_ms); /* a service manager and the supervisor both say it */
    if (!fixture->ignore_interrupt)
        assert_reply(client, "421 shutting down");
    assert_end(client);
    int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_not_equal(connect(late, (struct sockaddr *)&fixture->address, sizeof fixture->address), 0);
    close(late);
    conn_close(client);
}

static void shutdown_lets_sessions_say_goodbye(void **state)
{
    (void)state;
    struct fixture fixture = {.grace_ms = 60 * 1000};
    with_fixture(scenario_shutdown, &fixture);
    assert_err(fixture.last_err, ERR_SHUTDOWN);
}

static void shutdown_cancels_what_does_not_end(void **state)
{
    (void)state;
    struct fixture fixture = {.grace_ms = 10, .ignore_interrupt = true};
    with_fixture(scenario_shutdown, &fixture);
    assert_err(fixture.last_err, ERR_CANCELED);
}

static void scenario_shutdown_empty(void *arg)
{
    start(arg, generous, NULL);
    server_shutdown(((struct fixture *)arg)->server, 60 * 1000);
}

static void shutdown_without_sessions_ends_at_once(void **state)
{
    (void)state;
    with_fixture(scenario_shutdown_empty, &(struct fixture){0});
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_run_side_by_side),
        cmocka_unit_test(the_last_reply_arrives_though_input_is_left),
        cmocka_unit_test(vanishing_clients_leave_nothing_behind),
        cmocka_unit_test(connections_over_a_limit_are_refused),
        cmocka_unit_test(limits_hold_with_shared_counters),
        cmocka_unit_test(a_flood_of_refusals_is_bounded),
        cmocka_unit_test(running_out_of_descriptors_pauses_accepting),
        cmocka_unit_test(sessions_behind_tls_begin_with_the_handshake),
        cmocka_unit_test(shutdown_lets_sessions_say_goodbye),
        cmocka_unit_test(shutdown_cancels_what_does_not_end),
        cmocka_unit_test(shutdown_without_sessions_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
