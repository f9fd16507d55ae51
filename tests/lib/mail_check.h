/* SPDX-License-Identifier: ISC */
/*
 * What holds for every message, good or bad; unit tests and fuzz targets ask the same questions. Each check
 * returns NULL, or what is wrong.
 */
#ifndef TEST_MAIL_CHECK_H
#define TEST_MAIL_CHECK_H

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "mail/layout.h"
#include "mail/mime.h"
#include "mail/summary.h"

struct parsed {
    struct arena arena;
    struct mime_parser *parser;
    const struct mime_part *root;
    struct mime_counts counts;
    struct message_summary summary;
};

/* Feeds `text` in pieces of `piece` bytes (0: whole). */
static inline void parsed_make(struct parsed *parsed, struct slice text, size_t piece,
                               const struct mime_limits *limits)
{
    memset(parsed, 0, sizeof(*parsed));
    parsed->parser = mime_parser_new(&parsed->arena, limits);
    piece = piece ? piece : text.len + 1;
    for (struct slice rest = text; rest.len > 0; rest = slice_skip(rest, piece)) {
        mime_parser_feed(parsed->parser, slice_take(rest, piece));
    }
    parsed->root = mime_parser_finish(parsed->parser);
    parsed->counts = *mime_parser_counts(parsed->parser);
    summary_build(&parsed->arena, parsed->parser, &parsed->summary);
}

static inline void parsed_free(struct parsed *parsed)
{
    arena_free(&parsed->arena);
}

static inline bool check_same_parameters(const struct mime_parameter *a, const struct mime_parameter *b)
{
    for (; a && b; a = a->next, b = b->next) {
        if (!slice_eq(a->name, b->name) || !slice_eq(a->value, b->value) ||
            !slice_eq(a->charset, b->charset) || !slice_eq(a->language, b->language) ||
            a->extended != b->extended) {
            return false;
        }
    }
    return !a && !b;
}

static inline const char *check_same_part(const struct mime_part *a, const struct mime_part *b)
{
    if (a->kind != b->kind || a->depth != b->depth || a->number != b->number || a->too_deep != b->too_deep ||
        a->has_type != b->has_type || !slice_eq(a->type, b->type) || !slice_eq(a->subtype, b->subtype)) {
        return "kinds or types differ";
    }
    if (a->header_start != b->header_start || a->body_start != b->body_start || a->body_end != b->body_end ||
        a->header_octets != b->header_octets || a->body_octets != b->body_octets ||
        a->body_lines != b->body_lines) {
        return "places or sizes differ";
    }
    if (!check_same_parameters(a->type_parameters, b->type_parameters) ||
        !check_same_parameters(a->disposition_parameters, b->disposition_parameters)) {
        return "parameters differ";
    }
    return NULL;
}

static inline const char *check_same(const struct parsed *a, const struct parsed *b)
{
    const struct mime_part *p = a->root, *q = b->root;
    for (; p && q; p = mime_part_next(p), q = mime_part_next(q)) {
        const char *wrong = check_same_part(p, q);
        if (wrong) {
            return wrong;
        }
    }
    if (p || q) {
        return "numbers of parts differ";
    }
    const struct mime_counts *c = &a->counts, *d = &b->counts;
    if (c->size != d->size || c->octets != d->octets || c->header_size != d->header_size ||
        c->lines != d->lines || c->longest_line != d->longest_line ||
        c->received_fields != d->received_fields || c->from_fields != d->from_fields ||
        c->parts != d->parts || c->has_8bit != d->has_8bit || c->has_nul != d->has_nul ||
        c->has_bare_cr != d->has_bare_cr || c->has_bare_lf != d->has_bare_lf ||
        c->header_has_8bit != d->header_has_8bit || c->has_header_end != d->has_header_end ||
        c->header_too_large != d->header_too_large || c->texts_dropped != d->texts_dropped) {
        return "counts differ";
    }
    const struct message_summary *s = &a->summary, *t = &b->summary;
    if (!slice_eq(s->headers, t->headers) || !slice_eq(s->envelope, t->envelope) ||
        !slice_eq(s->bodystructure, t->bodystructure) || !slice_eq(s->parts, t->parts) ||
        !slice_eq(s->message_id, t->message_id) || s->sent != t->sent ||
        s->headers_complete != t->headers_complete) {
        return "summaries differ";
    }
    return NULL;
}

