/* SPDX-License-Identifier: ISC */
/*
 * The text of whole messages: read in chunks of a few bytes it is the same as read whole, it is UTF-8, and
 * its folded form is no longer than promised and has no control characters. The first byte chooses the size
 * of the chunks.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "mail/fold.h"
#include "mail/text.h"

static void must(bool right, const char *wrong)
{
    if (!right) {
        fprintf(stderr, "%s\n", wrong);
        abort();
    }
}

static bool take(void *data, const struct text_piece *piece)
{
    struct buf *all = data;
    must(utf8_is_valid(piece->text), "a piece is no UTF-8");
    if (piece->begins) {
        buf_append(all, piece->from == TEXT_HEADER ? S("\x01") : S("\x02"));
        buf_append(all, piece->name);
    }
    buf_append(all, piece->text);
    return true;
}

static void extract(struct buf *all, struct slice message, size_t chunk)
{
    static struct text_extractor *extractor;
    struct text_source source = text_source_of(&message);
    extractor = extractor ? extractor : text_extractor_new();
    buf_init(all, 64 << 20);
    text_extractor_set_chunk(extractor, chunk);
    must(text_extract(extractor, &source, TEXT_HEADER | TEXT_BODY, take, all) == ERR_OK, "an error");
    must(buf_ok(all), "too much text");
}

static void check_folded(struct slice text)
{
    struct buf folded;
    buf_init(&folded, text.len * FOLD_GROWTH + 1024);
    fold_text(&folded, text);
    must(buf_ok(&folded), "the fold is longer than promised");
    must(utf8_is_valid(buf_slice(&folded)), "the fold is no UTF-8");
    for (size_t i = 0; i < folded.len; i++) {
        must((unsigned char)folded.data[i] >= ' ', "a control character in a fold");
    }
    buf_free(&folded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, pieces;
    if (size == 0 || size > 100000) {
        return 0;
    }
    struct slice message = slice_of(data + 1, size - 1);
    extract(&whole, message, SIZE_MAX);
    extract(&pieces, message, 1 + data[0] % 16);
    must(slice_eq(buf_slice(&whole), buf_slice(&pieces)), "chunks change the text");
    check_folded(buf_slice(&whole));
    buf_free(&whole);
    buf_free(&pieces);
    return 0;
}
