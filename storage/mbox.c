/* SPDX-License-Identifier: ISC */
/*
 * The reader looks at the beginnings of lines only: as much of a line is kept as decides what it is, all else
 * passes through.
 *
 *     empty line            held back: it belongs to the message only when no "From " line follows
 *     "From …" after that   the next message
 *     ">…>From "            without one ">"
 */
#include "mbox.h"

#include <string.h>

void mbox_reader_init(struct mbox_reader *reader, const struct mbox_events *events, void *data)
{
    *reader = (struct mbox_reader){.events = events, .data = data, .after_empty = true};
    buf_init(&reader->line, MBOX_LINE_MAX + 2);
}

void mbox_reader_free(struct mbox_reader *reader)
{
    buf_free(&reader->line);
}

bool mbox_must_quote(struct slice line)
{
    while (line.len && line.data[0] == '>') {
        line = slice_skip(line, 1);
    }
    return slice_starts_with(line, S("From "));
}

static enum err give(struct mbox_reader *reader, struct slice bytes)
{
    return reader->in_message && bytes.len ? reader->events->text(reader->data, bytes) : ERR_OK;
}

/* The empty line was the message's. */
static enum err give_held(struct mbox_reader *reader)
{
    struct slice held = slice_of(reader->held, reader->held_length);
    reader->held_length = 0;
    return give(reader, held);
}

static struct slice without_end(struct slice line)
{
    if (line.len && line.data[line.len - 1] == '\n') {
        line.len--;
    }
    if (line.len && line.data[line.len - 1] == '\r') {
        line.len--;
    }
    return line;
}

/* "12:34" somewhere; or what Thunderbird writes when it knows no date. */
static bool looks_like_from(struct slice rest)
{
    struct slice text = slice_trim(rest);
    if (text.len == 0 || text.data[0] == '-') {
        return true;
    }
    for (size_t i = 1; i + 2 < text.len; i++) {
        if (text.data[i] == ':' && char_is_digit(text.data[i - 1]) && char_is_digit(text.data[i + 1]) &&
            char_is_digit(text.data[i + 2])) {
            return true;
        }
    }
    return false;
}

static enum err begin_message(struct mbox_reader *reader, struct slice rest)
{
    enum err err = reader->in_message ? reader->events->end(reader->data) : ERR_OK;
    reader->held_length = 0;
    reader->in_message = true;
    reader->after_empty = false;
    return err ? err : reader->events->begin(reader->data, rest);
}

static enum err give_quotes(struct mbox_reader *reader, size_t count)
{
    static const char quotes[] = ">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>";
    enum err err = ERR_OK;
    while (count && !err) {
        size_t n = MIN_OF(count, sizeof(quotes) - 1);
        err = give(reader, slice_of(quotes, n));
        count -= n;
    }
    return err;
}

/* A whole line, or the beginning of one that is too long to mean anything. */
static enum err take_line(struct mbox_reader *reader, struct slice line, bool whole)
{
    struct slice text = without_end(line);
    size_t quotes = reader->quotes;
    bool from = slice_starts_with(text, S("From "));
    reader->quotes = 0;
    if (whole && from && quotes == 0 && reader->after_empty && looks_like_from(slice_skip(text, 5))) {
        return begin_message(reader, slice_skip(text, 5));
    }
    enum err err = give_held(reader);
    reader->after_empty = whole && text.len == 0 && quotes == 0 && line.len <= sizeof(reader->held);
    if (!err && reader->after_empty) {
        reader->held_length = line.len;
        memcpy(reader->held, line.data, line.len);
        return ERR_OK;
    }
    if (!err) {
        err = give_quotes(reader, quotes - (quotes && from));
    }
    return err ? err : give(reader, line);
}

/* Whether nothing that follows can change what the line is: neither empty nor "From ". */
static bool is_decided(const struct mbox_reader *reader)
{
    struct slice line = buf_slice(&reader->line);
    if (line.len > MBOX_LINE_MAX) {
        return true;
    }
    if (line.len && line.data[0] == '\r') {
        return line.len > 1;
    }
    if (line.len == 0 || memcmp(line.data, "From ", MIN_OF(line.len, (size_t)5)) != 0) {
        return line.len > 0;
    }
    return line.len >= 5 && reader->quotes; /* without them the whole line counts */
}

static enum err take_part(struct mbox_reader *reader, struct slice part)
{
    bool ends = part.data[part.len - 1] == '\n';
    enum err err = ERR_OK;
    if (reader->in_line) {
        reader->in_line = !ends;
        return give(reader, part);
    }
    while (part.len && part.data[0] == '>' && reader->line.len == 0) {
        reader->quotes++;
        part = slice_skip(part, 1);
    }
    struct slice head = slice_take(part, reader->line.cap - reader->line.len);
    buf_append(&reader->line, head);
    if (ends && head.len == part.len) {
        err = take_line(reader, buf_slice(&reader->line), true);
        buf_clear(&reader->line);
    } else if (is_decided(reader)) {
        err = take_line(reader, buf_slice(&reader->line), false);
        buf_clear(&reader->line);
        reader->in_line = !ends;
        err = err ? err : give(reader, slice_skip(part, head.len));
    }
    return err;
}

enum err mbox_reader_feed(struct mbox_reader *reader, struct slice bytes)
{
    enum err err = ERR_OK;
    while (bytes.len && !err) {
        size_t length = slice_find(bytes, '\n');
        struct slice part = slice_take(bytes, length + 1);
        err = take_part(reader, part);
        bytes = slice_skip(bytes, part.len);
    }
    return err;
}

enum err mbox_reader_finish(struct mbox_reader *reader)
{
    enum err err = ERR_OK;
    if (reader->line.len || reader->quotes) {
        err = take_line(reader, buf_slice(&reader->line), true);
        buf_clear(&reader->line);
    }
    if (!err && reader->in_message) {
        err = reader->events->end(reader->data);
    }
    reader->in_message = false;
    return err;
}
