/* SPDX-License-Identifier: ISC */
/*
 * Header fields of the parts. The field being read is collected up to limits.field_size; when it is complete
 * it is put where it belongs or forgotten. What stays in memory is charged to limits.kept_size.
 */
#include <string.h>

#include "base/utf8.h"
#include "mail_priv.h"
#include "mime_priv.h"

/* Kept for every message, also those inside: ENVELOPE is made of them (RFC 3501 section 7.4.2). */
static const char *const envelope_fields[] = {
    "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Date", "Subject", "Message-ID", "In-Reply-To",
};

/* Kept of the message itself: what mail programs ask for to show a list of messages (Thunderbird, Apple Mail,
 * Outlook, K-9, Roundcube). Received is not among them: it is long and asked for seldom. */
static const char *const listed_fields[] = {
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Post",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Priority",
    "X-Priority",
    "X-MSMail-Priority",
    "Importance",
    "Newsgroups",
    "Followup-To",
    "Disposition-Notification-To",
    "Return-Receipt-To",
    "Auto-Submitted",
    "Precedence",
    "Delivered-To",
    "Thread-Topic",
    "Thread-Index",
    "X-Mailer",
    "User-Agent",
    "X-Spam-Flag",
    "X-Spam-Status",
    "X-Uniform-Type-Identifier",
    "X-Universally-Unique-Identifier",
    "Resent-From",
};

