/* SPDX-License-Identifier: ISC */
/* Base64 (RFC 4648 section 4) and hexadecimal. */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/buf.h"

void base64_encode(struct buf *out, struct slice bytes);
/* Strict: padding required, no white space, no stray bits. ERR_SYNTAX leaves `out` as it was. */
enum err base64_decode(struct buf *out, struct slice text) MUST_CHECK;
void hex_encode(struct buf *out, struct slice bytes); /* lower case */
enum err hex_decode(struct buf *out, struct slice text) MUST_CHECK;

#endif
