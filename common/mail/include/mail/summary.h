/* SPDX-License-Identifier: ISC */
/*
 * What the store remembers of a message so that IMAP answers without opening the file: the very texts of
 * ENVELOPE and BODYSTRUCTURE, the header fields that mail programs ask for, and where the parts lie.
 *
 * All texts are 7-bit and free of NUL, CR and LF (the header block has CRLF line ends and is as the message
 * wrote it, 8-bit too): strings are quoted, never literals. Raw 8-bit text in header fields becomes
 * encoded-words (RFC 2047), in parameters the form of RFC 2231, for clients that break on anything else.
 */
#ifndef MAIL_SUMMARY_H
#define MAIL_SUMMARY_H

#include "base/buf.h"
#include "mail/mime.h"

struct message_summary {
    uint64_t size;        /* octets as CRLF text: RFC822.SIZE, what POP3 LIST says */
    uint64_t file_size;   /* bytes as fed; less than `size` when the file has bare LF */
    uint64_t header_size; /* octets as CRLF text, with the empty line */
    uint64_t lines;
    int64_t sent; /* the Date field, seconds since 1970; 0 when missing or malformed */
    bool has_sent;
    struct slice message_id; /* "<…>" of the Message-ID field; empty when missing */
    /* "Name: value\r\n" of each kept field (mime_keeps_field), as in the message, in its order, duplicates
     * too. */
    struct slice headers;
    bool headers_complete;      /* every kept field is in `headers` whole: HEADER.FIELDS of such names may be
                                   answered from it */
    struct slice envelope;      /* "(…)", RFC 3501 section 7.4.2 */
    struct slice bodystructure; /* "(…)" with extension data; summary_body makes BODY of it */
    struct slice parts;         /* see layout.h */
};

/* From a finished parser; all slices live in the arena. Caps: header block 64 KiB, envelope and structure
 * 1 MiB each (beyond, the envelope is all NIL and the structure that of one opaque part of the same size). */
void summary_build(struct arena *arena, const struct mime_parser *parser, struct message_summary *out);

/* The non-extensible form (FETCH BODY) of a stored BODYSTRUCTURE; ERR_CORRUPT when the text is not one. */
enum err summary_body(struct slice bodystructure, struct buf *out) MUST_CHECK;

#endif
