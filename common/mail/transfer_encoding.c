/* SPDX-License-Identifier: ISC */
/* Base64 and quoted-printable, RFC 2045 sections 6.7 and 6.8. */
#include "mail/transfer_encoding.h"

#include <string.h>

enum part_encoding transfer_encoding_of(struct slice name)
{
    static const struct {
        const char *name;
        enum part_encoding encoding;
    } encodings[] = {{"7bit", ENCODING_IDENTITY},
                     {"8bit", ENCODING_IDENTITY},
                     {"binary", ENCODING_IDENTITY},
                     {"base64", ENCODING_BASE64},
                     {"quoted-printable", ENCODING_QUOTED_PRINTABLE}};
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++) {
        if (slice_eq(name, slice_from(encodings[i].name))) {
            return encodings[i].encoding;
        }
    }
    return ENCODING_UNKNOWN;
}

/* --- base64 --- */

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (char_is_digit(c)) {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* What the characters so far are worth: a character alone is less than a byte. */
static size_t base64_flush(struct transfer_decoder *decoder, char *target)
{
    size_t length = 0;
    uint32_t bits = decoder->bits << (6 * (4 - decoder->count));
    for (unsigned k = 1; k < decoder->count; k++) {
        target[length++] = (char)(bits >> (24 - 8 * k));
    }
    decoder->count = 0;
    decoder->bits = 0;
    return length;
}

static void decode_base64(struct transfer_decoder *decoder, struct buf *out, struct slice bytes)
{
    char *room = buf_reserve(out, bytes.len + 3);
    size_t length = 0;
    for (size_t i = 0; i < bytes.len && room; i++) {
        int value = base64_value(bytes.data[i]);
        if (value >= 0) {
            decoder->bits = decoder->bits << 6 | (uint32_t)value;
            decoder->count++;
        }
        if (decoder->count == 4 || (bytes.data[i] == '=' && decoder->count > 0)) {
            length += base64_flush(decoder, room + length);
        }
    }
    if (room) {
        buf_commit(out, length);
    }
}

/* --- quoted-printable --- */

static int hex_value(char c)
{
    if (char_is_digit(c)) {
        return c - '0';
    }
    c = char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum held_meaning { HELD_OPEN, HELD_BYTE, HELD_SOFT_BREAK, HELD_LINE_END, HELD_NOTHING };

/*
 * What "=" and the bytes behind it are: "=" 2HEXDIG, or "=" *WSP [CR] LF. Or white space and what follows it:
 * 1*WSP [CR] LF is a line end, as section 6.7 (3) says: "any trailing white space on a line must be deleted,
 * as it will necessarily have been added by intermediate transport agents".
 */
static enum held_meaning held_meaning(const struct transfer_decoder *decoder)
{
    const char *held = decoder->held;
    size_t length = decoder->held_length;
    if (length == 1) {
        return HELD_OPEN;
    }
    if (held[0] == '=' && hex_value(held[1]) >= 0) {
        return length == 2 ? HELD_OPEN : hex_value(held[2]) >= 0 ? HELD_BYTE : HELD_NOTHING;
    }
    if (held[length - 1] == '\n') {
        return held[0] == '=' ? HELD_SOFT_BREAK : HELD_LINE_END;
    }
    bool after_cr = length > 2 && held[length - 2] == '\r';
    bool fits = char_is_wsp(held[length - 1]) || held[length - 1] == '\r';
    return fits && !after_cr && length < sizeof(decoder->held) ? HELD_OPEN : HELD_NOTHING;
}

static void append_line_end(struct buf *out, struct slice line)
{
    bool has_cr = line.len > 1 && line.data[line.len - 2] == '\r';
    buf_append(out, has_cr ? S("\r\n") : S("\n"));
}

/* Where the white space before a line end begins; `length` is where that is, if it is one. However the bytes
 * were cut, the same is taken for it. */
static size_t before_spaces(struct slice line, size_t length)
{
    length -= length > 0 && line.data[length - 1] == '\r';
    size_t kept = length;
    while (kept > 0 && length - kept < TRANSFER_SPACES_MAX && char_is_wsp(line.data[kept - 1])) {
        kept--;
    }
    return kept;
}

/* Text in which no "=" is. White space at its end is held, when it may be that of a line. */
static void append_plain(struct transfer_decoder *decoder, struct buf *out, struct slice text, bool may_end)
{
    size_t length;
    while ((length = slice_find(text, '\n')) < text.len) {
        buf_append(out, slice_take(text, before_spaces(text, length)));
        append_line_end(out, slice_take(text, length + 1));
        text = slice_skip(text, length + 1);
    }
    size_t kept = may_end ? before_spaces(text, text.len) : text.len;
    buf_append(out, slice_take(text, kept));
    text = slice_skip(text, kept);
    if (slice_eq(text, S("\r"))) { /* with nothing before it to be held for */
        buf_append(out, text);
    } else if (text.len > 0) {
        memcpy(decoder->held, text.data, text.len);
        decoder->held_length = text.len;
    }
}

/* A byte while something is held. */
static void hold(struct transfer_decoder *decoder, struct buf *out, char c)
{
    if (decoder->held[0] != '=' && decoder->held_length == TRANSFER_SPACES_MAX && char_is_wsp(c)) {
        buf_append_char(out, decoder->held[0]);
        memmove(decoder->held, decoder->held + 1, --decoder->held_length);
    }
    decoder->held[decoder->held_length++] = c;
    switch (held_meaning(decoder)) {
    case HELD_OPEN:
        return;
    case HELD_BYTE:
        buf_append_char(out, (char)(hex_value(decoder->held[1]) * 16 + hex_value(decoder->held[2])));
        break;
    case HELD_SOFT_BREAK:
        break;
    case HELD_LINE_END:
        append_line_end(out, slice_of(decoder->held, decoder->held_length));
        break;
    case HELD_NOTHING:
        /* The last byte may begin something new. */
        decoder->held_length--;
        buf_append(out, slice_of(decoder->held, decoder->held_length));
        decoder->held_length = 0;
        if (c == '=' || char_is_wsp(c)) {
            decoder->held[decoder->held_length++] = c;
        } else {
            buf_append_char(out, c);
        }
        return;
    }
    decoder->held_length = 0;
}

static void decode_quoted(struct transfer_decoder *decoder, struct buf *out, struct slice bytes)
{
    size_t i = 0;
    while (i < bytes.len) {
        if (decoder->held_length > 0) {
            hold(decoder, out, bytes.data[i++]);
            continue;
        }
        struct slice rest = slice_skip(bytes, i);
        size_t plain = slice_find(rest, '=');
        append_plain(decoder, out, slice_take(rest, plain), plain == rest.len);
        i += plain;
        if (plain < rest.len) {
            decoder->held[decoder->held_length++] = bytes.data[i++];
        }
    }
}

void transfer_decode(struct transfer_decoder *decoder, struct buf *out, struct slice bytes)
{
    switch (decoder->encoding) {
    case ENCODING_BASE64:
        decode_base64(decoder, out, bytes);
        break;
    case ENCODING_QUOTED_PRINTABLE:
        decode_quoted(decoder, out, bytes);
        break;
    case ENCODING_IDENTITY:
    case ENCODING_UNKNOWN:
        buf_append(out, bytes);
        break;
    }
}

void transfer_decode_finish(struct transfer_decoder *decoder, struct buf *out)
{
    char *room = decoder->count > 0 ? buf_reserve(out, 3) : NULL;
    if (room) {
        buf_commit(out, base64_flush(decoder, room));
    }
    decoder->count = 0;
    /* "=" at the very end is a soft line break without its line end. White space is text: in an encoded word
     * no line ends. */
    bool is_space = decoder->held_length > 0 && decoder->held[0] != '=';
    if (is_space || (decoder->held_length > 1 && hex_value(decoder->held[1]) >= 0)) {
        buf_append(out, slice_of(decoder->held, decoder->held_length));
    }
    decoder->held_length = 0;
}
