/* SPDX-License-Identifier: ISC */
/* Patterns of LIST: the first line is the pattern, the others are names. Whatever comes, the verdict is that
 * of the definition, and what matches whole may also begin so. */
#include <stdlib.h>

#include "list_oracle.h"
#include "listmatch.h"
#include "storage/mailbox.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct slice rest = slice_of(data, size), text = slice_split(&rest, '\n');
    struct list_pattern pattern = list_pattern_of(&arena, text);
    while (rest.len > 0) {
        struct slice name = slice_split(&rest, '\n');
        bool matches = list_pattern_matches(&pattern, name);
        must(text.len > MAILBOX_NAME_MAX || matches == oracle_matches(text, name));
        must(!matches || list_pattern_may_begin(&pattern, SLICE_EMPTY));
    }
    arena_free(&arena);
    return 0;
}
