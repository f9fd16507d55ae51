/* SPDX-License-Identifier: ISC */
/* A snapshot: a reader (readers.h) with a view begun, and the row `counter` as the view shows it. */
#ifndef STORAGE_SNAPSHOT_PRIVATE_H
#define STORAGE_SNAPSHOT_PRIVATE_H

#include "account_private.h"
#include "columns.h"
#include "storage/snapshot.h"

struct snapshot {
    struct account *account;
    struct db *db;
    unsigned fields; /* what it was opened for */
    uint64_t modseq;
    int64_t body, threaded;
    struct quota_state quota;
    struct columns_state columns; /* of the mailbox that was scanned last; account NULL: of none */
};

/* A statement on the snapshot's handle with its first parameter bound. */
sqlite3_stmt *snapshot_statement(struct snapshot *snapshot, const char *sql, int64_t first);
/* The outcome of a db_step: damage is noted. */
enum err snapshot_outcome(struct snapshot *snapshot, int step);
/* The same for a statement whose row must be there: ERR_NOT_FOUND. */
enum err snapshot_found(struct snapshot *snapshot, int step);

/* A page of a scan by what the process has kept (snapshot_columns.c); *read_r: it is filled, and the cursor
 * is to be moved. */
enum err snapshot_scan_kept(struct snapshot *snapshot, const struct message_scan *scan,
                            struct message_page *page, bool *read_r) MUST_CHECK;

/* Room for one element more in a list from mem_realloc_array; doubles. */
void *snapshot_grow(void *list, size_t count, size_t size) NEVER_NULL;
/* Ends it: moves it into the arena, or throws it away after an error (NULL). */
void *snapshot_end_list(enum err err, struct arena *arena, void *list, size_t count, size_t size);

#endif
