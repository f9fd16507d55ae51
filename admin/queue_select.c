/* SPDX-License-Identifier: ISC */
#include "queue_select.h"

#include "base/conf.h"
#include "report.h"

#define OLDEST_MS (INT64_C(10) * 365 * 86400 * 1000)

unsigned queue_states_named(struct slice name)
{
    if (slice_eq(name, S("all"))) {
        return (1u << QUEUE_STATE_COUNT) - 1;
    }
    if (slice_eq(name, S("over"))) {
        return 1u << QUEUE_DELIVERED | 1u << QUEUE_FAILED | 1u << QUEUE_REMOVED;
    }
    for (unsigned state = 0; state < QUEUE_STATE_COUNT; state++) {
        if (slice_eq(name, slice_from(queue_state_name((enum queue_state)state)))) {
            return 1u << state;
        }
    }
    return 0;
}

static int select_states(const struct invocation *call, struct queue_filter *filter)
{
    struct slice rest = slice_from(option_value(call, "state"));
    while (rest.data && option_given(call, "state")) {
        struct slice name = slice_trim(slice_split(&rest, ','));
        unsigned states = queue_states_named(name);
        if (!states) {
            return misuse(call, "'%.*s' is no state of a recipient", SLICE_ARG(name));
        }
        filter->states |= states;
    }
    return EXIT_DONE;
}

static int select_age(const struct invocation *call, int64_t now_us, struct queue_filter *filter)
{
    const char *text = option_value(call, "older-than");
    int64_t ms;
    if (!text) {
        return EXIT_DONE;
    }
    if (!conf_parse_duration(slice_from(text), OLDEST_MS, &ms)) {
        return misuse(call, "'%s' is no time; write for example 30m, 12h or 2d", text);
    }
    filter->received_before_us = now_us - ms * 1000;
    return EXIT_DONE;
}

static int select_recipient(const struct invocation *call, struct arena *arena, struct queue_filter *filter)
{
    const char *domain = option_value(call, "domain");
    filter->recipient = slice_from(option_value(call, "recipient"));
    if (!domain) {
        return EXIT_DONE;
    }
    if (filter->recipient.len) {
        return misuse(call, "--recipient and --domain exclude each other");
    }
    struct slice name = slice_from(domain);
    filter->recipient = slice_from(arena_printf(arena, "@%s", domain + slice_starts_with(name, S("@"))));
    return EXIT_DONE;
}

/* An empty value would ask for nothing, and so for everything. */
static int refuse_empty_values(const struct invocation *call)
{
    for (size_t i = 0; i < COMMAND_OPTION_LIMIT && call->command->options[i].name; i++) {
        const struct command_option *option = &call->command->options[i];
        if (option->value && call->values[i] && !call->values[i][0]) {
            return misuse(call, "--%s needs a value", option->name);
        }
    }
    return EXIT_DONE;
}

int queue_select(const struct invocation *call, int64_t now_us, struct arena *arena,
                 struct queue_filter *filter_r, bool *any_r)
{
    static const char *const names[] = {"id",    "sender",     "recipient", "domain",
                                        "state", "older-than", "error",     "destination"};
    struct queue_filter filter = {.id = slice_from(option_value(call, "id")),
                                  .sender = slice_from(option_value(call, "sender")),
                                  .text = slice_from(option_value(call, "error")),
                                  .destination = slice_from(option_value(call, "destination"))};
    int code = refuse_empty_values(call);
    code = code ? code : select_states(call, &filter);
    code = code ? code : select_age(call, now_us, &filter);
    code = code ? code : select_recipient(call, arena, &filter);
    *any_r = false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        *any_r = *any_r || option_given(call, names[i]);
    }
    *filter_r = filter;
    return code;
}
