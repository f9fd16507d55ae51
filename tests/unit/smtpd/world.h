/* SPDX-License-Identifier: ISC */
/*
 * A server in memory for the dialogue tests: sessions over conn_pair, the fake store, an authd that knows
 * alice ("secret"), and a client that sends everything at once and collects the replies.
 *
 *     expect(SERVICE_SMTP, "HELO c\r\nQUIT\r\n", "220\n250 mail.example.org\n221 2.0.0\n");
 *
 * Each line of the expectation is the beginning of one line of the server.
 */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include "fake_store.h"
#include "net/server.h"
#include "net/task.h"
#include "session.h"
#include "wire.h"

struct world {
    char *directory;
    struct loop *loop;
    struct conf conf;
    struct smtp_context context;
    struct server *auth_server;
    char auth_path[256];
    size_t auth_exchanges;
};

static struct world world;

/* --- authd --- */

#include <sys/socket.h>
#include <sys/un.h>

static enum auth_outcome check_plain(struct slice blob)
{
    if (slice_eq(blob, S("\0alice@example.org\0secret")))
        return AUTH_OK;
    if (slice_eq(blob, S("\0carol@example.org\0secret")))
        return AUTH_DISABLED;
    return blob.len > 0 && blob.data[0] == '\0' ? AUTH_FAILED : AUTH_MALFORMED;
}

/* Next step of an exchange that has had `step` responses. */
static enum auth_outcome auth_step_of(const char *mechanism, size_t step, struct slice blob, struct buf *name,
                                      struct buf *challenge)
{
    if (strcasecmp(mechanism, "PLAIN") == 0)
        return step == 0 ? AUTH_CONTINUE : check_plain(blob);
    if (strcasecmp(mechanism, "LOGIN") != 0)
        return AUTH_NO_MECHANISM;
    if (step == 1)
        buf_append(name, blob);
    if (step < 2) {
        buf_append(challenge, step == 0 ? S("Username:") : S("Password:"));
        return AUTH_CONTINUE;
    }
    bool good = slice_eq(buf_slice(name), S("alice@example.org")) && slice_eq(blob, S("secret"));
    return good ? AUTH_OK : AUTH_FAILED;
}

static void auth_session(struct conn *conn, void *arg)
{
    (void)arg;
    struct arena arena = {0};
    struct auth_request request;
    struct buf blob, answer, name, challenge;
    struct slice line;
    wire_buf_init(&blob);
    wire_buf_init(&answer);
    buf_init(&name, 1000);
    buf_init(&challenge, 1000);
    world.auth_exchanges++;
    if (conn_read_line(conn, WIRE_LINE_LIMIT, &line) == ERR_OK &&
        wire_get_begin(line, &arena, &request, &blob) == ERR_OK) {
        const char *mechanism = arena_cstr(&arena, request.mechanism);
        size_t step = request.has_initial ? 1 : 0;
        for (;;) {
            buf_clear(&challenge);
            enum auth_outcome outcome = auth_step_of(mechanism, step++, buf_slice(&blob), &name, &challenge);
            buf_clear(&answer);
            if (outcome == AUTH_OK)
                wire_put_ok(&answer, S("alice@example.org"));
            else if (outcome == AUTH_CONTINUE)
                wire_put_continue(&answer, buf_slice(&challenge));
            else
                wire_put_fail(&answer, outcome);
            conn_write(conn, buf_slice(&answer));
            buf_clear(&blob);
            if (conn_flush(conn) || outcome != AUTH_CONTINUE ||
                conn_read_line(conn, WIRE_LINE_LIMIT, &line) || wire_get_step(line, &blob))
                break;
        }
    }
    wire_buf_wipe(&blob);
    wire_buf_wipe(&answer);
    buf_free(&name);
    buf_free(&challenge);
    arena_free(&arena);
}

static void start_authd(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(world.auth_path, sizeof(world.auth_path), "%s/authd.sock", world.directory);
    assert_true(strlen(world.auth_path) < sizeof(address.sun_path));
    strcpy(address.sun_path, world.auth_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 10), 0);
    struct server_limits limits = {.connections = 100, .connections_per_address = 100};
    world.auth_server = server_new(world.loop, limits, NULL);
    server_listen(world.auth_server, fd, &(struct server_service){.name = "authd"}, auth_session, NULL);
}

