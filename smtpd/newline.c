/* SPDX-License-Identifier: ISC */
#include "newline.h"

/* Length of the longest prefix whose line ends are all whole. */
static size_t clean_prefix(struct slice text)
{
    size_t i = 0;
    while (i < text.len) {
        if (text.data[i] == '\n')
            break;
        if (text.data[i] == '\r') {
            if (i + 1 == text.len || text.data[i + 1] != '\n')
                break;
            i++;
        }
        i++;
    }
    return i;
}

static struct slice bare_newline(struct newline_filter *filter, struct slice as_received)
{
    filter->bare = true;
    return filter->repair ? S("\r\n") : as_received;
}

bool newline_filter_next(struct newline_filter *filter, struct slice *input, struct slice *chunk_r)
{
    if (input->len == 0)
        return false;
    if (filter->after_cr) {
        filter->after_cr = false;
        if (input->data[0] == '\n') {
            *input = slice_skip(*input, 1);
            *chunk_r = S("\r\n");
        } else {
            *chunk_r = bare_newline(filter, S("\r"));
        }
        return true;
    }
    size_t clean = clean_prefix(*input);
    if (clean > 0) {
        *chunk_r = slice_take(*input, clean);
        *input = slice_skip(*input, clean);
        return true;
    }
    char c = input->data[0];
    *input = slice_skip(*input, 1);
    if (c == '\n') {
        *chunk_r = bare_newline(filter, S("\n"));
        return true;
    }
    filter->after_cr = true; /* the next byte decides */
    return newline_filter_next(filter, input, chunk_r);
}

struct slice newline_filter_end(struct newline_filter *filter)
{
    if (!filter->after_cr)
        return SLICE_EMPTY;
    filter->after_cr = false;
    return bare_newline(filter, S("\r"));
}
