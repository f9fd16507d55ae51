/* SPDX-License-Identifier: ISC */
/*
 * Threads of an account. Which thread a message belongs to (thread_keys.h) is not looked for while it is
 * delivered, but later, in the order of body.id: counter.threaded is the last body that has its thread. Work
 * that was lost in a crash is done again with the same result.
 */
#ifndef STORAGE_THREADS_H
#define STORAGE_THREADS_H

#include "account_private.h"

/* Finds the threads of all messages that have none yet, in as many commits as needed, so that deliveries come
 * in between. A look at two numbers when there is nothing to do. `go_on` (may be NULL) is asked between
 * commits; false gives ERR_CANCELED. */
enum err threads_catch_up(struct account *account, bool (*go_on)(void *data), void *data) MUST_CHECK;

/* Forgets keys of threads that are empty: one piece of many at each call. */
enum err threads_trim(struct account *account) MUST_CHECK;
/* The same with the piece chosen, 0 … 255. */
enum err threads_trim_piece(struct account *account, unsigned number) MUST_CHECK;

#endif
