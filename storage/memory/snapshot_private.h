/* SPDX-License-Identifier: ISC */
#ifndef STORAGE_MEMORY_SNAPSHOT_PRIVATE_H
#define STORAGE_MEMORY_SNAPSHOT_PRIVATE_H

#include "memory_store.h"

struct snapshot {
    struct store *store;
    struct state *state;
    unsigned fields; /* that it was opened for */
};

/* The mailbox or NULL. */
const struct mailbox *snapshot_find_mailbox(const struct snapshot *snapshot, int64_t mailbox_id);

#endif
