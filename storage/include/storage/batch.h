/* SPDX-License-Identifier: ISC */
/*
 * Changes: a batch of declared operations on one account, all or nothing, durable when the call returns
 * (STORAGE section 5.4). Batches of several threads that wait for the same account share one commit, each in
 * a savepoint of its own.
 */
#ifndef STORAGE_BATCH_H
#define STORAGE_BATCH_H

#include "mail/summary.h"
#include "storage/account.h"

enum batch_kind { BATCH_APPEND, BATCH_FLAGS, BATCH_EXPUNGE };
enum batch_flag_change { FLAGS_ADD, FLAGS_REMOVE, FLAGS_REPLACE };

struct batch_operation {
    enum batch_kind kind;
    struct slice mailbox; /* UTF-8 name */

    /* BATCH_APPEND: a sealed blob and what the parser found in it */
    struct blob *blob;
    const struct message_summary *summary;
    uint32_t flags; /* BATCH_FLAGS too */
    int64_t internal_date_us;

    /* BATCH_FLAGS, BATCH_EXPUNGE: sorted UIDs; those that are not there are passed over */
    const uint32_t *uids;
    size_t uid_count;
    enum batch_flag_change change;

    /* results, set on ERR_OK */
    uint32_t uid; /* APPEND: the UID it got */
    uint32_t uidvalidity;
    uint64_t modseq;
    size_t affected; /* FLAGS, EXPUNGE: messages changed */
};

/* ERR_OVER_QUOTA, ERR_NOT_FOUND (mailbox), ERR_NO_SPACE, ERR_IO, ERR_UNAVAILABLE: nothing of the batch
 * happened. */
enum err batch_commit(struct account *account, struct batch_operation *operations, size_t count) MUST_CHECK;

/* Local delivery: appends one sealed blob to the INBOX of every account, in parallel as far as it helps; one
 * data file, one link per account. results[i] is the outcome for accounts[i]. */
void deliver(struct store *store, const struct slice *logins, size_t count, struct blob *blob,
             const struct message_summary *summary, enum err *results);
/* For SMTP, which has one answer for all: delivers to all of them or to none (what went in before a failure
 * is taken out again). */
enum err deliver_all(struct store *store, const struct slice *logins, size_t count, struct blob *blob,
                     const struct message_summary *summary) MUST_CHECK;

#endif
