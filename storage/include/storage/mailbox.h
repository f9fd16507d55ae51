/* SPDX-License-Identifier: ISC */
/* What a mailbox is, for those who read (storage/snapshot.h) and those who change (storage/batch.h). */
#ifndef STORAGE_MAILBOX_H
#define STORAGE_MAILBOX_H

#include "base/arena.h"
#include "base/error.h"

/*
 * Names are UTF-8 with "/" between the levels: "Work/2024". A name has at most MAILBOX_NAME_MAX bytes and
 * MAILBOX_DEPTH_MAX levels, no empty level, no control characters (C0, C1, DEL, U+2028, U+2029), no "%" and
 * no "*", the wildcards of LIST. Case matters but for "INBOX", which is one name in any case, also as the
 * first level: "inbox/x" is "INBOX/x". A name is kept in composed form (NFC), and one that comes in another
 * form, as some systems send it, means the composed one.
 */
#define MAILBOX_NAME_MAX  1000
#define MAILBOX_DEPTH_MAX 32
#define MAILBOXES_MAX     10000 /* in an account */
#define SUBSCRIPTIONS_MAX 10000
#define SPECIAL_USE_MAX   32

/* The name as the store keeps it, which may be `name` itself; ERR_SYNTAX when a mailbox cannot have it. */
enum err mailbox_name_check(struct arena *arena, struct slice name, struct slice *canonical_r) MUST_CHECK;
/* The same without a verdict, to look a name up with: what is no name comes back as it is. */
struct slice mailbox_name_canonical(struct arena *arena, struct slice name);
/* Whether a canonical name stands below another in the hierarchy, at whatever depth. */
bool mailbox_name_is_below(struct slice name, struct slice above);
/* A special use is one attribute: a backslash and up to SPECIAL_USE_MAX - 1 letters, digits, "-" and "_".
 * Compared without case. */
bool special_use_is_valid(struct slice special_use);

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
    uint32_t first_recent;   /* UIDs from here on were not claimed by a session (BATCH_CLAIM_RECENT) */
    uint64_t highestmodseq;  /* the last change of messages or annotations (RFC 7162 section 3.2) */
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
/* Whether it can be one: an atom as RFC 3501 says (flag-keyword), of at most KEYWORD_LENGTH_MAX characters.
 */
bool keyword_is_valid(struct slice name);

#endif
