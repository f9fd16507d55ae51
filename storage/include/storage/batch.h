/* SPDX-License-Identifier: ISC */
/*
 * Changes: a batch of declared operations on one account, all or nothing, durable when the call returns
 * (STORAGE section 5.4). Batches of several threads that wait for the same account share one commit, each in
 * a savepoint of its own. Operations of a batch see what those before them did.
 *
 * All changes of a batch carry one MODSEQ, from the counter of the account: strictly rising in the order of
 * commits.
 */
#ifndef STORAGE_BATCH_H
#define STORAGE_BATCH_H

#include "mail/summary.h"
#include "storage/account.h"
#include "storage/uid.h"

enum batch_kind {
    BATCH_APPEND,
    BATCH_COPY,
    BATCH_MOVE,
    BATCH_FLAGS,
    BATCH_EXPUNGE,
    BATCH_CLAIM_RECENT,
    BATCH_MAILBOX_CREATE,
    BATCH_MAILBOX_RENAME,
    BATCH_MAILBOX_DELETE,
    BATCH_MAILBOX_SET,
    BATCH_SUBSCRIBE,
    BATCH_ANNOTATE,
    BATCH_SET_RIGHTS,
    BATCH_SIEVE_PUT,
    BATCH_SIEVE_ACTIVATE,
    BATCH_SIEVE_DELETE,
    BATCH_SIEVE_RENAME,
    BATCH_SEEN,
    BATCH_QUOTA_SET,
    BATCH_ASSERT,
    BATCH_KIND_COUNT
};
enum batch_flag_change { FLAGS_ADD, FLAGS_REMOVE, FLAGS_REPLACE };

/* Adds one message: a sealed blob and what the parser found in it. The same blob may be appended again and
 * to other accounts. Result: uid, uidvalidity, guid. ERR_OVER_QUOTA, ERR_NOT_FOUND (mailbox). */
struct batch_append {
    struct blob *blob;
    const struct message_summary *summary;
    uint32_t flags;
    const struct slice *keywords;
    size_t keyword_count;
    int64_t internal_date_us; /* 0: now */
    /* For what comes from another store. UID: one not in use in this mailbox, ERR_EXISTS otherwise; 0: the
     * next. Guid, 16 bytes: when the account has it already with the same bytes, the message is one more
     * place of that body, as a copy would be; with other bytes it is ERR_EXISTS. NULL: a new one. */
    uint32_t wanted_uid;
    const unsigned char *wanted_guid;
    struct slice viewer; /* as in batch_flags */
};

/* BATCH_COPY, BATCH_MOVE: to `target`, in the order of UIDs, with flags, keywords and internal date, and seen
 * by all viewers (batch_flags) who saw the source; bodies are shared, and with them the guids, also within
 * one mailbox (RFC 8474 section 5.1). UIDs that are not there are passed over. A copy within one mailbox is
 * fine; to move within one gives new UIDs. A copy counts against the quota, a move does not. Result: `source`
 * (UIDs that were copied), and their copies have the UIDs uid … uid + affected - 1 in the same order, of the
 * target's uidvalidity. */
struct batch_copy {
    struct uid_set uids;
    struct mailbox_ref target;
    /* What whoever copies has no right to set in the target: the copies come without. \Seen of a viewer is
     * his who copies; the owner's and other viewers' goes along in any case. */
    uint32_t dropped;
    bool drops_keywords;
    struct slice viewer;
};

/*
 * A viewer is a user who works in the mailbox of another account, because he was given rights to it. He has a
 * \Seen of his own: where an operation names a viewer, MESSAGE_SEEN means his, and the owner's stays as it
 * is. All other flags are everybody's. Empty, or the login of the account itself: the owner. ERR_SYNTAX for
 * what is no identifier (batch_rights).
 *
 * STORE. UIDs that are not there are passed over. To have been seen by a viewer is a change of the message
 * like any other, with a MODSEQ: the viewer's other sessions hear of it (and all the others, who find nothing
 * changed). With unchanged_since, messages whose MODSEQ is higher are
 * left alone and reported in `failed` (RFC 7162 section 3.1.3); 0 means no condition, so callers whose
 * UNCHANGEDSINCE is 0 set `never`: all fail. Result: `changed` (those that really changed, with the result's
 * modseq), `failed`. ERR_LIMIT: too many keywords; ERR_SYNTAX: not a keyword. */
