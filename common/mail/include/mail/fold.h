/* SPDX-License-Identifier: ISC */
/*
 * Text in the form in which it is compared, so that "contains, without case" becomes a search for bytes. As
 * RFC 5051 says (i;unicode-casemap): every character in title case, then decomposed by compatibility. Beyond
 * it, so that people find what they see, these count as equal too: ß and ss, and whatever else full case
 * folding equates; marks on a letter in whatever order; any run of white space or control characters and one
 * space (a phrase is found across a line end); characters that are not seen (soft hyphens, joiners) and
 * nothing.
 *
 * So "ﬁne" is "FINE", "Straße" is "STRASSE", the dotless "ı" is "i", and "ü" begins with "u": a search for
 * "u" finds it.
 *
 *     struct fold fold = {0};
 *     fold_append(&fold, &out, text);      any number of times, cut between characters
 *     fold_finish(&fold, &out);
 */
#ifndef MAIL_FOLD_H
#define MAIL_FOLD_H

#include "base/buf.h"

/* More marks than this on one letter are put in order in pieces of so many (Unicode's stream-safe format has
 * 30). */
#define FOLD_MARKS_MAX 32

struct fold {
    int32_t marks[FOLD_MARKS_MAX]; /* behind the last letter, not yet in their order */
    size_t mark_count;
    bool after_space;
};

/* `text` is UTF-8; bytes that are not count as U+FFFD. Bytes below 0x20 never come out. The result is at most
 * FOLD_GROWTH times as long. */
#define FOLD_GROWTH 12
void fold_append(struct fold *fold, struct buf *out, struct slice text);
/* Gives out the rest; the fold is as new then. */
void fold_finish(struct fold *fold, struct buf *out);
/* Changes when texts come out otherwise than before: what is stored folded is made anew then. */
const char *fold_version(void);
/* All at once. */
void fold_text(struct buf *out, struct slice text);

#endif
