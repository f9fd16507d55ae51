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

struct job {
    const struct conf *conf;
    struct dns *dns;
    struct slice domain;
    struct arena arena;
    struct dns_check check;
    enum err err;
};

static void run(void *data)
{
    struct job *job = data;
    job->err = dns_check_run(job->conf, job->dns, job->domain, &job->arena, &job->check);
}

/* In a loop of its own, which ends with the task. */
static int ask(struct job *job)
{
    const struct dns_settings settings = {.resolvers = job->conf->dns_resolvers.items,
                                          .resolver_count = job->conf->dns_resolvers.count,
                                          .trust_anchor_path = job->conf->dns_trust_anchor};
    struct loop *loop = loop_new();
    struct buf why;
    int code = EXIT_DONE;
    buf_init(&why, WHY_CAP);
    enum err err = dns_new(loop, &settings, &job->dns, &why);
    if (err) {
        code = refuse_because("cannot ask the name service", err, &why);
    } else {
        task_detach(task_spawn(loop, "dns check", run, job));
        loop_run(loop);
        dns_free(job->dns);
    }
    loop_free(loop);
    buf_free(&why);
    return code;
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

int cmd_dns_check(const struct invocation *call)
{
    struct instance instance = {0};
    int code = instance_load(&instance, call);
    struct job job = {.conf = instance.conf, .domain = slice_from(call->arguments[0])};
    code = code ? code : ask(&job);
    if (!code && job.err) {
        code = job.err == ERR_SYNTAX ? misuse(call, "'%s' is no domain", call->arguments[0])
                                     : refuse_because(call->arguments[0], job.err, NULL);
    }
    if (!code) {
        code = option_given(call, "json") ? print_json(dns_check_json(&job.check)) : print_check(&job.check);
        code = code ? code : dns_check_is_good(&job.check) ? EXIT_DONE : EXIT_REFUSED;
    }
    arena_free(&job.arena);
    instance_close(&instance);
    return code;
}
