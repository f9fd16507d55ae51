/* SPDX-License-Identifier: ISC */
/*
 * Faults on demand, for tests that want to see what a program does when the store fails or is slow:
 *
 *     memory_store_fail(store, MEMORY_COMMIT, 3, ERR_NO_SPACE);   the third commit from now on fails, once
 *     memory_store_fail_from(store, MEMORY_READ, 1, ERR_IO);      every read fails until memory_store_heal
 *
 * A failed commit did not happen: nobody is ever told an error for something that is there.
 */
#ifndef STORAGE_MEMORY_FAULTS_H
#define STORAGE_MEMORY_FAULTS_H

#include "storage/store.h"

enum memory_step {
    MEMORY_OPEN,       /* account_open */
    MEMORY_BLOB_WRITE, /* blob_write */
    MEMORY_SEAL,       /* blob_seal */
    MEMORY_COMMIT,     /* batch_commit, after its operations ran and before anybody sees them */
    MEMORY_READ,       /* snapshot_open and its answers, message_open, mailbox_… */
    MEMORY_DIRECTORY,  /* look-ups and changes of the directory */
    MEMORY_STEP_COUNT
};

/* The nth (1: the next) such step fails with this error, those after it work again. */
void memory_store_fail(struct store *store, enum memory_step step, uint64_t nth, enum err err);
/* The nth and all after it. */
void memory_store_fail_from(struct store *store, enum memory_step step, uint64_t nth, enum err err);
/* Each such step takes so much longer; commits of one account wait for each other. */
void memory_store_delay(struct store *store, enum memory_step step, int64_t delay_us);
/* No faults and delays any more. */
void memory_store_heal(struct store *store);
/* How many such steps were begun since the store was opened. */
uint64_t memory_store_steps(struct store *store, enum memory_step step);

/* How many ranges of expunged UIDs a mailbox remembers before its floor rises; 10,000 when nothing is said.
 */
void memory_store_set_vanished_max(struct store *store, size_t ranges);

#endif
