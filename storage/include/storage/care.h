/* SPDX-License-Identifier: ISC */
/* Looking after the store: checking, mending, building anew, figures, and work in the background. */
#ifndef STORAGE_CARE_H
#define STORAGE_CARE_H

#include "storage/account.h"

struct check_report {
    uint64_t messages, mailboxes, bytes;
    uint64_t problems, repaired;
};
struct check {
    bool repair;
    bool read_bodies; /* compare every body with its hash, too */
    /* One line for a person for each problem. */
    void (*problem)(void *data, const char *text);
    /* Called now and then; false stops with ERR_CANCELED. May be NULL. */
    bool (*progress)(void *data, const struct check_report *report);
    void *data;
};
/* Compares index and files of one account and the index with itself: counters, MODSEQs, UIDs, quota, bodies
 * without message and the other way round, keywords, full text. May be broken off and run again. */
enum err account_check(struct account *account, const struct check *check,
                       struct check_report *report_r) MUST_CHECK;
/* Moves the index aside and builds it anew from the files, as after its loss; all handles of the account in
 * other processes notice. *messages_r: how many it found. */
enum err account_rebuild(struct store *store, struct slice login, const struct check *progress,
                         uint64_t *messages_r) MUST_CHECK;
/* Throws the full-text index away and fills it anew. */
enum err account_rebuild_search(struct account *account, const struct check *progress) MUST_CHECK;

struct account_stats {
    uint64_t mailboxes, messages, bodies, bytes;   /* bytes as the quota counts them */
    uint64_t disk_bytes;                           /* of the files, each once */
    uint64_t index_bytes, wal_bytes, search_bytes; /* of the databases */
    uint64_t search_pending;                       /* bodies that are not indexed yet */
    uint64_t vanished_ranges, keywords, pending_renames;
};
enum err account_stats(struct account *account, struct account_stats *stats_r) MUST_CHECK;

/* What nobody waits for: letters of flags in file names, full text, threads, backups of the index, trimming
 * what was expunged long ago, checkpoints of idle accounts. A thread of the daemon that calls this does it,
 * for the accounts that the process has open, at low priority; store_close ends it. */
enum err store_maintenance_start(struct store *store) MUST_CHECK;
/* The same work at once, for one account; for tests and `postern`. */
enum err account_maintain(struct account *account) MUST_CHECK;

#endif
