/* SPDX-License-Identifier: ISC */
/*
 * The journal of the commit in flight.
 *
 * A message gets its file before its row (a row never points at a missing file). When the process dies in
 * between, the file is there, but nobody was told that the message was accepted: the sender will come again,
 * and keeping the file would double the message. A file whose row was lost in another way (an index restored
 * from a backup) must be kept, though. So whoever commits first notes in the lock file which files he is
 * about to make and the MODSEQ that the commit will bring. The next holder of the lock compares that number
 * with the index: if the commit did not arrive, he takes those files out of the mailbox.
 *
 * The same goes for the folder of a new mailbox, which would otherwise be taken for one that another program
 * made.
 *
 * The journal is not synced for files: after a power cut a message may so come twice, but none is lost. For
 * folders, which come rarely, it is.
 */
#ifndef STORAGE_JOURNAL_H
#define STORAGE_JOURNAL_H

#include "account_private.h"

struct journal {
    int fd;
    off_t end; /* 0: nothing was written for this commit */
};

/* All under the account's lock. */
struct journal journal_of(struct account *account);
/* Notes a file that is about to be made; `path` is below the account's folder. `modseq`: of this commit. */
enum err journal_add(struct journal *journal, uint64_t modseq, const char *path) MUST_CHECK;
/* Notes the folder of a mailbox ("Maildir/.Work") that is about to be made; durable. */
enum err journal_add_folder(struct journal *journal, uint64_t modseq, const char *dir,
                            struct account *account) MUST_CHECK;
/* The commit is in the index: what the journal tells is history. */
void journal_done(struct journal *journal);
/* Whether a commit that the journal tells of is not in the index, whose counter is `modseq`. */
bool journal_is_unfinished(struct account *account, uint64_t modseq);
/* Moves the files of that commit into the spool, where they vanish after two days, and removes its folders,
 * but for those that mail came into meanwhile. */
enum err journal_undo(struct account *account) MUST_CHECK;

#endif
