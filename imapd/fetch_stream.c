/* SPDX-License-Identifier: ISC */
#include "fetch_stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Exactly `size` bytes from `offset` on, to the end of `out`. */
static enum err read_exactly(const struct blob_reader *file, uint64_t offset, struct buf *out, size_t size)
{
    char *to = buf_reserve(out, size);
    size_t filled = 0;
    if (!to)
        return ERR_TOO_LONG;
    while (filled < size) {
        ssize_t n = pread(file->fd, to + filled, size - filled, (off_t)(offset + filled));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? err_from_errno(errno) : ERR_IO; /* somebody cut the file */
        filled += (size_t)n;
    }
    buf_commit(out, size);
    return ERR_OK;
}

/* The bytes are the message: straight into the answer. */
static enum err take_plain(struct fetch_stream *stream, struct buf *out, size_t room)
{
    stream->pos += stream->skip;
    stream->skip = 0;
    size_t size = (size_t)MIN_OF((uint64_t)room, stream->left);
    if (stream->pos > stream->end || stream->end - stream->pos < size)
        return ERR_IO;
    enum err err = read_exactly(stream->file, stream->pos, out, size);
    if (!err) {
        stream->pos += size;
        stream->left -= size;
    }
    return err;
}

static void append_crlf(struct fetch_stream *stream, struct buf *out, struct slice bytes)
{
    while (bytes.len > 0) {
        size_t line = slice_find(bytes, '\n');
        bool has_cr = line > 0 ? bytes.data[line - 1] == '\r' : stream->after_cr;
        buf_append(out, slice_take(bytes, line));
        if (line == bytes.len) {
            stream->after_cr = bytes.data[line - 1] == '\r';
            return;
        }
        buf_append(out, has_cr ? S("\n") : S("\r\n"));
        stream->after_cr = false;
        bytes = slice_skip(bytes, line + 1);
    }
}

/* Converts the next chunk of the file. */
static enum err make_more(struct fetch_stream *stream)
{
    struct buf raw, text;
    size_t size = (size_t)MIN_OF((uint64_t)FETCH_STREAM_CHUNK, stream->end - stream->pos);
    if (!stream->made.cap)
        buf_init(&stream->made, (size_t)FETCH_STREAM_CHUNK * 4);
    buf_init(&raw, FETCH_STREAM_CHUNK);
    buf_init(&text, (size_t)FETCH_STREAM_CHUNK * 2);
    enum err err = read_exactly(stream->file, stream->pos, &raw, size);
    if (!err) {
        stream->pos += size;
        struct slice bytes = buf_slice(&raw);
        if (stream->to_crlf) {
            append_crlf(stream, stream->decodes ? &text : &stream->made, bytes);
            bytes = buf_slice(&text);
        }
        if (stream->decodes) {
            transfer_decode(&stream->decoder, &stream->made, bytes);
            if (stream->pos == stream->end)
                transfer_decode_finish(&stream->decoder, &stream->made);
        } else if (!stream->to_crlf) {
            buf_append(&stream->made, bytes);
        }
    }
    buf_free(&raw);
    buf_free(&text);
    return err;
}

/* What is made and not yet given. */
static struct slice waiting(const struct fetch_stream *stream)
{
    return slice_skip(buf_slice(&stream->made), stream->given);
}

static enum err take_made(struct fetch_stream *stream, struct buf *out, size_t room)
{
    while (room > 0 && stream->left > 0) {
        struct slice ready = waiting(stream);
        if (ready.len == 0) {
            buf_clear(&stream->made);
            stream->given = 0;
            if (stream->pos == stream->end)
                return ERR_IO; /* fewer octets than were announced */
            enum err err = make_more(stream);
            if (err)
                return err;
            continue;
        }
        size_t skipped = (size_t)MIN_OF(stream->skip, (uint64_t)ready.len);
        ready = slice_skip(ready, skipped);
        ready = slice_take(ready, (size_t)MIN_OF((uint64_t)room, stream->left));
        buf_append(out, ready);
        stream->skip -= skipped;
        stream->given += skipped + ready.len;
        stream->left -= ready.len;
        room -= ready.len;
    }
    return ERR_OK;
}

enum err fetch_stream_take(struct fetch_stream *stream, struct buf *out, size_t room)
{
    size_t start = out->len;
    if (stream->left == 0)
        return ERR_OK;
    enum err err =
        stream->to_crlf || stream->decodes ? take_made(stream, out, room) : take_plain(stream, out, room);
    if (!stream->keeps_nul)
        fetch_replace_nul(out, start);
    return err;
}

enum err fetch_stream_count(const struct fetch_stream *stream, uint64_t max, uint64_t *octets_r,
                            bool *has_nul_r)
{
    struct fetch_stream copy = *stream;
    uint64_t octets = 0;
    bool has_nul = false;
    enum err err = ERR_OK;
    copy.made = (struct buf){0};
    while (!err && copy.pos < copy.end && octets < max) {
        err = make_more(&copy);
        struct slice made = buf_slice(&copy.made);
        made = slice_take(made, (size_t)MIN_OF((uint64_t)made.len, max - octets));
        has_nul = has_nul || slice_has(made, '\0');
        octets += made.len;
        buf_clear(&copy.made);
    }
    buf_free(&copy.made);
    *octets_r = octets;
    *has_nul_r = has_nul;
    return err;
}

void fetch_replace_nul(struct buf *out, size_t start)
{
    char *at = out->data;
    for (size_t i = start; i < out->len; i++) {
        char *found = memchr(at + i, '\0', out->len - i);
        if (!found)
            return;
        *found = (char)0x80;
        i = (size_t)(found - at);
    }
}

void fetch_stream_free(struct fetch_stream *stream)
{
    if (!stream->file) /* most messages are answered without one, and it is large */
        return;
    if (stream->made.cap)
        buf_free(&stream->made);
    *stream = (struct fetch_stream){0};
}
