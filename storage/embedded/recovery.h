/* SPDX-License-Identifier: ISC */
/*
 * Making index and folders agree again: after a crash, when another program put mail into the Maildir, and
 * when the index was built anew. Cheap when there is nothing to do: a look at the modification times of the
 * folders.
 */
#ifndef STORAGE_RECOVERY_H
#define STORAGE_RECOVERY_H

#include "account_private.h"
#include "change.h"

enum err account_recover(struct account *account) MUST_CHECK;
/* The same before reading: a full disk is no error, unless the index is empty yet. What is there can be read,
 * and what could not be entered is found again at the next look. */
enum err account_recover_if_room(struct account *account) MUST_CHECK;
enum difference {
    DIFFERENCE_NONE,
    DIFFERENCE_LIKELY, /* or a commit is in flight, which looks the same: its files are there, its rows not */
    DIFFERENCE_CERTAIN
};
/* Whether there is something to mend that concerns this mailbox (0: any). `db`: account->db or a reader, in a
 * transaction of the caller's. */
enum err account_differs(struct account *account, struct db *db, int64_t mailbox_id,
                         enum difference *difference_r) MUST_CHECK;

/* folder_compare.c: finds what the times of folders did not tell, in mailboxes that were changed within the
 * last minute and are quiet, and mends it. */
enum err account_compare_folders(struct account *account) MUST_CHECK;

/* adopt.c: enters a file that has no row, from cur or new, into the mailbox. `keep_uids`: the UID in its name
 * counts unless another message has it; else only one that was not given out yet. A file that is gone
 * meanwhile is no error. */
enum err adopt_file(struct change *change, size_t mailbox, bool from_new, const char *name, uint64_t modseq,
                    bool keep_uids) MUST_CHECK;

/* reconcile.c: compares the files in cur with the rows. */
enum err reconcile_cur(struct change *change, size_t mailbox, bool keep_uids) MUST_CHECK;

#endif
