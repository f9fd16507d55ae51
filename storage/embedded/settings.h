/* SPDX-License-Identifier: ISC */
/*
 * What stands in no message and no folder: subscriptions, annotations, rights, Sieve scripts, the limit of
 * messages. The index has it, and <account>/settings is a copy that is written after each change before the
 * caller is told (an intent), so that a lost index comes back with it. Text, to be read and mended by a
 * person:
 *
 *     postern-settings 1
 *     quota-messages 10000
 *     subscribed Work/2024
 *     rights 107 lrs anyone                   mailbox's identifier, rights ("-": none), identifier
 *     annotation 107 /private/comment         0: of the account; the value follows, each line behind a tab
 *     	first line
 *     sieve active main                       or "inactive"; likewise
 *     	keep;
 */
#ifndef STORAGE_SETTINGS_H
#define STORAGE_SETTINGS_H

#include "change.h"

#define SETTINGS_FILE     "settings"
#define SETTINGS_FILE_MAX ((size_t)128 * 1024 * 1024)

/* Writes the file; durable. */
enum err settings_write(struct change *change) MUST_CHECK;
bool settings_exist(struct account *account);
/* Writes the file where it is missing: in an account that is new, or came from a backup or an older version.
 * What goes wrong is left for the next time. */
void settings_write_missing(struct account *account);
/* Puts into the index, which has none of it, what the file says, as far as it makes sense and the mailboxes
 * are there. */
enum err settings_read(struct change *change) MUST_CHECK;

#endif
