/* SPDX-License-Identifier: ISC */
/*
 * Where the parts of a message lie, as a compact blob that the store keeps (message_summary.parts), so that
 * FETCH BODY[2.1] seeks instead of parsing.
 *
 * Format: byte 1 (version), then per part in document order: one byte kind (0 leaf, 1 multipart, 2 message),
 * one byte encoding, and as unsigned LEB128: depth, header_start, header bytes, header octets, body bytes,
 * body octets, body lines. header_start is the distance to that of the part before, body_start = header_start
 * + header bytes.
 */
#ifndef MAIL_LAYOUT_H
#define MAIL_LAYOUT_H

#include "base/error.h"
#include "mail/mime.h"

enum part_encoding { ENCODING_IDENTITY, ENCODING_BASE64, ENCODING_QUOTED_PRINTABLE, ENCODING_UNKNOWN };

struct part_layout {
    enum mime_kind kind;
    enum part_encoding encoding; /* of Content-Transfer-Encoding, for BINARY */
    unsigned depth;
    uint64_t header_start, body_start, body_end; /* offsets in the file */
    uint64_t header_octets, body_octets; /* sizes as CRLF text; equal to the byte counts in a CRLF file */
    uint64_t body_lines;
};

struct slice layout_encode(struct arena *arena, const struct mime_part *root);

struct layout_walk {
    struct slice rest;
    uint64_t header_start;
    bool started;
};

/* Part by part in document order: ERR_OK, ERR_NOT_FOUND after the last, ERR_CORRUPT. */
struct layout_walk layout_walk_of(struct slice blob);
enum err layout_next(struct layout_walk *walk, struct part_layout *out) MUST_CHECK;

/*
 * The part that IMAP's section numbers name (RFC 3501 section 6.4.5): numbers {2, 1} is "2.1". Count 0 is the
 * message itself. Part 1 of what is no multipart is its own body; numbers go through a message/rfc822 into
 * the message's parts. *message_r (may be NULL) gets, when the part found is a MIME_MESSAGE, the root entity
 * inside it (for n.HEADER and n.TEXT).
 */
enum err layout_find(struct slice blob, const uint32_t *numbers, size_t count, struct part_layout *out,
                     struct part_layout *message_r) MUST_CHECK;

#endif
