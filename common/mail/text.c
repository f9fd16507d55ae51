/* SPDX-License-Identifier: ISC */
/*
 * Two passes. The first feeds the message to the MIME parser, which finds the parts (when only the header is
 * wanted, as far as it goes); the second takes each part that has text through
 *
 *     bytes -> transfer encoding -> charset -> HTML -> taker
 *
 * chunk by chunk. What was read last is kept, so a small message is read once.
 */
#include "mail/text.h"

#include <string.h>

#include "base/mem.h"
#include "mail/charset.h"
#include "mail/encoded_word.h"
#include "mail/header.h"
#include "mail/html_text.h"
#include "mail/mime.h"
#include "mail/transfer_encoding.h"

#define CHUNK_SIZE ((size_t)64 * 1024)
/* What the stages can make of a chunk, with what they held back. */
#define STAGE_MAX (CHUNK_SIZE * CHARSET_GROWTH + 4096)

struct text_extractor {
    size_t chunk;
    struct charset_cache *charsets;
    struct arena arena; /* of one message */
    struct buf decoded, utf8, text;

    /* The message at hand. */
    const struct text_source *source;
    text_taker *taker;
    void *data;
    bool enough;
    uint64_t body_bytes; /* of body text given out */

    /* The bytes read last. */
    uint64_t window_offset;
    size_t window_length;
    char window[CHUNK_SIZE];
};

struct text_extractor *text_extractor_new(void)
{
    struct text_extractor *extractor = mem_new(struct text_extractor);
    extractor->chunk = CHUNK_SIZE;
    extractor->charsets = charset_cache_new();
    buf_init(&extractor->decoded, CHUNK_SIZE + 4096);
    buf_init(&extractor->utf8, STAGE_MAX);
    buf_init(&extractor->text, STAGE_MAX);
    return extractor;
}

void text_extractor_free(struct text_extractor *extractor)
{
    if (!extractor) {
        return;
    }
    buf_free(&extractor->decoded);
    buf_free(&extractor->utf8);
    buf_free(&extractor->text);
    arena_free(&extractor->arena);
    charset_cache_free(extractor->charsets);
    mem_free(extractor);
}

void text_extractor_set_chunk(struct text_extractor *extractor, size_t size)
{
    extractor->chunk = MIN_OF(MAX_OF(size, (size_t)1), CHUNK_SIZE);
}

static enum err read_memory(void *data, uint64_t offset, char *buffer, size_t size, size_t *count_r)
{
    const struct slice *message = data;
    struct slice rest = offset < message->len ? slice_skip(*message, (size_t)offset) : SLICE_EMPTY;
    rest = slice_take(rest, size);
    memcpy(buffer, rest.data, rest.len);
    *count_r = rest.len;
    return ERR_OK;
}

struct text_source text_source_of(const struct slice *message)
{
    return (struct text_source){.read = read_memory, .data = (void *)message};
}

/* --- reading --- */

static enum err fill_window(struct text_extractor *extractor, uint64_t offset)
{
    enum err err = ERR_OK;
    size_t count = 1;
    extractor->window_offset = offset;
    extractor->window_length = 0;
    while (!err && count > 0 && extractor->window_length < extractor->chunk) {
        size_t length = extractor->window_length;
        err = extractor->source->read(extractor->source->data, offset + length, extractor->window + length,
                                      extractor->chunk - length, &count);
        extractor->window_length += err ? 0 : count;
    }
    return err;
}

/* At most `max` bytes from `offset` on; empty at the end. They live until the next read. */
static enum err read_bytes(struct text_extractor *extractor, uint64_t offset, uint64_t max,
                           struct slice *bytes_r)
{
    enum err err = ERR_OK;
    uint64_t behind = extractor->window_offset + extractor->window_length;
    if (offset < extractor->window_offset || offset >= behind) {
        err = fill_window(extractor, offset);
    }
    if (!err) {
        struct slice window = slice_of(extractor->window, extractor->window_length);
        struct slice bytes = slice_skip(window, (size_t)(offset - extractor->window_offset));
        *bytes_r = max < bytes.len ? slice_take(bytes, (size_t)max) : bytes;
    }
    return err;
}

