/* SPDX-License-Identifier: ISC */
/*
 * Lines. Bytes come in any cuts; a line is looked at when its end is there, and of a body line nothing is
 * kept unless it begins with "-" while a boundary is awaited. So a body costs a memchr per line and one pass
 * over its bytes for the counts, and memory does not depend on the length of lines.
 *
 * Only the header of a part is collected (mime_fields.c), and only a boundary line or the header's end
 * changes the tree (mime_tree.c).
 */
#include "mail/mime.h"

#include <assert.h>
#include <string.h>

#include "mime_priv.h"

const struct mime_limits mime_default_limits = {
    .header_size = 1024 * 1024,
    .field_size = 64 * 1024,
    .kept_size = 1024 * 1024,
    .depth = 100,
    .parts = 10000,
};

struct mime_parser *mime_parser_new(struct arena *arena, const struct mime_limits *limits)
{
    struct mime_parser *parser = arena_new(arena, struct mime_parser);
    parser->arena = arena;
    parser->limits = limits ? *limits : mime_default_limits;
    parser->boundaries = arena_array(arena, struct boundary, parser->limits.depth + 1);
    mime_tree_begin(parser, NULL, parser->at);
    parser->root = parser->open;
    return parser;
}

#define EVERY_BYTE(value) (0x0101010101010101u * (value))

/* 0x80 in each byte of `word` that is 0, exactly. */
static uint64_t zero_bytes(uint64_t word)
{
    return ~(((word & EVERY_BYTE(0x7f)) + EVERY_BYTE(0x7f)) | word | EVERY_BYTE(0x7f));
}

/* What does not depend on lines: eight bytes at a time. */
static void count_bytes(struct mime_parser *parser, struct slice bytes)
{
    struct mime_counts *counts = &parser->counts;
    uint64_t high = 0, nul = 0, cr = 0;
    size_t i = 0;
    for (; i + 8 <= bytes.len; i += 8) {
        uint64_t word;
        memcpy(&word, bytes.data + i, 8);
        high |= word;
        nul |= zero_bytes(word);
        cr += (unsigned)__builtin_popcountll(zero_bytes(word ^ EVERY_BYTE((uint64_t)'\r')));
    }
    for (; i < bytes.len; i++) {
        high |= (unsigned char)bytes.data[i];
        nul |= bytes.data[i] == '\0';
        cr += bytes.data[i] == '\r';
    }
    counts->has_8bit = counts->has_8bit || (high & EVERY_BYTE(0x80)) != 0;
    counts->has_nul = counts->has_nul || nul != 0;
    counts->size += bytes.len;
    parser->cr_count += cr;
}

/* A header that does not end is cut off: what follows is body, and the line that passed the limit is its
 * first. True when that happened: the line is no header line any more. */
static bool cut_long_header(struct mime_parser *parser)
{
    if (!parser->in_header || parser->at.offset - parser->open->header_start <= parser->limits.header_size) {
        return false;
    }
    if (parser->open == parser->root) {
        parser->counts.header_too_large = true;
    }
    mime_field_line_drop(parser);
    mime_field_finish(parser);
    mime_tree_header_end(parser, parser->line_start);
    return true;
}

/* A line is complete; `at` is behind it. line_end: the length of its line end, 0 at the end of the message.
 */
static void end_line(struct mime_parser *parser, unsigned line_end)
{
    uint64_t length = parser->line_length - (line_end == 2);
    parser->counts.longest_line = MAX_OF(parser->counts.longest_line, length);
    bool cut = cut_long_header(parser);
    if (parser->line_kind == LINE_CANDIDATE) {
        parser->candidate_length -= line_end == 2 && !parser->candidate_cut;
    }
    if (parser->line_kind == LINE_CANDIDATE && mime_tree_boundary_line(parser)) {
        /* The next line is the first of a part, or of what follows the last one. */
    } else if (parser->in_header && length == 0) {
        parser->counts.has_header_end = parser->counts.has_header_end || parser->open == parser->root;
        mime_field_line_drop(parser);
        mime_field_finish(parser);
        mime_tree_header_end(parser, parser->at);
    } else if (parser->in_header && !cut) {
        mime_field_line_end(parser, line_end == 2);
    }
    parser->line_start = parser->at;
    parser->newline_before = line_end;
    parser->line_length = 0;
    parser->line_kind = LINE_PLAIN;
}