static bool is_listed(struct slice name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq_nocase(name, slice_from(list[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_envelope_field(struct slice name)
{
    return is_listed(name, envelope_fields, ARRAY_LEN(envelope_fields));
}

bool mime_keeps_field(struct slice name)
{
    return is_envelope_field(name) || is_listed(name, listed_fields, ARRAY_LEN(listed_fields));
}

void *mime_keep_alloc(struct mime_parser *parser, size_t size)
{
    if (size > parser->limits.kept_size - parser->kept) {
        parser->counts.texts_dropped = true;
        return NULL;
    }
    parser->kept += size;
    return arena_alloc(parser->arena, size);
}

struct slice mime_keep(struct mime_parser *parser, struct slice text)
{
    char *copy = mime_keep_alloc(parser, text.len + 1);
    if (!copy) {
        return (struct slice){0};
    }
    memcpy(copy, text.len ? text.data : "", text.len);
    return slice_of(copy, text.len);
}

/* ---- the field's text ---- */

/* Room for `length` bytes in `field`. What is outgrown stays in the arena: altogether less than the last
 * size. */
static void grow(struct mime_parser *parser, size_t length)
{
    if (length <= parser->field_allocated) {
        return;
    }
    size_t size = MAX_OF(parser->field_allocated, 1024);
    while (size < length) {
        size *= 2;
    }
    char *larger = arena_alloc(parser->arena, size);
    if (parser->field_length > 0) {
        memcpy(larger, parser->field, parser->field_length);
    }
    parser->field = larger;
    parser->scratch = arena_alloc(parser->arena, size);
    parser->field_allocated = size;
}

static void append(struct mime_parser *parser, struct slice bytes)
{
    grow(parser, parser->field_length + bytes.len);
    memcpy(parser->field + parser->field_length, bytes.data, bytes.len);
    parser->field_length += bytes.len;
}

void mime_field_line_begin(struct mime_parser *parser, char first)
{
    if (!char_is_wsp(first)) {
        mime_field_finish(parser);
    }
    parser->line_in_field = parser->field_length;
    parser->cut_before_line = parser->field_cut;
}

void mime_field_line_append(struct mime_parser *parser, struct slice bytes)
{
    if (parser->open == parser->root && !utf8_is_ascii(bytes)) {
        parser->counts.header_has_8bit = true;
    }
    /* Two bytes are held back for the last line end. */
    size_t room = MAX_OF(parser->limits.field_size, parser->field_length + 2) - 2 - parser->field_length;
    if (bytes.len > room) {
        bytes.len = room;
        parser->field_cut = true;
    }
    if (bytes.len > 0) {
        append(parser, bytes);
    }
}

void mime_field_line_end(struct mime_parser *parser, bool crlf)
{
    if (!parser->field_cut) {
        parser->field_length -= crlf;
        append(parser, S("\r\n"));
    }
}

void mime_field_line_drop(struct mime_parser *parser)
{
    parser->field_length = parser->line_in_field;
    parser->field_cut = parser->cut_before_line;
}

/* ---- what fields say ---- */

static void set_content_type(struct mime_parser *parser, struct slice text)
{
    struct mime_part *part = parser->open;
    struct slice type, subtype;
    if (part->has_type || part->type_parameters) {
        return;
    }
    /* content = type "/" subtype *(";" parameter); a type alone or a malformed one counts as none (RFC 2045
     * section 5.2), but the charset beside it is still worth having. */
    bool good = mime_take_token(&text, &type) && text.len > 0 && text.data[0] == '/';
    if (good) {
        text = slice_skip(text, 1);
        good = mime_take_token(&text, &subtype);
    }
    if (good) {
        struct slice kept_type = mime_keep(parser, type), kept_subtype = mime_keep(parser, subtype);
        part->has_type = kept_type.data && kept_subtype.data;
        part->type = part->has_type ? kept_type : (struct slice){0};
        part->subtype = part->has_type ? kept_subtype : (struct slice){0};
    }
    part->type_parameters = mime_parse_parameters(parser, text);
}

static void set_encoding(struct mime_parser *parser, struct slice text)
{
    struct slice token;
    if (parser->open->encoding.len == 0 && mime_take_token(&text, &token)) {
        parser->open->encoding = mime_keep(parser, token);
    }
}

static void set_disposition(struct mime_parser *parser, struct slice text)
{
    struct mime_part *part = parser->open;
    struct slice token;
    if (!part->disposition.data && mime_take_token(&text, &token)) {
        part->disposition = mime_keep(parser, token);
        part->disposition_parameters = mime_parse_parameters(parser, text);
    }
}

static void set_text(struct mime_parser *parser, struct slice *place, struct slice text)
{
    if (!place->data) {
        *place = mime_keep(parser, text);
    }
}

/* RFC 2045, 2183 (Content-Disposition), 1864 (MD5), 2557 (Location), 3282 (Language). */
static void set_part_field(struct mime_parser *parser, struct slice name, struct slice value)
{
    struct mime_part *part = parser->open;
    struct slice text = header_unfold_into(parser->scratch, value);
    if (slice_eq_nocase(name, S("Content-Type"))) {
        set_content_type(parser, text);
    } else if (slice_eq_nocase(name, S("Content-Transfer-Encoding"))) {
        set_encoding(parser, text);
    } else if (slice_eq_nocase(name, S("Content-Disposition"))) {
        set_disposition(parser, text);
    } else if (slice_eq_nocase(name, S("Content-ID"))) {
        set_text(parser, &part->id, text);
    } else if (slice_eq_nocase(name, S("Content-Description"))) {
        set_text(parser, &part->description, text);
    } else if (slice_eq_nocase(name, S("Content-MD5"))) {
        set_text(parser, &part->md5, text);
    } else if (slice_eq_nocase(name, S("Content-Location"))) {
        set_text(parser, &part->location, text);
    } else if (slice_eq_nocase(name, S("Content-Language"))) {
        set_text(parser, &part->language, text);
    }
}

static void keep_field(struct mime_parser *parser, struct slice raw)
{
    struct mime_field *field = mime_keep_alloc(parser, sizeof(*field) + raw.len);
    if (!field) {
        return;
    }
    char *copy = (char *)(field + 1);
    memcpy(copy, raw.data, raw.len);
    field->raw = slice_of(copy, raw.len);
    field->cut = parser->field_cut;
    header_split(field->raw, &field->name, &field->value);
    *parser->field_tail = field;
    parser->field_tail = &field->next;
}

/* requiretls-field = "TLS-Required:" [FWS] "No" CRLF                         RFC 8689 section 3 */
static bool says_tls_is_optional(struct slice name, struct slice value)
{
    if (!slice_eq_nocase(name, S("TLS-Required"))) {
        return false;
    }
    while (value.len > 0 && (char_is_wsp(value.data[0]) || value.data[0] == '\r' || value.data[0] == '\n')) {
        value = slice_skip(value, 1);
    }
    return slice_eq_nocase(slice_trim_right(value), S("No"));
}

void mime_field_finish(struct mime_parser *parser)
{
    if (parser->field_cut && parser->field[parser->field_length - 1] != '\n') {
        append(parser, S("\r\n"));
    }
    struct slice raw = slice_of(parser->field, parser->field_length), name, value;
    bool is_root = parser->open == parser->root;
    header_split(raw, &name, &value);
    if (name.len > 0) {
        parser->counts.received_fields += is_root && slice_eq_nocase(name, S("Received"));
        parser->counts.from_fields += is_root && slice_eq_nocase(name, S("From"));
        parser->counts.tls_optional |= is_root && says_tls_is_optional(name, value);
        if (parser->field_tail && (is_root ? mime_keeps_field(name) : is_envelope_field(name))) {
            keep_field(parser, raw);
        }
        if (slice_starts_with_nocase(name, S("Content-"))) {
            set_part_field(parser, name, value);
        }
    }
    parser->field_length = parser->line_in_field = 0;
    parser->field_cut = parser->cut_before_line = false;
}

const struct mime_field *mime_field_find(const struct mime_field *fields, struct slice name)
{
    while (fields && !slice_eq_nocase(fields->name, name)) {
        fields = fields->next;
    }
    return fields;
}

const struct mime_field *mime_parser_field(const struct mime_parser *parser, struct slice name)
{
    return mime_field_find(parser->root->fields, name);
}
