/* SPDX-License-Identifier: ISC */
/* authd: started by `postern serve` (or systemd) with the socket "authd"; see authd.h. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "authd.h"
#include "base/daemon.h"
#include "base/log.h"
#include "net/server.h"

struct process {
    struct daemon daemon;
    struct server *server;
    struct authd *authd;
};

static void on_reload(void *arg)
{
    struct process *process = arg;
    log_reopen();
    if (daemon_reload(&process->daemon)) {
        authd_set_cache_time(process->authd, process->daemon.conf->auth_cache_time);
        log_info("reloaded", log_cstr("file", process->daemon.conf->file));
    }
}

static void on_terminate(void *arg)
{
    struct process *process = arg;
    log_info("stopping", log_number("sessions", server_session_count(process->server)));
    server_shutdown(process->server, process->daemon.conf->shutdown_grace);
}

/* Passwords pass through this memory: no core file, and no debugger of the same user. */
static void hide_memory(void)
{
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* its leak check looks at the process as a debugger does */
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

static int fail(const char *what, struct buf *why)
{
    fprintf(stderr, "authd: %s: %s\n", what, buf_cstr(why));
    buf_free(why);
    return 1;
}

static bool listen_on_inherited(struct process *process)
{
    const struct server_service service = {.name = "auth", .refusal = S("FAIL unavailable\r\n")};
    bool found = false;
    for (size_t i = 0; i < process->daemon.socket_count; i++) {
        if (strcmp(process->daemon.sockets[i].name, "authd") == 0) {
            server_listen(process->server, process->daemon.sockets[i].fd, &service, authd_session,
                          process->authd);
            found = true;
        }
    }
    return found;
}

int main(int argc, char **argv)
{
    static struct process process;
    struct authd_settings settings = {.cost = password_cost};
    struct arena arena = {0};
    struct buf why;
    daemon_start(&process.daemon, "authd", argc, argv);
    const struct conf *conf = process.daemon.conf;
    hide_memory();
    buf_init(&why, 4096);
    if (store_open(conf->data_directory, conf->hostname, &settings.store, &why)) {
        return fail("the store cannot be opened", &why);
    }
    if (secrets_open(arena_printf(&arena, "%s/secrets.db", conf->data_directory), &settings.secrets, &why)) {
        return fail("secrets.db cannot be opened", &why);
    }
    settings.memory_limit = conf->auth_memory_limit;
    settings.cache_time_ms = conf->auth_cache_time;
    struct loop *loop = loop_new();
    if (authd_new(loop, &settings, &process.authd)) {
        return fail("no memory for password checks", &why);
    }
    process.server =
        server_new(loop, (struct server_limits){.connections = 4096, .connections_per_address = 4096}, NULL);
    if (!listen_on_inherited(&process)) {
        return fail("no inherited socket is named authd", &why);
    }
    loop_on_signal(loop, SIGHUP, on_reload, &process);
    loop_on_signal(loop, SIGTERM, on_terminate, &process);
    loop_on_signal(loop, SIGINT, on_terminate, &process);
    daemon_ready();
    loop_run(loop);
    server_free(process.server);
    authd_free(process.authd);
    loop_free(loop);
    secrets_close(settings.secrets);
    store_close(settings.store);
    conf_free(process.daemon.conf);
    arena_free(&arena);
    buf_free(&why);
    return 0;
}
