/* SPDX-License-Identifier: ISC */
/*
 * What the copy of a lost index (index_backup.h) adds to the one that was built anew. The files decide: which
 * messages there are, their UIDs, flags and the keywords that have letters; the copy may be a day old. It
 * tells what no file does: keywords without a letter, when a message was saved, threads, whom the vacation
 * notice was sent to, and settings where their own file is missing.
 */
#ifndef STORAGE_REBUILD_COPY_H
#define STORAGE_REBUILD_COPY_H

#include "change.h"

/* The counter of changes in the copy; 0 when there is none. */
int64_t rebuild_copy_modseq(struct account *account);
/* Attaches the copy to the account's connection, outside of a transaction, when there is one that is whole
 * and of this version. */
bool rebuild_copy_attach(struct account *account);
void rebuild_copy_detach(struct account *account);
/* Takes over what it tells, at the end of the change that entered the messages. */
enum err rebuild_copy_take(struct change *change) MUST_CHECK;

#endif
