/* SPDX-License-Identifier: ISC */
/* The wildcards of LIST as their definition says (RFC 9051 section 6.3.9), table by table: slow, and plainly
 * right. */
#ifndef TEST_LIST_ORACLE_H
#define TEST_LIST_ORACLE_H

#include <stdlib.h>

#include "base/slice.h"

static inline bool same_byte(struct slice pattern, size_t p, struct slice name, size_t n)
{
    bool inbox = slice_eq(name, S("INBOX")) || slice_starts_with(name, S("INBOX/"));
    char c = pattern.data[p];
    return c == name.data[n] || (inbox && n < 5 && c == char_lower(name.data[n]));
}

static inline bool oracle_matches(struct slice pattern, struct slice name)
{
    /* reach[n]: what was read of the pattern matches the first n bytes of the name. */
    bool *reach = calloc(name.len + 1, 1), *next = calloc(name.len + 1, 1);
    reach[0] = true;
    for (size_t p = 0; p < pattern.len; p++) {
        char c = pattern.data[p];
        bool wild = c == '*' || c == '%', carried = false;
        for (size_t n = 0; n <= name.len; n++) {
            if (wild) {
                if (n > 0 && c == '%' && name.data[n - 1] == '/')
                    carried = false;
                carried = carried || reach[n];
                next[n] = carried;
            } else {
                next[n] = n > 0 && reach[n - 1] && same_byte(pattern, p, name, n - 1);
            }
        }
        bool *swap = reach;
        reach = next;
        next = swap;
    }
    bool matches = reach[name.len];
    free(reach);
    free(next);
    return matches;
}

#endif
