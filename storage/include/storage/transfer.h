/* SPDX-License-Identifier: ISC */
/*
 * An account out of the store and into it, in forms that other programs read too.
 *
 *     Maildir   Maildir++ with our descriptors and file names: mailboxes with UIDVALIDITY, UIDs, UIDLs,
 * flags, keywords, subscriptions, annotations, Sieve scripts. Nothing is lost on the way. mbox      one file
 * for each mailbox (mboxrd), with X-UID, X-UIDL, Status, X-Status, X-Keywords and X-IMAPbase
 *
 * Written by means of snapshot, blob and batch, so they serve every engine. Both can be resumed after they
 * were cut off: what is there already is passed over.
 */
#ifndef STORAGE_TRANSFER_H
#define STORAGE_TRANSFER_H

#include "storage/account.h"

enum transfer_format { TRANSFER_MAILDIR, TRANSFER_MBOX };

struct transfer_progress {
    struct slice mailbox;
    uint64_t messages_done, messages_total; /* of the account; total 0: not known */
    uint64_t bytes_done;
    uint64_t skipped; /* were there already */
};

struct transfer {
    enum transfer_format format;
    const char *path; /* a folder; created by an export */
    /* Called now and then and at the end; false stops with ERR_CANCELED. May be NULL. */
    bool (*progress)(void *data, const struct transfer_progress *progress);
    void *data;
};

/* `why` takes the sentence for a person. */
enum err account_export(struct account *account, const struct transfer *transfer, struct buf *why) MUST_CHECK;
/* Mailboxes that are missing are made, with the UIDVALIDITY and UIDs of the source where it has them and the
 * mailbox is new or has that UIDVALIDITY; else messages are added with new UIDs. A plain Maildir++ or mbox of
 * another program is fine. */
enum err account_import(struct account *account, const struct transfer *transfer, struct buf *why) MUST_CHECK;

#endif
