/* SPDX-License-Identifier: ISC */
/* The memory of one zlib stream, in a mapping of its own that goes back to the kernel as a whole. */
#ifndef NET_ZLIB_MEMORY_H
#define NET_ZLIB_MEMORY_H

#include <zlib.h>

#include "base/base.h"

/* Zero-initialised it holds nothing. */
struct zlib_memory {
    char *base;
    size_t used;
};

/* Maps the memory and makes the stream allocate from it. Out of memory stops the process. */
void zlib_memory_take(struct zlib_memory *memory, z_stream *zlib);
/* Gives all of it back; the stream must not be used any more (deflateEnd or inflateEnd is not needed). */
void zlib_memory_release(struct zlib_memory *memory);

#endif