/* An IMAP text: 7-bit, no NUL, CR or LF, parentheses balanced outside quotes, quotes closed. */
static inline const char *check_imap_text(struct slice text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '\0' || c == '\r' || c == '\n' || (unsigned char)c >= 0x80) {
            return "a byte that may not be in an IMAP text";
        }
        if (quoted && c == '\\') {
            i++;
            if (i == text.len || (text.data[i] != '"' && text.data[i] != '\\')) {
                return "a backslash before something else than a quote or a backslash";
            }
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && c == '(') {
            depth++;
        } else if (!quoted && c == ')') {
            if (depth == 0) {
                return "unbalanced parentheses";
            }
            depth--;
            if (depth == 0 && i + 1 < text.len) {
                return "text behind the end";
            }
        }
    }
    return quoted || depth > 0 || text.len == 0 ? "the text does not end" : NULL;
}

/* Octets and line ends of text[from, to), counted the slow way. */
static inline void count_octets(struct slice text, uint64_t from, uint64_t to, uint64_t *octets,
                                uint64_t *lines)
{
    *octets = to - from;
    *lines = 0;
    for (uint64_t i = from; i < to; i++) {
        if (text.data[i] == '\n') {
            *lines += 1;
            *octets += i == 0 || text.data[i - 1] != '\r';
        }
    }
}

static inline const char *check_places(const struct mime_part *part, struct slice text)
{
    uint64_t octets, lines;
    if (part->header_start > part->body_start || part->body_start > part->body_end ||
        part->body_end > text.len) {
        return "a part ends before it begins";
    }
    count_octets(text, part->header_start, part->body_start, &octets, &lines);
    if (octets != part->header_octets) {
        return "header_octets is wrong";
    }
    count_octets(text, part->body_start, part->body_end, &octets, &lines);
    if (octets != part->body_octets || lines != part->body_lines) {
        return "body_octets or body_lines is wrong";
    }
    const struct mime_part *parent = part->parent;
    if (parent && (part->header_start < parent->body_start || part->body_end > parent->body_end)) {
        return "a part is not inside its parent";
    }
    return NULL;
}

static inline const char *check_layout(const struct parsed *parsed)
{
    struct layout_walk walk = layout_walk_of(parsed->summary.parts);
    struct part_layout layout;
    for (const struct mime_part *part = parsed->root; part; part = mime_part_next(part)) {
        if (layout_next(&walk, &layout) || layout.kind != part->kind || layout.depth != part->depth ||
            layout.header_start != part->header_start || layout.body_start != part->body_start ||
            layout.body_end != part->body_end || layout.header_octets != part->header_octets ||
            layout.body_octets != part->body_octets || layout.body_lines != part->body_lines) {
            return "the layout is not that of the tree";
        }
    }
    return layout_next(&walk, &layout) == ERR_NOT_FOUND ? NULL : "the layout has more parts than the tree";
}

static inline const char *check_parsed(const struct parsed *parsed, struct slice text)
{
    const char *wrong = NULL;
    for (const struct mime_part *part = parsed->root; part && !wrong; part = mime_part_next(part)) {
        wrong = check_places(part, text);
    }
    if (!wrong && (parsed->root->body_end != text.len || parsed->counts.size != text.len)) {
        wrong = "the message does not end at its end";
    }
    wrong = wrong ? wrong : check_layout(parsed);
    wrong = wrong ? wrong : check_imap_text(parsed->summary.envelope);
    wrong = wrong ? wrong : check_imap_text(parsed->summary.bodystructure);
    struct buf body;
    buf_init(&body, 4 * 1024 * 1024);
    if (!wrong && summary_body(parsed->summary.bodystructure, &body)) {
        wrong = "no BODY can be made of the BODYSTRUCTURE";
    }
    wrong = wrong ? wrong : check_imap_text(buf_slice(&body));
    buf_free(&body);
    return wrong;
}

#endif
