/* SPDX-License-Identifier: ISC */
/* postern queue causes: what holds up mail, grouped by what it waits for and what was said there last. */
#include "base/clock.h"
#include "handlers.h"
#include "instance.h"
#include "output.h"
#include "queue_select.h"
#include "queue_words.h"
#include "report.h"
#include "storage/queue.h"

#define CAUSES_DEFAULT 20
#define CAUSES_MAX     10000

static void add_row(struct table *table, const struct queue_cause *cause, int64_t now_us)
{
    struct buf text;
    buf_init(&text, 8192);
    table_add_format(table, "%llu", (unsigned long long)cause->recipients);
    table_add(table, cause->destination);
    format_span(now_us - cause->oldest_us, &text);
    table_add(table, buf_slice(&text));
    buf_clear(&text);
    if (cause->due_us == INT64_MAX) {
        buf_append(&text, S("-"));
    } else {
        queue_append_when(cause->due_us, now_us, &text);
    }
    table_add(table, slice_trim(buf_slice(&text)));
    buf_clear(&text);
    queue_append_reply(&cause->reply, &text);
    table_add(table, text.len ? buf_slice(&text) : S("-"));
    buf_free(&text);
}

static int print_causes(const struct queue_cause *causes, size_t count)
{
    static const char *const heading[] = {"RECIPIENTS", "DESTINATION", "OLDEST", "NEXT", "LAST REPLY"};
    int64_t now_us = clock_wall_us();
    struct table table;
    table_init(&table, ARRAY_LEN(heading));
    for (size_t i = 0; i < ARRAY_LEN(heading); i++) {
        table_add(&table, slice_from(heading[i]));
    }
    for (size_t i = 0; i < count; i++) {
        add_row(&table, &causes[i], now_us);
    }
    return print_table(&table);
}

static int print_causes_json(const struct queue_cause *causes, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct queue_cause *cause = &causes[i];
        json_t *due = cause->due_us == INT64_MAX ? json_null() : json_time(cause->due_us);
        json_array_append_new(list,
                              json_pack("{s:o, s:I, s:o, s:o, s:o}", "destination",
                                        json_text(cause->destination), "recipients",
                                        (json_int_t)cause->recipients, "oldest", json_time(cause->oldest_us),
                                        "due", due, "last", queue_reply_json(&cause->reply)));
    }
    return print_json(list);
}

int cmd_queue_causes(const struct invocation *call)
{
    struct instance instance = {0};
    struct arena arena = {0};
    struct queue_filter filter;
    struct queue_cause *causes;
    uint64_t limit;
    size_t count;
    bool any;
    int code = queue_select(call, clock_wall_us(), &arena, &filter, &any);
    code = code ? code : option_number(call, "limit", 1, CAUSES_MAX, CAUSES_DEFAULT, &limit);
    code = code ? code : instance_open(&instance, call);
    if (!code) {
        enum err err = queue_causes(instance.store, &filter, limit, &arena, &causes, &count);
        code = err                          ? refuse_because("cannot read the queue", err, NULL)
               : option_given(call, "json") ? print_causes_json(causes, count)
                                            : print_causes(causes, count);
    }
    arena_free(&arena);
    instance_close(&instance);
    return code;
}
