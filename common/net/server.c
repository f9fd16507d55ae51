/* SPDX-License-Identifier: ISC */
/*
 * Listening, one task per connection, and the orderly end.
 *
 *     listener task:  wait for a connection → accept → count it → spawn a session task, and again
 *     session task:   TLS where the service wants it → the protocol's session function → linger → close
 *
 * A connection over a limit gets a task too, which only says why and closes: the accept loop never waits for
 * a client. When even those are many the connection is closed without a word.
 *
 * Everything that lives is in one of two lists; when shutdown was asked for and both are empty, the loop is
 * stopped.
 */
#include "net/server.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "conn_internal.h"

enum {
    ACCEPTS_PER_WAKE_UP = 16,
    /* After accept failed for want of descriptors or memory. */
    PAUSE_MIN_MS = 100,
    PAUSE_MAX_MS = 1000,
    /* How long a refusal may take to be read, and how many may be under way. */
    REFUSAL_MS = 1000,
    /* A client that connects and then never says hello is not a session yet, and must not become one. */
    HANDSHAKE_MS = 60 * 1000,
    REFUSALS_AT_ONCE = 64,
    REFUSALS_LOG_MS = 1000,
    /* How long a session's last reply may take to be read. */
    LINGER_MS = 1000
};

struct listener {
    struct server *server;
    struct server_service service;
    server_session_fn *fn;
    void *arg;
    int fd;
    struct task *task;
    struct listener *prev, *next;
};

struct session {
    struct server *server;
    const struct server_service *service; /* of the listener; lives as long as the server */
    server_session_fn *fn;
    void *arg;
    struct conn *conn;
    bool refused;
    struct task *task;
    struct session *prev, *next;
};

struct server {
    struct loop *loop;
    struct server_limits limits;
    struct peers *peers;
    struct listener *listeners;       /* accepting */
    struct listener *ended_listeners; /* kept for the sessions that came from them */
    struct session *sessions;
    size_t session_count; /* without the refused ones */
    size_t refusal_count;
    bool shutting_down;
    int64_t grace_ms;
    struct task *grace_task;
    int64_t next_refusal_log;
    size_t refusals_unlogged;
};

struct server *server_new(struct loop *loop, struct server_limits limits, struct peers *peers)
{
    struct server *server = mem_new(struct server);
    server->loop = loop;
    server->limits = limits;
    server->peers = peers;
    return server;
}

void server_set_limits(struct server *server, struct server_limits limits)
{
    server->limits = limits;
}

size_t server_session_count(const struct server *server)
{
    return server->session_count;
}

static void stop_when_done(struct server *server)
{
    if (!server->shutting_down || server->sessions || server->listeners)
        return;
    if (server->grace_task)
        task_cancel(server->grace_task); /* and comes back here at its end */
    else
        loop_stop(server->loop);
}

/* --- limits --- */

static bool is_counted_by_address(const struct conn *conn)
{
    return strcmp(conn_peer_address(conn), "local") != 0;
}

/* Without the counters shared by the workers (tests): this process's own sessions. */
static bool fits_alone(const struct server *server, const struct conn *conn)
{
    size_t same = 0;
    const struct session *other;
    DL_FOREACH (server->sessions, other)
        same += !other->refused && strcmp(conn_peer_address(other->conn), conn_peer_address(conn)) == 0;
    return server->session_count < server->limits.connections &&
           (!is_counted_by_address(conn) || same < server->limits.connections_per_address);
}

static bool admit(const struct server *server, const struct conn *conn)
{
    if (!server->peers)
        return fits_alone(server, conn);
    size_t per_address = is_counted_by_address(conn) ? server->limits.connections_per_address : SIZE_MAX;
    return peers_enter(server->peers, slice_from(conn_peer_address(conn)), server->limits.connections,
                       per_address) == ERR_OK;
}

/* One line a second at most: a flood of connections is not to become a flood of log lines. */
static void log_refusal(struct server *server, const struct session *session)
{
    int64_t now = loop_now(server->loop);
    if (now < server->next_refusal_log) {
        server->refusals_unlogged++;
        return;
    }
    log_warning("connection.refused", log_cstr("service", session->service->name),
                log_cstr("peer", conn_peer_address(session->conn)),
                log_number("sessions", server->session_count),
                log_number("unlogged", server->refusals_unlogged));
    server->next_refusal_log = now + REFUSALS_LOG_MS;
    server->refusals_unlogged = 0;
}

/* --- sessions --- */

static void run_refusal(const struct session *session)
{
    if (session->service->tls)
        return;
    conn_set_timeout(session->conn, REFUSAL_MS);
    conn_write(session->conn, session->service->refusal);
    conn_linger(session->conn, REFUSAL_MS);
}

