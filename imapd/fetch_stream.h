/* SPDX-License-Identifier: ISC */
/*
 * A piece of a message's file as it is served: with CRLF line ends, its transfer encoding undone if wanted,
 * from some octet on and no further than some other. Read as the buffer of the answer has room.
 *
 *     stream.file = …; stream.pos = …; stream.end = …; stream.left = …;
 *     while (stream.left > 0) err = fetch_stream_take(&stream, &out, room);
 */
#ifndef IMAPD_FETCH_STREAM_H
#define IMAPD_FETCH_STREAM_H

#include "mail/transfer_encoding.h"
#include "storage/blob.h"

#define FETCH_STREAM_CHUNK 32768

/* Zeroed it gives nothing. */
struct fetch_stream {
    const struct blob_reader *file;
    uint64_t pos, end; /* what is still to be read of the file */
    bool to_crlf;      /* the file has bare LF */
    bool after_cr;
    bool keeps_nul; /* for a literal8; else see fetch_replace_nul */
    bool decodes;
    struct transfer_decoder decoder;
    uint64_t skip, left; /* octets, as they come out: to be passed over, and then to be given */
    struct buf made;     /* converted, of which `given` octets are given out */
    size_t given;
};

/* Appends at most `room` of the octets that are left; fewer only when no more are left. ERR_IO: the file is
 * shorter than it was. Blocks. */
enum err fetch_stream_take(struct fetch_stream *stream, struct buf *out, size_t room) MUST_CHECK;
/* How many octets it would give if none were kept back, counting no further than `max`, and whether NUL is
 * among them. Of a stream that was not begun; it is not changed. */
enum err fetch_stream_count(const struct fetch_stream *stream, uint64_t max, uint64_t *octets_r,
                            bool *has_nul_r) MUST_CHECK;
/* NUL cannot be sent in a literal (RFC 9051 section 9: CHAR8); in its place goes an octet that stands for
 * nothing either, so that all that follows keeps its position. From `start` on. */
void fetch_replace_nul(struct buf *out, size_t start);
/* Gives its memory back; it gives nothing then. */
void fetch_stream_free(struct fetch_stream *stream);

#endif
