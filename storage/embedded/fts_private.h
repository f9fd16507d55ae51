/* SPDX-License-Identifier: ISC */
/*
 * Inside of the full-text index.
 *
 *     grams    FTS5, contentless: rowid = body.id
 *     state    up to which body.id it is filled, how many bodies are in it, the MODSEQ of the index.db then
 *     mark     guid of the last body of each batch, to notice that index.db is another than it was filled
 * from missed   bodies that could not be read or were too large: candidates of every search
 */
#ifndef STORAGE_FTS_PRIVATE_H
#define STORAGE_FTS_PRIVATE_H

#include "fts.h"

struct fts {
    struct account *account;
    pthread_mutex_t mutex;
    struct db *db;  /* NULL: not open */
    ino_t inode;    /* of the file that was opened */
    unsigned users; /* threads between fts_use and fts_done */
    bool damaged;   /* to be deleted as soon as nobody uses it */
};

/* The open database, which stays until fts_done; ERR_UNAVAILABLE: there is none at the moment. */
enum err fts_use(struct fts *fts, struct db **db_r) MUST_CHECK;
/* Takes note of damage; returns the error. */
enum err fts_done(struct fts *fts, enum err err);

struct fts_state {
    int64_t body;  /* filled up to here */
    int64_t count; /* bodies in it, dead ones too */
};
/* In a transaction of the caller's. */
enum err fts_read_state(struct db *db, struct fts_state *state_r) MUST_CHECK;
/* Empties all tables, in a write transaction of the caller's. */
enum err fts_empty(struct db *db) MUST_CHECK;

/* The last body.id given and the MODSEQ of the account's index.db. */
struct fts_source {
    int64_t body, modseq;
};
enum err fts_read_source(struct account *account, struct fts_source *source_r) MUST_CHECK;

#endif
