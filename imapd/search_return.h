/* SPDX-License-Identifier: ISC */
/*
 * What a search answers: the return options, and the responses made of a result (RFC 9051 section 6.4.4 and
 * 7.3.4, RFC 4731, RFC 5182, RFC 5267, RFC 9394, RFC 6203).
 */
#ifndef IMAPD_SEARCH_RETURN_H
#define IMAPD_SEARCH_RETURN_H

#include "partial.h"
#include "search_eval.h"

enum search_option {
    RETURN_MIN = 1,
    RETURN_MAX = 2,
    RETURN_ALL = 4,
    RETURN_COUNT = 8,
    RETURN_SAVE = 16,
    RETURN_PARTIAL = 32,
    RETURN_RELEVANCY = 64,
    RETURN_UPDATE = 128,
    RETURN_CONTEXT = 256 /* a hint; the result is the same */
};

/* What can be left to a later SEARCH. */
#define RETURN_ITEMS \
    ((unsigned)(RETURN_MIN | RETURN_MAX | RETURN_ALL | RETURN_COUNT | RETURN_PARTIAL | RETURN_RELEVANCY))

struct search_return {
    bool extended; /* the answer is an ESEARCH response */
    bool sorted;   /* first and last ones are those of another order than the mailbox's */
    unsigned options;
    struct partial_range partial;
};

/* [SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"]: sets `extended` when it is there. An
 * empty list, and one without any result, is ALL. */
bool parse_search_return(struct parser *parser, struct search_return *wanted_r);

/* How much of the matches this asks for. */
struct search_demand search_return_demand(const struct search_return *wanted);

/* What was found, in the order of the mailbox, or (`sorted`) in another. */
struct search_result {
    struct uid_set uids;
    const uint32_t *sorted; /* UIDs, uid_set_size of them; NULL */
    const uint8_t *scores;  /* RELEVANCY, in the order of the result; NULL */
    uint64_t modseq;        /* 0: not to be told */
};
/* The messages that the options speak of: what "$" becomes (RFC 9394 section 3.2 has the table), and whose
 * MODSEQ counts (RFC 4731 section 3.2); in the arena. */
struct uid_set search_return_named(const struct search_return *wanted, const struct search_result *result,
                                   struct arena *arena);

/* How relevant each of the matches is, in mailbox order (search_score.c); in the arena. */
enum err search_scores(struct search_job *job, const struct uid_set *found,
                       const uint8_t **scores_r) MUST_CHECK;

/* Where a response goes: a piece is handed on when it has come to some size, so that a long one holds little
 * memory. */
struct search_writer {
    struct buf out;
    void (*send)(void *data, struct slice piece); /* NULL: all stays in `out` */
    void *data;
    const struct view *numbers; /* write message numbers of this view; NULL: UIDs */
};
/* " 2 84 882" */
void search_write_list(struct search_writer *writer, const struct search_result *result);
/* " UID MIN 2 COUNT 3 …" */
void search_write_items(struct search_writer *writer, const struct search_return *wanted,
                        const struct search_result *result);
/* "1,3:4": all of them, as a sequence set. */
void search_write_uids(struct search_writer *writer, const struct uid_set *uids);
/* Hands on what has come to some size; for those who write into `out` themselves. */
void search_write_on(struct search_writer *writer);
/* What is left. */
void search_write_end(struct search_writer *writer);

#endif
