/* SPDX-License-Identifier: ISC */
/* Charsets and encoded-words: input is a charset's name, a zero byte, and bytes in it. In pieces as whole,
 * always UTF-8, never longer than promised; and all of it as a header field with encoded-words. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "mail/encoded_word.h"

static struct charset_cache *cache;

static void must(bool right)
{
    if (!right) {
        abort();
    }
}

static void convert(struct buf *out, struct slice name, struct slice bytes, size_t piece)
{
    struct charset *charset = charset_open(cache, name);
    buf_init(out, bytes.len * CHARSET_GROWTH + 64 + 1024);
    for (; bytes.len > 0; bytes = slice_skip(bytes, piece)) {
        charset_convert(charset, out, slice_take(bytes, piece));
    }
    charset_finish(charset, out);
    must(buf_ok(out) && utf8_is_valid(buf_slice(out)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct buf whole, pieces, decoded;
    cache = cache ? cache : charset_cache_new();
    size_t length = slice_find(input, '\0');
    struct slice name = slice_take(input, length), bytes = slice_skip(input, length + 1);
    convert(&whole, name, bytes, SIZE_MAX);
    convert(&pieces, name, bytes, 1 + size % 5);
    must(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
    must(whole.len <= bytes.len * CHARSET_GROWTH + 64);
    buf_init(&decoded, size * CHARSET_GROWTH + 4096);
    encoded_word_decode(&decoded, input, cache);
    must(buf_ok(&decoded) && utf8_is_valid(buf_slice(&decoded)));
    buf_free(&decoded);
    buf_free(&whole);
    buf_free(&pieces);
    return 0;
}
