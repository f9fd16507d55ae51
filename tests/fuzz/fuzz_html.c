/* SPDX-License-Identifier: ISC */
/* HTML to text: in pieces as whole, never longer than what went in and a word more. The first byte chooses
 * the size of the pieces. */
#include <stdlib.h>

#include "base/utf8.h"
#include "mail/html_text.h"

static void convert(struct buf *out, struct slice text, size_t piece)
{
    struct html_text html = {0};
    buf_init(out, text.len + HTML_WORD_MAX);
    for (; text.len > 0; text = slice_skip(text, piece)) {
        html_text_append(&html, out, slice_take(text, piece));
    }
    html_text_finish(&html, out);
    if (!buf_ok(out)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, pieces;
    if (size == 0) {
        return 0;
    }
    struct slice text = slice_of(data + 1, size - 1);
    convert(&whole, text, SIZE_MAX);
    convert(&pieces, text, 1 + data[0] % 16);
    if (!slice_eq(buf_slice(&whole), buf_slice(&pieces)) ||
        (utf8_is_valid(text) && !utf8_is_valid(buf_slice(&whole)))) {
        abort();
    }
    buf_free(&whole);
    buf_free(&pieces);
    return 0;
}
