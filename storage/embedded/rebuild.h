/* SPDX-License-Identifier: ISC */
/* The index from the Maildir: for a new account, and when it was lost. UIDs, identifiers, UIDVALIDITY and
 * flags come back. */
#ifndef STORAGE_REBUILD_H
#define STORAGE_REBUILD_H

#include "account_private.h"

/* Moves the index that was found damaged (account->index_inode) out of the way, to index.db.damaged-<time>;
 * not one that another process has built meanwhile. The database is closed. */
enum err index_move_aside(struct account *account) MUST_CHECK;
/* An index without content gets its mailboxes from the folders; account_recover then fills in the messages.
 */
enum err index_build_if_empty(struct account *account, uint64_t quota) MUST_CHECK;

#endif
