/* SPDX-License-Identifier: ISC */
/*
 * An account out of the store and into it, in forms that other programs read too.
 *
 *     Maildir   Maildir++, with dovecot-uidlist, dovecot-keywords and subscriptions as Dovecot has them
 *     mbox      one file for each mailbox (mboxrd, lines ending in LF), with X-IMAPbase, X-UID, X-UIDL,
 * Status, X-Status and X-Keywords
 *
 * In both, a file `postern-account` holds what these forms cannot tell, so that nothing is lost on the way:
 * bytes, UIDVALIDITY, UIDs, UIDLs, flags, keywords, dates, subscriptions, annotations, rights, Sieve scripts.
 *
 * Written by means of the interface, so they serve every engine. Both can be resumed after they were cut off:
 * what is there already is passed over.
 */
#ifndef STORAGE_TRANSFER_H
#define STORAGE_TRANSFER_H

#include "storage/account.h"

enum transfer_format {
    TRANSFER_MAILDIR,
    TRANSFER_MBOX,
    TRANSFER_DETECT /* of an import */
};

struct transfer_progress {
    struct slice mailbox;
    uint64_t messages_done, messages_total; /* of the account; total 0: not known */
    uint64_t bytes_done;
    uint64_t skipped;       /* were there already */
    uint64_t renumbered;    /* could not keep their UID */
    uint64_t uidls_lost;    /* had a UIDL that is not 32 hex digits */
    uint64_t keywords_lost; /* messages whose keywords the store cannot have */
    uint64_t refused;       /* messages longer than TRANSFER_MESSAGE_MAX; in the log */
};
#define TRANSFER_MESSAGE_MAX ((uint64_t)1 << 30)

struct transfer {
    enum transfer_format format;
    const char *path; /* a folder, created by an export; an import from mbox takes a file, too */
    /* Called now and then and at the end; false stops with ERR_CANCELED. May be NULL. */
    bool (*progress)(void *data, const struct transfer_progress *progress);
    void *data;
};

/* `why` takes the sentence for a person. */
enum err account_export(struct account *account, const struct transfer *transfer, struct buf *why) MUST_CHECK;
/*
 * Mailboxes that are missing are made. A message keeps its UID when the mailbox has the UIDVALIDITY of the
 * source, or never had a message and can take it; its UIDL when it is 32 hex digits, as ours are. Also takes
 * what other programs wrote: Maildir++ of Dovecot or Courier with their UIDs, keywords and subscriptions;
 * mbox of Dovecot, UW imapd or Thunderbird (folders in `.sbd`) with their flags.
 */
enum err account_import(struct account *account, const struct transfer *transfer, struct buf *why) MUST_CHECK;

#endif