struct batch_flags {
    struct uid_set uids;
    enum batch_flag_change change;
    uint32_t flags;
    const struct slice *keywords;
    size_t keyword_count;
    uint64_t unchanged_since;
    bool never;
    struct slice viewer; /* a login */
    /* What whoever changes the flags has no right to (RFC 4314): these flags, and keywords, stay as they are,
     * also where others replace all. */
    uint32_t kept;
    bool keeps_keywords;
};

/* EXPUNGE: of these UIDs those that are there, and with `deleted_only` have \Deleted; with `all_or_none`
 * ERR_CONFLICT unless these are all. Result: `changed` (the UIDs that went). */
struct batch_expunge {
    struct uid_set uids;
    bool deleted_only;
    bool all_or_none;
};

/* BATCH_CLAIM_RECENT has no arguments: all messages that no session claimed so far are this one's (\Recent of
 * RFC 3501 section 2.3.2). Result: uid, from which on they are. Changes no MODSEQ. */

/* Result: mailbox_id, uidvalidity, guid. The operation's `mailbox` is a name.
 * ERR_EXISTS; ERR_SYNTAX for a name that cannot be one (mailbox_name_check); ERR_LIMIT over MAILBOXES_MAX.
 * Levels above that are missing are made too, without special use and subscription. UIDVALIDITY never repeats
 * for a name, but rises; a wanted one counts when it is not lower than any given for this name, and when it
 * is the last one, UIDNEXT is not lower than it was. A wanted guid counts when no other mailbox has it. */
struct batch_create {
    struct slice special_use; /* "\\Archive"; ERR_EXISTS when another mailbox has it */
    bool subscribed;
    uint32_t wanted_uidvalidity, wanted_uidnext; /* 0: the store's */
    const unsigned char *wanted_guid;            /* 16 bytes or NULL */
};

/* With all mailboxes below it; identifiers, UIDs, UIDVALIDITY, their subscriptions, special use, rights and
 * annotations go along. Levels above that are missing are made. To rename INBOX moves its messages to a new
 * mailbox and leaves INBOX empty (RFC 3501 section 6.3.5); what is below INBOX stays, and the new mailbox may
 * be there, too. ERR_NOT_FOUND; ERR_EXISTS (also for a name further down); ERR_SYNTAX (also: into itself, or
 * a name further down would break the rules). Result: mailbox_id, uidvalidity. */
struct batch_rename {
    struct slice new_name;
};

/* BATCH_MAILBOX_DELETE has no arguments: the mailbox with its messages, rights and annotations; what is below
 * it stays, and so does a subscription of its name. ERR_DENIED for INBOX. */

/* Special use (RFC 6154); an empty one takes it away. ERR_EXISTS when another mailbox has it. For what comes
 * from another store: the UIDVALIDITY and UIDNEXT of there, also lower ones, in a mailbox that never had a
 * message (UIDNEXT is 1): no client can have remembered a UID of it. ERR_CONFLICT otherwise. */
struct batch_set {
    struct slice special_use;
    uint32_t wanted_uidvalidity, wanted_uidnext; /* 0: as they are */
};

/* The operation's `mailbox` is a name, of a mailbox or not (RFC 3501 section 6.3.6). */
struct batch_subscribe {
    bool subscribed;
};

/* Annotations and Sieve scripts of an account have SETTINGS_BYTES_MAX bytes together at most; ERR_LIMIT. */
#define SETTINGS_BYTES_MAX (16 * 1024 * 1024)

/* An annotation of the mailbox, or of the account when neither id nor name is given (RFC 5464). An empty
 * value with `remove` takes it away; that there is none is fine. An entry is ASCII that begins with a slash,
 * without empty levels, wildcards and control characters: ERR_SYNTAX. ERR_LIMIT over ANNOTATION_VALUE_MAX or
 * ANNOTATIONS_MAX. Result: modseq, when it was not so before. */
#define ANNOTATION_ENTRY_MAX 1024
#define ANNOTATION_VALUE_MAX 65536
#define ANNOTATIONS_MAX      1000 /* in an account */
struct batch_annotate {
    struct slice entry; /* "/private/comment", compared without case */
    struct slice value; /* any bytes */
    bool remove;
};