/* --- one dialogue --- */

struct talk {
    struct conn *server, *client;
    struct slice input;
    struct buf *output;
};

static void server_task(void *arg)
{
    struct talk *talk = arg;
    session_run(talk->server, &world.context);
    conn_close(talk->server);
    talk->server = NULL;
}

static void writer_task(void *arg)
{
    struct talk *talk = arg;
    conn_write(talk->client, talk->input);
    conn_flush(talk->client);
}

static void talk_task(void *arg)
{
    struct talk *talk = arg;
    struct task *server = task_spawn(world.loop, "server", server_task, talk);
    struct task *writer = task_spawn(world.loop, "writer", writer_task, talk);
    struct slice bytes;
    while (conn_peek(talk->client, &bytes) == ERR_OK) {
        buf_append(talk->output, bytes);
        conn_consume(talk->client, bytes.len);
    }
    assert_ok(task_join(server));
    task_cancel(writer);
    assert_ok(task_join(writer));
    conn_close(talk->client);
    loop_stop(world.loop);
}

/* Sends `input` to a new session, in pieces of at most `chunk` bytes, and collects all that it says. */
static void talk(enum conf_service service, struct slice input, size_t chunk, struct buf *output)
{
    struct conn *ends[2];
    struct talk talk = {.input = input, .output = output};
    fake_store.delivery_calls = 0;
    world.context.service = service;
    conn_pair(world.loop, 65536, chunk, ends);
    talk.server = ends[0];
    talk.client = ends[1];
    task_detach(task_spawn(world.loop, "talk", talk_task, &talk));
    loop_run(world.loop);
}

static UNUSED void compare(struct slice actual, const char *expected, size_t chunk)
{
    struct slice rest = actual, lines = slice_from(expected);
    while (lines.len > 0) {
        struct slice want = slice_split(&lines, '\n');
        struct slice line = slice_split(&rest, '\n');
        if (!slice_starts_with(line, want) || line.len == 0 || line.data[line.len - 1] != '\r') {
            print_error("pieces of %zu: expected '%.*s', got '%.*s', in:\n%.*s\n", chunk, SLICE_ARG(want),
                        SLICE_ARG(line), SLICE_ARG(actual));
            fail();
        }
    }
    if (rest.len > 0) {
        print_error("pieces of %zu: more than expected: %.*s\n", chunk, SLICE_ARG(rest));
        fail();
    }
}

static UNUSED void expect_bytes(enum conf_service service, struct slice input, const char *expected)
{
    static const size_t chunks[] = {65536, 1, 7};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        struct buf output;
        buf_init(&output, 10 * 1024 * 1024);
        talk(service, input, chunks[i], &output);
        compare(buf_slice(&output), expected, chunks[i]);
        buf_free(&output);
    }
}

static UNUSED void expect(enum conf_service service, const char *input, const char *expected)
{
    expect_bytes(service, slice_from(input), expected);
}

/* --- set-up --- */

static int world_setup(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    fake_store_reset();
    world.directory = check_temporary_directory();
    world.loop = loop_new();
    world.conf = (struct conf){.hostname = "mail.example.org",
                               .message_size_limit = 1000000,
                               .header_size_limit = 100000,
                               .recipient_limit = 100,
                               .hop_limit = 30,
                               .recipient_delimiter = "+",
                               .error_limit = 20,
                               .transaction_limit = 50,
                               .smtp_timeout = 10000,
                               .data_directory = world.directory,
                               .expire_after = 1000,
                               .plaintext_auth = PLAINTEXT_AUTH_LOOPBACK};
    world.context = (struct smtp_context){.conf = &world.conf, .store = &fake_store};
    world.context.work = work_pool_new(world.loop, 2, 100);
    start_authd();
    world.context.auth = auth_client_new(world.loop, world.auth_path);
    return 0;
}

static int world_teardown(void **state)
{
    (void)state;
    server_shutdown(world.auth_server, 0);
    loop_run(world.loop);
    server_free(world.auth_server);
    auth_client_free(world.context.auth);
    work_pool_free(world.context.work);
    loop_free(world.loop);
    check_remove_directory(world.directory);
    fake_store_reset();
    return 0;
}

#define dialogue_test(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)

#endif
