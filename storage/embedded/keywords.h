/* SPDX-License-Identifier: ISC */
/*
 * The keywords of messages. Names stand in the table `keyword` of the account, with a number below
 * KEYWORDS_MAX: the first 63 are bits of message.kw; of the others each message has a row in message_kw, and
 * bit 63 (KEYWORD_OTHERS). In the names of files, each mailbox has letters of its own for them
 * (keyword_letters.c).
 */
#ifndef STORAGE_KEYWORDS_H
#define STORAGE_KEYWORDS_H

#include "change.h"

#define KEYWORD_BITS  63
#define KEYWORD_WORDS ((KEYWORDS_MAX + 63) / 64)

/* By number. */
struct keyword_set {
    uint64_t words[KEYWORD_WORDS];
};

static inline void keyword_set_add(struct keyword_set *set, unsigned number)
{
    set->words[number / 64] |= UINT64_C(1) << number % 64;
}
static inline bool keyword_set_has(const struct keyword_set *set, unsigned number)
{
    return set->words[number / 64] >> number % 64 & 1;
}
bool keyword_set_is_empty(const struct keyword_set *set);
bool keyword_set_eq(const struct keyword_set *a, const struct keyword_set *b);
/* As it stands in message.kw. */
int64_t keyword_set_column(const struct keyword_set *set);

/* The numbers of these names. Those that the account does not have yet are passed over, or, to `create` them,
 * get a number: the lowest that is free; when all are given, those that no message has are given anew.
 * ERR_SYNTAX, ERR_LIMIT. */
enum err keywords_find(struct change *change, const struct slice *names, size_t count, bool create,
                       struct keyword_set *set_r) MUST_CHECK;
/* Empty when no keyword has the number. Lives as long as the change. */
enum err keyword_name(struct change *change, unsigned number, struct slice *name_r) MUST_CHECK;
/* What the change knows of them is void: its savepoint was rolled back. */
void keywords_rolled_back(struct change *change);

/* The keywords of a message whose row has `column`. */
enum err keywords_read(struct change *change, int64_t mailbox, uint32_t uid, int64_t column,
                       struct keyword_set *set_r) MUST_CHECK;
/* Brings the rows in message_kw from `before` to `after`; message.kw is the caller's. */
enum err keywords_write(struct change *change, int64_t mailbox, uint32_t uid,
                        const struct keyword_set *before, const struct keyword_set *after) MUST_CHECK;

/* keyword_letters.c: the letters (bit n: 'a' + n) that these keywords have in the mailbox. Those without one
 * get one, as long as there are any: the descriptor is rewritten, durably, before a file carries it. */
enum err keyword_letters(struct change *change, size_t mailbox, const struct keyword_set *set,
                         uint32_t *letters_r) MUST_CHECK;
/* What the letters mean; without those that mean nothing here. */
enum err keywords_of_letters(struct change *change, size_t mailbox, uint32_t letters,
                             struct keyword_set *set_r) MUST_CHECK;

#endif
