/* SPDX-License-Identifier: ISC */
/*
 * Flags and keywords in the names of the files. The index has the truth at once; the letters behind ":2,"
 * follow when nobody waits: they serve other programs, and an index that was lost. A change of flags leaves
 * an intent "letters" (lines "<uid>" or "<first>-<last>") for that.
 */
#ifndef STORAGE_LETTERS_H
#define STORAGE_LETTERS_H

#include "account_private.h"

/* Gives files the letters that their messages have by now. The account's lock is let go after every
 * LETTERS_AT_ONCE files. Stops after about `limit` files (0: no limit); *more_r (may be NULL) tells whether
 * some are left. */
#define LETTERS_AT_ONCE 2000
enum err letters_run(struct account *account, size_t limit, bool *more_r) MUST_CHECK;
/* How many files may still have old letters, at most. */
enum err letters_pending(struct account *account, uint64_t *count_r) MUST_CHECK;

#endif
