/* SPDX-License-Identifier: ISC */
/* Messages in the index: putting rows in, changing and removing them, with the counters of mailbox and quota.
 * All inside a change; files are the caller's matter. */
#ifndef STORAGE_MESSAGE_ROWS_H
#define STORAGE_MESSAGE_ROWS_H

#include "blob_private.h"
#include "change.h"
#include "mail/summary.h"
#include "storage/uid.h"

struct new_message {
    unsigned char guid[GUID_SIZE]; /* replaced by another when the account has it already */
    const unsigned char *hash;     /* BLOB_HASH_SIZE */
    const struct message_summary *summary;
    uint32_t flags;
    int64_t internal_date_us;
    uint32_t wanted_uid; /* one that is free; 0: the next */
    bool unlimited;      /* the quota is no reason to refuse it: it is there already */
    const struct mail_file
        *file; /* it has a file already, whose name stays if it says the UID and identifier that come out */

    /* results, in the change's arena: the name of its file is to be <base>:2,<suffix> */
    uint32_t uid;
    const char *base, *suffix;
};

/* ERR_OVER_QUOTA; ERR_LIMIT when the mailbox has no UID left. */
enum err message_insert(struct change *change, size_t mailbox, uint64_t modseq,
                        struct new_message *message) MUST_CHECK;

/* Removes the rows of these UIDs, and with `unlink` puts down the unlinking of the files. UIDs that are not
 * there are passed over. */
enum err messages_remove(struct change *change, size_t mailbox, uint64_t modseq, const struct uid_set *uids,
                         bool unlink, size_t *removed_r) MUST_CHECK;

/* flags = (flags & keep) | set, for these UIDs; only messages that change get the MODSEQ. Puts down the
 * renaming of the files. */
enum err messages_set_flags(struct change *change, size_t mailbox, uint64_t modseq,
                            const struct uid_set *uids, uint32_t keep, uint32_t set,
                            size_t *changed_r) MUST_CHECK;
/* The UIDs of the set that are there, ascending, from mem_alloc. */
enum err messages_present(struct change *change, size_t mailbox, const struct uid_set *uids,
                          uint32_t **uids_r, size_t *count_r) MUST_CHECK;

#endif
