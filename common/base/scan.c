/* SPDX-License-Identifier: ISC */
/* The cursor: every function either matches and moves on, or fails and leaves the cursor alone. */
#include "base/scan.h"

struct scan scan_of(struct slice text)
{
    return (struct scan){.rest = text};
}

bool scan_at_end(const struct scan *scan)
{
    return scan->rest.len == 0;
}

char scan_peek(const struct scan *scan)
{
    return scan->rest.len ? scan->rest.data[0] : 0;
}

bool scan_char(struct scan *scan, char c)
{
    /* Asked by length, not by scan_peek: a NUL byte in the text is not the end. */
    if (scan->rest.len == 0 || scan->rest.data[0] != c) {
        return false;
    }
    scan->rest = slice_skip(scan->rest, 1);
    return true;
}

bool scan_word(struct scan *scan, struct slice word)
{
    if (!slice_starts_with_nocase(scan->rest, word)) {
        return false;
    }
    scan->rest = slice_skip(scan->rest, word.len);
    return true;
}

bool scan_skip_wsp(struct scan *scan)
{
    (void)scan_wsp(scan);
    return true;
}

bool scan_wsp(struct scan *scan)
{
    struct slice blanks;
    return scan_while(scan, char_is_wsp, &blanks);
}

bool scan_while(struct scan *scan, bool (*in_class)(char c), struct slice *text_r)
{
    size_t len = 0;
    while (len < scan->rest.len && in_class(scan->rest.data[len])) {
        len++;
    }
    if (len == 0) {
        return false;
    }
    *text_r = slice_take(scan->rest, len);
    scan->rest = slice_skip(scan->rest, len);
    return true;
}

bool scan_until(struct scan *scan, char c, struct slice *text_r)
{
    size_t end = slice_find(scan->rest, c);
    if (end == scan->rest.len) {
        return false;
    }
    *text_r = slice_take(scan->rest, end);
    scan->rest = slice_skip(scan->rest, end);
    return true;
}

bool scan_number(struct scan *scan, uint64_t max, uint64_t *value_r)
{
    struct scan start = *scan;
    struct slice digits;
    if (!scan_while(scan, char_is_digit, &digits)) {
        return false;
    }
    if (!slice_to_u64(digits, max, value_r)) {
        *scan = start;
        return false;
    }
    return true;
}
