/* SPDX-License-Identifier: ISC */
/* postern queue suppress: addresses elsewhere that nothing is sent to. */
#include <string.h>

#include "base/clock.h"
#include "handlers.h"
#include "instance.h"
#include "mail/address.h"
#include "output.h"
#include "report.h"
#include "storage/suppression.h"

#define PAGE        1000
#define TIME_MAX_MS ((int64_t)3650 * 86400 * 1000)
#define REPLY_CAP   4096

/* --- list --- */

static void append_reply(const struct suppression *entry, struct buf *out)
{
    if (entry->reply.host.len > 0) {
        buf_printf(out, "%.*s: ", SLICE_ARG(entry->reply.host));
    }
    if (entry->reply.code > 0) {
        buf_printf(out, "%u ", entry->reply.code);
    }
    buf_append(out, entry->reply.text);
}

static void add_rows(struct table *table, const struct suppression *entries, size_t count)
{
    struct buf text;
    buf_init(&text, REPLY_CAP);
    for (size_t i = 0; i < count; i++) {
        table_add(table, entries[i].address);
        buf_clear(&text);
        format_time(entries[i].since_us, &text);
        table_add(table, buf_slice(&text));
        buf_clear(&text);
        format_time(entries[i].until_us, &text);
        table_add(table, buf_slice(&text));
        buf_clear(&text);
        append_reply(&entries[i], &text);
        table_add(table, buf_slice(&text));
    }
    buf_free(&text);
}

static void add_json(json_t *list, const struct suppression *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o, s:i, s:o, s:o}", "address", json_text(entries[i].address),
                            "since", json_time(entries[i].since_us), "until", json_time(entries[i].until_us),
                            "code", (int)entries[i].reply.code, "text", json_text(entries[i].reply.text),
                            "host", json_text(entries[i].reply.host)));
    }
}

/* All of them, page by page. */
static enum err read_all(struct store *store, struct table *table, json_t *list)
{
    struct arena arena = {0};
    struct slice after = SLICE_EMPTY;
    size_t count = PAGE;
    enum err err = ERR_OK;
    while (!err && count == PAGE) {
        struct suppression *entries;
        err = suppression_list(store, after, clock_wall_us(), PAGE, &arena, &entries, &count);
        if (err) {
            break;
        }
        add_rows(table, entries, count);
        add_json(list, entries, count);
        if (count > 0) {
            after = entries[count - 1].address;
        }
    }
    arena_free(&arena);
    return err;
}

static int list(const struct invocation *call, struct store *store)
{
    struct table table;
    json_t *values = json_array();
    table_init(&table, 4);
    table_add(&table, S("ADDRESS"));
    table_add(&table, S("SINCE"));
    table_add(&table, S("UNTIL"));
    table_add(&table, S("REASON"));
    enum err err = read_all(store, &table, values);
    if (!err && option_given(call, "json")) {
        table_free(&table);
        return print_json(values);
    }
    json_decref(values);
    if (!err) {
        return print_table(&table);
    }
    table_free(&table);
    return refuse_because("cannot read the list", err, NULL);
}

/* --- add, remove --- */

static int add(const struct invocation *call, struct instance *instance)
{
    const char *reason = option_value(call, "reason"), *time = option_value(call, "for");
    struct arena arena = {0};
    size_t count = call->argument_count - 1;
    struct suppression *entries = arena_array(&arena, struct suppression, count);
    int64_t now_us = clock_wall_us(), ms = instance->conf->suppress_for;
    int code = EXIT_DONE;
    if (time && (!conf_parse_duration(slice_from(time), TIME_MAX_MS, &ms) || ms == 0)) {
        code = misuse(call, "--for must be a time like 12h or 30d");
    } else if (ms == 0) {
        code = misuse(call, "suppress_for is 0 in the configuration: say for how long with --for");
    }
    for (size_t i = 0; i < count && !code; i++) {
        struct address address;
        struct slice text = slice_from(call->arguments[i + 1]);
        if (address_parse(&arena, text, true, &address)) {
            code = refuse("%s is no address", call->arguments[i + 1]);
        }
        entries[i] =
            (struct suppression){.address = text,
                                 .reply.text = slice_from(reason ? reason : "stopped by an administrator"),
                                 .since_us = now_us,
                                 .until_us = now_us + ms * 1000};
    }
    if (!code) {
        enum err err = suppression_add(instance->store, entries, count);
        code = err ? refuse_because("cannot add to the list", err, NULL) : EXIT_DONE;
    }
    arena_free(&arena);
    return code;
}

static int remove_all(const struct invocation *call, struct store *store)
{
    int code = EXIT_DONE;
    for (size_t i = 1; i < call->argument_count; i++) {
        const char *address = call->arguments[i];
        enum err err = suppression_remove(store, slice_from(address));
        if (err == ERR_NOT_FOUND) {
            code = refuse("%s is not on the list", address);
        } else if (err) {
            code = refuse_because(address, err, NULL);
        }
    }
    return code;
}

int cmd_queue_suppress(const struct invocation *call)
{
    struct instance instance;
    const char *action = call->arguments[0];
    bool is_list = strcmp(action, "list") == 0, is_add = strcmp(action, "add") == 0;
    if (!is_list && !is_add && strcmp(action, "remove") != 0) {
        return misuse(call, "'%s' is none of list, add, remove", action);
    }
    if (is_list && call->argument_count > 1) {
        return misuse(call, "list takes no address");
    }
    if (!is_list && call->argument_count == 1) {
        return misuse(call, "%s needs an address", action);
    }
    int code = instance_open(&instance, call);
    if (!code) {
        code = is_list  ? list(call, instance.store)
               : is_add ? add(call, &instance)
                        : remove_all(call, instance.store);
    }
    instance_close(&instance);
    return code;
}
