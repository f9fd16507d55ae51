/* SPDX-License-Identifier: ISC */
/*
 * Whole messages: fed whole and in pieces gives the same tree; all that tests/lib/mail_check.h knows of any
 * message holds. The first byte chooses the size of the pieces and, by its highest bit, small limits, so that
 * they are met too.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mail_check.h"

static void must_be_right(const char *wrong)
{
    if (wrong) {
        fprintf(stderr, "%s\n", wrong);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct mime_limits small = {
        .header_size = 300, .field_size = 100, .kept_size = 2000, .depth = 3, .parts = 6};
    if (size == 0 || size > 200000) {
        return 0;
    }
    struct slice text = slice_of(data + 1, size - 1);
    const struct mime_limits *limits = data[0] & 0x80 ? &small : NULL;
    struct parsed whole, pieces;
    parsed_make(&whole, text, 0, limits);
    must_be_right(check_parsed(&whole, text));
    parsed_make(&pieces, text, 1 + data[0] % 16, limits);
    must_be_right(check_same(&whole, &pieces));
    parsed_free(&pieces);
    parsed_free(&whole);
    return 0;
}
