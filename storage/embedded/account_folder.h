/* SPDX-License-Identifier: ISC */
/* The folder of an account: making it with its first mailboxes, moving it away. */
#ifndef STORAGE_ACCOUNT_FOLDER_H
#define STORAGE_ACCOUNT_FOLDER_H

#include "base/arena.h"
#include "store_private.h"

/* "<data>/mail/<domain>/<user>" */
enum err account_folder_path(struct store *store, struct slice login, struct arena *arena,
                             const char **path_r) MUST_CHECK;
/* Makes the folder with INBOX and the special-use mailboxes; durable. One that is there already is moved to
 * removed/. */
enum err account_folder_create(struct store *store, struct slice login, uint32_t uidvalidity) MUST_CHECK;
/* Moves the folder to <data>/removed/, and deletes it there when `purge` is set. That there is none is fine.
 */
enum err account_folder_remove(struct store *store, struct slice login, bool purge) MUST_CHECK;

#endif
