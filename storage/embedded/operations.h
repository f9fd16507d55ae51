/* SPDX-License-Identifier: ISC */
/*
 * The operations of a batch, one handler each. A handler runs under the account's lock inside a savepoint:
 * what it did to the index goes away with that when it fails, and the files that it made (work_make_file) are
 * taken away by the batch. It asks for the MODSEQ (work_modseq) only when it really changes something.
 *
 * Work on files that comes after the commit (unlink, rename, remove a folder) is put down as an intent
 * (intents.h).
 */
#ifndef STORAGE_OPERATIONS_H
#define STORAGE_OPERATIONS_H

#include "change.h"
#include "message_rows.h"
#include "storage/batch.h"

struct made_file {
    size_t mailbox; /* in change.mailboxes */
    const char *name;
};

/* One batch on its way. */
struct batch_work {
    struct change *change;
    struct arena *results; /* of the caller; NULL: sets are not wanted */
    uint64_t modseq;       /* 0: not taken yet */
    struct made_file *files;
    size_t file_count, file_room;
    const char **folders; /* that it made, below the account's folder */
    size_t folder_count;
    bool mailboxes_changed; /* rows of mailboxes, which go back if this fails */
};

typedef enum err operation_handler(struct batch_work *work, struct batch_operation *operation);

operation_handler run_append, run_copy, run_move, run_flags, run_expunge, run_claim_recent;
operation_handler run_mailbox_create, run_mailbox_rename, run_mailbox_delete, run_mailbox_set, run_subscribe;
operation_handler run_annotate, run_set_rights, run_seen, run_quota_set, run_assert;
operation_handler run_sieve_put, run_sieve_activate, run_sieve_delete, run_sieve_rename;

/* The batch's MODSEQ, taken from the counter at the first call. */
uint64_t work_modseq(struct batch_work *work);
/* The operation's mailbox by id or name; its place in change->mailboxes. ERR_NOT_FOUND. Sets mailbox_id and
 * uidvalidity of the result. */
enum err work_mailbox(struct batch_work *work, struct mailbox_ref mailbox, struct batch_result *result,
                      size_t *index_r) MUST_CHECK;
/* Notes in the journal that a file comes into the mailbox's cur; *name_r is its name there, in the change's
 * arena. The caller then makes it and calls work_made_file; the folder is synced before the commit. */
enum err work_plan_file(struct batch_work *work, size_t mailbox, const char *base, const char *suffix,
                        const char **name_r) MUST_CHECK;
/* Notes in the journal, durably, that the folder of a mailbox comes to `dir`; the caller then makes it. */
enum err work_plan_folder(struct batch_work *work, const char *dir) MUST_CHECK;
void work_made_file(struct batch_work *work, size_t mailbox, const char *name);

#endif
