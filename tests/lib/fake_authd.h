/* SPDX-License-Identifier: ISC */
/*
 * An authd for the dialogue tests of front-ends: real socket, real wire protocol, no secrets. It offers PLAIN
 * and LOGIN and knows
 *
 *     alice@example.org  "secret"        carol@example.org  "secret", but disabled
 *     alice@example.org  "clé" (UTF-8)   down@example.org   authd is unavailable
 *     bob@example.org    "secret"        dave@example.org   "secret"
 */
#ifndef TEST_FAKE_AUTHD_H
#define TEST_FAKE_AUTHD_H

#include "check.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "net/server.h"
#include "wire.h"

struct fake_authd {
    struct server *server;
    char path[256];
    size_t exchanges; /* begun so far */
};

static inline enum auth_outcome fake_authd_check(struct slice name, struct slice password)
{
    if (slice_eq(name, S("down@example.org")))
        return AUTH_UNAVAILABLE;
    bool alice = slice_eq(name, S("alice@example.org"));
    if (alice && (slice_eq(password, S("secret")) || slice_eq(password, S("clé"))))
        return AUTH_OK;
    if ((slice_eq(name, S("bob@example.org")) || slice_eq(name, S("dave@example.org"))) &&
        slice_eq(password, S("secret")))
        return AUTH_OK;
    if (slice_eq(name, S("carol@example.org")) && slice_eq(password, S("secret")))
        return AUTH_DISABLED;
    return AUTH_FAILED;
}

static inline enum auth_outcome fake_authd_plain(struct slice blob, struct buf *name)
{
    slice_split(&blob, '\0');
    buf_append(name, slice_split(&blob, '\0'));
    return blob.data ? fake_authd_check(buf_slice(name), blob) : AUTH_MALFORMED;
}

/* Next step of an exchange that has had `step` responses. */
static inline enum auth_outcome fake_authd_step(const char *mechanism, size_t step, struct slice blob,
                                                struct buf *name, struct buf *challenge)
{
    if (strcasecmp(mechanism, "PLAIN") == 0)
        return step == 0 ? AUTH_CONTINUE : fake_authd_plain(blob, name);
    if (strcasecmp(mechanism, "LOGIN") != 0)
        return AUTH_NO_MECHANISM;
    if (step == 1)
        buf_append(name, blob);
    if (step < 2) {
        buf_append(challenge, step == 0 ? S("Username:") : S("Password:"));
        return AUTH_CONTINUE;
    }
    return fake_authd_check(buf_slice(name), blob);
}

static inline void fake_authd_answer(struct buf *answer, enum auth_outcome outcome, struct slice login,
                                     struct slice challenge)
{
    buf_clear(answer);
    if (outcome == AUTH_OK)
        wire_put_ok(answer, login);
    else if (outcome == AUTH_CONTINUE)
        wire_put_continue(answer, challenge);
    else
        wire_put_fail(answer, outcome);
}

static inline void fake_authd_session(struct conn *conn, void *arg)
{
    struct fake_authd *authd = arg;
    struct arena arena = {0};
    struct auth_request request;
    struct buf blob, answer, name, challenge;
    struct slice line;
    wire_buf_init(&blob);
    wire_buf_init(&answer);
    buf_init(&name, 1000);
    buf_init(&challenge, 1000);
    authd->exchanges++;
    if (!conn_read_line(conn, WIRE_LINE_LIMIT, &line) && !wire_get_begin(line, &arena, &request, &blob)) {
        const char *mechanism = arena_cstr(&arena, request.mechanism);
        size_t step = request.has_initial ? 1 : 0;
        enum auth_outcome outcome;
        do {
            buf_clear(&challenge);
            outcome = fake_authd_step(mechanism, step++, buf_slice(&blob), &name, &challenge);
            fake_authd_answer(&answer, outcome, buf_slice(&name), buf_slice(&challenge));
            conn_write(conn, buf_slice(&answer));
            buf_clear(&blob);
        } while (!conn_flush(conn) && outcome == AUTH_CONTINUE &&
                 !conn_read_line(conn, WIRE_LINE_LIMIT, &line) && !wire_get_step(line, &blob));
    }
    wire_buf_wipe(&blob);
    wire_buf_wipe(&answer);
    buf_free(&name);
    buf_free(&challenge);
    arena_free(&arena);
}

/* Listens on `directory`/authd.sock. */
static inline void fake_authd_start(struct fake_authd *authd, struct loop *loop, const char *directory)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(authd->path, sizeof(authd->path), "%s/authd.sock", directory);
    assert_true(strlen(authd->path) < sizeof(address.sun_path));
    strcpy(address.sun_path, authd->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 10), 0);
    struct server_limits limits = {.connections = 100, .connections_per_address = 100};
    authd->server = server_new(loop, limits, NULL);
    server_listen(authd->server, fd, &(struct server_service){.name = "authd"}, fake_authd_session, authd);
}

/* Runs the loop until the last exchange has ended. */
static inline void fake_authd_stop(struct fake_authd *authd, struct loop *loop)
{
    server_shutdown(authd->server, 0);
    loop_run(loop);
    server_free(authd->server);
}

#endif
