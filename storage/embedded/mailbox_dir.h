/* SPDX-License-Identifier: ISC */
/*
 * The names of mailbox folders, as Maildir++ has them and other programs read them: INBOX is "Maildir", the
 * others are "Maildir/." and their levels with "." between, each in modified UTF-7, where a "." of its own is
 * "&AC4-". A name that no folder can have, because it is too long or taken by something else, gives way to
 * ".mailbox-<id>"; the descriptor in the folder tells the true one.
 */
#ifndef STORAGE_MAILBOX_DIR_H
#define STORAGE_MAILBOX_DIR_H

#include "account_private.h"

/* Below the account's folder. NULL when a file name cannot hold it. */
const char *mailbox_dir_of_name(struct arena *arena, struct slice name);
/* What a folder is called that cannot be called by its mailbox's name. */
const char *mailbox_dir_fallback(struct arena *arena, int64_t id);
/* The other way round, for a folder that may have been made by any program: always gives a name that a
 * mailbox can have, though perhaps not the one that was meant. */
struct slice mailbox_name_of_dir(struct arena *arena, struct slice dir);
/* The best name that is free: no entry on the disk, no other mailbox's. Under the lock, in a transaction. */
enum err mailbox_dir_choose(struct account *account, struct arena *arena, int64_t id, struct slice name,
                            const char **dir_r) MUST_CHECK;
/* Whether a folder of a mailbox is there. */
bool mailbox_dir_exists(struct account *account, const char *dir);

#endif
