/* SPDX-License-Identifier: ISC */
#include "net/gzip.h"

#include <stdlib.h>
#include <zlib.h>

#define WINDOW_BITS 15
#define AS_GZIP     16 /* zlib's sign for this format */
#define MEMORY      8

enum err gzip_pack(struct slice bytes, struct buf *out)
{
    z_stream stream = {.next_in = (unsigned char *)bytes.data, .avail_in = (unsigned)bytes.len};
    if (bytes.len > UINT32_MAX)
        return ERR_TOO_LONG;
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_BITS + AS_GZIP, MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* out of memory */
    size_t room = deflateBound(&stream, bytes.len);
    char *place = buf_reserve(out, room);
    if (place) {
        stream.next_out = (unsigned char *)place;
        stream.avail_out = (unsigned)room;
        if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
            abort(); /* there is room for it */
        buf_commit(out, stream.total_out);
    }
    deflateEnd(&stream);
    return place ? ERR_OK : ERR_TOO_LONG;
}
