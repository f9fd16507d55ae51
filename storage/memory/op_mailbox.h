/* SPDX-License-Identifier: ISC */
/* What the operations on mailboxes share. Names are canonical here. */
#ifndef STORAGE_MEMORY_OP_MAILBOX_H
#define STORAGE_MEMORY_OP_MAILBOX_H

#include "work.h"

/* Checked; lives as long as the operation. */
enum err mailbox_name_of(struct work *work, struct slice name, struct slice *canonical_r) MUST_CHECK;
bool mailbox_exists(const struct state *state, struct slice name);
/* Remembers which UIDVALIDITY and UIDs the name had. */
void note_name_gone(struct state *state, const struct mailbox *mailbox);
/* In the state's list; owned. */
struct mailbox *make_mailbox(struct work *work, struct slice name,
                             const struct batch_create *create) NEVER_NULL;
/* Those of the levels above that are missing. ERR_LIMIT. */
enum err make_levels_above(struct work *work, struct slice name) MUST_CHECK;

#endif
