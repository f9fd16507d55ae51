/* SPDX-License-Identifier: ISC */
/* The truth beside what the store holds. */
#ifndef IMAP_STORE_COMPARE_H
#define IMAP_STORE_COMPARE_H

#include "storage/snapshot.h"

#include "game.h"

/* All mailboxes, all messages; fails where they differ: a command was not carried out as it was answered. */
void store_compare(struct game *game);
/* The keywords with these bits, as the model numbers them. */
unsigned store_words(struct game *game, struct snapshot *snapshot, uint64_t bits);

#endif