static void begin_line(struct mime_parser *parser, char first)
{
    bool candidate = first == '-' && parser->boundary_count > 0;
    parser->line_kind = candidate ? LINE_CANDIDATE : LINE_PLAIN;
    parser->candidate_length = 0;
    parser->candidate_cut = false;
    if (parser->in_header) {
        mime_field_line_begin(parser, first);
    }
}

/* Bytes of one line, without its LF. */
static void take_bytes(struct mime_parser *parser, struct slice bytes)
{
    if (bytes.len == 0) {
        return;
    }
    if (parser->line_length == 0) {
        begin_line(parser, bytes.data[0]);
    }
    if (parser->line_kind == LINE_CANDIDATE) {
        size_t length = MIN_OF(bytes.len, sizeof(parser->candidate) - parser->candidate_length);
        memcpy(parser->candidate + parser->candidate_length, bytes.data, length);
        parser->candidate_length += length;
        parser->candidate_cut = parser->candidate_cut || length < bytes.len;
    }
    if (parser->in_header) {
        mime_field_line_append(parser, bytes);
    }
    parser->line_length += bytes.len;
    parser->last_byte = bytes.data[bytes.len - 1];
    parser->at.offset += bytes.len;
    parser->at.octets += bytes.len;
}

static void take_newline(struct mime_parser *parser)
{
    bool crlf = parser->line_length > 0 && parser->last_byte == '\r';
    parser->at.offset++;
    parser->at.octets += crlf ? 1 : 2;
    parser->at.lines++;
    parser->crlf_count += crlf;
    if (parser->line_length == 0) {
        begin_line(parser, '\n');
    }
    end_line(parser, crlf ? 2 : 1);
}

/* The fast way through a body: a whole line, at its start, that is no candidate. `length` is without the LF.
 */
static void skip_body_line(struct mime_parser *parser, const char *line, size_t length)
{
    bool crlf = length > 0 && line[length - 1] == '\r';
    parser->at.offset += length + 1;
    parser->at.octets += length + (crlf ? 1 : 2);
    parser->at.lines++;
    parser->crlf_count += crlf;
    parser->counts.longest_line = MAX_OF(parser->counts.longest_line, length - crlf);
    parser->line_start = parser->at;
    parser->newline_before = crlf ? 2 : 1;
}

static void update_counts(struct mime_parser *parser)
{
    struct mime_counts *counts = &parser->counts;
    /* A CR at the very end may still become a CRLF. */
    bool pending = !parser->finished && parser->line_length > 0 && parser->last_byte == '\r';
    counts->octets = parser->at.octets;
    counts->lines = parser->at.lines;
    counts->has_bare_cr = parser->cr_count > parser->crlf_count + pending;
    counts->has_bare_lf = parser->at.lines > parser->crlf_count;
}

void mime_parser_feed(struct mime_parser *parser, struct slice bytes)
{
    assert(!parser->finished);
    count_bytes(parser, bytes);
    while (bytes.len > 0) {
        const char *newline = memchr(bytes.data, '\n', bytes.len);
        size_t length = newline ? (size_t)(newline - bytes.data) : bytes.len;
        if (newline && parser->line_length == 0 && !parser->in_header && bytes.data[0] != '-') {
            skip_body_line(parser, bytes.data, length);
        } else {
            take_bytes(parser, slice_take(bytes, length));
            if (newline) {
                take_newline(parser);
            }
        }
        bytes = slice_skip(bytes, length + (newline != NULL));
    }
    update_counts(parser);
}

const struct mime_part *mime_parser_finish(struct mime_parser *parser)
{
    if (!parser->finished) {
        if (parser->line_length > 0) {
            end_line(parser, 0);
        }
        mime_tree_finish(parser);
        parser->finished = true;
        update_counts(parser);
    }
    return parser->root;
}

const struct mime_counts *mime_parser_counts(const struct mime_parser *parser)
{
    return &parser->counts;
}

const struct mime_part *mime_parser_root(const struct mime_parser *parser)
{
    return parser->finished ? parser->root : NULL;
}

const struct mime_part *mime_part_next(const struct mime_part *part)
{
    if (part->first_child) {
        return part->first_child;
    }
    while (part && !part->next) {
        part = part->parent;
    }
    return part ? part->next : NULL;
}
