/* SPDX-License-Identifier: ISC */
/* postern alias: addresses that pass their mail on. */
#include "base/mem.h"
#include "handlers.h"
#include "instance.h"
#include "output.h"
#include "report.h"
#include "storage/directory.h"

#define WHY_CAP     4096
#define TARGETS_CAP (1024 * 1024)

int cmd_alias_add(const struct invocation *call)
{
    struct instance instance;
    struct buf why;
    size_t count = call->argument_count - 1;
    struct slice *targets = mem_alloc(count * sizeof(*targets));
    buf_init(&why, WHY_CAP);
    for (size_t i = 0; i < count; i++) {
        targets[i] = slice_from(call->arguments[i + 1]);
    }
    int code = instance_open(&instance, call);
    if (!code) {
        enum err err =
            directory_alias_add(instance.store, slice_from(call->arguments[0]), targets, count, &why);
        code = err ? refuse_new_address(call->arguments[0], err, &why) : EXIT_DONE;
    }
    instance_close(&instance);
    buf_free(&why);
    mem_free(targets);
    return code;
}

static json_t *alias_json(const struct directory_alias *alias)
{
    json_t *targets = json_array();
    for (size_t i = 0; i < alias->target_count; i++) {
        json_array_append_new(targets, json_text(alias->targets[i]));
    }
    return json_pack("{s:o, s:o}", "address", json_text(alias->address), "targets", targets);
}

static int print_aliases(const struct directory_alias *aliases, size_t count, bool json)
{
    if (json) {
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++) {
            json_array_append_new(list, alias_json(&aliases[i]));
        }
        return print_json(list);
    }
    struct table table;
    struct buf targets;
    buf_init(&targets, TARGETS_CAP);
    table_init(&table, 2);
    table_add(&table, S("ALIAS"));
    table_add(&table, S("TARGETS"));
    for (size_t i = 0; i < count; i++) {
        buf_clear(&targets);
        for (size_t j = 0; j < aliases[i].target_count; j++) {
            buf_append(&targets, j ? S(" ") : SLICE_EMPTY);
            buf_append(&targets, aliases[i].targets[j]);
        }
        table_add(&table, aliases[i].address);
        table_add(&table, buf_slice(&targets));
    }
    buf_free(&targets);
    return print_table(&table);
}

int cmd_alias_list(const struct invocation *call)
{
    struct instance instance;
    struct arena arena = {0};
    struct directory_alias *aliases;
    size_t count;
    int code = instance_open(&instance, call);
    if (!code) {
        enum err err = directory_alias_list(instance.store, &arena, &aliases, &count);
        code = err ? refuse_because("cannot list the aliases", err, NULL)
                   : print_aliases(aliases, count, option_given(call, "json"));
    }
    instance_close(&instance);
    arena_free(&arena);
    return code;
}

int cmd_alias_remove(const struct invocation *call)
{
    struct instance instance;
    const char *address = call->arguments[0];
    const char *target = call->argument_count > 1 ? call->arguments[1] : NULL;
    int code = instance_open(&instance, call);
    if (!code) {
        enum err err = directory_alias_remove(instance.store, slice_from(address), slice_from(target));
        if (err == ERR_NOT_FOUND) {
            code = target ? refuse("%s is no alias that leads to %s", address, target)
                          : refuse("there is no alias %s", address);
        } else if (err) {
            code = refuse_because(address, err, NULL);
        }
    }
    instance_close(&instance);
    return code;
}
