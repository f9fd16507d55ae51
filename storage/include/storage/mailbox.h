/* SPDX-License-Identifier: ISC */
/* What a mailbox is, for those who read (storage/snapshot.h) and those who change (storage/batch.h). */
#ifndef STORAGE_MAILBOX_H
#define STORAGE_MAILBOX_H

#include "base/slice.h"

/* Names are UTF-8 with "/" between the levels: "Work/2024". "INBOX" in any case is one name. A name has at
 * most MAILBOX_NAME_MAX bytes and MAILBOX_DEPTH_MAX levels, no empty level, no control characters, and is
 * valid UTF-8 in NFC form as far as the store makes names (mailbox_name_check). */
#define MAILBOX_NAME_MAX  1000
#define MAILBOX_DEPTH_MAX 32

/* A mailbox by its identifier, which it keeps when it is renamed, or (id 0) by its name. */
struct mailbox_ref {
    int64_t id;
    struct slice name;
};
static inline struct mailbox_ref mailbox_named(struct slice name)
{
    return (struct mailbox_ref){.name = name};
}
static inline struct mailbox_ref mailbox_numbered(int64_t id)
{
    return (struct mailbox_ref){.id = id};
}

struct mailbox_status {
    int64_t id; /* never given to another mailbox of the account */
    uint32_t uidvalidity;
    uint32_t uidnext;
    uint32_t first_recent; /* UIDs from here on were not claimed by a session (BATCH_CLAIM_RECENT) */
    uint64_t highestmodseq;
    uint64_t vanished_floor; /* expunges up to this MODSEQ are forgotten */
    uint64_t messages, unseen, deleted, bytes;
};

struct mailbox_entry {
    struct slice name;
    struct slice special_use; /* "\\Drafts" or empty */
    char guid[33];            /* hex; OBJECTID's MAILBOXID (RFC 8474) */
    bool subscribed;
    uint64_t attr_modseq; /* the last change of name, subscription, use, rights or annotations */
    struct mailbox_status status;
};

/* System flags. */
enum { MESSAGE_SEEN = 1, MESSAGE_ANSWERED = 2, MESSAGE_FLAGGED = 4, MESSAGE_DELETED = 8, MESSAGE_DRAFT = 16 };
#define MESSAGE_FLAGS_ALL 31u

/* Keywords ("$Forwarded", "Work") are compared without case and belong to the account. The first 63 have a
 * bit each in the `keywords` of a row (snapshot_keywords tells the names); bit 63 says that the message has
 * others beside them (snapshot_message_keywords). */
#define KEYWORD_LENGTH_MAX 255
#define KEYWORDS_MAX       1000 /* different ones in an account */
#define KEYWORD_OTHERS     ((uint64_t)1 << 63)

#endif
