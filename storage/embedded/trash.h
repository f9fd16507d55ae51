/* SPDX-License-Identifier: ISC */
/*
 * Folders of deleted mailboxes on their way out. They are moved to <account>/deleted under the lock, by which
 * they are gone for everybody; their files, which may be many, are unlinked afterwards without it.
 */
#ifndef STORAGE_TRASH_H
#define STORAGE_TRASH_H

#include "account_private.h"

/* Moves a folder below the account's ("Maildir/.Work") into the trash; durable. ERR_NOT_FOUND when there is
 * none. */
enum err trash_take(struct account *account, const char *dir, int64_t mailbox) MUST_CHECK;
/* Unlinks what is in the trash; at once when there is nothing. What cannot be removed stays for the next
 * time. */
void trash_empty(struct account *account);

#endif
