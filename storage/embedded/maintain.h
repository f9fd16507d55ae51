/* SPDX-License-Identifier: ISC */
/* Work in the background: who tells of an account that needs it. See maintain.c. */
#ifndef STORAGE_MAINTAIN_H
#define STORAGE_MAINTAIN_H

#include "account_private.h"

struct maintenance;

/* The account was changed by this process. Cheap; does nothing when no maintenance was started. */
void maintenance_note(struct account *account);
/* The account was opened: when work was left behind, it is done. */
void maintenance_note_opened(struct account *account);
/* Ends the thread; what it was at is broken off, and done later by whoever opens the account. NULL is fine.
 */
void maintenance_stop(struct maintenance *maintenance);

/* For tests: how long an account must be quiet, and how long its work waits at most. */
void maintenance_set_times(struct store *store, int64_t quiet_ms, int64_t wait_max_ms);

#endif
