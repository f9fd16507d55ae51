/* SPDX-License-Identifier: ISC */
/* Connections that we begin. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "in_loop.h"
#include "net/conn.h"
#include "net/task.h"
#include "our_end.h"

static void connect_task(void *arg)
{
    struct conn *conn;
    assert_err(conn_connect_unix(task_loop(), arg, 60 * 1000, &conn), ERR_CANCELED);
}

static void check_connect(void *arg)
{
    const char *directory = arg;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", directory);
    struct conn *conn = NULL;
    assert_err(conn_connect_unix(task_loop(), address.sun_path, 1000, &conn), ERR_UNAVAILABLE);
    char long_path[300];
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    assert_err(conn_connect_unix(task_loop(), long_path, 1000, &conn), ERR_TOO_LONG);
    struct rlimit before, none;
    const char *why;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum err to_path = conn_connect_unix(task_loop(), address.sun_path, 1000, &conn);
    enum err to_host = conn_connect_tcp(task_loop(), "127.0.0.1", 1, NULL, 1000, &conn, &why);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_err(to_path, ERR_LIMIT);
    assert_err(to_host, ERR_LIMIT);
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
    assert_err(conn_connect_unix(task_loop(), address.sun_path, 1000, &conn), ERR_UNAVAILABLE);
    assert_null(conn);
    assert_int_equal(listen(listening, 0), 0);
    assert_ok(conn_connect_unix(task_loop(), address.sun_path, 1000, &conn));
    struct conn *further = NULL;
    assert_err(conn_connect_unix(task_loop(), address.sun_path, 30, &further),
               ERR_TIMEOUT); /* the queue is full */
    struct task *task = task_spawn(task_loop(), "victim", connect_task, address.sun_path);
    let_others_run();
    task_cancel(task);
    assert_ok(task_join(task));
    int fd = accept(listening, NULL, NULL);
    assert_int_equal(write(fd, "OK\r\n", 4), 4);
    assert_line(conn, "OK");
    conn_close(conn);
    close(fd);
    close(listening);
}

static void unix_sockets_are_connected_to(void **state)
{
    (void)state;
    char *directory = check_temporary_directory();
    in_loop(check_connect, directory);
    check_remove_directory(directory);
}

/* A listener on 127.0.0.1 (or ::1) at a free port. */
static int listen_on_loopback(int family, uint16_t *port_r)
{
    struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    socklen_t length = family == AF_INET ? sizeof *v4 : sizeof *v6;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (family == AF_INET)
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        v6->sin6_addr = in6addr_loopback;
    if (bind(fd, (struct sockaddr *)&address, length) != 0) { /* a machine without IPv6 */
        close(fd);
        return -1;
    }
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port_r = ntohs(family == AF_INET ? v4->sin_port : v6->sin6_port);
    return fd;
}

static void check_greeting(int listening, const char *address, uint16_t port)
{
    struct conn *conn = NULL;
    const char *why = NULL;
    assert_ok(conn_connect_tcp(task_loop(), address, port, NULL, 5000, &conn, &why));
    assert_string_equal(why, "");
    assert_string_equal(conn_peer_address(conn), address);
    assert_string_equal(conn_local_address(conn), address);
    int fd = accept(listening, NULL, NULL);
    assert_int_equal(write(fd, "OK\r\n", 4), 4);
    assert_line(conn, "OK");
    conn_close(conn);
    close(fd);
}

static void check_families(void *arg)
{
    (void)arg;
    uint16_t port = 0;
    int listening = listen_on_loopback(AF_INET, &port);
    check_greeting(listening, "127.0.0.1", port);
    close(listening);
    listening = listen_on_loopback(AF_INET6, &port);
    if (listening >= 0) {
        check_greeting(listening, "::1", port);
        close(listening);
    }
}

static void hosts_are_connected_to(void **state)
{
    (void)state;
    in_loop(check_families, NULL);
}

static void check_source(void *arg)
{
    (void)arg;
    uint16_t port = 0;
    struct conn *conn = NULL;
    const char *why = NULL;
    int listening = listen_on_loopback(AF_INET, &port);
    assert_ok(conn_connect_tcp(task_loop(), "127.0.0.1", port, "127.0.0.77", 5000, &conn, &why));
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    close(accept(listening, (struct sockaddr *)&from, &length));
    assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7f00004d);
    assert_string_equal(conn_local_address(conn), "127.0.0.77");
    conn_close(conn);
    /* An address that is not this host's. */
    assert_err(conn_connect_tcp(task_loop(), "127.0.0.1", port, "192.0.2.1", 5000, &conn, &why),
               ERR_UNAVAILABLE);
    assert_true(*why);
    /* The other family's says nothing about this one. */
    assert_ok(conn_connect_tcp(task_loop(), "127.0.0.1", port, "::2", 5000, &conn, &why));
    close(accept(listening, NULL, NULL));
    conn_close(conn);
    close(listening);
}

static void a_source_address_is_used(void **state)
{
    (void)state;
    in_loop(check_source, NULL);
}

static uint16_t silent_port;

static void give_up(void *arg)
{
    struct conn *conn;
    const char *why;
    (void)arg;
    assert_err(conn_connect_tcp(task_loop(), "127.0.0.1", silent_port, "", 60 * 1000, &conn, &why),
               ERR_CANCELED);
}

static void check_failures(void *arg)
{
    (void)arg;
    struct conn *conn = NULL, *first = NULL;
    const char *why = NULL;
    int listening = listen_on_loopback(AF_INET, &silent_port);
    /* One waits to be accepted, which fills the queue: the kernel answers further ones not at all. */
    assert_ok(conn_connect_tcp(task_loop(), "127.0.0.1", silent_port, "", 5000, &first, &why));
    assert_err(conn_connect_tcp(task_loop(), "127.0.0.1", silent_port, "", 50, &conn, &why), ERR_TIMEOUT);
    assert_string_equal(why, "Connection timed out");
    struct task *task = task_spawn(task_loop(), "victim", give_up, NULL);
    let_others_run();
    task_cancel(task);
    assert_ok(task_join(task));
    conn_close(first);
    close(listening);
    assert_err(conn_connect_tcp(task_loop(), "127.0.0.1", silent_port, "", 5000, &conn, &why),
               ERR_UNAVAILABLE);
    assert_string_equal(why, "Connection refused");
    assert_err(conn_connect_tcp(task_loop(), "mx.example.net", 25, "", 5000, &conn, &why), ERR_SYNTAX);
    assert_err(conn_connect_tcp(task_loop(), "127.0.0.1", 25, "here", 5000, &conn, &why), ERR_SYNTAX);
    assert_null(conn);
}

static void what_fails_is_told(void **state)
{
    (void)state;
    in_loop(check_failures, NULL);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unix_sockets_are_connected_to),
        cmocka_unit_test(hosts_are_connected_to),
        cmocka_unit_test(a_source_address_is_used),
        cmocka_unit_test(what_fails_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
