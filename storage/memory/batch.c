/* SPDX-License-Identifier: ISC */
/* Batches: one at a time on a copy of the account's state, which takes its place when all went well. */
#include "base/clock.h"
#include "base/mem.h"
#include "work.h"

static operation_handler *const handlers[BATCH_KIND_COUNT] = {
    [BATCH_APPEND] = run_append,
    [BATCH_COPY] = run_copy,
    [BATCH_MOVE] = run_move,
    [BATCH_FLAGS] = run_flags,
    [BATCH_EXPUNGE] = run_expunge,
    [BATCH_CLAIM_RECENT] = run_claim_recent,
    [BATCH_MAILBOX_CREATE] = run_mailbox_create,
    [BATCH_MAILBOX_RENAME] = run_mailbox_rename,
    [BATCH_MAILBOX_DELETE] = run_mailbox_delete,
    [BATCH_MAILBOX_SET] = run_mailbox_set,
    [BATCH_SUBSCRIBE] = run_subscribe,
    [BATCH_ANNOTATE] = run_annotate,
    [BATCH_SET_RIGHTS] = run_set_rights,
    [BATCH_SIEVE_PUT] = run_sieve_put,
    [BATCH_SIEVE_ACTIVATE] = run_sieve_activate,
    [BATCH_SIEVE_DELETE] = run_sieve_delete,
    [BATCH_SIEVE_RENAME] = run_sieve_rename,
    [BATCH_SEEN] = run_seen,
    [BATCH_QUOTA_SET] = run_quota_set,
    [BATCH_ASSERT] = run_assert,
};

uint64_t work_modseq(struct work *work, int64_t mailbox_id)
{
    if (work->modseq == 0) {
        work->modseq = ++work->state->modseq;
        work->changed = mailbox_id;
    }
    work->many = work->many || work->changed != mailbox_id;
    return work->modseq;
}

enum err work_find(struct work *work, struct mailbox_ref mailbox, struct batch_result *result,
                   size_t *index_r)
{
    enum err err = state_find(work->state, mailbox, index_r);
    if (!err) {
        result->mailbox_id = work->state->mailboxes[*index_r]->status.id;
        result->uidvalidity = work->state->mailboxes[*index_r]->status.uidvalidity;
    }
    return err;
}

struct uid_set work_set(struct work *work, struct uid_set_writer *writer)
{
    if (work->results) {
        return uid_set_take(writer, work->results);
    }
    uid_set_drop(writer);
    return (struct uid_set){0};
}

enum err work_charge(struct work *work, uint64_t bytes, uint64_t messages)
{
    struct quota_state *quota = &work->state->quota;
    if ((quota->limit_bytes && quota->bytes + bytes > quota->limit_bytes) ||
        (quota->limit_messages && quota->messages + messages > quota->limit_messages)) {
        return ERR_OVER_QUOTA;
    }
    quota->bytes += bytes;
    quota->messages += messages;
    return ERR_OK;
}

static enum err run_operations(struct work *work, struct batch_operation *operations, size_t count)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        struct batch_operation *operation = &operations[i];
        operation->result = (struct batch_result){0};
        err = (unsigned)operation->kind < BATCH_KIND_COUNT ? handlers[operation->kind](work, operation)
                                                           : ERR_UNAVAILABLE;
        arena_reset(&work->scratch);
    }
    return err ? err : store_step(work->account->store, MEMORY_COMMIT);
}

/* From here on everybody sees it. */
static void publish(struct work *work)
{
    struct account *account = work->account;
    for (size_t i = 0; i < work->body_count; i++) {
        threads_place(&account->threads, work->bodies[i]);
    }
    pthread_mutex_lock(&account->state_mutex);
    struct state *old = account->state;
    account->state = work->state;
    pthread_mutex_unlock(&account->state_mutex);
    state_release(old);
    if (work->modseq) {
        watches_tell(account->store, text_slice(account->login),
                     &(struct watch_event){work->many ? 0 : work->changed, work->modseq});
    }
}

enum err batch_commit(struct account *account, struct batch_operation *operations, size_t count,
                      struct arena *arena)
{
    struct work work = {.account = account, .results = arena, .now_us = clock_wall_us()};
    pthread_mutex_lock(&account->commit_mutex);
    work.state = state_copy(account->state); /* nobody but us replaces it */
    enum err err =
        atomic_load(&account->removed) ? ERR_UNAVAILABLE : run_operations(&work, operations, count);
    if (err) {
        state_release(work.state);
    } else {
        publish(&work);
    }
    pthread_mutex_unlock(&account->commit_mutex);
    for (size_t i = 0; i < work.body_count; i++) {
        body_release(work.bodies[i]);
    }
    mem_free(work.bodies);
    arena_free(&work.scratch);
    return err;
}
