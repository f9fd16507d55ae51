/* SPDX-License-Identifier: ISC */
/* Borrowed text: comparing, searching, cutting. No function here reads behind the slice or allocates. */
#include "base/slice.h"

#include <string.h>

struct slice slice_from(const char *cstring)
{
    return cstring ? (struct slice){cstring, strlen(cstring)} : SLICE_EMPTY;
}

struct slice slice_of(const void *data, size_t len)
{
    return (struct slice){data, len};
}

/* memcmp, but an empty slice may have a NULL pointer, which memcmp must not see. */
static int compare_bytes(const char *a, const char *b, size_t len)
{
    return len ? memcmp(a, b, len) : 0;
}

static int compare_bytes_nocase(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char x = (unsigned char)char_lower(a[i]);
        unsigned char y = (unsigned char)char_lower(b[i]);
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return 0;
}

static int compare_lengths(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && compare_bytes(a.data, b.data, a.len) == 0;
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
    return a.len == b.len && compare_bytes_nocase(a.data, b.data, a.len) == 0;
}

int slice_cmp(struct slice a, struct slice b)
{
    int order = compare_bytes(a.data, b.data, MIN_OF(a.len, b.len));
    return order ? order : compare_lengths(a.len, b.len);
}

int slice_cmp_nocase(struct slice a, struct slice b)
{
    int order = compare_bytes_nocase(a.data, b.data, MIN_OF(a.len, b.len));
    return order ? order : compare_lengths(a.len, b.len);
}

bool slice_starts_with(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && compare_bytes(s.data, prefix.data, prefix.len) == 0;
}

bool slice_starts_with_nocase(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && compare_bytes_nocase(s.data, prefix.data, prefix.len) == 0;
}

bool slice_ends_with_nocase(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len && slice_eq_nocase(slice_skip(s, s.len - suffix.len), suffix);
}

size_t slice_find(struct slice s, char c)
{
    const char *found = s.len ? memchr(s.data, c, s.len) : NULL;
    return found ? (size_t)(found - s.data) : s.len;
}

size_t slice_find_last(struct slice s, char c)
{
    const char *found = s.len ? memrchr(s.data, c, s.len) : NULL;
    return found ? (size_t)(found - s.data) : s.len;
}

size_t slice_find_text(struct slice s, struct slice what)
{
    if (what.len == 0) {
        return 0;
    }
    const char *found = s.len ? memmem(s.data, s.len, what.data, what.len) : NULL;
    return found ? (size_t)(found - s.data) : s.len;
}

bool slice_has(struct slice s, char c)
{
    return slice_find(s, c) < s.len;
}

struct slice slice_take(struct slice s, size_t n)
{
    return (struct slice){s.data, MIN_OF(n, s.len)};
}

struct slice slice_skip(struct slice s, size_t n)
{
    if (n == 0) {
        return s; /* NULL + 0 is undefined in C */
    }
    n = MIN_OF(n, s.len);
    return n ? (struct slice){s.data + n, s.len - n} : s;
}

struct slice slice_trim(struct slice s)
{
    while (s.len && char_is_wsp(s.data[0])) {
        s = slice_skip(s, 1);
    }
    return slice_trim_right(s);
}

struct slice slice_trim_right(struct slice s)
{
    while (s.len && char_is_wsp(s.data[s.len - 1])) {
        s.len--;
    }
    return s;
}

struct slice slice_split(struct slice *rest, char separator)
{
    struct slice all = *rest;
    size_t end = slice_find(all, separator);
    if (end == all.len) {
        *rest = (struct slice){NULL, 0};
        return all;
    }
    *rest = slice_skip(all, end + 1);
    return slice_take(all, end);
}

bool slice_to_u64(struct slice s, uint64_t max, uint64_t *value_r)
{
    uint64_t value = 0;
    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!char_is_digit(s.data[i])) {
            return false;
        }
        uint64_t digit = (uint64_t)(s.data[i] - '0');
        /* value * 10 + digit <= max, asked without overflow */
        if (digit > max || value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *value_r = value;
    return true;
}
