/* SPDX-License-Identifier: ISC */
/*
 * All of an account at one moment. A state that was published never changes: a batch works on a copy, which
 * shares whatever it does not touch, and takes the place of the old one when every operation went well. So a
 * failed batch leaves nothing behind, and a snapshot is a reference.
 */
#ifndef STORAGE_MEMORY_STATE_H
#define STORAGE_MEMORY_STATE_H

#include "rows.h"
#include "storage/snapshot.h"
#include "table.h"

struct state {
    atomic_uint users;
    uint64_t modseq;
    int64_t last_mailbox, last_body; /* the last ids given */
    uint32_t last_uidvalidity;       /* the highest given */
    struct quota_state quota;
    struct mailbox **mailboxes; /* INBOX first, then by name */
    size_t mailbox_count;
    struct table *subscriptions; /* by name */
    struct table *annotations;   /* by mailbox (0: the account) and entry */
    struct table *rights;        /* by mailbox and identifier */
    struct table *sieve;         /* by name; extra: 1 for the active one */
    struct table *seen;          /* by kind and key; extra: when it expires */
    struct table *keywords;      /* by number, which is the place in the table, too */
    struct table
        *gone; /* names that a mailbox had: by name; number 0; extra: its UIDVALIDITY << 32 | UIDNEXT */
};

/* With the first mailboxes. */
struct state *state_new(uint32_t uidvalidity, uint64_t quota_bytes) NEVER_NULL;
struct state *state_share(struct state *state) NEVER_NULL;
void state_release(struct state *state);
/* One more state that is equal; shares everything. */
struct state *state_copy(const struct state *state) NEVER_NULL;

/* The place of a mailbox in the list; ERR_NOT_FOUND. */
enum err state_find(const struct state *state, struct mailbox_ref mailbox, size_t *index_r) MUST_CHECK;
/* For changing it. */
struct mailbox *state_own(struct state *state, size_t index) NEVER_NULL;
/* Puts it into its place; takes the reference over. */
void state_add(struct state *state, struct mailbox *mailbox);
void state_remove(struct state *state, size_t index);
/* After names changed. */
void state_sort(struct state *state);

/* The number of a keyword; ERR_NOT_FOUND. */
enum err state_keyword(const struct state *state, struct slice name, uint16_t *number_r) MUST_CHECK;
struct slice state_keyword_name(const struct state *state, size_t number);

#endif
