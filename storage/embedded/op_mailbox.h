/* SPDX-License-Identifier: ISC */
/* What the operations on mailboxes share. */
#ifndef STORAGE_OP_MAILBOX_H
#define STORAGE_OP_MAILBOX_H

#include "mailbox_rows.h"
#include "operations.h"

/* Makes one mailbox: folder with descriptor, and row. Name, special use and (0: the store's) UIDVALIDITY and
 * UIDNEXT are wanted as they stand in *row; a guid of zeroes means a new one. The rest of *row is set.
 * ERR_EXISTS, ERR_LIMIT. */
enum err work_make_mailbox(struct batch_work *work, struct mailbox_row *row) MUST_CHECK;
/* Makes the missing levels above the name. */
enum err work_make_levels_above(struct batch_work *work, struct slice name) MUST_CHECK;

/* A subscription comes or goes, of a mailbox or not; *changed_r: it was not so before. ERR_LIMIT. */
enum err work_subscribe(struct batch_work *work, struct slice name, bool subscribed,
                        bool *changed_r) MUST_CHECK;

/* op_settings.c: ERR_LIMIT when annotations and scripts are over SETTINGS_BYTES_MAX. */
enum err settings_have_room(struct change *change) MUST_CHECK;

#endif
