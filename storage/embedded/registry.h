/* SPDX-License-Identifier: ISC */
/*
 * The accounts that this process has open. An account is opened once and shared; when its last user closes
 * it, it stays open for the next one, up to a bound: a delivery then costs no open, no recovery check, no
 * directory query. One handle per account is also what SQLite wants: closing any descriptor of a database
 * drops the locks that the process holds on it.
 */
#ifndef STORAGE_REGISTRY_H
#define STORAGE_REGISTRY_H

#include "account_private.h"

struct registry *registry_new(void);
/* All accounts must be closed. NULL is fine. */
void registry_free(struct registry *registry);

/* The account, opened by account_load when it is not there yet; ERR_NOT_FOUND and what account_load returns.
 */
enum err registry_acquire(struct store *store, struct slice login, struct account **account_r) MUST_CHECK;
/* One user more, for somebody who has it open. */
void registry_hold(struct account *account);
void registry_release(struct account *account);

#endif
