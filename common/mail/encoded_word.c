/* SPDX-License-Identifier: ISC */
/*
 * Encoded-words, RFC 2047 section 2:
 *
 *     encoded-word = "=?" charset "?" encoding "?" encoded-text "?="        at most 75 characters
 *
 * White space between two encoded-words is not shown, so a run of words that need encoding is encoded with
 * the blanks inside it, and cut anywhere between two characters.
 */
#include "mail/encoded_word.h"

#include <string.h>

#include "base/utf8.h"

#define WORD_MAX 75

/* What may stand unencoded in a phrase (section 5, rule 3), the strictest place. */
static bool is_plain(char c)
{
    return char_is_alnum(c) || (c && strchr("!*+-/", c));
}

static void append_q(struct buf *out, char c)
{
    if (c == ' ') {
        buf_append_char(out, '_');
    } else if (is_plain(c)) {
        buf_append_char(out, c);
    } else {
        buf_printf(out, "=%02X", (unsigned)(unsigned char)c);
    }
}

/* The bytes of the character at the start of `text`, which is known to be UTF-8. */
static size_t character_length(struct slice text, bool utf8)
{
    size_t length = 1;
    while (utf8 && length < text.len && ((unsigned char)text.data[length] & 0xc0) == 0x80) {
        length++;
    }
    return length;
}

static void append_encoded(struct buf *out, struct slice text, bool utf8)
{
    struct slice open = utf8 ? S("=?utf-8?Q?") : S("=?unknown-8bit?Q?");
    size_t room = 0;
    for (size_t i = 0; i < text.len;) {
        size_t length = character_length(slice_skip(text, i), utf8);
        size_t cost = 0;
        for (size_t k = i; k < i + length; k++) {
            cost += text.data[k] == ' ' || is_plain(text.data[k]) ? 1 : 3;
        }
        if (cost > room) {
            buf_append(out, i > 0 ? S("?= ") : SLICE_EMPTY);
            buf_append(out, open);
            room = WORD_MAX - open.len - 2;
        }
        room -= cost;
        for (size_t end = i + length; i < end; i++) {
            append_q(out, text.data[i]);
        }
    }
    buf_append(out, S("?="));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* Length of the blanks (of the word) at the start of `text`. */
static size_t blanks_length(struct slice text)
{
    size_t length = 0;
    while (length < text.len && is_blank(text.data[length])) {
        length++;
    }
    return length;
}

static size_t word_length(struct slice text)
{
    size_t length = 0;
    while (length < text.len && !is_blank(text.data[length])) {
        length++;
    }
    return length;
}

/* The longest start of `text` that begins and ends with a word that needs encoding and has only such words.
 */
static size_t run_length(struct slice text)
{
    size_t end = 0, next = 0;
    for (;;) {
        struct slice rest = slice_skip(text, next);
        size_t length = word_length(rest);
        if (length == 0 || utf8_is_ascii(slice_take(rest, length))) {
            return end;
        }
        end = next + length;
        next = end + blanks_length(slice_skip(text, end));
    }
}

static void append_blanks(struct buf *out, struct slice blanks)
{
    for (size_t i = 0; i < blanks.len; i++) {
        buf_append_char(out, blanks.data[i] == '\t' ? '\t' : ' ');
    }
}

void encoded_word_append(struct buf *out, struct slice text)
{
    if (utf8_is_ascii(text)) {
        size_t plain = 0;
        for (size_t i = 0; i <= text.len; i++) {
            bool bad = i < text.len && (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0');
            if (bad || i == text.len) {
                buf_append(out, slice_take(slice_skip(text, plain), i - plain));
                buf_append(out, bad ? S(" ") : SLICE_EMPTY);
                plain = i + 1;
            }
        }
        return;
    }
    bool utf8 = utf8_is_valid(text);
    while (text.len > 0) {
        size_t blanks = blanks_length(text);
        append_blanks(out, slice_take(text, blanks));
        text = slice_skip(text, blanks);
        size_t run = run_length(text);
        if (run > 0) {
            append_encoded(out, slice_take(text, run), utf8);
        } else {
            run = word_length(text);
            buf_append(out, slice_take(text, run));
        }
        text = slice_skip(text, run);
    }
}
