/* SPDX-License-Identifier: ISC */
/* Lists that other programs left in a Maildir: the first byte says which; what is found makes sense. */
#include <stdlib.h>

#include "maildir_lists.h"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(struct maildir_lists *, struct slice) = {
        maildir_parse_uidlist, maildir_parse_keywords, maildir_parse_descriptor};
    struct maildir_lists lists = {0};
    if (size == 0) {
        return 0;
    }
    parsers[data[0] % ARRAY_LEN(parsers)](&lists, slice_of(data + 1, size - 1));
    maildir_lists_sort(&lists);
    for (size_t i = 0; i < lists.count; i++) {
        must(lists.messages[i].base.len > 0 && lists.messages[i].uid > 0);
        must(maildir_lists_find(&lists, lists.messages[i].base));
    }
    for (size_t i = 0; i < ARRAY_LEN(lists.keywords); i++) {
        must(lists.keywords[i].len == 0 || keyword_is_valid(lists.keywords[i]));
    }
    maildir_lists_free(&lists);
    return 0;
}
