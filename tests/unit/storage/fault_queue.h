/* SPDX-License-Identifier: ISC */
/* The queue in the fault walks: its steps, what it holds as one can compare it, and what must be so. */
#ifndef TEST_STORAGE_FAULT_QUEUE_H
#define TEST_STORAGE_FAULT_QUEUE_H

#include "fault_runs.h"
#include "fault_state.h"

run_step queue_open_it, queue_add_row, queue_add_other_row, queue_add_file, queue_add_other_file;
run_step queue_prepare_row, queue_prepare_file, queue_confirm_row, queue_confirm_file, queue_cancel_row,
    queue_cancel_file;
run_step queue_claim_a, queue_claim_b, queue_settle_delivered, queue_settle_failed, queue_settle_waiting;
run_step queue_hold, queue_release, queue_retry, queue_route, queue_reroute_all, queue_remove;
/* Rows that go as by one who was killed before his commit was synced; their body is there still. */
run_step queue_delete_unsynced;
run_step queue_forget_all, queue_release_leases, queue_drop_prepared;
run_step queue_suppress, queue_unsuppress;
/* The same with a log that is moved into the database, or cut as well. */
run_step queue_add_with_checkpoint, queue_claim_with_checkpoint, queue_forget_with_cut_log;

/* What runs begin with: two messages with rows as bodies and two with files. */
enum err queue_fill(const char *folder);
/* One of them is over. */
enum err queue_fill_and_deliver(const char *folder);
/* The next message is the last in its folder of bodies. */
enum err queue_fill_folder(const char *folder);
/* With what a deliverer and an acceptor left who were killed. */
enum err queue_leave_things(const char *folder);

enum err queue_state_read(struct store *store, struct account_state *state_r);
/* Whether rows, bodies and what is derived from them agree. */
bool queue_is_sound(struct store *store, struct buf *why);
/* What a deliverer does when it begins, and then: recovers, claims whatever waits, reads it, gives it back,
 * forgets; and takes one more message. `store` is good for nothing else afterwards. */
bool queue_works_on(struct store *store, struct buf *why);

#endif
