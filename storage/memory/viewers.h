/* SPDX-License-Identifier: ISC */
/* What others than the owner have seen in a mailbox: sets of UIDs that are there, by login. */
#ifndef STORAGE_MEMORY_VIEWERS_H
#define STORAGE_MEMORY_VIEWERS_H

#include "work.h"

/* Whose \Seen an operation means: the viewer, or nobody (an empty slice) when it is the owner. ERR_SYNTAX. */
enum err viewer_of(const struct work *work, struct slice login, struct slice *viewer_r) MUST_CHECK;
/* Lives until the mailbox changes. */
struct uid_set viewer_seen(const struct mailbox *mailbox, struct slice viewer);
/* These want a mailbox that is owned. */
void viewer_mark(struct mailbox *mailbox, struct slice viewer, const struct uid_set *uids, bool seen);
void viewers_forget(struct mailbox *mailbox, const struct uid_set *uids);
/* The copies of `uids`, one after the other from `first` on, in mailbox `to`, are seen by those who saw them,
 * but for this one. */
void viewers_copy(struct work *work, size_t from, size_t to, struct slice but, const uint32_t *uids,
                  size_t count, uint32_t first);

#endif
