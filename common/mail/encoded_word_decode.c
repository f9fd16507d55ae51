/* SPDX-License-Identifier: ISC */
/*
 * Encoded-words to text, RFC 2047 section 2 with the language of RFC 2231 section 5:
 *
 *     encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="
 *
 * The bytes of neighbouring words in one charset are joined before they are converted, because mailers cut
 * where they should not.
 */
#include "mail/encoded_word.h"
#include "mail/transfer_encoding.h"

#define CHARSET_NAME_MAX 60
/* Some mailers write a whole field as one word. A bound keeps a field of many beginnings without an end
 * cheap. */
#define WORD_TEXT_MAX 4096

struct word {
    struct slice charset, text;
    bool base64;
    size_t length; /* of all of it, from "=?" to "?=" */
};

/* The encoded-word at the start of `text`. */
static bool read_word(struct slice text, struct word *word)
{
    if (!slice_starts_with(text, S("=?"))) {
        return false;
    }
    struct slice rest = slice_skip(text, 2);
    size_t end = slice_find(slice_take(rest, CHARSET_NAME_MAX + 1), '?');
    word->charset = slice_take(rest, end);
    rest = slice_skip(rest, end);
    if (end == 0 || end > CHARSET_NAME_MAX || rest.len < 3 || rest.data[2] != '?') {
        return false;
    }
    char encoding = char_lower(rest.data[1]);
    rest = slice_skip(rest, 3);
    struct slice within = slice_take(rest, WORD_TEXT_MAX + 2);
    end = slice_find_text(within, S("?="));
    if (end == within.len || (encoding != 'b' && encoding != 'q')) {
        return false;
    }
    word->base64 = encoding == 'b';
    word->text = slice_take(rest, end);
    word->charset = slice_take(word->charset, slice_find(word->charset, '*'));
    word->length = (size_t)(rest.data - text.data) + end + 2;
    return true;
}

/* "Q" is quoted-printable with "_" for a blank. */
static void decode_q(struct buf *bytes, struct slice text)
{
    struct transfer_decoder decoder = {.encoding = ENCODING_QUOTED_PRINTABLE};
    while (text.len > 0) {
        size_t plain = slice_find(text, '_');
        transfer_decode(&decoder, bytes, slice_take(text, plain));
        if (plain < text.len) {
            transfer_decode_finish(&decoder, bytes);
            buf_append_char(bytes, ' ');
        }
        text = slice_skip(text, plain + 1);
    }
    transfer_decode_finish(&decoder, bytes);
}

static void decode_word(struct buf *bytes, const struct word *word)
{
    if (!word->base64) {
        decode_q(bytes, word->text);
        return;
    }
    struct transfer_decoder decoder = {.encoding = ENCODING_BASE64};
    transfer_decode(&decoder, bytes, word->text);
    transfer_decode_finish(&decoder, bytes);
}

static size_t blanks_length(struct slice text)
{
    size_t length = 0;
    while (length < text.len && char_is_wsp(text.data[length])) {
        length++;
    }
    return length;
}

/* A run of words, the first of which is `word`: their length with the blanks between them. */
static size_t decode_run(struct buf *out, struct slice text, struct word word, struct charset_cache *cache)
{
    struct buf bytes;
    size_t length = 0;
    bool more = true;
    buf_init(&bytes, text.len + 64);
    while (more) {
        struct slice charset = word.charset;
        buf_clear(&bytes);
        do {
            decode_word(&bytes, &word);
            length += word.length;
            size_t blanks = blanks_length(slice_skip(text, length));
            more = read_word(slice_skip(text, length + blanks), &word);
            length += more ? blanks : 0;
        } while (more && slice_eq_nocase(word.charset, charset));
        charset_text(cache, out, charset, buf_slice(&bytes));
    }
    buf_free(&bytes);
    return length;
}

void encoded_word_decode(struct buf *out, struct slice text, struct charset_cache *cache)
{
    size_t plain = 0; /* before this byte is nothing that is not given out; from here to `i` no word begins */
    for (size_t i = 0; i < text.len;) {
        struct word word;
        i += slice_find(slice_skip(text, i), '=');
        if (!read_word(slice_skip(text, i), &word)) {
            i++;
            continue;
        }
        charset_text(cache, out, SLICE_EMPTY, slice_take(slice_skip(text, plain), i - plain));
        i += decode_run(out, slice_skip(text, i), word, cache);
        plain = i;
    }
    charset_text(cache, out, SLICE_EMPTY, slice_skip(text, plain));
}
