/* SPDX-License-Identifier: ISC */
/*
 * Who shares with whom, for directory_shares: the table `share` of directory.db has an entry for each
 * identifier that an account gives rights to. The rights in the account's index are the truth, this is a copy
 * of it that can be asked from the other side. It is brought up to date after each change of rights, as an
 * intent (intents.h), so a crash in between loses nothing; and at the first opening of an account in a
 * process and by its check, for what a restored or rebuilt database does not know.
 */
#ifndef STORAGE_SHARES_H
#define STORAGE_SHARES_H

#include "change.h"

/* Makes the directory say what the index says. */
enum err shares_publish(struct change *change) MUST_CHECK;
/* Whether it does not. */
enum err shares_differ(struct account *account, bool *differ_r) MUST_CHECK;
/* Mends it. What goes wrong is left for the next time. */
void shares_mend(struct account *account);
/* Is that next time. */
void shares_mend_later(struct account *account);

#endif
