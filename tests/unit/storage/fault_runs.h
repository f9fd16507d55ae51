/* SPDX-License-Identifier: ISC */
/*
 * What the fault walks walk through: runs of a few operations each on a small store with three accounts. Each
 * step is one call whose success is a promise.
 */
#ifndef TEST_STORAGE_FAULT_RUNS_H
#define TEST_STORAGE_FAULT_RUNS_H

#include "base/arena.h"
#include "storage/batch.h"
#include "storage/directory.h"

#define RUN_STEPS_MAX 8

struct run_context {
    struct store *store;
    struct arena arena;
};

typedef enum err run_step(struct run_context *context);

struct run {
    const char *name;
    /* Makes of the common store what this run begins with (`folder`: the data directory); may be NULL. */
    enum err (*prepare)(const char *folder);
    run_step *steps[RUN_STEPS_MAX + 1];
    /* Nothing that a user sees changes: before the first step there is no state to compare with (the index is
     * lost, or of an earlier schema). */
    bool invisible;
    /* The first step gives messages their identifiers: before it is promised, others may come. */
    bool new_identifiers;
    bool makes_database; /* one that fails to be made is thrown away: a sync that failed was none of the
                            store's */
    /* Steps whose success for one account and failure for another may be found after a failure. */
    bool several_accounts;
    /* It is the queue that is looked at, and no account. */
    bool queue;
    /* A step may be several commits: some of them may be found after a failure. */
    bool in_parts;
    /* Bits 1 << step: a power cut may take back what it did, until a later step is none of them. */
    unsigned relaxed;
};

extern const struct run runs[];
extern const size_t run_count;

/* What the environment asks of a walk: the log away unless FAULT_LOG is set. Returns FAULT_THIN, at least 1.
 */
unsigned run_settings(void);
/* The common store: alice, bob, carol with some mail; nobody when it is the queue that is looked at. */
void run_make_store(const char *folder);
/* One of the first schema instead (tests/data/schema). */
enum err run_make_old_store(const char *folder);
enum err run_make_store_of_schema_2(const char *folder);
/* Opens it as a run does. */
enum err run_open(const char *folder, struct run_context *context);
void run_close(struct run_context *context);
/* One more message for alice. */
enum err run_append_one(struct run_context *context);

#endif
