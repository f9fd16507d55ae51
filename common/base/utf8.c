/* SPDX-License-Identifier: ISC */
/*
 * UTF-8 as RFC 3629 section 4 writes it:
 *
 *     UTF8-1      = %x00-7F
 *     UTF8-2      = %xC2-DF UTF8-tail
 *     UTF8-3      = %xE0 %xA0-BF UTF8-tail / %xE1-EC 2( UTF8-tail ) /
 *                   %xED %x80-9F UTF8-tail / %xEE-EF 2( UTF8-tail )
 *     UTF8-4      = %xF0 %x90-BF 2( UTF8-tail ) / %xF1-F3 3( UTF8-tail ) /
 *                   %xF4 %x80-8F 2( UTF8-tail )
 *     UTF8-tail   = %x80-BF
 */
#include "base/utf8.h"

struct lead {
    unsigned char first, last; /* the lead byte */
    unsigned char second_low, second_high;
    unsigned char length;
};

static const struct lead leads[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

size_t utf8_char_length(struct slice text)
{
    if (text.len == 0) {
        return 0;
    }
    unsigned char first = (unsigned char)text.data[0];
    if (first < 0x80) {
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(leads); i++) {
        const struct lead *lead = &leads[i];
        if (first < lead->first || first > lead->last) {
            continue;
        }
        if (text.len < lead->length || (unsigned char)text.data[1] < lead->second_low ||
            (unsigned char)text.data[1] > lead->second_high) {
            return 0;
        }
        for (size_t tail = 2; tail < lead->length; tail++) {
            if (!is_tail(text.data[tail])) {
                return 0;
            }
        }
        return lead->length;
    }
    return 0;
}

bool utf8_is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

bool utf8_is_valid(struct slice text)
{
    while (text.len) {
        size_t length = utf8_char_length(text);
        if (length == 0) {
            return false;
        }
        text = slice_skip(text, length);
    }
    return true;
}

struct slice utf8_cut(struct slice text, size_t max)
{
    if (text.len <= max) {
        return text;
    }
    /* At most three bytes back to the character's first byte; text that has none there is not UTF-8 and is
     * cut hard. */
    for (size_t back = 0; back <= 3 && back <= max; back++) {
        if (!is_tail(text.data[max - back])) {
            return slice_take(text, max - back);
        }
    }
    return slice_take(text, max);
}
