/* SPDX-License-Identifier: ISC */
/*
 * FETCH (RFC 9051 sections 6.4.5 and 7.5.2, RFC 3501 sections 6.4.5 and 7.4.2): what a client asks for, and
 * the items there are.
 *
 *     fetch_parse.c    the command's arguments
 *     fetch_items.c    the table of items, and those that the index answers by itself
 *     fetch_body.c     BODY[…] and its relatives, fetch_binary.c BINARY[…], fetch_preview.c PREVIEW
 *     fetch_stream.c   bytes of a message as they are served
 *     fetch_run.c      message after message, item after item, a piece at a time
 *     cmd_fetch.c      the command
 */
#ifndef IMAPD_FETCH_H
#define IMAPD_FETCH_H

#include "partial.h"
#include "sequence.h"

#define FETCH_ITEMS_MAX    256 /* in one command */
#define FETCH_FIELDS_MAX   1000
#define SECTION_DEPTH_MAX  100 /* numbers of a part: as deep as messages are taken apart */
#define FETCH_PARTIAL_LAST ((uint64_t)1 << 62)

enum section_text {
    SECTION_WHOLE,
    SECTION_HEADER,
    SECTION_FIELDS,
    SECTION_FIELDS_NOT,
    SECTION_TEXT,
    SECTION_MIME
};

struct fetch_section {
    const uint32_t *numbers; /* of the part: "4.2.1" */
    size_t depth;            /* how many; 0: the message itself */
    enum section_text text;
    struct slice *names; /* of header fields, sorted without case */
    size_t name_count;
    bool is_cached; /* the index keeps all these fields of the message's own header (mime_keeps_field) */
};

struct fetch_item {
    const struct fetch_item_type *type;
    struct slice label; /* as the response names it: `BODY[HEADER.FIELDS (FROM TO)]<0>` */
    struct fetch_section section;
    bool is_partial;
    uint64_t offset, length; /* octets, of a partial one */
    bool is_lazy;            /* PREVIEW (LAZY) */
};

struct fetch_request {
    struct sequence_set set;
    struct fetch_item *items;
    size_t item_count;
    bool has_changed_since; /* RFC 7162 section 3.1.4.1 */
    uint64_t changed_since;
    bool wants_vanished; /* RFC 7162 section 3.2.6 */
    bool has_window;     /* PARTIAL (RFC 9394 section 3.3): of the messages, in order, these */
    struct partial_range window;
};

/* Whether the section's list of fields has this one. */
bool fetch_section_names(const struct fetch_section *section, struct slice field);
/* What follows the command's name. */
bool parse_fetch(struct parser *parser, struct fetch_request *request_r);

/* --- items --- */

struct fetch_run;
/* Appends label and value. Of a value that is read off the file piece by piece only the literal's size, and
 * prepares run->stream for the rest. */
typedef enum err fetch_writer(struct fetch_run *run, const struct fetch_item *item);
/* Called for each message before anything of it is written: whether the file is needed beside the index.
 * ERR_NOT_FOUND and so on: the message cannot be answered. */
typedef enum err fetch_preparer(struct fetch_run *run, const struct fetch_item *item, bool *file_r);

enum fetch_trait {
    FETCH_SECTION = 1,   /* "[" section "]" follows the name */
    FETCH_ONLY_SIZE = 2, /* of it only how many octets it has */
    FETCH_PARTIAL = 4,   /* "<offset.length>" may follow */
    FETCH_SETS_SEEN = 8,
    FETCH_BODY = 16, /* of the message's text, or all of it: see selected->is_held */
    FETCH_ENABLES_CONDSTORE = 32,
    FETCH_LAZY = 64, /* "(LAZY)" may follow */
    FETCH_FILE = 128 /* answered out of the file always */
};
struct fetch_item_type {
    struct slice name;      /* as the client writes it; with "[" when a section follows */
    struct slice label;     /* as the response begins; empty: like `name` */
    unsigned fields;        /* SCAN_… that it needs, those that depend on the section aside */
    unsigned traits;        /* enum fetch_trait */
    enum section_text text; /* of those that are short for a section */
    fetch_preparer *prepare;
    fetch_writer *write;
};

/* The row of the table for this name, or NULL. */
const struct fetch_item_type *fetch_item_find(struct slice name);
/* Scan fields for this item. */
unsigned fetch_item_fields(const struct fetch_item *item);

/* The writers. */
fetch_writer fetch_write_body, fetch_write_binary, fetch_write_preview;
fetch_preparer fetch_prepare_body, fetch_prepare_binary, fetch_prepare_preview;

#endif
