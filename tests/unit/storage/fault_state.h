/* SPDX-License-Identifier: ISC */
/*
 * What a store holds, as one can compare it: before and after a crash, a failed call, an upgrade. Read from
 * the tables, so that nothing is passed over that has no function yet.
 */
#ifndef TEST_STORAGE_FAULT_STATE_H
#define TEST_STORAGE_FAULT_STATE_H

#include "storage/store.h"

#define STATE_ACCOUNTS 3

/* Numbers that a crash may raise but not lower: MODSEQs, UIDNEXTs. Sorted by name. */
struct state_number {
    char *name;
    int64_t value;
};

struct account_state {
    struct buf recovered; /* of the queue: the same as it is once nobody delivers */
    struct buf text; /* one line for each thing: mailboxes, messages with their content, flags, keywords, … */
    struct state_number *numbers;
    size_t number_count;
};

struct state {
    struct account_state accounts[STATE_ACCOUNTS];
};

/* The accounts, by the order in a state; only the first few are there in most runs, to be fast. */
extern const char *const state_logins[STATE_ACCOUNTS];
extern size_t state_accounts;
/* A state is that of the queue alone, in the place of the first account. */
extern bool state_of_queue;

/* Reads all accounts, with what is in the files. */
enum err state_read(struct store *store, struct state *state_r);
void state_free(struct state *state);
/* Whether the account is as in `expected`; and its numbers are not lower than in `least`. `why` takes what
 * differs. */
bool state_matches(const struct account_state *found, const struct account_state *expected,
                   const struct account_state *least, struct buf *why);
/* Only the messages: mailbox, content, flags; not their UIDs, and nothing of what was expunged. */
bool state_has_same_mail(const struct account_state *a, const struct account_state *b);

/* Compares index, files and counters of all accounts with each other; `why` takes what is wrong. */
bool state_is_sound(struct store *store, struct buf *why);

#endif
