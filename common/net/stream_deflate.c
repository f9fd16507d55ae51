/* SPDX-License-Identifier: ISC */
/*
 * DEFLATE (RFC 1951) both ways, on top of any other stream: raw, without zlib's header and checksum, as
 * IMAP's COMPRESS wants it (RFC 4978 section 4).
 *
 *     write:  text → compressor → `packed` → the stream below
 *     read:   text ← decompressor ← `input` ← the stream below
 *
 * The compressor holds text back until it is asked to flush; then it ends its block at a byte's border
 * (Z_SYNC_FLUSH), and all that was written can be read by the peer.
 *
 * A read inflates no more than it has room for, so a peer that sends a thousandth of what it inflates to
 * gains nothing but its own slow progress.
 *
 * Of ten thousand clients most are silent at any time, so a quiet stream keeps only what cannot be made
 * anew. That is nothing for the compressor: its output is flushed, and what a fresh one makes refers to
 * nothing that came before. (It has forgotten what it could refer to, which costs a few hundred bytes when
 * the client comes back.) For the decompressor it is the text that the peer may still refer to, at most 32
 * KiB.
 */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "zlib_memory.h"

enum {
    /* Negative: raw. The peer may use the largest window there is; ours, and the memory for hashing, are
     * smaller than zlib's defaults: 70 KiB instead of 260, for a few per cent of the ratio. */
    PEER_WINDOW_BITS = -15,
    WINDOW_BITS = -13,
    MEMORY_LEVEL = 6,
    /* Measured on mail: 6 takes nearly twice the time for 9 % less. */
    LEVEL = 3,
    /* Text is looked at in pieces of at most the one, and at least the other. */
    TEXT_PIECE = 8 * 1024,
    BASE64_PIECE = 512,
    INPUT_SIZE = 4096,
    PACKED_SIZE = 16 * 1024
};

/* Bytes from `start` to `end`; no memory while there are none. */
struct piece {
    char *data;
    size_t start, end;
};

struct stream_deflate {
    struct stream stream;
    struct stream *below;

    struct zlib_memory inflating_memory;
    z_stream inflating;
    struct piece input;
    char *history; /* while quiet: the last text, to which the peer may refer */
    size_t history_len;
    bool has_ahead; /* `ahead` was inflated, to know whether there is more */
    char ahead;
    bool ended; /* the peer's last block was read */
    bool broken;

    struct zlib_memory deflating_memory;
    z_stream deflating;
    int strategy;
    struct piece packed;
    bool holds_back; /* the compressor got text since its last flush */
};

static struct stream_deflate *deflate_of(const struct stream *stream)
{
    return container_of(stream, struct stream_deflate, stream);
}

static struct slice piece_slice(const struct piece *piece)
{
    return piece->data ? slice_of(piece->data + piece->start, piece->end - piece->start) : SLICE_EMPTY;
}

static void piece_release(struct piece *piece)
{
    mem_free(piece->data);
    *piece = (struct piece){0};
}

/* What remains to fail of zlib's calls when their arguments are right. */
static void must(bool holds)
{
    if (holds)
        return;
    log_error("memory.exhausted", log_cstr("for", "compression"));
    abort();
}

/* --- reading --- */

static void begin_inflating(struct stream_deflate *self)
{
    zlib_memory_take(&self->inflating_memory, &self->inflating);
    must(inflateInit2(&self->inflating, PEER_WINDOW_BITS) == Z_OK);
    if (!self->history)
        return;
    must(inflateSetDictionary(&self->inflating, (const Bytef *)self->history, (uInt)self->history_len) ==
         Z_OK);
    mem_free(self->history);
    self->history = NULL;
}

/* Inflates of what is there as much as there is room for. Returns how many bytes. */
static size_t inflate_some(struct stream_deflate *self, char *data, size_t size)
{
    z_stream *zlib = &self->inflating;
    struct piece *input = &self->input;
    /* Room that was left the last time: nothing more is to be had from the input that zlib took. */
    bool has_all = !self->inflating_memory.base || zlib->avail_out > 0;
    if (self->ended || self->broken || size == 0 || (has_all && input->start == input->end))
        return 0;
    if (!self->inflating_memory.base)
        begin_inflating(self);
    struct slice bytes = piece_slice(input);
    zlib->next_in = (Bytef *)bytes.data;
    zlib->avail_in = (uInt)bytes.len;
    zlib->next_out = (Bytef *)data;
    zlib->avail_out = (uInt)MIN_OF(size, (size_t)INT32_MAX);
    uInt room = zlib->avail_out;
    int result = inflate(zlib, Z_SYNC_FLUSH);
    input->start = input->end - zlib->avail_in;
    if (result == Z_STREAM_END)
        self->ended = true;
    else if (result != Z_OK && result != Z_BUF_ERROR) /* the latter: it needs more input */
        self->broken = true;
    return room - zlib->avail_out;
}

