/* SPDX-License-Identifier: ISC */
/* Start, reload and end of a protocol daemon. See process.h. */
#include "service/process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "storage/care.h"

/* Work that may wait for a thread; beyond it clients are told to try again. */
#define WORK_QUEUE_LIMIT 8192
#define MAX_LISTENERS    64 /* as many as struct daemon takes */
#define HANDSHAKE_MS     (INT64_C(60) * 1000)

struct listening {
    struct process_session session;
    const struct process_listener *row;
};

struct running {
    struct process process;
    struct peers *peers;
    struct listening listening[MAX_LISTENERS];
};

static struct server_limits limits_of(const struct conf *conf)
{
    return (struct server_limits){(size_t)conf->connection_limit, (size_t)conf->connection_limit_per_address};
}

static void on_hangup(void *arg)
{
    struct process *process = arg;
    log_reopen();
    bool taken_over = daemon_reload(&process->daemon);
    process->conf = process->daemon.conf;
    server_set_limits(process->server, limits_of(process->conf));
    if (process->tls) { /* also after a bad file: a renewed certificate must not expire because of another
                           mistake */
        struct buf why;
        buf_init(&why, 4096);
        if (tls_context_reload(process->tls, process->conf->tls_certificate, process->conf->tls_key, &why))
            log_error("tls.reload", log_text("reason", buf_slice(&why)));
        buf_free(&why);
    }
    if (taken_over)
        log_info("reloaded", log_cstr("file", process->conf->file));
}

static void on_terminate(void *arg)
{
    struct process *process = arg;
    log_info("stopping", log_number("sessions", server_session_count(process->server)));
    server_shutdown(process->server, process->conf->shutdown_grace);
}

/* Says why the process cannot start; 1 for main. */
static int refuse(const char *program, const char *what, enum err err, struct buf *why)
{
    log_error("start.failed", log_cstr("program", program), log_cstr("what", what), log_err(err),
              log_text("reason", buf_slice(why)));
    buf_free(why);
    return 1;
}

static void run_session(struct conn *conn, void *arg)
{
    const struct listening *listening = arg;
    listening->row->run(conn, &listening->session);
}

/* For TLS from the start: nobody needs longer than a minute, nor longer than a session may be silent. */
static int64_t handshake_time(const struct conf *conf, enum conf_service service)
{
    int64_t silence = conf->smtp_timeout;
    if (service == SERVICE_POP3S)
        silence = conf->pop3_timeout;
    else if (service == SERVICE_IMAPS)
        silence = conf->imap_timeout;
    return MIN_OF(silence, HANDSHAKE_MS);
}

/* Hands every inherited socket to the server; the number of them. */
static size_t listen_all(struct running *running, const struct process_listener *rows, size_t count)
{
    struct process *process = &running->process;
    size_t used = 0;
    for (size_t i = 0; i < process->daemon.socket_count; i++) {
        const struct daemon_socket *inherited = &process->daemon.sockets[i];
        const struct process_listener *row = NULL;
        for (size_t j = 0; j < count; j++)
            if (strcmp(conf_service_names[rows[j].service], inherited->name) == 0)
                row = &rows[j];
        if (!row || used == MAX_LISTENERS || (row->implicit_tls && !process->tls)) {
            log_error("socket.refused", log_cstr("name", inherited->name));
            continue;
        }
        struct listening *listening = &running->listening[used++];
        *listening = (struct listening){{process, row->service}, row};
        struct server_service service = {.name = conf_service_names[row->service],
                                         .refusal = row->refusal,
                                         .handshake_ms = handshake_time(process->conf, row->service),
                                         .tls = row->implicit_tls ? process->tls : NULL};
        server_listen(process->server, inherited->fd, &service, run_session, listening);
    }
    return used;
}

static enum err open_peers(struct running *running, const char *program)
{
    struct daemon *daemon = &running->process.daemon;
    struct arena arena = {0};
    enum err err = peers_open(arena_printf(&arena, "%s/%s.peers", daemon->conf->run_directory, program),
                              (unsigned)daemon->worker, &running->peers);
    arena_free(&arena);
    return err;
}

static struct auth_client *open_auth(struct process *process)
{
    struct arena arena = {0};
    struct auth_client *client =
        auth_client_new(process->loop, arena_printf(&arena, "%s/authd.sock", process->conf->run_directory));
    arena_free(&arena);
    return client;
}

int process_main(const char *program, const struct process_listener *listeners, size_t count, int argc,
                 char **argv)
{
    static struct running
        state; /* not on the stack of main: a start that fails leaves it to the end of the process */
    struct running *running = &state;
    struct process *process = &running->process;
    struct buf why;
    buf_init(&why, 4096);

    daemon_start(&process->daemon, program, argc, argv);
    process->conf = process->daemon.conf;
    enum err err;
    if (*process->conf->tls_certificate &&
        (err = tls_context_new(process->conf->tls_certificate, process->conf->tls_key, &process->tls, &why)))
        return refuse(program, "certificate", err, &why);
    if ((err = store_open(process->conf->data_directory, process->conf->hostname, &process->store, &why)))
        return refuse(program, "store", err, &why);
    if ((err = store_maintenance_start(process->store)))
        return refuse(program, "maintenance of the store", err, &why);
    if ((err = open_peers(running, program)))
        return refuse(program, "connection counters", err, &why);

    process->loop = loop_new();
    process->work = work_pool_new(process->loop, (size_t)process->conf->threads, WORK_QUEUE_LIMIT);
    process->auth = open_auth(process);
    process->server = server_new(process->loop, limits_of(process->conf), running->peers);
    if (listen_all(running, listeners, count) == 0)
        return refuse(program, "no sockets were handed over (LISTEN_FDS)", ERR_CONFIG, &why);
    loop_on_signal(process->loop, SIGHUP, on_hangup, process);
    loop_on_signal(process->loop, SIGTERM, on_terminate, process);
    loop_on_signal(process->loop, SIGINT, on_terminate, process);
    daemon_ready();
    loop_run(process->loop);

    server_free(process->server);
    auth_client_free(process->auth);
    work_pool_free(process->work);
    loop_free(process->loop);
    peers_close(running->peers);
    store_close(process->store);
    if (process->tls)
        tls_context_free(process->tls);
    conf_free(process->daemon.conf);
    buf_free(&why);
    return 0;
}
