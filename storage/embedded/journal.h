/* SPDX-License-Identifier: ISC */
/*
 * The journal of the commit in flight.
 *
 * A message gets its file before its row (a row never points at a missing file). When the process dies in
 * between, the file is there, but nobody was told that the message was accepted: the sender will come again,
 * and keeping the file would double the message. A file whose row was lost in another way (an index restored
 * from a backup) must be kept, though. So whoever commits first notes in the lock file which files he is
 * about to make and the MODSEQ that the index has without them. The next holder of the lock compares that
 * number with the index: if the commit did not arrive, he takes those files out of the mailbox, but never one
 * that has a row.
 *
 * The same goes for the folder of a new mailbox, which would otherwise be taken for one that another program
 * made. Lines of folders, which come rarely, are synced.
 *
 * After a power cut the list of files may be missing or a mixture of old and new, because it is not synced.
 * For a batch of one message that does no harm: its file is there or not, and if it is, it is adopted as the
 * whole message that it is, as after a cut right behind the commit. A batch that makes several files, or
 * other changes beside one, would be seen by halves. It first writes into the head that no file of this
 * commit may stay, and syncs that (journal_promise_all); then whatever has a UID from UIDNEXT on and no row
 * is taken out.
 */
#ifndef STORAGE_JOURNAL_H
#define STORAGE_JOURNAL_H

#include "account_private.h"

struct journal {
    int fd;
    off_t end; /* 0: nothing was written for this commit */
    bool all;  /* the head says so */
};

/* All under the account's lock. */
struct journal journal_of(struct account *account);
/* Notes a file that is about to be made; `path` is below the account's folder. `modseq`: of the index before
 * this commit. */
enum err journal_add(struct journal *journal, uint64_t modseq, const char *path) MUST_CHECK;
/* Notes the folder of a mailbox ("Maildir/.Work") that is about to be made; durable. */
enum err journal_add_folder(struct journal *journal, uint64_t modseq, const char *dir,
                            struct account *account) MUST_CHECK;
/* From now on the commit is known on the disk as one of which all files go or stay. Syncs. */
enum err journal_promise_all(struct journal *journal, struct store *store, uint64_t modseq) MUST_CHECK;
/* The commit is in the index: what the journal tells is history. */
void journal_done(struct journal *journal);
/* Whether a commit that the journal tells of is not in the index, whose counter is `modseq`. */
bool journal_is_unfinished(struct account *account, uint64_t modseq);
/* Moves the files of that commit that have no row into the spool, where they vanish after two days, and
 * removes its folders, but for those that mail came into meanwhile. Inside a transaction. */
enum err journal_undo(struct account *account) MUST_CHECK;

#endif
