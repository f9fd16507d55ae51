/* SPDX-License-Identifier: ISC */
/* postern domain: for which domains mail is taken in. */
#include <string.h>

#include "handlers.h"
#include "instance.h"
#include "output.h"
#include "report.h"
#include "storage/directory.h"

#define WHY_CAP 4096

static int add_all(const struct instance *instance, const struct invocation *call)
{
    int code = EXIT_DONE;
    struct buf why;
    buf_init(&why, WHY_CAP);
    for (size_t i = 0; i < call->argument_count && !code; i++) {
        enum err err = directory_domain_add(instance->store, slice_from(call->arguments[i]), &why);
        code = err ? refuse_because(call->arguments[i], err, &why) : EXIT_DONE;
    }
    buf_free(&why);
    return code;
}

int cmd_domain_add(const struct invocation *call)
{
    struct instance instance;
    int code = instance_open(&instance, call);
    if (!code) {
        code = add_all(&instance, call);
    }
    instance_close(&instance);
    return code;
}

static json_t *domain_json(const struct directory_domain *domain)
{
    return json_pack("{s:o, s:o, s:I, s:I, s:o}", "name", json_text(domain->name), "catchall",
                     domain->catchall.len ? json_text(domain->catchall) : json_null(), "users",
                     (json_int_t)domain->users, "aliases", (json_int_t)domain->aliases, "created",
                     json_time(domain->created_us));
}

static int print_domains(const struct directory_domain *domains, size_t count, bool json)
{
    if (json) {
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++) {
            json_array_append_new(list, domain_json(&domains[i]));
        }
        return print_json(list);
    }
    struct table table;
    table_init(&table, 4);
    table_add(&table, S("DOMAIN"));
    table_add(&table, S("USERS"));
    table_add(&table, S("ALIASES"));
    table_add(&table, S("CATCH-ALL"));
    for (size_t i = 0; i < count; i++) {
        table_add(&table, domains[i].name);
        table_add_format(&table, "%llu", (unsigned long long)domains[i].users);
        table_add_format(&table, "%llu", (unsigned long long)domains[i].aliases);
        table_add(&table, domains[i].catchall.len ? domains[i].catchall : S("-"));
    }
    return print_table(&table);
}

int cmd_domain_list(const struct invocation *call)
{
    struct instance instance;
    struct arena arena = {0};
    struct directory_domain *domains;
    size_t count;
    int code = instance_open(&instance, call);
    if (!code) {
        enum err err = directory_domain_list(instance.store, &arena, &domains, &count);
        code = err ? refuse_because("cannot list the domains", err, NULL)
                   : print_domains(domains, count, option_given(call, "json"));
    }
    instance_close(&instance);
    arena_free(&arena);
    return code;
}

/* What can be wrong with a domain that was named: most often it is not there. */
static int refuse_domain(const char *name, enum err err, const struct buf *why)
{
    if (err == ERR_NOT_FOUND) {
        return refuse("no mail is received for %s; 'postern domain list' shows the domains", name);
    }
    return refuse_because(name, err, why);
}

int cmd_domain_set(const struct invocation *call)
{
    struct instance instance;
    struct buf why;
    const char *name = call->arguments[0];
    const char *catchall = option_value(call, "catchall");
    if (!catchall) {
        return misuse(call, "what is to be changed?");
    }
    buf_init(&why, WHY_CAP);
    int code = instance_open(&instance, call);
    if (!code) {
        struct slice address = strcmp(catchall, "none") == 0 ? SLICE_EMPTY : slice_from(catchall);
        enum err err = directory_domain_set_catchall(instance.store, slice_from(name), address, &why);
        code = err ? refuse_domain(name, err, &why) : EXIT_DONE;
    }
    instance_close(&instance);
    buf_free(&why);
    return code;
}

int cmd_domain_remove(const struct invocation *call)
{
    struct instance instance;
    struct buf why;
    const char *name = call->arguments[0];
    buf_init(&why, WHY_CAP);
    int code = instance_open(&instance, call);
    if (!code) {
        enum err err = directory_domain_remove(instance.store, slice_from(name), &why);
        code = err ? refuse_domain(name, err, &why) : EXIT_DONE;
    }
    instance_close(&instance);
    buf_free(&why);
    return code;
}
