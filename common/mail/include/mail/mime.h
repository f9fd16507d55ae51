/* SPDX-License-Identifier: ISC */
/*
 * One pass over a message while it streams by: header fields, the tree of its parts with offsets, and all
 * counts that SMTP, POP3 and IMAP ask for (RFC 5322, 2045, 2046, 2231).
 *
 *     parser = mime_parser_new(&arena, NULL);
 *     mime_parser_feed(parser, bytes);         any number of times, any cuts
 *     root = mime_parser_finish(parser);
 *
 * Nothing makes it fail: every sequence of bytes is a message. Fed whole or byte by byte gives the same tree.
 * Time is linear in the input; memory is bounded by the limits, whatever the message. Lines end in CRLF or
 * LF; a message with bare LF (written into a Maildir by another program) gets sizes as if it had CRLF: these
 * are the "octets" fields; offsets are those of the bytes fed.
 */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include "base/arena.h"

struct mime_limits {
    size_t header_size; /* a header section longer than this ends there; what follows is body */
    size_t field_size;  /* longer fields are cut */
    size_t kept_size;   /* of all kept texts together; later ones are dropped (`texts_dropped`) */
    unsigned depth;     /* multiparts and messages deeper than this are leaves */
    unsigned parts;     /* after so many, no more boundaries are recognised */
};

/* Used when `limits` is NULL: 1 MiB, 64 KiB, 1 MiB, 100, 10000. */
extern const struct mime_limits mime_default_limits;

/* A parameter of Content-Type or Content-Disposition, continuations joined (RFC 2231 section 3). */
struct mime_parameter {
    struct mime_parameter *next;
    struct slice name;    /* lower case, without "*" */
    struct slice value;   /* quotes and percent-encoding undone; bytes in `charset` */
    struct slice charset; /* of the extended form "charset'language'value"; empty when not said */
    struct slice language;
    bool extended; /* was written as name*= */
};

/* A field that is kept. */
struct mime_field {
    struct mime_field *next;
    struct slice name;  /* as written */
    struct slice value; /* behind the colon, folds kept (line ends as CRLF), without the last CRLF */
    struct slice raw;   /* "Name: value\r\n", line ends as CRLF */
    bool cut;           /* longer than limits.field_size */
};

enum mime_kind {
    MIME_LEAF,
    MIME_MULTIPART, /* at least one child */
    MIME_MESSAGE    /* message/rfc822 or message/global: one child, the root entity of the message inside */
};

struct mime_part {
    struct mime_part *parent, *first_child, *last_child, *next;
    enum mime_kind kind;
    unsigned depth;  /* root: 0 */
    unsigned number; /* among its siblings, from 1 */
    bool too_deep;   /* a multipart or message taken as a leaf because of limits.depth */

    /* Offsets into the bytes fed: header [header_start, body_start) with its empty line, body [body_start,
     * body_end). The line end before a boundary belongs to the boundary. */
    uint64_t header_start, body_start, body_end;
    uint64_t header_octets, body_octets; /* sizes as CRLF text */
    uint64_t body_lines;                 /* line ends in the body */

    struct slice type,
        subtype; /* lower case; "text" "plain" (in a digest "message" "rfc822") when missing or malformed */
    struct mime_parameter *type_parameters;
    bool has_type;         /* there was a usable Content-Type */
    struct slice encoding; /* Content-Transfer-Encoding, lower case; "7bit" when missing */
    struct slice id, description, md5, location; /* unfolded; data NULL when missing */
    struct slice disposition;                    /* lower case; data NULL when missing */
    struct mime_parameter *disposition_parameters;
    struct slice language; /* Content-Language, unfolded list "en, de"; data NULL when missing */

    /* Of the root and of the child of a MIME_MESSAGE: the fields that ENVELOPE and the header cache need
     * (mime_keeps_field), in order, all occurrences. Only the root keeps those that ENVELOPE does not need.
     */
    struct mime_field *fields;
};

/* Counts over the whole message. */
struct mime_counts {
    uint64_t size;        /* bytes fed */
    uint64_t octets;      /* size as CRLF text: RFC822.SIZE */
    uint64_t header_size; /* bytes of the message's header with the empty line */
    uint64_t header_octets;
    uint64_t lines;           /* line ends */
    uint64_t longest_line;    /* bytes without its line end */
    unsigned received_fields; /* in the message's own header */
    unsigned from_fields;     /* From fields there: submission wants exactly one */
    unsigned parts;
    bool has_8bit, has_nul, has_bare_cr, has_bare_lf;
    bool header_has_8bit;  /* 8-bit bytes in the message's own header: needs SMTPUTF8 */
    bool tls_optional;     /* "TLS-Required: No" there (RFC 8689 section 3) */
    bool has_header_end;   /* the empty line was met */
    bool header_too_large; /* the message's own header passed limits.header_size */
    bool parts_dropped;    /* limits.parts was reached */
    bool texts_dropped;    /* limits.kept_size was reached */
};

struct mime_parser;

/* Lives in the arena, as all that it makes. `limits` may be NULL. */
struct mime_parser *mime_parser_new(struct arena *arena, const struct mime_limits *limits);
void mime_parser_feed(struct mime_parser *parser, struct slice bytes);
/* Ends the message: the root part. Feeding more afterwards is a bug. */
const struct mime_part *mime_parser_finish(struct mime_parser *parser);
/* Before the end: what was seen so far. */
const struct mime_counts *mime_parser_counts(const struct mime_parser *parser);
/* NULL before mime_parser_finish. */
const struct mime_part *mime_parser_root(const struct mime_parser *parser);

/* The first (next) of the kept fields of that name, any case; NULL when there is none. Fields of the
 * message's own header are there as soon as its end was fed: mime_parser_field(parser, S("From")). */
const struct mime_field *mime_field_find(const struct mime_field *fields, struct slice name);
const struct mime_field *mime_parser_field(const struct mime_parser *parser, struct slice name);
/* Which fields the root keeps: From Sender Reply-To To Cc Bcc Date Subject Message-ID In-Reply-To References
 * and some more that mail programs ask for (list in mime_fields.c). */
bool mime_keeps_field(struct slice name);

/* The parameter of that name, or NULL. */
const struct mime_parameter *mime_parameter_find(const struct mime_parameter *parameters, struct slice name);
/* Next part in document order (a part before its children), NULL after the last. */
const struct mime_part *mime_part_next(const struct mime_part *part);

#endif
