/* SPDX-License-Identifier: ISC */
/*
 * The push parser's own state. mime.c cuts the bytes into lines and counts; mime_tree.c opens and closes
 * parts; mime_fields.c collects header fields and makes sense of them; mime_param.c reads parameters.
 */
#ifndef MAIL_MIME_PRIV_H
#define MAIL_MIME_PRIV_H

#include "mail/mime.h"

/* RFC 2046 section 5.1.1 says at most 70; mailers with longer ones exist. */
#define BOUNDARY_MAX 1000
/* "--", boundary, "--", and some transport padding. A longer line is no boundary line. */
#define CANDIDATE_MAX (BOUNDARY_MAX + 100)

/* A place between two bytes of the message. */
struct mark {
    uint64_t offset;
    uint64_t octets; /* the offset it would have in CRLF text */
    uint64_t lines;  /* line ends before it */
};

/* A multipart that may still get parts. */
struct boundary {
    struct mime_part *part;
    struct slice text;
};

enum line_kind {
    LINE_PLAIN,    /* cannot be a boundary line */
    LINE_CANDIDATE /* began with "-": collected in `candidate` */
};

struct mime_parser {
    struct arena *arena;
    struct mime_limits limits;
    struct mime_counts counts;
    struct mime_part *root;
    bool finished;

    /* The line being read. */
    struct mark at; /* behind the last byte that was taken */
    struct mark line_start;
    unsigned newline_before; /* length of the line end before this line: 0, 1 or 2 */
    uint64_t line_length;    /* bytes of it so far, without LF */
    char last_byte;          /* of it; only looked at when line_length > 0 */
    enum line_kind line_kind;
    char candidate[CANDIDATE_MAX];
    size_t candidate_length;
    bool candidate_cut;
    uint64_t cr_count, crlf_count; /* of the whole message */

    /* The tree. */
    struct mime_part *open;      /* the innermost part that is not closed */
    bool in_header;              /* of `open` */
    struct boundary *boundaries; /* of the multiparts that are open, outermost first */
    size_t boundary_count;

    /* The header field being read: raw text with CRLF line ends, at most limits.field_size bytes. */
    char *field, *scratch; /* scratch: as large, for the unfolded text */
    size_t field_length, field_allocated;
    bool field_cut;
    size_t line_in_field; /* where the line being read begins in `field` */
    bool cut_before_line;
    struct mime_field **field_tail; /* where the next kept field is linked in; NULL: this part keeps none */
    size_t kept;                    /* bytes charged to limits.kept_size */
};

/* mime_tree.c */
void mime_tree_begin(struct mime_parser *parser, struct mime_part *parent, struct mark start);
/* The header of `open` ended, its body begins at `body`: decides what kind of part it is. */
void mime_tree_header_end(struct mime_parser *parser, struct mark body);
/* True when the line just read (in `candidate`) was a boundary line; the tree has grown then. */
bool mime_tree_boundary_line(struct mime_parser *parser);
void mime_tree_finish(struct mime_parser *parser);

/* mime_fields.c: a line goes in by begin, append…, and end or drop. */
void mime_field_line_begin(struct mime_parser *parser, char first);
void mime_field_line_append(struct mime_parser *parser, struct slice bytes);
void mime_field_line_end(struct mime_parser *parser, bool crlf);
/* The line does not belong to the header after all. */
void mime_field_line_drop(struct mime_parser *parser);
/* The field is complete: what it says is put where it belongs. */
void mime_field_finish(struct mime_parser *parser);
/* Memory in the arena that is charged to limits.kept_size: NULL (a slice with data NULL) when that is used
 * up. */
void *mime_keep_alloc(struct mime_parser *parser, size_t size);
struct slice mime_keep(struct mime_parser *parser, struct slice text);

/* mime_param.c; `text` is the parser's scratch, which is changed. */
/* A token, or a quoted-string in its place, in lower case; blanks and comments before it are skipped. */
bool mime_take_token(struct slice *text, struct slice *token);
/* What stands behind the first token(s) of Content-Type and Content-Disposition: *( ";" attribute "=" value
 * ). */
struct mime_parameter *mime_parse_parameters(struct mime_parser *parser, struct slice text);

#endif
