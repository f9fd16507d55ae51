/* SPDX-License-Identifier: ISC */
/*
 * RFC 9394 section 4, in SEARCH and in FETCH:
 *
 *     partial-range       = partial-range-first / partial-range-last
 *     partial-range-first = nz-number ":" nz-number
 *     partial-range-last  = MINUS nz-number ":" MINUS nz-number
 */
#ifndef IMAPD_PARTIAL_H
#define IMAPD_PARTIAL_H

#include "parser.h"
#include "storage/uid.h"

struct partial_range {
    uint32_t first, last; /* as written, from 1: the lower number may stand behind */
    bool from_end;        /* "-1:-100" */
};

bool parse_partial_range(struct parser *parser, struct partial_range *range_r);
/* How many it asks for. */
uint64_t partial_width(const struct partial_range *range);
/* The positions (from 1) that it means in a list of so many; false when there are none. */
bool partial_positions(const struct partial_range *range, uint64_t count, uint64_t *first_r,
                       uint64_t *last_r);
/* The UIDs of a set at these positions, as far as there are any. */
struct uid_set partial_uids(const struct uid_set *uids, uint64_t first, uint64_t last, struct arena *arena);

#endif
