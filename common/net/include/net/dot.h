/* SPDX-License-Identifier: ISC */
/*
 * Dot-stuffing, both directions, as SMTP's DATA (RFC 5321 section 4.5.2) and POP3's multi-line answers (RFC
 * 1939 section 3) use it. Pure: slices in, slices out. Strict: only CR LF "." CR LF ends the text (or "." CR
 * LF at its very beginning), so two servers can never disagree on where a message ends (SMTP smuggling).
 */
#ifndef NET_DOT_H
#define NET_DOT_H

#include "base/slice.h"

enum dot_result {
    DOT_MORE,  /* the input is used up; nothing to hand out */
    DOT_CHUNK, /* *chunk_r holds the next stretch of the text */
    DOT_END    /* the end mark was read; what is left of the input belongs to what follows */
};

struct dot_decoder {
    unsigned char state;
    bool repair; /* turn bare CR and bare LF into CRLF instead of only noting them; set by the caller at the
                    start */
    bool bare_newline; /* a CR without LF or an LF without CR was seen */
};

/* Takes the next stretch out of *input (which moves on). *chunk_r points into the input or at static bytes,
 * and is valid as long as the input's memory. To be called until DOT_MORE or DOT_END. The bytes handed out
 * are the text as it was before stuffing, with its final CRLF. */
enum dot_result dot_decode(struct dot_decoder *decoder, struct slice *input, struct slice *chunk_r);

struct dot_encoder {
    unsigned char state; /* zero at the start of a text */
};

/* The next stretch of *input (which moves on) in its stuffed form; false when the input is used up. Lines
 * that end in bare LF are sent with CRLF: files that other programs wrote keep the wire format. */
bool dot_encode(struct dot_encoder *encoder, struct slice *input, struct slice *chunk_r);
/* What ends the text: ".\r\n", or "\r\n.\r\n" when the last line had no line end. Static. */
struct slice dot_encode_end(const struct dot_encoder *encoder);

#endif
