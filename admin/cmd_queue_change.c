/* SPDX-License-Identifier: ISC */
/*
 * postern queue retry, hold, release, remove, route: what an administrator does to mail on its way out. Each
 * is done to the messages that are named, or to all recipients that meet the filters; to everything only when
 * --all says so. A running server takes notice at once.
 */
#include <stdio.h>

#include "base/clock.h"
#include "destination.h"
#include "handlers.h"
#include "instance.h"
#include "mail/address.h"
#include "output.h"
#include "queue_select.h"
#include "report.h"
#include "storage/queue.h"

struct change {
    struct store *store;
    const struct conf *conf;
    enum queue_action action;
    struct slice to; /* QUEUE_ROUTE: the next hop as it was given */
    int64_t now_us;
    uint64_t count; /* recipients that were changed */
};

/* ---- another way ---- */

static struct slice pin(void *data, struct slice now, struct slice address, struct arena *arena)
{
    const struct change *change = data;
    struct slice domain = address_domain_of(address);
    struct slice destination;
    (void)now;
    return destination_pin(change->conf, change->to, domain, arena, &destination) ? SLICE_EMPTY : destination;
}

/* Before anything is changed: any domain will do. */
static int check_hop(const struct invocation *call, const struct change *change)
{
    struct arena arena = {0};
    struct slice ignored;
    enum err err = destination_pin(change->conf, change->to, S("example.org"), &arena, &ignored);
    arena_free(&arena);
    if (err == ERR_NOT_FOUND) {
        return refuse("the configuration has no %s", option_value(call, "to"));
    }
    return err ? misuse(call, "--to must be \"route:NAME\", " NEXT_HOP_FORMS) : EXIT_DONE;
}

/* ---- any change ---- */

static enum err change_some(struct change *change, const struct queue_filter *filter)
{
    struct queue_router router = {pin, change};
    uint64_t count = 0;
    enum err err =
        change->action == QUEUE_ROUTE
            ? queue_reroute(change->store, filter, &router, change->now_us, &count)
            : queue_change(change->store, filter, change->action, SLICE_EMPTY, change->now_us, &count);
    change->count += count;
    return err;
}

static enum err is_there(struct store *store, struct slice id, bool *there_r)
{
    struct arena arena = {0};
    struct queue_filter filter = {.id = id, .states = queue_states_named(S("all"))};
    struct queue_item *items;
    size_t count = 0;
    enum err err = queue_list(store, &filter, 0, 1, &arena, &items, &count);
    arena_free(&arena);
    *there_r = count > 0;
    return err;
}

/* One message by its name. That nothing was to be done with it is fine, that there is none is not. */
static int change_named(struct change *change, struct queue_filter filter, const char *id)
{
    bool there = false;
    filter.id = slice_from(id);
    if (filter.id.len == 0) {
        return refuse("a message has a name");
    }
    enum err err = is_there(change->store, filter.id, &there);
    if (!err && !there) {
        return refuse("there is no message %s in the queue", id);
    }
    if (!err) {
        err = change_some(change, &filter);
    }
    return err ? refuse_because(id, err, NULL) : EXIT_DONE;
}

static int change_selected(struct change *change, const struct invocation *call,
                           const struct queue_filter *filter)
{
    int code = EXIT_DONE;
    if (option_given(call, "id")) {
        return change_named(change, *filter, option_value(call, "id"));
    }
    for (size_t i = 0; i < call->argument_count; i++) {
        int one = change_named(change, *filter, call->arguments[i]);
        code = code ? code : one;
    }
    if (call->argument_count == 0) {
        enum err err = change_some(change, filter);
        code = err ? refuse_because("cannot change the queue", err, NULL) : EXIT_DONE;
    }
    return code;
}

static int print_count(const struct invocation *call, const struct change *change)
{
    static const char *const words[] = {[QUEUE_RETRY] = "due now",
                                        [QUEUE_HOLD] = "held",
                                        [QUEUE_RELEASE] = "released",
                                        [QUEUE_REMOVE] = "removed",
                                        [QUEUE_ROUTE] = "on another way"};
    if (option_given(call, "json")) {
        return print_json(json_pack("{s:I}", "recipients", (json_int_t)change->count));
    }
    struct buf text;
    buf_init(&text, 200);
    buf_printf(&text, "%llu recipient%s %s\n", (unsigned long long)change->count,
               change->count == 1 ? "" : "s", words[change->action]);
    int code = print_text(buf_slice(&text));
    buf_free(&text);
    return code;
}

/* Whether the command line says what to change, and only once. */
static int check_selection(const struct invocation *call, bool any)
{
    if (option_given(call, "id") && call->argument_count) {
        return misuse(call, "--id and ID exclude each other");
    }
    if (option_given(call, "all") && (any || call->argument_count)) {
        return misuse(call, "--all is for when nothing else says which messages");
    }
    if (!option_given(call, "all") && !any && !call->argument_count) {
        return misuse(call, "which messages? Name them, give a filter, or --all");
    }
    return EXIT_DONE;
}

static int run(const struct invocation *call, enum queue_action action)
{
    struct instance instance = {0};
    struct arena arena = {0};
    struct queue_filter filter;
    bool any;
    struct change change = {.action = action, .now_us = clock_wall_us()};
    int code = queue_select(call, change.now_us, &arena, &filter, &any);
    code = code ? code : check_selection(call, any);
    if (!code) {
        code = instance_open(&instance, call);
        change.store = instance.store;
        change.conf = instance.conf;
    }
    if (!code && action == QUEUE_ROUTE) {
        change.to = slice_from(option_value(call, "to"));
        code = check_hop(call, &change);
    }
    if (!code) {
        code = change_selected(&change, call, &filter);
        if (!code || change.count) {
            int printed = print_count(call, &change);
            code = code ? code : printed;
        }
    }
    arena_free(&arena);
    instance_close(&instance);
    return code;
}

int cmd_queue_retry(const struct invocation *call)
{
    return run(call, QUEUE_RETRY);
}

int cmd_queue_hold(const struct invocation *call)
{
    return run(call, QUEUE_HOLD);
}

int cmd_queue_release(const struct invocation *call)
{
    return run(call, QUEUE_RELEASE);
}

int cmd_queue_remove(const struct invocation *call)
{
    return run(call, QUEUE_REMOVE);
}

int cmd_queue_route(const struct invocation *call)
{
    return option_given(call, "to") ? run(call, QUEUE_ROUTE) : misuse(call, "where to? Give --to");
}
