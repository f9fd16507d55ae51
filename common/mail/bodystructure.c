/* SPDX-License-Identifier: ISC */
/*
 * BODYSTRUCTURE, RFC 3501 section 9:
 *
 *     body            = "(" (body-type-1part / body-type-mpart) ")"
 *     body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]
 *     body-type-basic = media-basic SP body-fields
 *     body-type-msg   = media-message SP body-fields SP envelope SP body SP body-fld-lines
 *     body-type-text  = media-text SP body-fields SP body-fld-lines
 *     body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]
 *     body-fields     = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets
 *     body-ext-1part  = body-fld-md5 [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc]]]
 *     body-ext-mpart  = body-fld-param [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc]]]
 *
 * What is declared as a multipart and has no parts, because its boundary is missing or never comes, is shown
 * as text: the grammar wants at least one body, and the person should see what there is.
 */
#include <string.h>

#include "base/utf8.h"
#include "summary_priv.h"

/* attribute-char of RFC 2231 section 7. */
static bool is_attribute_char(char c)
{
    return char_is_alnum(c) || (c && strchr("!#$&+-.^_`{|}~", c));
}

/* extended-value = [charset] "'" [language] "'" *( "%" 2HEXDIG / attribute-char ) */
static void append_extended(struct buf *out, struct slice charset, struct slice language, struct slice value)
{
    struct slice front[] = {charset, language};
    buf_append_char(out, '"');
    for (size_t i = 0; i < ARRAY_LEN(front); i++) {
        for (size_t k = 0; k < front[i].len; k++) {
            buf_append_char(out, is_attribute_char(front[i].data[k]) ? front[i].data[k] : '_');
        }
        buf_append_char(out, '\'');
    }
    for (size_t i = 0; i < value.len; i++) {
        if (is_attribute_char(value.data[i])) {
            buf_append_char(out, value.data[i]);
        } else {
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)value.data[i]);
        }
    }
    buf_append_char(out, '"');
}

/*
 * body-fld-param = "(" string SP string *(SP string SP string) ")" / nil
 *
 * Long values were joined; a value that was written in the extended form, or has raw 8-bit text, is given as
 * name*.
 */
static void append_parameters(struct buf *out, const struct mime_parameter *parameter)
{
    if (!parameter) {
        buf_append(out, S("NIL"));
        return;
    }
    for (char before = '('; parameter; parameter = parameter->next, before = ' ') {
        bool ascii = utf8_is_ascii(parameter->value);
        bool extended = parameter->extended || !ascii;
        struct slice charset = parameter->charset;
        if (extended && charset.len == 0 && !ascii) {
            charset = utf8_is_valid(parameter->value) ? S("utf-8") : S("unknown-8bit");
        }
        buf_append_char(out, before);
        imap_append_string(out, parameter->name);
        if (extended) {
            buf_truncate(out, out->len - 1);
            buf_append(out, S("*\" "));
            append_extended(out, charset, parameter->language, parameter->value);
        } else {
            buf_append_char(out, ' ');
            imap_append_string(out, parameter->value);
        }
    }
    buf_append_char(out, ')');
}

/* body-fld-dsp = "(" string SP body-fld-param ")" / nil */
static void append_disposition(struct buf *out, const struct mime_part *part)
{
    if (!part->disposition.data) {
        buf_append(out, S("NIL"));
        return;
    }
    buf_append_char(out, '(');
    imap_append_string(out, part->disposition);
    buf_append_char(out, ' ');
    append_parameters(out, part->disposition_parameters);
    buf_append_char(out, ')');
}

/* body-fld-lang = nstring / "(" string *(SP string) ")" */
static void append_language(struct buf *out, struct slice language)
{
    if (!slice_has(language, ',')) {
        imap_append_nstring(out, language);
        return;
    }
    char before = '(';
    while (language.data) {
        struct slice tag = slice_trim(slice_split(&language, ','));
        buf_append_char(out, before);
        imap_append_string(out, tag);
        before = ' ';
    }
    buf_append_char(out, ')');
}

/* " disposition language location", the end of both kinds of extension data. */
static void append_extension(struct buf *out, const struct mime_part *part)
{
    buf_append_char(out, ' ');
    append_disposition(out, part);
    buf_append_char(out, ' ');
    append_language(out, part->language);
    buf_append_char(out, ' ');
    imap_append_nstring(out, part->location);
}

/* How a leaf is shown that is not what it was declared as. */
static bool is_shown_otherwise(const struct mime_part *part)
{
    return part->kind == MIME_LEAF && (slice_eq(part->type, S("multipart")) || part->too_deep);
}

/* Type and body-fields of what is no multipart, and the lines of a text. */
static void append_fields(struct buf *out, const struct mime_part *part)
{
    bool otherwise = is_shown_otherwise(part);
    bool is_text = slice_eq(part->type, S("text"));
    if (otherwise) {
        is_text = !part->too_deep;
        buf_append(out, is_text ? S("\"text\" \"plain\" NIL") : S("\"application\" \"octet-stream\" NIL"));
    } else {
        imap_append_string(out, part->type);
        buf_append_char(out, ' ');
        imap_append_string(out, part->subtype);
        buf_append_char(out, ' ');
        append_parameters(out, part->type_parameters);
    }
    buf_append_char(out, ' ');
    imap_append_nstring(out, part->id);
    buf_append_char(out, ' ');
    imap_append_nstring(out, part->description);
    buf_append_char(out, ' ');
    imap_append_string(out, part->encoding);
    buf_printf(out, " %llu", (unsigned long long)part->body_octets);
    if (is_text) {
        buf_printf(out, " %llu", (unsigned long long)part->body_lines);
    }
}

/* What stands behind the bodies inside, or behind the fields of a leaf. */
static void append_end(struct buf *out, const struct mime_part *part)
{
    buf_append_char(out, ' ');
    if (part->kind == MIME_MULTIPART) {
        imap_append_string(out, part->subtype);
        buf_append_char(out, ' ');
        append_parameters(out, part->type_parameters);
    } else {
        if (part->kind == MIME_MESSAGE) {
            buf_printf(out, "%llu ", (unsigned long long)part->body_lines);
        }
        imap_append_nstring(out, part->md5);
    }
    append_extension(out, part);
    buf_append_char(out, ')');
}

/* Down to the children before the end of each part; a loop, for the depth is the sender's choice. */
void bodystructure_append(struct buf *out, const struct mime_part *root)
{
    const struct mime_part *part = root;
    while (part) {
        buf_append_char(out, '(');
        if (part->kind != MIME_MULTIPART) {
            append_fields(out, part);
        }
        if (part->kind == MIME_MESSAGE) {
            buf_append_char(out, ' ');
            envelope_append(out, part->first_child->fields);
            buf_append_char(out, ' ');
        }
        if (part->first_child) {
            part = part->first_child;
            continue;
        }
        append_end(out, part);
        while (part != root && !part->next) {
            part = part->parent;
            append_end(out, part);
        }
        part = part == root ? NULL : part->next;
    }
}