static size_t take_text(struct stream_deflate *self, char *data, size_t size)
{
    size_t n = 0;
    if (self->has_ahead) {
        data[n++] = self->ahead;
        self->has_ahead = false;
    }
    n += inflate_some(self, data + n, size - n);
    /* Full: whether more has come, or only the mark of a flush, is not to be seen from outside. */
    if (n == size)
        self->has_ahead = inflate_some(self, &self->ahead, 1) == 1;
    return n;
}

static enum stream_result fetch_input(struct stream_deflate *self, struct wait_item *want_r)
{
    struct piece *input = &self->input;
    if (input->start < input->end)
        return STREAM_DONE;
    piece_release(input);
    input->data = mem_realloc(NULL, INPUT_SIZE);
    enum stream_result result =
        self->below->ops->read(self->below, input->data, INPUT_SIZE, &input->end, want_r);
    if (result != STREAM_DONE)
        piece_release(input);
    return result;
}

static enum stream_result deflate_read(struct stream *stream, char *data, size_t size, size_t *n_r,
                                       struct wait_item *want_r)
{
    struct stream_deflate *self = deflate_of(stream);
    size_t n = take_text(self, data, size);
    if (n == 0 && !self->ended && !self->broken) {
        enum stream_result result = fetch_input(self, want_r);
        if (result != STREAM_DONE)
            return result;
        n = take_text(self, data, size);
    }
    if (n > 0) {
        *n_r = n;
        return STREAM_DONE;
    }
    if (self->broken)
        return STREAM_GARBAGE;
    return self->ended ? STREAM_END : STREAM_TURN;
}

/* Only what is surely text: bytes of the peer that are not inflated yet may hold none. */
static bool deflate_has_pending(const struct stream *stream)
{
    return deflate_of(stream)->has_ahead;
}

/* --- writing --- */

/* Moves what is packed to the stream below. */
static enum stream_result send_packed(struct stream_deflate *self, struct wait_item *want_r)
{
    struct piece *packed = &self->packed;
    while (packed->start < packed->end) {
        size_t n;
        enum stream_result result = self->below->ops->write(self->below, piece_slice(packed), &n, want_r);
        if (result != STREAM_DONE)
            return result;
        packed->start += n;
    }
    piece_release(packed);
    return STREAM_DONE;
}

static bool is_base64(struct slice text)
{
    static const bool belongs[256] = {
        ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['+'] = true,
        ['/'] = true,         ['='] = true,         ['\r'] = true,        ['\n'] = true,
    };
    size_t i = 0;
    while (i < text.len && belongs[(unsigned char)text.data[i]])
        i++;
    return i == text.len;
}

/* An attachment in base64 has hardly anything that repeats, and looking for it takes four times as long as
 * all the rest: Huffman codes alone bring its six bits a byte back to six bits (RFC 4978 section 4 asks for
 * such a thing). */
static void choose_strategy(struct stream_deflate *self, struct slice text)
{
    int strategy = text.len >= BASE64_PIECE && is_base64(text) ? Z_HUFFMAN_ONLY : Z_DEFAULT_STRATEGY;
    if (strategy == self->strategy)
        return;
    /* Ends the present block. Z_BUF_ERROR: there is no room for it; the next piece will try again. */
    self->deflating.avail_in = 0;
    if (deflateParams(&self->deflating, LEVEL, strategy) == Z_OK)
        self->strategy = strategy;
}

/* Compresses into `packed`, which is empty, and returns how many bytes of the text it took. Flushing is over
 * when it left some room. */
