/* SPDX-License-Identifier: ISC */
/* The summary of a message: the texts that the parts of this room make of it, each under its cap. */
#include "mail/summary.h"

#include "mail/date.h"
#include "mail/header.h"
#include "mail/layout.h"
#include "summary_priv.h"

#define HEADERS_MAX   (64 * 1024)
#define STRUCTURE_MAX (1024 * 1024)

static struct slice take_text(struct arena *arena, struct buf *text)
{
    struct slice copy = arena_copy(arena, buf_slice(text));
    buf_free(text);
    return copy;
}

static void build_headers(struct arena *arena, const struct mime_parser *parser, struct message_summary *out)
{
    struct buf text;
    buf_init(&text, HEADERS_MAX);
    out->headers_complete = !mime_parser_counts(parser)->texts_dropped;
    for (const struct mime_field *field = mime_parser_root(parser)->fields; field; field = field->next) {
        if (field->cut || field->raw.len > text.cap - text.len) {
            out->headers_complete = false;
        } else {
            buf_append(&text, field->raw);
        }
    }
    out->headers = take_text(arena, &text);
}

static void build_envelope(struct arena *arena, const struct mime_part *root, struct message_summary *out)
{
    struct buf text;
    buf_init(&text, STRUCTURE_MAX);
    envelope_append(&text, root->fields);
    if (!buf_ok(&text)) {
        buf_clear(&text);
        envelope_append(&text, NULL);
    }
    out->envelope = take_text(arena, &text);
}

static void build_structure(struct arena *arena, const struct mime_part *root, struct message_summary *out)
{
    struct buf text;
    buf_init(&text, STRUCTURE_MAX);
    bodystructure_append(&text, root);
    if (!buf_ok(&text)) {
        buf_clear(&text);
        buf_printf(&text, "(\"application\" \"octet-stream\" NIL NIL NIL \"8bit\" %llu NIL NIL NIL NIL)",
                   (unsigned long long)root->body_octets);
    }
    out->bodystructure = take_text(arena, &text);
}

/* msg-id = "<" id-left "@" id-right ">", the first one of the field; what stands inside is not judged. */
static struct slice message_id_of(struct arena *arena, const struct mime_field *field)
{
    struct slice text = header_unfold(arena, field->value);
    text = slice_skip(text, slice_find(text, '<'));
    size_t end = slice_find(text, '>');
    return end < text.len ? slice_take(text, end + 1) : SLICE_EMPTY;
}

void summary_build(struct arena *arena, const struct mime_parser *parser, struct message_summary *out)
{
    const struct mime_part *root = mime_parser_root(parser);
    const struct mime_counts *counts = mime_parser_counts(parser);
    const struct mime_field *message_id = mime_field_find(root->fields, S("Message-ID"));
    const struct mime_field *date_field = mime_field_find(root->fields, S("Date"));
    struct mail_date date;
    *out = (struct message_summary){
        .size = counts->octets,
        .file_size = counts->size,
        .header_size = counts->header_octets,
        .lines = counts->lines,
        .message_id = message_id ? message_id_of(arena, message_id) : SLICE_EMPTY,
    };
    if (date_field && date_parse(date_field->value, &date) == ERR_OK) {
        out->has_sent = true;
        out->sent = date.seconds;
    }
    build_headers(arena, parser, out);
    build_envelope(arena, root, out);
    build_structure(arena, root, out);
    out->parts = layout_encode(arena, root);
}
