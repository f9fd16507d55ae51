/* SPDX-License-Identifier: ISC */
/* Whether the text of one message holds all terms of a search. */
#ifndef STORAGE_SEARCH_MATCH_H
#define STORAGE_SEARCH_MATCH_H

#include "search_read.h"
#include "storage/search.h"

struct search_match {
    const struct search_term *terms; /* with folded texts */
    size_t term_count;
    bool *found;     /* of each term, in the message at hand */
    size_t missing;  /* how many were not found yet */
    size_t longest;  /* bytes of the longest text */
    struct buf text; /* of the part at hand: the end of what came before, and the piece */
};

/* Slices of the terms must outlive it. */
void search_match_init(struct search_match *match, struct arena *arena, const struct search_term *terms,
                       size_t term_count);
void search_match_free(struct search_match *match);
/* What has to be read for these terms: TEXT_HEADER, TEXT_BODY. */
unsigned search_match_wants(const struct search_match *match);

/* Before each message. */
void search_match_begin(struct search_match *match);
/* A search_taker, with the match as its data: false when all was found. */
bool search_match_take(void *match, const struct search_piece *piece);
bool search_match_holds(const struct search_match *match);

#endif
