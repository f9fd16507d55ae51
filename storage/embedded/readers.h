/* SPDX-License-Identifier: ISC */
/*
 * The handles through which an account is read: opened when they are needed, each used by one snapshot at a
 * time, some of them kept for the next. account->db, which commits, is not read through: its user would wait
 * for an fsync.
 */
#ifndef STORAGE_READERS_H
#define STORAGE_READERS_H

#include <pthread.h>

#include "db/db.h"

struct account;

#define READERS_KEPT      4 /* of an account in use */
#define READERS_KEPT_IDLE 1 /* of one that nobody uses at the moment */

struct readers {
    pthread_mutex_t mutex;
    struct db *idle[READERS_KEPT]; /* the one last used is the last */
    unsigned count;
};

void readers_init(struct readers *readers);
/* All must have been given back. */
void readers_free(struct readers *readers);

/* A handle on the index that the account was opened on; ERR_UNAVAILABLE when another has taken its place,
 * or it was found damaged. */
enum err readers_take(struct account *account, struct db **reader_r) MUST_CHECK;
void readers_give_back(struct account *account, struct db *reader);

/* The account is idle: the handles that stay let go of their pages; the others are taken out, to be closed by
 * the caller where he holds no lock. Returns how many. */
unsigned readers_take_surplus(struct readers *readers, struct db *surplus[READERS_KEPT]);

#endif
