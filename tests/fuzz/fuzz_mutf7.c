/* SPDX-License-Identifier: ISC */
/* Modified UTF-7: what is accepted is UTF-8 and encodes to the very same text; any UTF-8 comes back. The
 * first byte of the input says whether "." is written in Base64 too. */
#include <stdlib.h>

#include "base/utf8.h"
#include "mail/mutf7.h"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct slice also = data[0] & 1 ? S(".") : SLICE_EMPTY;
    struct slice text = slice_of(data + 1, size - 1);
    struct buf first, second;
    buf_init(&first, 8 * size + 8);
    buf_init(&second, 8 * size + 8);
    if (mutf7_decode(&first, text, also) == ERR_OK) {
        must(utf8_is_valid(buf_slice(&first)));
        must(mutf7_encode(&second, buf_slice(&first), also) == ERR_OK);
        must(slice_eq(buf_slice(&second), text));
    } else {
        must(first.len == 0);
    }
    buf_clear(&first);
    buf_clear(&second);
    bool valid = mutf7_encode(&first, text, also) == ERR_OK;
    must(valid == utf8_is_valid(text));
    if (valid) {
        must(mutf7_decode(&second, buf_slice(&first), also) == ERR_OK);
        must(slice_eq(buf_slice(&second), text));
    }
    buf_free(&first);
    buf_free(&second);
    return 0;
}
