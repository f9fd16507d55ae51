/* SPDX-License-Identifier: ISC */
/*
 * Text in the charsets that mail is written in, to UTF-8. Nothing makes it fail: what cannot be read comes
 * out as U+FFFD, and in an unknown charset, or none, bytes that are UTF-8 are taken as such and others as
 * windows-1252, one by one.
 *
 * Only charsets of a list are handed to iconv: its converters are many and some were found unsafe, and the
 * name is the sender's to choose. UTF-7 is not on it: where its bytes are cut changes what comes out when
 * they are malformed.
 *
 *     converter = charset_open(cache, S("koi8-r"));
 *     charset_convert(converter, &out, bytes);     any number of times, any cuts
 *     charset_finish(converter, &out);             the converter may be used for the next text then
 */
#ifndef MAIL_CHARSET_H
#define MAIL_CHARSET_H

#include "base/buf.h"

/* Converters that stay open, because opening one costs more than a short text. One thread at a time. */
struct charset_cache;
struct charset;

struct charset_cache *charset_cache_new(void);
void charset_cache_free(struct charset_cache *cache); /* NULL is fine */

/* Whether it is on the list: others are guessed at. "us-ascii" is not, as it says nothing about other bytes.
 */
bool charset_is_known(struct slice name);

/* Any name, in any case, is fine. At the start of a text; lives until the next charset_open or the end of the
 * cache. */
struct charset *charset_open(struct charset_cache *cache, struct slice name);
/* Appends whole characters, always UTF-8; at most CHARSET_GROWTH bytes for each byte, and 64 more. */
#define CHARSET_GROWTH 8
void charset_convert(struct charset *charset, struct buf *out, struct slice bytes);
/* Ends the text: a character that was cut off comes out as U+FFFD. */
void charset_finish(struct charset *charset, struct buf *out);
/* All at once. */
void charset_text(struct charset_cache *cache, struct buf *out, struct slice name, struct slice bytes);

#endif