static size_t pack(struct stream_deflate *self, struct slice text, int flush)
{
    z_stream *zlib = &self->deflating;
    if (!self->deflating_memory.base) {
        zlib_memory_take(&self->deflating_memory, zlib);
        self->strategy = Z_DEFAULT_STRATEGY;
        must(deflateInit2(zlib, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, self->strategy) == Z_OK);
    }
    self->packed.data = mem_realloc(NULL, PACKED_SIZE);
    zlib->next_out = (Bytef *)self->packed.data;
    zlib->avail_out = PACKED_SIZE;
    if (text.len > 0)
        choose_strategy(self, text);
    zlib->next_in = (Bytef *)text.data;
    zlib->avail_in = (uInt)text.len;
    deflate(zlib, flush); /* Z_BUF_ERROR is no failure: there was nothing to do, or no room */
    self->packed.end = PACKED_SIZE - zlib->avail_out;
    self->holds_back = flush == Z_NO_FLUSH || zlib->avail_out == 0;
    return text.len - zlib->avail_in;
}

static enum stream_result deflate_write(struct stream *stream, struct slice bytes, size_t *n_r,
                                        struct wait_item *want_r)
{
    struct stream_deflate *self = deflate_of(stream);
    size_t n = 0;
    while (n == 0) { /* twice when the compressor has output of its own that fills the room */
        enum stream_result result = send_packed(self, want_r);
        if (result != STREAM_DONE)
            return result;
        n = pack(self, slice_take(bytes, TEXT_PIECE), Z_NO_FLUSH);
    }
    *n_r = n;
    return STREAM_DONE;
}

static enum stream_result deflate_flush(struct stream *stream, struct wait_item *want_r)
{
    struct stream_deflate *self = deflate_of(stream);
    for (;;) {
        enum stream_result result = send_packed(self, want_r);
        if (result != STREAM_DONE)
            return result;
        if (!self->holds_back)
            return self->below->ops->flush ? self->below->ops->flush(self->below, want_r) : STREAM_DONE;
        pack(self, SLICE_EMPTY, Z_SYNC_FLUSH);
    }
}

/* --- the rest --- */

/* Between two blocks and two bytes nothing but the history has to be kept of a decompressor. */
static bool is_between_blocks(const z_stream *inflating)
{
    /* "the number of unused bits in the last byte taken from strm->next_in, plus 64 if inflate() is currently
     * decoding the last block in the deflate stream, plus 128 if inflate() returned immediately after
     * decoding an end-of-block code" (zlib.h) */
    return inflating->data_type == 128;
}

static void keep_history_only(struct stream_deflate *self)
{
    uInt len = 0;
    must(inflateGetDictionary(&self->inflating, NULL, &len) == Z_OK);
    if (len > 0) {
        self->history = mem_realloc(NULL, len);
        self->history_len = len;
        must(inflateGetDictionary(&self->inflating, (Bytef *)self->history, &len) == Z_OK);
    }
    zlib_memory_release(&self->inflating_memory);
}

static void deflate_quiet(struct stream *stream)
{
    struct stream_deflate *self = deflate_of(stream);
    if (self->inflating_memory.base && self->input.start == self->input.end &&
        is_between_blocks(&self->inflating))
        keep_history_only(self);
    if (!self->holds_back)
        zlib_memory_release(&self->deflating_memory);
    if (self->below->ops->quiet)
        self->below->ops->quiet(self->below);
}

static bool deflate_has_hung_up(const struct stream *stream)
{
    const struct stream *below = deflate_of(stream)->below;
    return below->ops->has_hung_up(below);
}

/* No last block: clients expect as little that compression ends before the connection does as we do. */
static void deflate_end_output(struct stream *stream)
{
    const struct stream_deflate *self = deflate_of(stream);
    self->below->ops->end_output(self->below);
}

static void deflate_close(struct stream *stream, bool broken)
{
    struct stream_deflate *self = deflate_of(stream);
    self->below->ops->close(self->below, broken);
    zlib_memory_release(&self->inflating_memory);
    zlib_memory_release(&self->deflating_memory);
    piece_release(&self->input);
    piece_release(&self->packed);
    mem_free(self->history);
    mem_free(self);
}

static const struct stream_ops deflate_ops = {.read = deflate_read,
                                              .write = deflate_write,
                                              .flush = deflate_flush,
                                              .has_pending = deflate_has_pending,
                                              .has_hung_up = deflate_has_hung_up,
                                              .quiet = deflate_quiet,
                                              .end_output = deflate_end_output,
                                              .close = deflate_close};

struct stream *stream_deflate_new(struct stream *below, struct slice early)
{
    struct stream_deflate *self = mem_new(struct stream_deflate);
    self->stream.ops = &deflate_ops;
    self->below = below;
    if (early.len > 0) {
        self->input.data = mem_realloc(NULL, early.len);
        memcpy(self->input.data, early.data, early.len);
        self->input.end = early.len;
    }
    return &self->stream;
}
