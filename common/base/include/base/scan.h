/* SPDX-License-Identifier: ISC */
/*
 * A cursor over a slice, for hand-written parsers that follow a grammar: each call matches one element and
 * moves on, or returns false and leaves the cursor where it was, so that a line of grammar is a line of code:
 *
 *     scan_word(&scan, S("FROM")) && scan_char(&scan, ':') && scan_char(&scan, '<')
 */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include "base/slice.h"

struct scan {
    struct slice rest; /* what was not yet matched */
};

struct scan scan_of(struct slice text);
bool scan_at_end(const struct scan *scan);
char scan_peek(const struct scan *scan); /* next byte, or 0 at the end */
bool scan_char(struct scan *scan, char c);
bool scan_word(struct scan *scan, struct slice word); /* these letters, in either case */
bool scan_skip_wsp(struct scan *scan);                /* any number of SP and HTAB; always true */
bool scan_wsp(struct scan *scan);                     /* at least one SP or HTAB */
/* One or more bytes of the class. */
bool scan_while(struct scan *scan, bool (*in_class)(char c), struct slice *text_r);
/* Everything up to `c` (not included); false when there is no `c`. */
bool scan_until(struct scan *scan, char c, struct slice *text_r);
/* Decimal digits, at most `max`. */
bool scan_number(struct scan *scan, uint64_t max, uint64_t *value_r);

#endif
