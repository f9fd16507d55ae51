/* SPDX-License-Identifier: ISC */
/*
 * The tree of parts, RFC 2046 sections 5.1 and 5.2:
 *
 *     multipart-body  = [preamble CRLF] dash-boundary transport-padding CRLF body-part *encapsulation
 *                       close-delimiter transport-padding [CRLF epilogue]
 *     dash-boundary   = "--" boundary
 *     encapsulation   = delimiter transport-padding CRLF body-part
 *     delimiter       = CRLF dash-boundary
 *     close-delimiter = delimiter "--"
 *
 * There is always one innermost open part; its ancestors are open too. A boundary line of any open multipart
 * closes everything inside that multipart, so a missing close-delimiter harms only its own multipart. The
 * whole line is compared, not its start, so "--aa" is no boundary of "a"; when two open multiparts share a
 * boundary the inner one has it.
 *
 * While a part is open, `header_octets`, `body_octets` and `body_lines` hold positions; closing makes them
 * sizes.
 */
#include <string.h>

#include "mime_priv.h"

void mime_tree_begin(struct mime_parser *parser, struct mime_part *parent, struct mark start)
{
    struct mime_part *part = arena_new(parser->arena, struct mime_part);
    part->parent = parent;
    part->number = 1;
    part->header_start = start.offset;
    part->header_octets = start.octets;
    bool is_message = !parent || parent->kind == MIME_MESSAGE;
    if (parent) {
        part->depth = parent->depth + 1;
        if (parent->last_child) {
            part->number = parent->last_child->number + 1;
            parent->last_child->next = part;
        } else {
            parent->first_child = part;
            parent->kind = is_message ? MIME_MESSAGE : MIME_MULTIPART;
        }
        parent->last_child = part;
    }
    parser->open = part;
    parser->in_header = true;
    parser->field_tail = is_message ? &part->fields : NULL;
    if (++parser->counts.parts >= parser->limits.parts) {
        parser->counts.parts_dropped = true;
        parser->boundary_count = 0;
    }
}

/* Section 5.1.5: in a digest the default is message/rfc822; RFC 2045 section 5.2: elsewhere text/plain. */
static void set_default_type(struct mime_part *part)
{
    const struct mime_part *parent = part->parent;
    bool in_digest = parent && parent->kind == MIME_MULTIPART && slice_eq(parent->subtype, S("digest"));
    if (part->type.len == 0) {
        part->type = in_digest ? S("message") : S("text");
        part->subtype = in_digest ? S("rfc822") : S("plain");
    }
    if (part->encoding.len == 0) {
        part->encoding = S("7bit");
    }
}

/* Blanks at the end are no part of a boundary. */
static struct slice boundary_of(const struct mime_part *part)
{
    const struct mime_parameter *parameter = mime_parameter_find(part->type_parameters, S("boundary"));
    return parameter ? slice_trim_right(parameter->value) : SLICE_EMPTY;
}

static void await_boundary(struct mime_parser *parser, struct mime_part *part)
{
    struct slice text = boundary_of(part);
    if (text.len > 0 && text.len <= BOUNDARY_MAX) {
        parser->boundaries[parser->boundary_count++] = (struct boundary){.part = part, .text = text};
    }
}

/* RFC 2046 section 5.2.1 and RFC 6532 section 3.7. */
static bool is_message_type(const struct mime_part *part)
{
    return slice_eq(part->type, S("message")) &&
           (slice_eq(part->subtype, S("rfc822")) || slice_eq(part->subtype, S("global")));
}

/* A message may not be encoded (section 5.2.1), but some are: then what is inside cannot be read here, and
 * stands as one body without header. */
static bool is_encoded(const struct mime_part *part)
{
    return slice_eq(part->encoding, S("base64")) || slice_eq(part->encoding, S("quoted-printable"));
}

/* True when a message inside was begun, whose header is awaited now. */
static bool end_header(struct mime_parser *parser, struct mark body)
{
    struct mime_part *part = parser->open;
    set_default_type(part);
    part->header_octets = body.octets - part->header_octets;
    part->body_start = body.offset;
    part->body_octets = body.octets;
    part->body_lines = body.lines;
    parser->in_header = false;
    if (part == parser->root) {
        parser->counts.header_size = body.offset;
        parser->counts.header_octets = body.octets;
    }
    bool multipart = slice_eq(part->type, S("multipart"));
    if (!multipart && !is_message_type(part)) {
        return false;
    }
    if (part->depth >= parser->limits.depth || parser->counts.parts >= parser->limits.parts) {
        part->too_deep = true;
        return false;
    }
    if (multipart) {
        await_boundary(parser, part);
        return false;
    }
    part->kind = MIME_MESSAGE;
    mime_tree_begin(parser, part, body);
    return !is_encoded(part);
}

void mime_tree_header_end(struct mime_parser *parser, struct mark body)
{
    const struct mime_part *part = parser->open;
    if (!end_header(parser, body) && parser->open != part) {
        (void)end_header(parser, body); /* the body of an encoded message: text/plain, begins no other */
    }
}

/* The header sections that are still open end here: nothing follows in them. */
static void end_headers(struct mime_parser *parser, struct mark end)
{
    while (parser->in_header) {
        mime_field_finish(parser);
        mime_tree_header_end(parser, end);
    }
}

/* Closes `open` and all around it inside `outer` (NULL: all). The line end before a boundary is no part of a
 * body, but it may be the header's: so no part ends before its body began, nor before its last child ended.
 */
static void close_inside(struct mime_parser *parser, struct mime_part *outer, struct mark end)
{
    struct mime_part *part = parser->open;
    for (; part != outer; part = part->parent) {
        if (end.offset < part->body_start) {
            end = (struct mark){part->body_start, part->body_octets, part->body_lines};
        }
        part->body_end = end.offset;
        part->body_octets = end.octets - part->body_octets;
        part->body_lines = end.lines - part->body_lines;
    }
    parser->open = outer;
}

/* The end of the line before the one just read, without its line end. */
static struct mark before_line(const struct mime_parser *parser)
{
    struct mark mark = parser->line_start;
    mark.offset -= parser->newline_before;
    mark.octets -= parser->newline_before ? 2 : 0;
    mark.lines -= parser->newline_before ? 1 : 0;
    return mark;
}

bool mime_tree_boundary_line(struct mime_parser *parser)
{
    struct slice line = slice_trim_right(slice_of(parser->candidate, parser->candidate_length));
    if (parser->candidate_cut || !slice_starts_with(line, S("--"))) {
        return false;
    }
    struct slice text = slice_skip(line, 2);
    for (size_t i = parser->boundary_count; i-- > 0;) {
        const struct boundary *boundary = &parser->boundaries[i];
        struct mime_part *part = boundary->part;
        /* Lengths first: a hundred open multiparts must not make each line that begins with "--" dear. */
        size_t extra = text.len - boundary->text.len;
        if ((extra != 0 && extra != 2) || memcmp(text.data, boundary->text.data, boundary->text.len) != 0) {
            continue;
        }
        bool closes = extra == 2;
        if (closes && memcmp(text.data + boundary->text.len, "--", 2) != 0) {
            continue;
        }
        if (parser->in_header) {
            mime_field_line_drop(parser);
            end_headers(parser, parser->line_start);
        }
        close_inside(parser, part, before_line(parser));
        parser->boundary_count = closes ? i : i + 1;
        if (!closes) {
            mime_tree_begin(parser, part, parser->at);
        }
        return true;
    }
    return false;
}

void mime_tree_finish(struct mime_parser *parser)
{
    end_headers(parser, parser->at);
    close_inside(parser, NULL, parser->at);
}
