/* SPDX-License-Identifier: ISC */
/* Modified UTF-7. Characters in Base64 run through a bit register, six bits out and sixteen in, or the other
 * way round. */
#include "mail/mutf7.h"

#include "base/utf8.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static bool stands_for_itself(uint32_t c, struct slice also)
{
    return c >= 0x20 && c <= 0x7e && !slice_has(also, (char)c);
}

/* ---- encoding ---- */

struct encoder {
    struct buf *out;
    bool shifted;
    uint32_t bits;
    unsigned bit_count; /* of `bits` that were not written yet: below 6 */
};

static void put_unit(struct encoder *encoder, uint32_t unit)
{
    encoder->bits = encoder->bits << 16 | unit;
    encoder->bit_count += 16;
    while (encoder->bit_count >= 6) {
        encoder->bit_count -= 6;
        buf_append_char(encoder->out, digits[encoder->bits >> encoder->bit_count & 63]);
    }
}

static void shift_out(struct encoder *encoder)
{
    if (!encoder->shifted) {
        return;
    }
    if (encoder->bit_count) {
        buf_append_char(encoder->out, digits[encoder->bits << (6 - encoder->bit_count) & 63]);
    }
    buf_append_char(encoder->out, '-');
    encoder->shifted = false;
    encoder->bit_count = 0;
}

static void put_shifted(struct encoder *encoder, uint32_t c)
{
    if (!encoder->shifted) {
        buf_append_char(encoder->out, '&');
        encoder->shifted = true;
    }
    if (c >= 0x10000) {
        put_unit(encoder, 0xd800 + ((c - 0x10000) >> 10));
        put_unit(encoder, 0xdc00 + ((c - 0x10000) & 0x3ff));
    } else {
        put_unit(encoder, c);
    }
}

/* The character at the start of valid UTF-8, which moves behind it. */
static uint32_t next_character(struct slice *text)
{
    size_t length = utf8_char_length(*text);
    uint32_t c = (unsigned char)text->data[0];
    c = length == 1 ? c : c & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        c = c << 6 | ((unsigned char)text->data[i] & 0x3f);
    }
    *text = slice_skip(*text, length);
    return c;
}

enum err mutf7_encode(struct buf *out, struct slice text, struct slice also)
{
    struct encoder encoder = {.out = out};
    if (!utf8_is_valid(text)) {
        return ERR_SYNTAX;
    }
    while (text.len) {
        uint32_t c = next_character(&text);
        if (!stands_for_itself(c, also)) {
            put_shifted(&encoder, c);
            continue;
        }
        shift_out(&encoder);
        buf_append_char(out, (char)c);
        if (c == '&') {
            buf_append_char(out, '-');
        }
    }
    shift_out(&encoder);
    return out->error;
}

/* ---- decoding ---- */

static int digit_value(char c)
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
    return c == '+' ? 62 : c == ',' ? 63 : -1;
}

static void put_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_append_char(out, (char)c);
    } else if (c < 0x800) {
        buf_append_char(out, (char)(0xc0 | c >> 6));
        buf_append_char(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_append_char(out, (char)(0xe0 | c >> 12));
        buf_append_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_append_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_append_char(out, (char)(0xf0 | c >> 18));
        buf_append_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_append_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_append_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

struct decoder {
    struct buf *out;
    struct slice also;
    uint32_t bits;
    unsigned bit_count;
    uint32_t high; /* the first half of a surrogate pair, 0: none */
};

static bool take_unit(struct decoder *decoder, uint32_t unit)
{
    bool low = unit >= 0xdc00 && unit <= 0xdfff;
    if (low != (decoder->high != 0)) {
        return false;
    }
    if (low) {
        put_utf8(decoder->out, 0x10000 + ((decoder->high - 0xd800) << 10) + (unit - 0xdc00));
        decoder->high = 0;
    } else if (unit >= 0xd800 && unit <= 0xdbff) {
        decoder->high = unit;
    } else if (stands_for_itself(unit, decoder->also)) {
        return false;
    } else {
        put_utf8(decoder->out, unit);
    }
    return true;
}

/* What stands between "&" and "-"; not empty. */
static bool decode_shifted(struct decoder *decoder, struct slice base64)
{
    decoder->bits = decoder->bit_count = 0;
    for (size_t i = 0; i < base64.len; i++) {
        int value = digit_value(base64.data[i]);
        if (value < 0) {
            return false;
        }
        decoder->bits = decoder->bits << 6 | (uint32_t)value;
        decoder->bit_count += 6;
        if (decoder->bit_count >= 16) {
            decoder->bit_count -= 16;
            if (!take_unit(decoder, decoder->bits >> decoder->bit_count & 0xffff)) {
                return false;
            }
        }
    }
    /* Fewer bits than a digit has are left, and they are 0. */
    return decoder->bit_count < 6 && (decoder->bits & ((1U << decoder->bit_count) - 1)) == 0 &&
           decoder->high == 0;
}

static bool decode(struct decoder *decoder, struct slice text)
{
    bool after_shift = false;
    while (text.len) {
        char c = text.data[0];
        text = slice_skip(text, 1);
        if (c != '&') {
            if (!stands_for_itself((unsigned char)c, decoder->also)) {
                return false;
            }
            buf_append_char(decoder->out, c);
            after_shift = false;
            continue;
        }
        size_t end = slice_find(text, '-');
        if (end == text.len) {
            return false;
        }
        if (end == 0) {
            buf_append_char(decoder->out, '&');
            after_shift = false;
        } else if (after_shift || !decode_shifted(decoder, slice_take(text, end))) {
            return false;
        } else {
            after_shift = true;
        }
        text = slice_skip(text, end + 1);
    }
    return true;
}

enum err mutf7_decode(struct buf *out, struct slice text, struct slice also)
{
    struct decoder decoder = {.out = out, .also = also};
    size_t before = out->len;
    if (decode(&decoder, text)) {
        return out->error;
    }
    if (buf_ok(out)) {
        buf_truncate(out, before);
    }
    return ERR_SYNTAX;
}
