/* SPDX-License-Identifier: ISC */
/* UTF-8 (RFC 3629): validation and careful cutting. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/slice.h"

/* Bytes of the well-formed character at the start of `text` (1 to 4); 0 when there is none. */
size_t utf8_char_length(struct slice text);
bool utf8_is_ascii(struct slice text);
/* Well-formed: no overlong forms, surrogates or values over U+10FFFF. ASCII is UTF-8. */
bool utf8_is_valid(struct slice text);
/* The longest prefix of at most `max` bytes that does not end inside a character. */
struct slice utf8_cut(struct slice text, size_t max);

#endif