/* One identifier's rights on the mailbox (RFC 4314), a canonical string of letters and digits, each once;
 * empty takes the entry away. ERR_SYNTAX also for an identifier that is empty, no UTF-8 or has control
 * characters; ERR_LIMIT. */
#define RIGHTS_IDENTIFIER_MAX 512
#define RIGHTS_MAX            10000 /* in an account */
struct batch_rights {
    struct slice identifier;
    struct slice rights;
};

/* Scripts by name (UTF-8, not empty, no control characters: ERR_SYNTAX). Put replaces, and leaves an active
 * one active; a script is UTF-8 without NUL; ERR_LIMIT when it is too long or they are too many. Activate:
 * ERR_NOT_FOUND; with an empty name none is active. Delete: ERR_NOT_FOUND; of the active one ERR_DENIED.
 * Rename: ERR_NOT_FOUND; onto another ERR_EXISTS; an active one stays active. */
#define SIEVE_NAME_MAX    512
#define SIEVE_SCRIPT_MAX  (1024 * 1024)
#define SIEVE_SCRIPTS_MAX 64
struct batch_sieve {
    struct slice name;
    struct slice script;   /* PUT */
    struct slice new_name; /* RENAME */
};

/* Remembers a key (vacation: who was answered; duplicate: what was seen) until it expires. Result: was_new.
 * One that expired before counts as new; one that did not keeps its time. ERR_LIMIT for a key that is empty
 * or too long. */
#define SEEN_KEY_MAX 64
struct batch_seen {
    unsigned kind;
    struct slice key;
    int64_t expires_us;
};

/* Limits of 0 mean none. */
struct batch_quota {
    uint64_t limit_bytes, limit_messages;
};

/* ERR_CONFLICT, and so nothing of the batch happens, unless all that is set holds. */
struct batch_assert {
    uint32_t uidvalidity;       /* of the mailbox */
    uint64_t highestmodseq_max; /* the mailbox did not change after this */
    uint64_t room_bytes;        /* the quota has room for so much; ERR_OVER_QUOTA */
    uint64_t room_messages;
    bool absent; /* there is no mailbox of that name */
};

struct batch_result {
    int64_t mailbox_id; /* the operation's mailbox, for copies the target */
    uint32_t uidvalidity;
    uint32_t uid;
    uint64_t modseq;
    size_t affected; /* messages that were added, changed or removed */
    bool was_new;
    unsigned char guid[16];
    struct uid_set source, changed, failed; /* in the arena of batch_commit */
};

struct batch_operation {
    enum batch_kind kind;
    struct mailbox_ref mailbox;
    union {
        struct batch_append append;
        struct batch_copy copy; /* BATCH_COPY, BATCH_MOVE */
        struct batch_flags flags;
        struct batch_expunge expunge;
        struct batch_create create;
        struct batch_rename rename;
        struct batch_set set;
        struct batch_subscribe subscribe;
        struct batch_annotate annotate;
        struct batch_rights rights;
        struct batch_sieve sieve;
        struct batch_seen seen;
        struct batch_quota quota;
        struct batch_assert expect;
    };
    struct batch_result result; /* set on ERR_OK */
};

/* Runs the operations in order. ERR_OVER_QUOTA, ERR_NOT_FOUND, ERR_NO_SPACE, ERR_IO, ERR_UNAVAILABLE …:
 * nothing of the batch happened. `arena` takes the sets of the results; NULL: they are not wanted. Blocks on
 * the disk. */
enum err batch_commit(struct account *account, struct batch_operation *operations, size_t count,
                      struct arena *arena) MUST_CHECK;

/* Local delivery: appends one sealed blob to the INBOX of every account, in parallel as far as it helps; one
 * data file, one link per account. results[i] is the outcome for accounts[i]. */
void deliver(struct store *store, const struct slice *logins, size_t count, struct blob *blob,
             const struct message_summary *summary, enum err *results);
/* For SMTP, which has one answer for all: delivers to all of them or to none (what went in before a failure
 * is taken out again). */
enum err deliver_all(struct store *store, const struct slice *logins, size_t count, struct blob *blob,
                     const struct message_summary *summary) MUST_CHECK;

#endif