/* All of it, in the arena; less when the file is shorter now. */
static enum err read_range(struct text_extractor *extractor, uint64_t offset, uint64_t end,
                           struct slice *text_r)
{
    char *text = arena_alloc(&extractor->arena, (size_t)(end - offset) + 1);
    size_t length = 0;
    struct slice bytes;
    enum err err = ERR_OK;
    while (!err && offset + length < end) {
        err = read_bytes(extractor, offset + length, end - offset - length, &bytes);
        if (!err && bytes.len == 0) {
            break;
        }
        if (!err) {
            memcpy(text + length, bytes.data, bytes.len);
            length += bytes.len;
        }
    }
    *text_r = slice_of(text, length);
    return err;
}

/* Feeds the parser, `whole` or until the end of the header. */
static enum err parse(struct text_extractor *extractor, struct mime_parser *parser, bool whole)
{
    uint64_t offset = 0;
    struct slice bytes = {0};
    enum err err;
    do {
        err = read_bytes(extractor, offset, UINT64_MAX, &bytes);
        if (!err) {
            mime_parser_feed(parser, bytes);
            offset += bytes.len;
        }
    } while (!err && bytes.len > 0 && (whole || mime_parser_counts(parser)->header_size == 0));
    return err;
}

/* --- giving out --- */

static void give(struct text_extractor *extractor, const struct text_piece *piece)
{
    if (extractor->enough) {
        return;
    }
    struct text_piece given = *piece;
    if (piece->from == TEXT_BODY) {
        size_t room = TEXT_BODY_MAX - (size_t)extractor->body_bytes;
        if (given.text.len > room) {
            while (room > 0 && ((unsigned char)given.text.data[room] & 0xc0) == 0x80) {
                room--;
            }
            given.text = slice_take(given.text, room);
        }
        extractor->body_bytes += given.text.len;
    }
    extractor->enough = !extractor->taker(extractor->data, &given) || given.text.len < piece->text.len;
}

static void append_field(struct text_extractor *extractor, struct buf *out, struct slice value)
{
    encoded_word_decode(out, header_unfold(&extractor->arena, value), extractor->charsets);
}

void text_of_field(struct text_extractor *extractor, struct buf *out, struct slice value)
{
    append_field(extractor, out, value);
    arena_reset(&extractor->arena);
}

/* The fields of one header section. */
static enum err give_fields(struct text_extractor *extractor, uint64_t start, uint64_t end,
                            enum text_wanted from)
{
    struct slice text;
    struct header_field field;
    enum err err = read_range(extractor, start, end, &text);
    struct header_walk walk = header_walk_of(text);
    while (!err && !extractor->enough && header_next(&walk, &field)) {
        struct buf value;
        buf_init(&value, field.value.len * CHARSET_GROWTH + 1024);
        append_field(extractor, &value, field.value);
        give(extractor, &(struct text_piece){
                            .from = from, .begins = true, .name = field.name, .text = buf_slice(&value)});
        buf_free(&value);
    }
    return err;
}

/* --- parts --- */

struct pipe {
    struct transfer_decoder decoder;
    struct charset *charset;
    struct html_text html;
    bool is_html, begun;
};

static void pass_on(struct text_extractor *extractor, struct pipe *pipe, bool last)
{
    struct buf *text = &extractor->utf8;
    if (pipe->is_html) {
        html_text_append(&pipe->html, &extractor->text, buf_slice(&extractor->utf8));
        if (last) {
            html_text_finish(&pipe->html, &extractor->text);
        }
        text = &extractor->text;
    }
    if (text->len > 0) {
        give(extractor,
             &(struct text_piece){.from = TEXT_BODY, .begins = !pipe->begun, .text = buf_slice(text)});
        pipe->begun = true;
    }
    buf_clear(&extractor->utf8);
    buf_clear(&extractor->text);
}

static void put(struct text_extractor *extractor, struct pipe *pipe, struct slice bytes, bool last)
{
    transfer_decode(&pipe->decoder, &extractor->decoded, bytes);
    if (last) {
        transfer_decode_finish(&pipe->decoder, &extractor->decoded);
    }
    charset_convert(pipe->charset, &extractor->utf8, buf_slice(&extractor->decoded));
    if (last) {
        charset_finish(pipe->charset, &extractor->utf8);
    }
    buf_clear(&extractor->decoded);
    pass_on(extractor, pipe, last);
}

