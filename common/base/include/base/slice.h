/* SPDX-License-Identifier: ISC */
/*
 * Borrowed text: a pointer and a length, no terminator, not owned. Passed by value. The text it points into
 * must outlive it; functions that return a slice say how long it lives. An empty slice may have any `data`,
 * also NULL.
 *
 * Letter case means ASCII everywhere here: protocol words are ASCII, other text is compared by its bytes.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include "base/base.h"

struct slice {
    const char *data;
    size_t len;
};

/* A slice of a string literal: S("MAIL"). */
#define S(literal)  ((struct slice){"" literal, sizeof(literal) - 1})
#define SLICE_EMPTY ((struct slice){"", 0})

/* For printf: printf("%.*s", SLICE_ARG(s)). Only for trusted, short text; foreign text goes through log
 * fields. Evaluates `s` more than once. */
#define SLICE_ARG(s) ((int)((s).len > 4096 ? 4096 : (s).len)), ((s).data ? (s).data : "")

struct slice slice_from(const char *cstring); /* up to the NUL; NULL gives an empty slice */
struct slice slice_of(const void *data, size_t len);

bool slice_eq(struct slice a, struct slice b);
bool slice_eq_nocase(struct slice a, struct slice b);
int slice_cmp(struct slice a, struct slice b); /* bytewise, shorter first, as memcmp */
int slice_cmp_nocase(struct slice a, struct slice b);
bool slice_starts_with(struct slice s, struct slice prefix);
bool slice_starts_with_nocase(struct slice s, struct slice prefix);
bool slice_ends_with_nocase(struct slice s, struct slice suffix);

/* Index of the first (last) `c`, or s.len when there is none. */
size_t slice_find(struct slice s, char c);
size_t slice_find_last(struct slice s, char c);
/* Index of the first occurrence of `what`, or s.len. An empty `what` is found at 0. */
size_t slice_find_text(struct slice s, struct slice what);
bool slice_has(struct slice s, char c);

/* The first n bytes; all but the first n bytes. n beyond the length is cut to it. */
struct slice slice_take(struct slice s, size_t n);
struct slice slice_skip(struct slice s, size_t n);

/* Without SP and HTAB at both ends (at the end only). */
struct slice slice_trim(struct slice s);
struct slice slice_trim_right(struct slice s);

/* Cuts off and returns what stands before the first `separator`, and moves *rest behind it. Without a
 * separator all of *rest is returned and *rest is empty (data NULL when nothing follows any more, which ends
 * a loop: `while (rest.data) { part = slice_split(&rest, ','); … }`). */
struct slice slice_split(struct slice *rest, char separator);

/* Decimal digits only, the whole slice, at most `max`; false otherwise (empty, sign, overflow, other
 * characters). */
bool slice_to_u64(struct slice s, uint64_t max, uint64_t *value_r);

/* ASCII character classes, independent of the locale. */
static inline bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool char_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool char_is_alnum(char c)
{
    return char_is_digit(c) || char_is_alpha(c);
}
static inline bool char_is_wsp(char c)
{
    return c == ' ' || c == '\t';
}
static inline bool char_is_ctl(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}
static inline char char_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
static inline char char_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

#endif
