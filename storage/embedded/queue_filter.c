/* SPDX-License-Identifier: ISC */
#include "queue_filter.h"

#include "queue_state.h"

/* `text` with what LIKE takes for more than itself escaped, between what stands before and behind. */
static struct slice pattern(struct arena *arena, const char *before, struct slice text, const char *behind)
{
    struct buf out;
    buf_init(&out, SIZE_MAX / 2);
    if (text.len == 0) {
        return S("%");
    }
    buf_append(&out, slice_from(before));
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '%' || text.data[i] == '_' || text.data[i] == '\\') {
            buf_append_char(&out, '\\');
        }
        buf_append_char(&out, text.data[i]);
    }
    buf_append(&out, slice_from(behind));
    struct slice copy = arena_copy(arena, buf_slice(&out));
    buf_free(&out);
    return copy;
}

static struct slice address_pattern(struct arena *arena, struct slice address)
{
    if (slice_eq(address, S("<>"))) {
        return SLICE_EMPTY;
    }
    return pattern(arena, address.len > 0 && address.data[0] == '@' ? "%" : "", address, "");
}

void queue_filter_prepare(const struct queue_filter *filter, struct arena *arena,
                          struct queue_filter_values *values_r)
{
    *values_r = (struct queue_filter_values){.filter = filter,
                                             .sender = address_pattern(arena, filter->sender),
                                             .recipient = address_pattern(arena, filter->recipient),
                                             .text = pattern(arena, "%", filter->text, "%"),
                                             .states = filter->states ? filter->states : QUEUE_OPEN};
}

void queue_filter_bind(sqlite3_stmt *statement, const struct queue_filter_values *values)
{
    const struct queue_filter *filter = values->filter;
    db_bind_text(statement, 1, filter->id);
    db_bind_text(statement, 2, values->sender);
    db_bind_text(statement, 3, values->recipient);
    db_bind_text(statement, 4, filter->destination);
    db_bind_text(statement, 5, values->text);
    db_bind_int(statement, 6, values->states);
    db_bind_int(statement, 7, filter->received_before_us);
}
