/* SPDX-License-Identifier: ISC */
/* relayd: the process. It has no sockets of its own: its work comes from the queue. */
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "net/task.h"
#include "relayd.h"
#include "storage/care.h"

/* Work that may wait for a thread: far more than deliveries. */
#define WORK_QUEUE_LIMIT 65536

static struct relayd relayd;
static struct daemon process;

static void set_conf(void)
{
    relayd.tools.conf = process.conf;
    relay_policy_set_conf(relayd.tools.policy, process.conf);
}

static void on_hangup(void *arg)
{
    (void)arg;
    log_reopen();
    if (daemon_reload(&process)) {
        set_conf();
        relayd_reload(&relayd);
        log_info("reloaded", log_cstr("file", process.conf->file));
    }
}

static void stop(void *arg)
{
    (void)arg;
    relayd_stop(&relayd, process.conf->shutdown_grace);
    relay_policy_stop(relayd.tools.policy);
    loop_stop(relayd.tools.loop);
}

static void on_terminate(void *arg)
{
    (void)arg;
    if (relayd.is_stopping) {
        return;
    }
    log_info("stopping", log_number("deliveries", relayd.delivery_count));
    relayd.is_stopping = true;
    task_detach(task_spawn(relayd.tools.loop, "stop", stop, NULL));
}

static int refuse(const char *what, enum err err, struct buf *why)
{
    log_error("start.failed", log_cstr("program", "relayd"), log_cstr("what", what), log_err(err),
              log_text("reason", buf_slice(why)));
    buf_free(why);
    return 1;
}

static enum err open_dns(struct relay_tools *tools, struct buf *why)
{
    const struct conf *conf = tools->conf;
    const struct dns_settings settings = {.resolvers = conf->dns_resolvers.items,
                                          .resolver_count = conf->dns_resolvers.count,
                                          .trust_anchor_path = conf->dns_trust_anchor};
    return dns_new(tools->loop, &settings, &tools->dns, why);
}

static enum err open_policy(struct relay_tools *tools, struct store *store, struct buf *why)
{
    const struct relay_policy_settings settings = {
        .loop = tools->loop, .dns = tools->dns, .work = tools->work, .store = store, .conf = tools->conf};
    return relay_policy_new(&settings, &tools->policy, why);
}

int main(int argc, char **argv)
{
    struct relay_tools *tools = &relayd.tools;
    struct store *store = NULL;
    struct buf why;
    enum err err;
    daemon_start(&process, "relayd", argc, argv);
    buf_init(&why, 4096);
    if ((err = store_open(process.conf->data_directory, process.conf->hostname, &store, &why))) {
        return refuse("store", err, &why);
    }
    if ((err = store_maintenance_start(store))) {
        return refuse("maintenance of the store", err, &why);
    }
    if ((err = relayd_open(&relayd, store, process.conf))) {
        return refuse(err == ERR_BUSY ? "another relayd runs" : "queue", err, &why);
    }
    tools->loop = loop_new();
    tools->work = work_pool_new(tools->loop, (size_t)process.conf->threads, WORK_QUEUE_LIMIT);
    if ((err = open_dns(tools, &why))) {
        return refuse("DNS", err, &why);
    }
    if ((err = tls_client_new(*process.conf->relay_ca_file ? process.conf->relay_ca_file : NULL, &tools->tls,
                              &why))) {
        return refuse("certificates", err, &why);
    }
    if ((err = open_policy(tools, store, &why))) {
        return refuse("TLS policies", err, &why);
    }
    relay_policy_start(tools->policy);
    relayd_start(&relayd);
    loop_on_signal(tools->loop, SIGHUP, on_hangup, NULL);
    loop_on_signal(tools->loop, SIGTERM, on_terminate, NULL);
    loop_on_signal(tools->loop, SIGINT, on_terminate, NULL);
    daemon_ready();
    loop_run(tools->loop);

    relay_policy_free(tools->policy);
    dns_free(tools->dns);
    work_pool_free(tools->work);
    loop_free(tools->loop);
    tls_client_free(tools->tls);
    relayd_close(&relayd);
    store_close(store);
    conf_free(process.conf);
    buf_free(&why);
    return 0;
}
