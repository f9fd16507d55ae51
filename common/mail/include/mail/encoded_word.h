/* SPDX-License-Identifier: ISC */
/* Encoded-words of header fields (RFC 2047). */
#ifndef MAIL_ENCODED_WORD_H
#define MAIL_ENCODED_WORD_H

#include "base/arena.h"
#include "base/buf.h"

/*
 * Appends `text` (unfolded) as it is when it is ASCII; otherwise its words with 8-bit bytes become
 * encoded-words "=?utf-8?Q?…?=", or "=?unknown-8bit?Q?…?=" (RFC 1428) when the text is no UTF-8, each at most
 * 75 characters long and cut between characters. NUL and line ends become spaces.
 */
void encoded_word_append(struct buf *out, struct slice text);

#endif
