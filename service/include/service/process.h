/* SPDX-License-Identifier: ISC */
/*
 * What smtpd, pop3d and imapd have in common as processes: start-up (configuration, TLS, store, authd's
 * socket, worker threads), the inherited listeners, SIGHUP and SIGTERM, and the order of taking it all down.
 * Each daemon's main.c is a table of listeners and one call.
 */
#ifndef SERVICE_PROCESS_H
#define SERVICE_PROCESS_H

#include "auth/client.h"
#include "base/daemon.h"
#include "net/server.h"
#include "net/work.h"
#include "storage/store.h"

/* Shared by all sessions of the process. A session keeps the `conf` that was in force when it began. */
struct process {
    struct daemon daemon;
    const struct conf *conf; /* replaced at SIGHUP; the former ones stay until the process ends */
    struct loop *loop;
    struct work_pool *work;
    struct store *store;
    struct auth_client *auth;
    struct tls_context *tls; /* NULL when no certificate is configured: plain listeners only */
    struct server *server;
};

/* What a session is started with: its process, and the listener it came in by. */
struct process_session {
    const struct process *process;
    enum conf_service service;
};

struct process_listener {
    enum conf_service service;
    bool implicit_tls;
    struct slice refusal; /* to a connection over the limits; static */
    void (*run)(struct conn *conn, const struct process_session *session);
};

/* Runs the daemon `program` until SIGTERM; returns the process's exit code. Inherited sockets whose name is
 * no row of `listeners` are refused with a log line: a mistake of whoever started us. */
int process_main(const char *program, const struct process_listener *listeners, size_t count, int argc,
                 char **argv);

#endif
