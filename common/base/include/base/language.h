/* SPDX-License-Identifier: ISC */
/*
 * Choosing a language by what a client asks for, for all protocols. RFC 4647 section 2.1:
 *
 *     language-range = (1*8ALPHA *("-" 1*8alphanum)) / "*"
 */
#ifndef BASE_LANGUAGE_H
#define BASE_LANGUAGE_H

#include "base/slice.h"

bool language_is_range(struct slice text);
/* Whether the range, without what more it wants, is the tag: "de-Latn-AT" is served by "de" (RFC 4647 section
 * 3.4, lookup). */
bool language_fits(struct slice range, struct slice tag);

#endif
