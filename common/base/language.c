/* SPDX-License-Identifier: ISC */
#include "base/language.h"

#define SUBTAG_MAX 8

bool language_is_range(struct slice text)
{
    bool is_first = true;
    if (slice_eq(text, S("*")))
        return true;
    if (text.len == 0 || text.data[text.len - 1] == '-')
        return false;
    while (text.len > 0) {
        struct slice subtag = slice_split(&text, '-');
        if (subtag.len == 0 || subtag.len > SUBTAG_MAX)
            return false;
        for (size_t i = 0; i < subtag.len; i++)
            if (!(is_first ? char_is_alpha(subtag.data[i]) : char_is_alnum(subtag.data[i])))
                return false;
        is_first = false;
    }
    return true;
}

bool language_fits(struct slice range, struct slice tag)
{
    return slice_starts_with_nocase(range, tag) && (range.len == tag.len || range.data[tag.len] == '-');
}
