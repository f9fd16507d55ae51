/* SPDX-License-Identifier: ISC */
/*
 * One write transaction on an account: the lock, the index, and the folders that it touches. Batches
 * (batch.c) and recovery (recovery.c) are written with it.
 *
 *     change_begin → change_mailbox, messages (message_rows.h) → change_prepare → change_commit |
 * change_abort → change_free
 */
#ifndef STORAGE_CHANGE_H
#define STORAGE_CHANGE_H

#include "account_private.h"
#include "journal.h"

/* What of a mailbox's row moves with its messages: read when the change first meets the mailbox, kept up to
 * date by those who change messages, written once before the commit. Nothing else writes these columns. */
struct mailbox_counters {
    uint64_t highestmodseq;
    int64_t uidnext;
    int64_t uidreserved; /* UIDs below need no new descriptor */
    int64_t first_recent;
    int64_t vanished_floor;
    int64_t messages, unseen, deleted, bytes;
    int64_t cur_mtime, new_mtime; /* of the folders when rows and files agreed, ns; 0: unknown */
};

struct keyword_names;

/* A mailbox inside a change. */
struct change_mailbox {
    int64_t id;
    struct slice name, dir;
    uint32_t uidvalidity;
    struct mailbox_counters counters;
    struct mailbox_counters stored; /* as they are in the row */
    int cur_fd;
    bool own_fd;           /* else it is account->inbox_fd */
    bool mtime_known;      /* files and rows agreed when the change began */
    bool sync;             /* its folder was changed: to be synced before the commit */
    bool record;           /* its folder was changed: its time is to be recorded */
    bool gone;             /* its row was deleted in this change: not to be found or written any more */
    struct slice *letters; /* of keywords (keyword_letters.c); NULL: not read yet */
};

/* The row `counter`: read when the change begins, written once before it commits. */
struct counters {
    uint64_t modseq; /* the last that was taken */
    int64_t body;    /* the last identifiers given */
    int64_t mailbox;
    int64_t uidvalidity; /* the highest given */
    int64_t threaded;
    int64_t bytes, messages, limit_bytes, limit_messages; /* the quota */
};

struct change {
    struct account *account;
    struct db *db;
    struct arena arena;
    struct counters counters;
    struct counters stored; /* as they are in the row */
    struct journal journal;
    struct change_mailbox *mailboxes;
    size_t mailbox_count;
    bool has_unlinks;               /* files are to be unlinked after the commit */
    bool has_intents;               /* work on files was put down for right after the commit (intents.h) */
    struct keyword_names *keywords; /* keywords.c; NULL: not read yet */
};

/* Takes the lock and begins; undoes first what a process that died left half done. ERR_UNAVAILABLE: the
 * index was replaced since the account was opened, open it again. */
enum err change_begin(struct account *account, struct change *change) MUST_CHECK;
/* The same for changes that a restart would make again (db_begin_relaxed). */
enum err change_begin_relaxed(struct account *account, struct change *change) MUST_CHECK;
/* The mailbox by name or id; ERR_NOT_FOUND. *index_r is its place in change->mailboxes, which may move. */
enum err change_mailbox(struct change *change, struct slice name, size_t *index_r) MUST_CHECK;
enum err change_mailbox_by_id(struct change *change, int64_t id, size_t *index_r) MUST_CHECK;
/* For a mailbox that is to be deleted: its folder may be missing. */
enum err change_mailbox_to_delete(struct change *change, int64_t id, size_t *index_r) MUST_CHECK;
/* The next number of the account's counter. */
uint64_t change_next_modseq(struct change *change);
/* Syncs the folders that were changed, records their times, writes the counters. On failure the caller takes
 * away the files that he made, and aborts. */
enum err change_prepare(struct change *change) MUST_CHECK;
/* The counters as they are now, to go back to with a savepoint: in the change's arena. */
struct counters_copy *change_copy_counters(struct change *change);
/* `rows`: rows of mailboxes were inserted, deleted or renamed, too. */
void change_restore_counters(struct change *change, const struct counters_copy *copy, bool rows);
/* Ends the transaction, whatever comes of it. */
enum err change_commit(struct change *change) MUST_CHECK;
void change_abort(struct change *change);
/* Releases memory and descriptors. */
void change_free(struct change *change);
/* All of this at once, with the error of what was done so far: prepares and commits, or aborts; and frees. */
enum err change_finish(struct change *change, enum err err) MUST_CHECK;

#endif
