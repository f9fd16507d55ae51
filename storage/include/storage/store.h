/* SPDX-License-Identifier: ISC */
/*
 * The store: domains, users and aliases (storage/directory.h), accounts with mailboxes and messages
 * (storage/account.h, storage/batch.h, storage/snapshot.h), message bodies (storage/blob.h). Plain
 * synchronous C: calls block on the disk, so tasks make them through work_run (net/work.h). Every function
 * may be called from any thread, and several processes share one store. No SQL, file name or transaction
 * crosses this interface: another engine could stand behind it.
 *
 * Errors: ERR_UNAVAILABLE, ERR_IO, ERR_NO_SPACE mean "try again later" (SMTP 4xx); ERR_CORRUPT is logged
 * where found.
 */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "base/buf.h"

struct store;

/* Opens (creates when missing) the store under `data_directory`; refuses network file systems with the reason
 * in `why`. `hostname` goes into file names. */
enum err store_open(const char *data_directory, const char *hostname, struct store **store_r,
                    struct buf *why) MUST_CHECK;
/* All accounts and blobs must be closed. */
void store_close(struct store *store);

#endif
