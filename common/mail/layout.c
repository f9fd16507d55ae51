/* SPDX-License-Identifier: ISC */
/* The blob of part offsets: written once from the tree, read from start to end. Format: see layout.h. */
#include "mail/layout.h"

#include "base/buf.h"
#include "mail/transfer_encoding.h"

#define LAYOUT_VERSION 1
/* One part takes at most this: two bytes and seven numbers of ten bytes. */
#define RECORD_MAX 72

static void append_number(struct buf *out, uint64_t number)
{
    while (number >= 0x80) {
        buf_append_char(out, (char)(number | 0x80));
        number >>= 7;
    }
    buf_append_char(out, (char)number);
}

struct slice layout_encode(struct arena *arena, const struct mime_part *root)
{
    size_t count = 0;
    for (const struct mime_part *part = root; part; part = mime_part_next(part)) {
        count++;
    }
    struct buf out;
    buf_init(&out, 1 + count * RECORD_MAX);
    buf_append_char(&out, LAYOUT_VERSION);
    uint64_t before = 0;
    for (const struct mime_part *part = root; part; part = mime_part_next(part)) {
        buf_append_char(&out, (char)part->kind);
        buf_append_char(&out, (char)transfer_encoding_of(part->encoding));
        append_number(&out, part->depth);
        append_number(&out, part->header_start - before);
        append_number(&out, part->body_start - part->header_start);
        append_number(&out, part->header_octets);
        append_number(&out, part->body_end - part->body_start);
        append_number(&out, part->body_octets);
        append_number(&out, part->body_lines);
        before = part->header_start;
    }
    struct slice blob = arena_copy(arena, buf_slice(&out));
    buf_free(&out);
    return blob;
}

struct layout_walk layout_walk_of(struct slice blob)
{
    return (struct layout_walk){.rest = blob};
}

static bool take_byte(struct slice *rest, unsigned max, unsigned *value)
{
    if (rest->len == 0 || (unsigned char)rest->data[0] > max) {
        return false;
    }
    *value = (unsigned char)rest->data[0];
    *rest = slice_skip(*rest, 1);
    return true;
}

static bool take_number(struct slice *rest, uint64_t max, uint64_t *value)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 63 && rest->len > 0; shift += 7) {
        unsigned char byte = (unsigned char)rest->data[0];
        *rest = slice_skip(*rest, 1);
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *value = number;
            return number <= max;
        }
    }
    return false;
}

enum err layout_next(struct layout_walk *walk, struct part_layout *out)
{
    unsigned kind, encoding;
    uint64_t depth, distance, header, body;
    /* A sum of three of them cannot overflow. */
    const uint64_t size_max = (uint64_t)1 << 60;
    if (!walk->started) {
        unsigned version;
        if (!take_byte(&walk->rest, LAYOUT_VERSION, &version) || version != LAYOUT_VERSION) {
            return ERR_CORRUPT;
        }
        walk->started = true;
    }
    if (walk->rest.len == 0) {
        return ERR_NOT_FOUND;
    }
    struct slice *rest = &walk->rest;
    struct part_layout part = {0};
    if (!take_byte(rest, MIME_MESSAGE, &kind) || !take_byte(rest, ENCODING_UNKNOWN, &encoding) ||
        !take_number(rest, UINT32_MAX, &depth) || !take_number(rest, size_max, &distance) ||
        !take_number(rest, size_max, &header) || !take_number(rest, size_max, &part.header_octets) ||
        !take_number(rest, size_max, &body) || !take_number(rest, size_max, &part.body_octets) ||
        !take_number(rest, size_max, &part.body_lines) || walk->header_start + distance > size_max) {
        return ERR_CORRUPT;
    }
    walk->header_start += distance;
    part.kind = (enum mime_kind)kind;
    part.encoding = (enum part_encoding)encoding;
    part.depth = (unsigned)depth;
    part.header_start = walk->header_start;
    part.body_start = part.header_start + header;
    part.body_end = part.body_start + body;
    *out = part;
    return ERR_OK;
}

/* The child `number` of the part whose depth is `depth`; the walk stands behind that part. */
static enum err find_child(struct layout_walk *walk, unsigned depth, uint32_t number, struct part_layout *out)
{
    enum err err;
    while ((err = layout_next(walk, out)) == ERR_OK) {
        if (out->depth <= depth) {
            return ERR_NOT_FOUND;
        }
        if (out->depth == depth + 1 && --number == 0) {
            return ERR_OK;
        }
    }
    return err;
}

enum err layout_find(struct slice blob, const uint32_t *numbers, size_t count, struct part_layout *out,
                     struct part_layout *message_r)
{
    struct layout_walk walk = layout_walk_of(blob);
    struct part_layout part = {0}, entity;
    enum err err = layout_next(&walk, &part);
    /* `entity`: whose parts the next number counts; the message, or the root entity of a message inside. */
    bool has_entity = true;
    entity = part;
    for (size_t i = 0; i < count && !err; i++) {
        if (numbers[i] == 0 || !has_entity) {
            return ERR_NOT_FOUND;
        }
        if (entity.kind == MIME_MULTIPART) {
            err = find_child(&walk, entity.depth, numbers[i], &part);
        } else if (numbers[i] == 1) {
            part = entity; /* "Every message has at least one part number" */
        } else {
            return ERR_NOT_FOUND;
        }
        /* Inside the part found: parts of a multipart, or the message's. */
        has_entity = part.kind != MIME_LEAF;
        entity = part;
        if (!err && part.kind == MIME_MESSAGE) {
            err = find_child(&walk, part.depth, 1, &entity);
        }
    }
    if (err) {
        return err;
    }
    *out = part;
    if (message_r && (count == 0 || part.kind == MIME_MESSAGE)) {
        *message_r = entity;
    }
    return ERR_OK;
}