static void run_admitted(const struct session *session)
{
    const struct server_service *service = session->service;
    if (service->tls) {
        conn_set_timeout(session->conn, service->handshake_ms ? service->handshake_ms : HANDSHAKE_MS);
        if (conn_start_tls(session->conn, service->tls))
            return;
    }
    session->fn(session->conn, session->arg);
    if (conn_error(session->conn) == ERR_OK)
        conn_linger(session->conn, LINGER_MS);
}

static void end_session(struct session *session)
{
    struct server *server = session->server;
    if (session->refused) {
        server->refusal_count--;
    } else {
        server->session_count--;
        if (server->peers)
            peers_leave(server->peers, slice_from(conn_peer_address(session->conn)));
    }
    DL_DELETE(server->sessions, session);
    conn_close(session->conn);
    task_detach(session->task);
    mem_free(session);
    stop_when_done(server);
}

static void session_task(void *arg)
{
    struct session *session = arg;
    if (session->refused)
        run_refusal(session);
    else
        run_admitted(session);
    end_session(session);
}

static void begin_session(const struct listener *listener, int fd)
{
    struct server *server = listener->server;
    struct session *session = mem_new(struct session);
    *session = (struct session){.server = server,
                                .service = &listener->service,
                                .fn = listener->fn,
                                .arg = listener->arg,
                                .conn = conn_from_fd(server->loop, fd)};
    session->refused = !admit(server, session->conn);
    if (session->refused) {
        log_refusal(server, session);
        if (server->refusal_count == REFUSALS_AT_ONCE) {
            conn_close(session->conn);
            mem_free(session);
            return;
        }
        server->refusal_count++;
    } else {
        server->session_count++;
    }
    DL_APPEND(server->sessions, session);
    session->task = task_spawn(server->loop, listener->service.name, session_task, session);
}

/* --- listening --- */

/* What accept(2) reports of a connection that broke while it waited in the queue concerns nobody. */
static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Takes what waits in the queue, but not all of it at once: the other workers want their share, and the
 * sessions their turn. Returns an errno when accepting makes no sense for a while, else 0. */
static int accept_some(struct listener *listener)
{
    for (int i = 0; i < ACCEPTS_PER_WAKE_UP; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            begin_session(listener, fd);
        else if (errno == EAGAIN)
            return 0;
        else if (is_shortage(errno) || errno == EBADF || errno == EINVAL || errno == ENOTSOCK)
            return errno;
    }
    return 0;
}

static void accept_until_canceled(struct listener *listener)
{
    int64_t pause = 0;
    while (wait_fd(listener->fd, false, NO_DEADLINE) == ERR_OK) {
        int error = accept_some(listener);
        if (!error) {
            pause = 0;
            continue;
        }
        if (!pause)
            log_error("accept.failed", log_cstr("service", listener->service.name), log_errno(error));
        pause = pause ? MIN_OF(pause * 2, (int64_t)PAUSE_MAX_MS) : PAUSE_MIN_MS;
        if (task_sleep(pause))
            return;
    }
}

static void listener_task(void *arg)
{
    struct listener *listener = arg;
    struct server *server = listener->server;
    accept_until_canceled(listener);
    fd_forget(server->loop, listener->fd);
    close(listener->fd);
    DL_DELETE(server->listeners, listener);
    DL_APPEND(server->ended_listeners, listener);
    task_detach(listener->task);
    stop_when_done(server);
}

void server_listen(struct server *server, int fd, const struct server_service *service, server_session_fn *fn,
                   void *arg)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    struct listener *listener = mem_new(struct listener);
    *listener = (struct listener){.server = server, .service = *service, .fn = fn, .arg = arg, .fd = fd};
    DL_APPEND(server->listeners, listener);
    listener->task = task_spawn(server->loop, "listener", listener_task, listener);
}

/* --- the end --- */

static void grace_task(void *arg)
{
    struct server *server = arg;
    if (task_sleep(server->grace_ms) == ERR_OK) {
        log_warning("shutdown.cancel", log_number("sessions", server->session_count));
        struct session *session;
        DL_FOREACH (server->sessions, session)
            task_cancel(session->task);
    }
    task_detach(server->grace_task);
    server->grace_task = NULL;
    stop_when_done(server);
}

void server_shutdown(struct server *server, int64_t grace_ms)
{
    if (server->shutting_down)
        return;
    server->shutting_down = true;
    server->grace_ms = grace_ms;
    struct listener *listener;
    DL_FOREACH (server->listeners, listener)
        task_cancel(listener->task);
    struct session *session;
    DL_FOREACH (server->sessions, session)
        conn_interrupt(session->conn);
    server->grace_task = task_spawn(server->loop, "shutdown", grace_task, server);
    stop_when_done(server);
}

void server_free(struct server *server)
{
    struct listener *listener, *next;
    DL_FOREACH_SAFE(server->ended_listeners, listener, next)
    {
        DL_DELETE(server->ended_listeners, listener);
        mem_free(listener);
    }
    mem_free(server);
}
