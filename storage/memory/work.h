/* SPDX-License-Identifier: ISC */
/* The operations of a batch, one handler each, on a state that nobody else sees. A handler that fails may
 * leave it half changed: it is thrown away. */
#ifndef STORAGE_MEMORY_WORK_H
#define STORAGE_MEMORY_WORK_H

#include "memory_store.h"

struct work {
    struct account *account;
    struct state *state;
    struct arena *results; /* of the caller; NULL: sets are not wanted */
    struct arena scratch;
    uint64_t modseq; /* 0: not taken yet */
    int64_t now_us;
    struct body **bodies; /* that are new: their threads are found when all went well */
    size_t body_count, body_room;
    int64_t changed; /* the mailbox that changed; 0 with `many` set: more than one, or the account */
    bool many;
};

typedef enum err operation_handler(struct work *work, struct batch_operation *operation);

operation_handler run_append, run_copy, run_move, run_flags, run_expunge, run_claim_recent;
operation_handler run_mailbox_create, run_mailbox_rename, run_mailbox_delete, run_mailbox_set, run_subscribe;
operation_handler run_annotate, run_set_rights, run_seen, run_quota_set, run_assert;
operation_handler run_sieve_put, run_sieve_activate, run_sieve_delete, run_sieve_rename;

/* The batch's MODSEQ, taken from the counter at the first call: whoever changes something that is told to
 * clients. `mailbox_id`: what watches are told; 0: look at all. */
uint64_t work_modseq(struct work *work, int64_t mailbox_id);
/* The mailbox by id or name, and into the result. ERR_NOT_FOUND. */
enum err work_find(struct work *work, struct mailbox_ref mailbox, struct batch_result *result,
                   size_t *index_r) MUST_CHECK;
/* Moves the set into the caller's arena, or drops it. */
struct uid_set work_set(struct work *work, struct uid_set_writer *writer);
/* ERR_OVER_QUOTA, or charges it. */
enum err work_charge(struct work *work, uint64_t bytes, uint64_t messages) MUST_CHECK;
/* Adds a row to a mailbox that is owned, under its next UID or the row's own when that is not 0, with the
 * batch's MODSEQ. Takes the references over, also when it fails: ERR_LIMIT, ERR_EXISTS. */
enum err work_add_row(struct work *work, struct mailbox *mailbox, struct row *row) MUST_CHECK;
/* Removes these UIDs, which are there, and notes them as vanished; the quota is given back. */
void work_remove_rows(struct work *work, size_t index, const uint32_t *uids, size_t count);

#endif
