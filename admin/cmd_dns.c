/* SPDX-License-Identifier: ISC */
/* postern dns check: asks the name service what the server would ask, and tells what it makes of the answers.
 */
#include "dns_check.h"
#include "handlers.h"
#include "instance.h"
#include "net/dns.h"
#include "net/task.h"
#include "output.h"
#include "report.h"

#define OUTPUT_CAP (16 * 1024 * 1024)
#define WHY_CAP    4096

#define THREADS    4
#define WORK_LIMIT 64

struct job {
    struct dns_check_tools tools;
    struct loop *loop;
    struct slice domain;
    struct arena arena;
    struct dns_check check;
    enum err err;
};

static void run(void *data)
{
    struct job *job = data;
    job->err = dns_check_run(&job->tools, job->domain, &job->arena, &job->check);
    loop_stop(job->loop);
}

static enum err open_dns(struct job *job, struct buf *why)
{
    const struct conf *conf = job->tools.conf;
    const struct dns_settings settings = {.resolvers = conf->dns_resolvers.items,
                                          .resolver_count = conf->dns_resolvers.count,
                                          .trust_anchor_path = conf->dns_trust_anchor};
    return dns_new(job->loop, &settings, &job->tools.dns, why);
}

/* What the server remembers of the domain's policy is read, and nothing is written. */
static enum err ask(struct job *job, struct store *store, struct buf *why)
{
    job->loop = loop_new();
    struct work_pool *work = work_pool_new(job->loop, THREADS, WORK_LIMIT);
    enum err err = open_dns(job, why);
    const struct relay_policy_settings settings = {
        .loop = job->loop, .dns = job->tools.dns, .work = work, .store = store, .conf = job->tools.conf};
    err = err ? err : relay_policy_new(&settings, &job->tools.policy, why);
    if (!err) {
        task_detach(task_spawn(job->loop, "dns check", run, job));
        loop_run(job->loop);
    }
    relay_policy_free(job->tools.policy);
    dns_free(job->tools.dns);
    work_pool_free(work);
    loop_free(job->loop);
    return err;
}

static int print_check(const struct dns_check *check)
{
    struct buf text;
    buf_init(&text, OUTPUT_CAP);
    dns_check_append(check, &text);
    int code = print_text(buf_slice(&text));
    buf_free(&text);
    return code;
}

static int check_domain(const struct invocation *call, struct job *job, struct store *store)
{
    struct buf why;
    buf_init(&why, WHY_CAP);
    enum err err = ask(job, store, &why);
    int code = err ? refuse_because("cannot ask the name service", err, &why) : EXIT_DONE;
    buf_free(&why);
    if (!code && job->err) {
        code = job->err == ERR_SYNTAX ? misuse(call, "'%s' is no domain", call->arguments[0])
                                      : refuse_because(call->arguments[0], job->err, NULL);
    }
    return code;
}

int cmd_dns_check(const struct invocation *call)
{
    struct instance instance = {0};
    int code = instance_open(&instance, call);
    struct job job = {.tools = {.conf = instance.conf}, .domain = slice_from(call->arguments[0])};
    code = code ? code : check_domain(call, &job, instance.store);
    if (!code) {
        code = option_given(call, "json") ? print_json(dns_check_json(&job.check)) : print_check(&job.check);
        code = code ? code : dns_check_is_good(&job.check) ? EXIT_DONE : EXIT_REFUSED;
    }
    arena_free(&job.arena);
    instance_close(&instance);
    return code;
}
