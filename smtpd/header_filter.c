/* SPDX-License-Identifier: ISC */
#include "header_filter.h"

#include <string.h>

void header_filter_init(struct header_filter *filter)
{
    memset(filter, 0, sizeof(*filter));
    buf_init(&filter->tail, 16 * 1024);
}

void header_filter_free(struct header_filter *filter)
{
    buf_free(&filter->tail);
}

/*
 * The name of a field has been read, its colon included. RFC 5322 section 1.2.2: names are compared in either
 * case; its obsolete syntax (section 4.5) allows blanks before the colon.
 */
static void begin_field(struct header_filter *filter)
{
    struct slice name = slice_trim_right(slice_of(filter->held, filter->held_len - 1));
    filter->drop = slice_eq_nocase(name, S("Bcc")) || slice_eq_nocase(name, S("Resent-Bcc"));
    filter->has_date |= slice_eq_nocase(name, S("Date"));
    filter->has_message_id |= slice_eq_nocase(name, S("Message-ID"));
    filter->has_from |= slice_eq_nocase(name, S("From"));
}

static void add_missing_fields(struct header_filter *filter)
{
    if (!filter->has_from)
        buf_append(&filter->tail, filter->from);
    if (!filter->has_date)
        buf_append(&filter->tail, filter->date);
    if (!filter->has_message_id)
        buf_append(&filter->tail, filter->message_id);
}

/*
 * The header section ends at an empty line. A line that is no field ends it too; an empty line is then put
 * before it, so that every reader sees the same end.
 */
static struct slice end_header(struct header_filter *filter)
{
    struct slice line = slice_of(filter->held, filter->held_len);
    filter->state = HEADER_BODY;
    add_missing_fields(filter);
    if (!slice_eq(line, S("\r\n")))
        buf_append(&filter->tail, S("\r\n"));
    buf_append(&filter->tail, line);
    return buf_slice(&filter->tail);
}

/* Takes one byte of the beginning of a line; true when *chunk_r is to be written. */
static bool take_name(struct header_filter *filter, struct slice *input, struct slice *chunk_r)
{
    char c = input->data[0];
    if (filter->state == HEADER_LINE_START) {
        filter->held_len = 0;
        if (char_is_wsp(c)) { /* continues the field above, and shares its fate */
            filter->state = HEADER_VALUE;
            return false;
        }
    }
    filter->state = HEADER_NAME;
    filter->held[filter->held_len++] = c;
    *input = slice_skip(*input, 1);
    if (c == '\n') {
        *chunk_r = end_header(filter);
        return true;
    }
    if (c == ':')
        begin_field(filter);
    else if (filter->held_len == sizeof(filter->held)) /* no name that matters here is so long */
        filter->drop = false;
    else
        return false;
    filter->state = HEADER_VALUE;
    *chunk_r = slice_of(filter->held, filter->held_len);
    return !filter->drop;
}

static bool take_value(struct header_filter *filter, struct slice *input, struct slice *chunk_r)
{
    size_t end = slice_find(*input, '\n');
    if (end < input->len) {
        end++;
        filter->state = HEADER_LINE_START;
    }
    *chunk_r = slice_take(*input, end);
    *input = slice_skip(*input, end);
    return !filter->drop;
}

bool header_filter_next(struct header_filter *filter, struct slice *input, struct slice *chunk_r)
{
    while (input->len > 0) {
        bool output;
        if (filter->state == HEADER_BODY) {
            *chunk_r = *input;
            *input = SLICE_EMPTY;
            output = true;
        } else if (filter->state == HEADER_VALUE) {
            output = take_value(filter, input, chunk_r);
        } else {
            output = take_name(filter, input, chunk_r);
        }
        if (output)
            return true;
    }
    return false;
}

struct slice header_filter_end(struct header_filter *filter)
{
    if (filter->state == HEADER_BODY)
        return SLICE_EMPTY;
    if (filter->state == HEADER_NAME)
        buf_append(&filter->tail, slice_of(filter->held, filter->held_len));
    filter->state = HEADER_BODY;
    add_missing_fields(filter);
    buf_append(&filter->tail, S("\r\n"));
    return buf_slice(&filter->tail);
}
