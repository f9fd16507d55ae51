/* SPDX-License-Identifier: ISC */
/* The index from the Maildir: for a new account, and when it was lost. UIDs, identifiers, UIDVALIDITY and
 * flags come back. */
#ifndef STORAGE_REBUILD_H
#define STORAGE_REBUILD_H

#include "change.h"

/* Moves the index that was found damaged (account->index_inode) out of the way, to index.db.damaged-<time>;
 * not one that another process has built meanwhile. The database is closed. */
enum err index_move_aside(struct account *account) MUST_CHECK;
/* An index without content gets its mailboxes from the folders; account_recover then fills in the messages.
 */
enum err index_build_if_empty(struct account *account, uint64_t quota) MUST_CHECK;

/* Whoever builds an index anew in this thread tells of its progress from now on; NULL: no more. */
struct check;
void rebuild_set_progress(const struct check *progress);
/* One more message of so many bytes was entered. ERR_CANCELED. */
enum err rebuild_note_progress(uint64_t bytes) MUST_CHECK;

/* Whether the entry of INBOX's folder is a mailbox of Maildir++. */
bool index_is_mailbox_folder(int maildir_fd, const char *name);
/* Makes a mailbox of a folder that has none, without its messages. `dir`: "Maildir/.Name". */
enum err index_add_folder(struct change *change, struct slice dir, int64_t *id_r) MUST_CHECK;
/* `subscribe`: when its descriptor says so. */
enum err index_add_folder_with(struct change *change, struct slice dir, bool subscribe,
                               int64_t *id_r) MUST_CHECK;
/* The folders that have no mailbox, as index_add_folder takes them, those first that are called what their
 * descriptor says. In a transaction on `db`. */
enum err index_unknown_folders(struct account *account, struct db *db, struct arena *arena,
                               struct slice **list_r, size_t *count_r) MUST_CHECK;

#endif
