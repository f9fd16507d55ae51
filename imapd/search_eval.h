/* SPDX-License-Identifier: ISC */
/*
 * Which messages of a mailbox match a search program. Runs in a task, or without one in tests: all that
 * blocks goes through `visit`, in pieces of some hundredths of a second (a page of rows and a snapshot at a
 * time), so that a long search neither stops other sessions nor holds a snapshot. Exact whatever the pieces.
 *
 * Keys are taken in the order of what they cost: sets of UIDs first, then what the index has in columns (one
 * pass for all keys of an AND), then text, looked at only in what is left.
 */
#ifndef IMAPD_SEARCH_EVAL_H
#define IMAPD_SEARCH_EVAL_H

#include "storage/snapshot.h"

#include "search_program.h"
#include "view.h"

/* Sets of one search may take so much; keys that need more are refused (ERR_LIMIT). */
#define SEARCH_MEMORY_MAX ((size_t)64 * 1024 * 1024)

/* How long one visit may take. A page is read in a millisecond or less. */
#define SEARCH_VISIT_MS 30

struct search_job {
    struct account *account;
    int64_t mailbox_id;
    const struct view *view;      /* the messages that there are for this client */
    struct uid_set recent, saved; /* \Recent, "$" */
    struct slice viewer;          /* whose \Seen counts (storage/batch.h); empty: the owner's */
    const struct search_program *program;
    bool is_bound;  /* message numbers and "$" of the program are those of an earlier time (RFC 5267) */
    int64_t now_us; /* for OLDER and YOUNGER */
    struct arena *arena;
    uint32_t first_number; /* messages before it are not looked at; 0: all are */
    uint32_t first_piece;  /* for tests: how many messages are looked at first; 0: whatever is best */

    /* Runs fn(arg) where blocking is allowed. An error of its own (the client is gone) ends the search. */
    enum err (*visit)(void *data, enum err (*fn)(void *arg), void *arg);
    void *data;

    uint64_t looked_at; /* messages so far, for those who wait */
};

/* Fills in the sets of the program for this mailbox. Message numbers that are not there name nothing (RFC
 * 7377 section 2). */
enum err search_bind(struct search_job *job) MUST_CHECK;

/* uid_set_union, uid_set_common, uid_set_minus; of long sets by a visit, as they take some milliseconds. */
typedef struct uid_set search_set_fn(struct arena *arena, const struct uid_set *a, const struct uid_set *b);
enum err search_combine(struct search_job *job, search_set_fn *fn, const struct uid_set *a,
                        const struct uid_set *b, struct uid_set *set_r) MUST_CHECK;

/* The matches within these UIDs, which are all in the view; in the arena. */
enum err search_evaluate(struct search_job *job, const struct uid_set *within,
                         struct uid_set *found_r) MUST_CHECK;

/* How many matches are wanted: so many first ones, so many last ones; all when both are 0. */
struct search_demand {
    uint32_t first, last;
};
/* The matches of the whole view: all of them, or at least the first and last ones that are wanted. */
enum err search_run(struct search_job *job, struct search_demand demand, struct uid_set *found_r) MUST_CHECK;

/* The highest MODSEQ of these messages; 0 when none is there. */
enum err search_highest_modseq(struct search_job *job, const struct uid_set *uids,
                               uint64_t *modseq_r) MUST_CHECK;

/* The day of a time, as dates are shown. */
int64_t search_day_of(int64_t time_us);

/* --- search_rows.c --- */

/* Of `within` those messages for which all (or any) of these nodes hold, which are decided by columns. */
struct search_columns {
    const uint32_t *nodes;
    size_t count;
    bool any;
};
enum err search_rows(struct search_job *job, struct search_columns columns, const struct uid_set *within,
                     struct uid_set *found_r) MUST_CHECK;

/* --- search_lookup.c --- */

/* Those in which all these texts are found. */
enum err search_texts(struct search_job *job, const struct search_term *terms, size_t count,
                      const struct uid_set *within, struct uid_set *found_r) MUST_CHECK;
/* Those whose Date field, as its sender wrote it, names one of these days. */
enum err search_sent(struct search_job *job, struct day_range days, const struct uid_set *within,
                     struct uid_set *found_r) MUST_CHECK;

#endif
