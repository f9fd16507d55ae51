/* SPDX-License-Identifier: ISC */
/*
 * index.bak: a copy of the index, made now and then. When the index is lost, the folders tell what messages
 * there are, with UIDs, flags and most keywords (rebuild.h); the copy tells what they cannot: see
 * index_donor.h.
 */
#ifndef STORAGE_INDEX_BACKUP_H
#define STORAGE_INDEX_BACKUP_H

#include "account_private.h"

#define INDEX_BACKUP "index.bak"

/* Asked between steps; false ends the work with ERR_CANCELED. NULL: never asked. */
typedef bool maintain_go_on(void *data);

/* Makes a new copy when the one that is there is a day old, or much mail came since; another process that is
 * at it is left alone. */
enum err index_backup_if_due(struct account *account, maintain_go_on *go_on, void *data) MUST_CHECK;
/* Makes one in any case. ERR_BUSY: another process is at it. ERR_CORRUPT: the index is damaged; the former
 * copy stays. */
enum err index_backup_make(struct account *account, maintain_go_on *go_on, void *data) MUST_CHECK;

#endif
