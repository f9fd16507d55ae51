/* SPDX-License-Identifier: ISC */
/* The file format of gzip (RFC 1952). */
#ifndef NET_GZIP_H
#define NET_GZIP_H

#include "base/buf.h"

/* Appends the bytes, packed; ERR_TOO_LONG when they do not fit. */
enum err gzip_pack(struct slice bytes, struct buf *out) MUST_CHECK;

#endif
