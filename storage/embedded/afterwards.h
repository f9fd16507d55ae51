/* SPDX-License-Identifier: ISC */
/*
 * What a commit leaves behind and its caller does not wait for: files of expunged messages to be unlinked,
 * folders of deleted mailboxes, a log that is long. A daemon has one thread for it (store_maintenance_start),
 * which begins at once; nothing of it is lost when the process dies, because it stands in the index
 * (intents.h) or on the disk. Programs without the thread do all of it before they tell their caller of the
 * commit.
 */
#ifndef STORAGE_AFTERWARDS_H
#define STORAGE_AFTERWARDS_H

#include "account_private.h"

enum err afterwards_start(struct store *store) MUST_CHECK;
/* Does what is still to be done, and ends the thread. */
void afterwards_stop(struct store *store);

/* The account, which the caller has open, has such work. It stays open until it is done. */
void afterwards_note(struct account *account);
/* For those who are in the middle of such work, or of opening the account: nothing, where nobody but the
 * caller could do it. */
void afterwards_note_later(struct account *account);
/* For tests: waits until nothing is left to do; keeps the thread from beginning anything new. */
void afterwards_wait(struct store *store);
void afterwards_set_paused(struct store *store, bool paused);

/* All that there is for one account; `gently`: others get their turn in between. */
void afterwards_do(struct account *account, bool gently);

#endif
