/* SPDX-License-Identifier: ISC */
/*
 * What the full-text index holds of a text: its grams. Of folded text (mail/fold.h) these are every three
 * characters in a row, and of the scripts of East Asia, where a word may be one character, also every one and
 * every two. A text contains another only if it has all grams of it. Latin words of one or two letters have
 * none: the index cannot help there.
 *
 * Grams of header fields and of body text are kept apart by a first byte, so that one table serves both.
 */
#ifndef STORAGE_FTS_GRAMS_H
#define STORAGE_FTS_GRAMS_H

#include <sqlite3.h>

#include "base/buf.h"

/* Stand before each field and each part in the text that is indexed; folded text has no bytes below 0x20. */
#define FTS_HEADER_MARK '\x01'
#define FTS_BODY_MARK   '\x02'

/* Makes the tokenizer "grams" known to FTS5 on this handle: ERR_UNAVAILABLE when SQLite has no FTS5. */
enum err fts_grams_register(sqlite3 *handle) MUST_CHECK;
/* Appends an FTS5 expression that holds for all texts with `needle` (folded) in them; appends nothing and
 * returns false when there is no gram to ask for. */
bool fts_grams_expression(struct buf *out, struct slice needle, bool header);

#endif
