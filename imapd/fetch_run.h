/* SPDX-License-Identifier: ISC */
/*
 * A FETCH under way: a generator that is resumed visit by visit on a worker thread. Each visit fills the
 * buffer with the answers of as many messages as it takes; then the task sends it, and no snapshot is open
 * while it does. What has to be remembered between two visits is where the last one stopped: which row of the
 * page, which item of the message, how much of a body.
 *
 * A page of rows is read from one snapshot, with the flags of its messages, and the snapshot is closed before
 * a file is opened.
 */
#ifndef IMAPD_FETCH_RUN_H
#define IMAPD_FETCH_RUN_H

#include "fetch.h"
#include "fetch_stream.h"
#include "message_flags.h"
#include "session.h"

#define FETCH_OUT_SIZE   ((size_t)64 * 1024) /* a visit ends when so much is ready … */
#define FETCH_VISIT_MS   30                  /* … or so much time has passed */
#define FETCH_PAGE_TEXTS ((size_t)128 * 1024)

struct text_extractor;

struct fetch_run {
    struct imap_session *session;
    struct selected *selected;
    const struct fetch_request *request;
    struct uid_set wanted;   /* what is to be answered, as far as it is there */
    struct uid_set seen_now; /* those that became \Seen by this command */
    bool is_plain;           /* all that is asked for is copied out of the page */
    bool tells_modseq;       /* with flags that changed (RFC 7162 section 3.2) */
    uint32_t lowest;         /* nothing below it is wanted although it was asked for: the last comes first */

    struct buf out;
    int64_t visit_end; /* clock_monotonic_ms */
    bool done;

    /* The page. */
    struct message_scan scan;
    struct message_page page;
    struct arena page_arena; /* as long as the page */
    struct flag_source source;
    struct message_flags *flags; /* by row; NULL when they are not wanted */
    size_t row;
    uint64_t below; /* of pages from the last to the first: what was not read yet lies below this UID */

    /* The message of that row. */
    bool in_message;
    size_t item;          /* the next one */
    size_t message_start; /* in `out`; when `is_partly_sent` it lies before it */
    bool is_partly_sent;
    bool has_file;
    struct blob_reader file;
    struct message_places places;
    struct fetch_stream stream; /* of the last item */
    struct text_extractor *extractor;
    size_t previews; /* that were made */

    /* How it went. */
    uint64_t found;    /* rows: what is not among them was expunged, or did not change */
    bool some_gone;    /* messages that were expunged meanwhile */
    bool some_unknown; /* parts in an encoding that nobody knows (fetch_binary.c) */
    enum err failure;  /* of a message that could not be read; the others are answered */
};

/* `run` is zeroed, with seen_now and lowest set. */
void fetch_run_init(struct fetch_run *run, struct imap_session *session, const struct fetch_request *request,
                    struct uid_set wanted);
/* The next piece into run->out; run->done with the last one. An error with `is_partly_sent` means that the
 * client has been promised octets that cannot be sent: the connection has to break. Blocks. */
enum err fetch_run_visit(struct fetch_run *run) MUST_CHECK;
void fetch_run_free(struct fetch_run *run);

/* --- for the items --- */

/* The label and a space. */
void fetch_put_label(struct fetch_run *run, const struct fetch_item *item);
/* "{n}" and what follows it up to the first octet. */
void fetch_put_literal(struct fetch_run *run, uint64_t octets, bool binary);
/* Label and literal, or the number alone of an item that only tells the size: then no octets follow, and this
 * is false. */
bool fetch_put_size(struct fetch_run *run, const struct fetch_item *item, uint64_t octets, bool binary);
/* Of a section that is not there. */
void fetch_put_nil(struct fetch_run *run, const struct fetch_item *item);

/* Where a section lies in the file of the message, and what it has there. */
struct fetch_range {
    uint64_t start, end; /* bytes of the file */
    uint64_t skip;       /* octets behind `start` that do not belong to it yet */
    uint64_t octets;
    struct part_layout part; /* where the section has numbers */
};
/* ERR_NOT_FOUND: the message has no such section. */
enum err fetch_find_section(const struct fetch_run *run, const struct fetch_section *section,
                            struct fetch_range *range_r) MUST_CHECK;
/* Whether line ends have to be completed: the file is smaller than what is served. */
bool fetch_file_has_bare_lf(const struct fetch_run *run);

#endif
