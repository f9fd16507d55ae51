/* SPDX-License-Identifier: ISC */
/*
 * Undoing Content-Transfer-Encoding (RFC 2045 section 6) while the bytes stream by, as forgiving as mail
 * programs are: characters that do not belong into base64 are passed over, as is padding in the middle; a "="
 * of quoted-printable that stands for nothing stays.
 *
 *     struct transfer_decoder decoder = {.encoding = ENCODING_BASE64};
 *     transfer_decode(&decoder, &out, bytes);     any number of times, any cuts
 *     transfer_decode_finish(&decoder, &out);
 */
#ifndef MAIL_TRANSFER_ENCODING_H
#define MAIL_TRANSFER_ENCODING_H

#include "base/buf.h"
#include "mail/layout.h"

/* So much white space before a line end is taken away: a line of quoted-printable has 76 characters. */
#define TRANSFER_SPACES_MAX 76

struct transfer_decoder {
    enum part_encoding encoding; /* ENCODING_UNKNOWN: bytes as they are */
    uint32_t bits;               /* base64: of `count` characters */
    unsigned count;
    /* quoted-printable: "=" or white space and what followed, until its meaning is clear */
    char held[TRANSFER_SPACES_MAX + 3]; /* with "=", CR and LF */
    size_t held_length;
};

/* Of the lower-case text of the field. */
enum part_encoding transfer_encoding_of(struct slice name);
/* Appends at most as many bytes as come in, and what was held. */
void transfer_decode(struct transfer_decoder *decoder, struct buf *out, struct slice bytes);
/* The decoder is as new then. */
void transfer_decode_finish(struct transfer_decoder *decoder, struct buf *out);

#endif
