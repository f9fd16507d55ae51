/* SPDX-License-Identifier: ISC */
/*
 * Modified UTF-7, in which IMAP4rev1 writes mailbox names (RFC 3501 section 5.1.3), and Maildir++ the names
 * of its folders: printing ASCII stands for itself, "&" is "&-", all else is UTF-16 in Base64 with "," for
 * "/", between "&" and "-". Every text has exactly one form.
 *
 * `also` holds printing ASCII characters that are written in Base64 as well: none in IMAP; "." inside a level
 * of a folder's name, where a bare one separates the levels.
 */
#ifndef MAIL_MUTF7_H
#define MAIL_MUTF7_H

#include "base/buf.h"

/* Appends the modified UTF-7 of UTF-8 text. ERR_SYNTAX when it is no UTF-8 (nothing is appended),
 * ERR_TOO_LONG when the buffer's cap is reached. */
enum err mutf7_encode(struct buf *out, struct slice text, struct slice also) MUST_CHECK;
/* Appends the UTF-8. Strict: ERR_SYNTAX (nothing is appended) for anything but the one right form: bytes that
 * are no printing ASCII, an open or empty shift, two shifts in a row, printing ASCII in Base64, half
 * surrogate pairs, left-over bits that are not 0. Control characters come out as they are. */
enum err mutf7_decode(struct buf *out, struct slice text, struct slice also) MUST_CHECK;

#endif
