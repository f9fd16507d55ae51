/* SPDX-License-Identifier: ISC */
/* Encoded-words of header fields (RFC 2047). */
#ifndef MAIL_ENCODED_WORD_H
#define MAIL_ENCODED_WORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "mail/charset.h"

/*
 * Appends `text` (unfolded) as it is when it is ASCII; otherwise its words with 8-bit bytes become
 * encoded-words "=?utf-8?Q?…?=", or "=?unknown-8bit?Q?…?=" (RFC 1428) when the text is no UTF-8, each at most
 * 75 characters long and cut between characters. NUL and line ends become spaces.
 */
void encoded_word_append(struct buf *out, struct slice text);

/*
 * Appends `text` (unfolded) as UTF-8, its encoded-words decoded, white space between two of them dropped
 * (section 6.2). Forgiving: words are found anywhere, also inside quotes and without blanks around them, they
 * may be longer than 75 characters and hold blanks, and a character may be cut between two words of the same
 * charset. What is no encoded-word stays; 8-bit bytes there are read as charset.h reads an unknown charset.
 */
void encoded_word_decode(struct buf *out, struct slice text, struct charset_cache *cache);

#endif