static struct slice parameter_value(const struct mime_parameter *list, struct slice name)
{
    const struct mime_parameter *parameter = mime_parameter_find(list, name);
    return parameter ? parameter->value : SLICE_EMPTY;
}

/* A message that was encoded, which it may not be, has its encoding one level above. */
static struct slice encoding_of(const struct mime_part *part)
{
    bool inside =
        part->parent && part->parent->kind == MIME_MESSAGE && part->header_start == part->body_start;
    return inside ? part->parent->encoding : part->encoding;
}

static enum err give_part_text(struct text_extractor *extractor, const struct mime_part *part)
{
    struct slice bytes = {0};
    enum err err = ERR_OK;
    struct pipe pipe = {
        .decoder = {.encoding = transfer_encoding_of(encoding_of(part))},
        .charset = charset_open(extractor->charsets, parameter_value(part->type_parameters, S("charset"))),
        .is_html = slice_eq(part->subtype, S("html")) || slice_eq(part->subtype, S("x-amp-html")),
    };
    uint64_t offset = part->body_start;
    while (!err && offset < part->body_end && !extractor->enough) {
        err = read_bytes(extractor, offset, part->body_end - offset, &bytes);
        if (!err && bytes.len == 0) {
            break;
        }
        if (!err) {
            put(extractor, &pipe, bytes, false);
            offset += bytes.len;
        }
    }
    if (!err) {
        put(extractor, &pipe, SLICE_EMPTY, true);
    }
    return err;
}

/* RFC 2183 section 2.3, and the older name= of Content-Type; in the form of RFC 2231, or with encoded-words,
 * which may not be there but are. */
static void give_file_name(struct text_extractor *extractor, const struct mime_part *part)
{
    struct buf text;
    const struct mime_parameter *name = mime_parameter_find(part->disposition_parameters, S("filename"));
    name = name ? name : mime_parameter_find(part->type_parameters, S("name"));
    if (!name || name->value.len == 0) {
        return;
    }
    buf_init(&text, name->value.len * CHARSET_GROWTH + 1024);
    if (name->extended) {
        charset_text(extractor->charsets, &text, name->charset, name->value);
    } else {
        encoded_word_decode(&text, name->value, extractor->charsets);
    }
    give(extractor, &(struct text_piece){
                        .from = TEXT_BODY, .begins = true, .is_file_name = true, .text = buf_slice(&text)});
    buf_free(&text);
}

static enum err give_part(struct text_extractor *extractor, const struct mime_part *part)
{
    enum err err = ERR_OK;
    if (part->parent && part->parent->kind == MIME_MESSAGE) {
        err = give_fields(extractor, part->header_start, part->body_start, TEXT_BODY);
    }
    give_file_name(extractor, part);
    if (!err && part->kind == MIME_LEAF && !part->too_deep && slice_eq(part->type, S("text"))) {
        err = give_part_text(extractor, part);
    }
    return err;
}

static enum err extract(struct text_extractor *extractor, unsigned wanted)
{
    struct mime_parser *parser = mime_parser_new(&extractor->arena, NULL);
    enum err err = parse(extractor, parser, (wanted & TEXT_BODY) != 0);
    const struct mime_part *root = mime_parser_finish(parser);
    if (!err && (wanted & TEXT_HEADER)) {
        err = give_fields(extractor, 0, root->body_start, TEXT_HEADER);
    }
    const struct mime_part *part = wanted & TEXT_BODY ? root : NULL;
    for (; !err && part && !extractor->enough; part = mime_part_next(part)) {
        err = give_part(extractor, part);
    }
    return err;
}

enum err text_extract(struct text_extractor *extractor, const struct text_source *source, unsigned wanted,
                      text_taker *taker, void *data)
{
    extractor->source = source;
    extractor->taker = taker;
    extractor->data = data;
    extractor->enough = false;
    extractor->body_bytes = 0;
    extractor->window_offset = extractor->window_length = 0;
    enum err err = extract(extractor, wanted);
    buf_clear(&extractor->decoded);
    buf_clear(&extractor->utf8);
    buf_clear(&extractor->text);
    arena_reset(&extractor->arena);
    return err;
}
