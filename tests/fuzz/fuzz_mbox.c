/* SPDX-License-Identifier: ISC */
/* mbox: the same messages whether fed whole, byte by byte or cut where the first byte says; messages that are
 * written in mbox form come back as they were. */
#include <stdlib.h>

#include "mbox.h"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static enum err on_begin(void *data, struct slice line)
{
    buf_append(data, S("\x01"));
    buf_append(data, line);
    buf_append(data, S("\x02"));
    return ERR_OK;
}

static enum err on_text(void *data, struct slice bytes)
{
    buf_append(data, bytes);
    return ERR_OK;
}

static enum err on_end(void *data)
{
    buf_append(data, S("\x03"));
    return ERR_OK;
}

static const struct mbox_events events = {on_begin, on_text, on_end};

static void read_in_pieces(struct slice text, size_t piece, struct buf *out)
{
    struct mbox_reader reader;
    mbox_reader_init(&reader, &events, out);
    while (text.len) {
        must(!mbox_reader_feed(&reader, slice_take(text, piece)));
        text = slice_skip(text, piece);
    }
    must(!mbox_reader_finish(&reader));
    mbox_reader_free(&reader);
}

/* The text as one message, quoted as an export does it. */
static void check_round_trip(struct slice text, size_t cap)
{
    struct buf mbox, out, expected;
    buf_init(&mbox, cap);
    buf_init(&out, cap);
    buf_init(&expected, cap);
    buf_append(&mbox, S("From a 12:34\n"));
    buf_append(&expected, S("\x01"
                            "a 12:34\x02"));
    buf_append(&expected, text);
    while (text.len) {
        struct slice line = slice_take(text, slice_find(text, '\n') + 1);
        if (mbox_must_quote(line)) {
            buf_append_char(&mbox, '>');
        }
        buf_append(&mbox, line);
        text = slice_skip(text, line.len);
        if (line.data[line.len - 1] != '\n') {
            buf_append_char(&mbox, '\n');
            buf_append_char(&expected, '\n');
        }
    }
    buf_append_char(&mbox, '\n');
    buf_append(&expected, S("\x03"));
    read_in_pieces(buf_slice(&mbox), SIZE_MAX, &out);
    must(slice_eq(buf_slice(&out), buf_slice(&expected)));
    buf_free(&mbox);
    buf_free(&out);
    buf_free(&expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct slice text = slice_of(data + 1, size - 1);
    struct buf whole, single, cut;
    size_t cap = 8 * size + 100;
    buf_init(&whole, cap);
    buf_init(&single, cap);
    buf_init(&cut, cap);
    read_in_pieces(text, SIZE_MAX, &whole);
    read_in_pieces(text, 1, &single);
    read_in_pieces(text, (size_t)data[0] + 1, &cut);
    must(slice_eq(buf_slice(&whole), buf_slice(&single)) && slice_eq(buf_slice(&whole), buf_slice(&cut)));
    check_round_trip(text, cap);
    buf_free(&whole);
    buf_free(&single);
    buf_free(&cut);
    return 0;
}
