/* SPDX-License-Identifier: ISC */
/* postern queue list, show, count: looking at the mail that goes out, whether the server runs or not. */
#include <unistd.h>

#include "base/clock.h"
#include "handlers.h"
#include "instance.h"
#include "output.h"
#include "queue_select.h"
#include "queue_words.h"
#include "report.h"
#include "storage/queue.h"

#define OUTPUT_CAP       ((size_t)256 * 1024 * 1024)
#define PAGE_DEFAULT     50
#define PAGE_MAX         10000
#define RECIPIENTS_SHOWN 5 /* of one message in the list */

struct page {
    struct queue_item *items;
    size_t count;
    int64_t next; /* --after for what follows; 0: nothing does */
};

/* One more than asked for tells whether there is more. */
static enum err read_page(struct store *store, const struct queue_filter *filter, uint64_t after,
                          uint64_t limit, struct arena *arena, struct page *page)
{
    enum err err = queue_list(store, filter, (int64_t)after, limit + 1, arena, &page->items, &page->count);
    if (!err && page->count > limit) {
        page->count = limit;
        page->next = page->items[limit - 1].message;
    }
    return err;
}

static int print_page_json(const struct page *page)
{
    json_t *list = json_array();
    for (size_t i = 0; i < page->count; i++) {
        json_array_append_new(list, queue_item_json(&page->items[i]));
    }
    return print_json(json_pack("{s:o, s:o}", "messages", list, "next",
                                page->next ? json_integer(page->next) : json_null()));
}

static int print_page(const struct page *page, int64_t now_us)
{
    struct buf text;
    buf_init(&text, OUTPUT_CAP);
    for (size_t i = 0; i < page->count; i++) {
        queue_append_item(&page->items[i], RECIPIENTS_SHOWN, now_us, &text);
    }
    if (page->next) {
        buf_printf(&text, "There is more: --after %lld\n", (long long)page->next);
    }
    int code = print_text(buf_slice(&text));
    buf_free(&text);
    return code;
}

int cmd_queue_list(const struct invocation *call)
{
    struct instance instance = {0};
    struct arena arena = {0};
    struct queue_filter filter;
    struct page page = {0};
    uint64_t limit, after;
    bool any;
    int code = queue_select(call, clock_wall_us(), &arena, &filter, &any);
    code = code ? code : option_number(call, "limit", 1, PAGE_MAX, PAGE_DEFAULT, &limit);
    code = code ? code : option_number(call, "after", 0, INT64_MAX, 0, &after);
    if (!code) {
        code = instance_open(&instance, call);
    }
    if (!code) {
        enum err err = read_page(instance.store, &filter, after, limit, &arena, &page);
        code = err                          ? refuse_because("cannot read the queue", err, NULL)
               : option_given(call, "json") ? print_page_json(&page)
                                            : print_page(&page, clock_wall_us());
    }
    arena_free(&arena);
    instance_close(&instance);
    return code;
}

/* ---- one message ---- */

static int print_piece(const struct blob_reader *reader, uint64_t *at)
{
    char piece[64 * 1024];
    ssize_t got = pread(reader->fd, piece, sizeof(piece), (off_t)*at);
    if (got <= 0) {
        return refuse("the file of the message is shorter than it was");
    }
    *at += (uint64_t)got;
    return print_text(slice_of(piece, (size_t)got));
}

/* As the next host gets it: what stands on top of it, and without what only we need. */
static int print_message(struct store *store, const struct queue_item *item)
{
    struct blob_reader reader;
    enum err err = queue_open(store, item->message, &reader);
    if (err) {
        return refuse_because("cannot read the message", err, NULL);
    }
    uint64_t at = item->envelope.skip;
    int code = print_text(item->envelope.top);
    while (!code && at < reader.size) {
        code = print_piece(&reader, &at);
    }
    blob_reader_close(&reader);
    return code;
}

static int print_details(const struct queue_item *item)
{
    struct buf text;
    buf_init(&text, OUTPUT_CAP);
    queue_append_details(item, clock_wall_us(), &text);
    int code = print_text(buf_slice(&text));
    buf_free(&text);
    return code;
}

static int show(const struct invocation *call, struct store *store, struct arena *arena)
{
    struct queue_filter filter = {.id = slice_from(call->arguments[0]),
                                  .states = queue_states_named(S("all"))};
    struct queue_item *items;
    size_t count;
    enum err err = queue_list(store, &filter, 0, 1, arena, &items, &count);
    if (err) {
        return refuse_because("cannot read the queue", err, NULL);
    }
    if (count == 0) {
        return refuse("there is no message %s in the queue", call->arguments[0]);
    }
    if (option_given(call, "message")) {
        return print_message(store, &items[0]);
    }
    return option_given(call, "json") ? print_json(queue_item_json(&items[0])) : print_details(&items[0]);
}

int cmd_queue_show(const struct invocation *call)
{
    struct instance instance = {0};
    struct arena arena = {0};
    if (!call->arguments[0][0]) {
        return misuse(call, "which message?");
    }
    if (option_given(call, "message") && option_given(call, "json")) {
        return misuse(call, "--message and --json exclude each other");
    }
    int code = instance_open(&instance, call);
    if (!code) {
        code = show(call, instance.store, &arena);
    }
    arena_free(&arena);
    instance_close(&instance);
    return code;
}

/* ---- all of it in figures ---- */

static int print_figures(const struct queue_figures *figures)
{
    struct buf text;
    buf_init(&text, 4096);
    queue_append_figures(figures, clock_wall_us(), &text);
    buf_append_char(&text, '\n');
    int code = print_text(buf_slice(&text));
    buf_free(&text);
    return code;
}

int cmd_queue_count(const struct invocation *call)
{
    struct instance instance;
    struct queue_figures figures;
    int code = instance_open(&instance, call);
    if (!code) {
        enum err err = queue_count(instance.store, &figures);
        code = err                          ? refuse_because("cannot read the queue", err, NULL)
               : option_given(call, "json") ? print_json(queue_figures_json(&figures))
                                            : print_figures(&figures);
    }
    instance_close(&instance);
    return code;
}
