/* SPDX-License-Identifier: ISC */
/*
 * The frame that all daemons share: listening sockets, one task per connection, limits on connections,
 * orderly shutdown.
 *
 *     server = server_new(loop, limits, peers);
 *     server_listen(server, fd, &service, run_session, context);   for each inherited socket
 *     on SIGTERM: server_shutdown(server, grace);                   loop_run returns when the last session
 * has ended
 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "net/conn.h"
#include "net/peers.h"
#include "net/task.h"

struct server;

struct server_limits {
    size_t connections;             /* of this protocol, all workers together */
    size_t connections_per_address; /* loopback addresses count like others; Unix sockets are exempt */
};

struct server_service {
    const char *name; /* "smtp", "pop3s": for logs */
    struct slice
        refusal; /* sent to a connection over a limit before it is closed: "421 4.7.0 …\r\n"; static */
    int64_t handshake_ms; /* how long that handshake may take; 0: a minute */
    struct tls_context
        *tls; /* not NULL: handshake first (465, 995, 993); a refusal is then not sent in clear */
};

/* Runs one session. Must return before long once its connection fails or the task is cancelled; the server
 * closes `conn` afterwards. `arg` as given to server_listen. */
typedef void server_session_fn(struct conn *conn, void *arg);

/* `peers` may be NULL (tests): then only this process is counted. */
struct server *server_new(struct loop *loop, struct server_limits limits, struct peers *peers);
/* Takes over the listening descriptor and accepts until shutdown. When descriptors run out it pauses
 * accepting instead of spinning. `service` is copied. */
void server_listen(struct server *server, int fd, const struct server_service *service, server_session_fn *fn,
                   void *arg);
void server_set_limits(struct server *server, struct server_limits limits); /* SIGHUP */
/* Stops accepting, interrupts every session between two commands (conn_interrupt), and after `grace_ms`
 * cancels what is left. Calls loop_stop when the last session has ended. Further calls change nothing. */
void server_shutdown(struct server *server, int64_t grace_ms);
size_t server_session_count(const struct server *server);
/* All sessions must have ended. */
void server_free(struct server *server);

#endif
