/* SPDX-License-Identifier: ISC */
/* Keywords of a message as a set of numbers: those below KEYWORD_BITS have a bit in the row, the others stand
 * in a list beside it. */
#ifndef STORAGE_MEMORY_OP_KEYWORDS_H
#define STORAGE_MEMORY_OP_KEYWORDS_H

#include "work.h"

#define KEYWORD_BITS 63

struct keyword_set {
    uint64_t words[(KEYWORDS_MAX + 63) / 64];
};

/* The set of these names. With `make` unknown ones get a number (ERR_LIMIT), else they are left out.
 * ERR_SYNTAX: not a keyword. */
enum err keywords_named(struct work *work, const struct slice *names, size_t count, bool make,
                        struct keyword_set *set_r) MUST_CHECK;
struct keyword_set keywords_of(const struct row *row);
/* Puts the set into the row in place of what it has. */
void keywords_store(const struct keyword_set *set, struct row *row);

#endif
