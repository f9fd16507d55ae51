/* SPDX-License-Identifier: ISC */
/* Fields of text files, and names of files and mailboxes that come from elsewhere. */
#include "transfer_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/encode.h"
#include "base/utf8.h"

void field_append(struct buf *out, struct slice text)
{
    if (out->len && out->data[out->len - 1] != '\n') {
        buf_append_char(out, ' ');
    }
    if (text.len == 0) {
        buf_append_char(out, '-');
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_plain = (unsigned char)c > ' ' && (unsigned char)c < 0x7f && c != '%';
        if (is_plain && !(c == '-' && text.len == 1)) {
            buf_append_char(out, c);
        } else {
            buf_printf(out, "%%%02X", (unsigned char)c);
        }
    }
}

void field_append_number(struct buf *out, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    field_append(out, slice_from(text));
}

static int hex_digit(char c)
{
    return char_is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool field_take(struct slice *line, struct arena *arena, struct slice *text_r)
{
    if (!line->data) {
        return false;
    }
    struct slice field = slice_split(line, ' ');
    char *text = arena_alloc(arena, field.len + 1);
    size_t length = 0;
    if (slice_eq(field, S("-"))) {
        *text_r = SLICE_EMPTY;
        return true;
    }
    for (size_t i = 0; i < field.len; i++) {
        if (field.data[i] != '%') {
            text[length++] = field.data[i];
            continue;
        }
        if (i + 2 >= field.len || hex_digit(field.data[i + 1]) < 0 || hex_digit(field.data[i + 2]) < 0) {
            return false;
        }
        text[length++] = (char)(hex_digit(field.data[i + 1]) * 16 + hex_digit(field.data[i + 2]));
        i += 2;
    }
    *text_r = slice_of(text, length);
    return length > 0;
}

bool field_take_number(struct slice *line, uint64_t max, uint64_t *number_r)
{
    return line->data && slice_to_u64(slice_split(line, ' '), max, number_r);
}

bool guid_parse(struct slice hex, unsigned char guid_r[INTAKE_GUID_SIZE])
{
    struct buf bytes;
    buf_init(&bytes, INTAKE_GUID_SIZE);
    bool good = hex.len == 2 * (size_t)INTAKE_GUID_SIZE && !hex_decode(&bytes, hex);
    for (size_t i = 0; good && i < hex.len; i++) { /* what comes out of the store is lower case */
        good = hex.data[i] < 'A' || hex.data[i] > 'F';
    }
    if (good) {
        memcpy(guid_r, bytes.data, INTAKE_GUID_SIZE);
    }
    buf_free(&bytes);
    return good;
}

const char *file_name_of(struct arena *arena, struct slice name)
{
    struct buf out;
    buf_init(&out, 3 * name.len + 8);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool is_dot = c == '.' && i == 0;
        if (char_is_ctl(c) || c == '/' || c == '%' || c == '\\' || c == ':' || is_dot) {
            buf_printf(&out, "%%%02X", (unsigned char)c);
        } else {
            buf_append_char(&out, c);
        }
    }
    const char *text = arena_cstr(arena, out.len ? buf_slice(&out) : S("%"));
    buf_free(&out);
    return text;
}

/* One level: printing, valid, not empty. */
static void append_level(struct buf *out, struct slice level)
{
    size_t start = out->len;
    while (level.len) {
        size_t length = utf8_char_length(level);
        char c = level.data[0];
        if (length == 0 || char_is_ctl(c) || c == '%' || c == '*') {
            buf_append_char(out, '_');
            length = 1;
        } else {
            buf_append(out, slice_take(level, length));
        }
        level = slice_skip(level, length);
    }
    if (out->len == start) {
        buf_append_char(out, '_');
    }
}

struct slice mailbox_name_from(struct arena *arena, struct slice name)
{
    struct buf out;
    struct slice rest = name, canonical;
    unsigned depth = 0;
    buf_init(&out, 3 * name.len + 64);
    while (rest.data && ++depth <= MAILBOX_DEPTH_MAX) {
        if (out.len) {
            buf_append_char(&out, '/');
        }
        append_level(&out, slice_split(&rest, '/'));
    }
    struct slice text = arena_copy(arena, buf_slice(&out));
    buf_free(&out);
    if (!mailbox_name_check(arena, text, &canonical)) {
        return canonical;
    }
    /* Too long, or with a character that the rules above do not know. */
    unsigned char hash[crypto_generichash_BYTES_MIN];
    struct buf encoded;
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)text.data, text.len, NULL, 0);
    buf_init(&encoded, 2 * sizeof(hash));
    hex_encode(&encoded, slice_of(hash, sizeof(hash)));
    struct slice result = slice_from(arena_printf(arena, "Imported %s", buf_cstr(&encoded)));
    buf_free(&encoded);
    return result;
}

void explain(struct buf *why, const char *what, enum err err)
{
    if (why->len == 0) {
        buf_printf(why, "%s: %s", what, err_text(err));
    }
}
