/* SPDX-License-Identifier: ISC */
/*
 * Reading: a snapshot is one consistent view of an account, no older than the last commit that this process
 * was told of. It blocks no writer and no other reader. Keep it short, for one answer or one piece of a long
 * one: while it is open, the engine must keep what it shows. A snapshot belongs to one thread at a time; no
 * batch_commit on the same account by its owner while it is open.
 */
#ifndef STORAGE_SNAPSHOT_H
#define STORAGE_SNAPSHOT_H

#include "base/arena.h"
#include "storage/account.h"
#include "storage/uid.h"

struct snapshot;

/* ERR_UNAVAILABLE also when what the handle was opened on was replaced (rebuilt, restored, the user removed)
 * or found damaged: close the account and open it again. Never ERR_BUSY. */
enum err snapshot_open(struct account *account, struct snapshot **snapshot_r) MUST_CHECK;
/* As snapshot_open, for scans that will ask for these fields: what a store works out late is ready then.
 * Needed for SCAN_THREAD (and FIND_THREAD), which in any other snapshot give ERR_DENIED; may take long after
 * many messages came. */
enum err snapshot_open_for(struct account *account, unsigned fields, struct snapshot **snapshot_r) MUST_CHECK;
void snapshot_close(struct snapshot *snapshot); /* NULL is fine */
/* The account's counter: what was changed after this snapshot has a higher MODSEQ. */
uint64_t snapshot_modseq(const struct snapshot *snapshot);

/* ---- mailboxes ---- */

/* A mailbox that is not there has no messages, keywords, annotations or rights: only where it says so that is
 * an error. */

/* From the mailbox's row, without walking its messages; ERR_NOT_FOUND. Texts live in the arena. */
enum err snapshot_mailbox(struct snapshot *snapshot, struct mailbox_ref mailbox, struct arena *arena,
                          struct mailbox_entry *entry_r) MUST_CHECK;
/* All mailboxes, INBOX first, then by the bytes of the name. */
enum err snapshot_mailboxes(struct snapshot *snapshot, struct arena *arena, struct mailbox_entry **list_r,
                            size_t *count_r) MUST_CHECK;
/* Subscribed names, also those without a mailbox, sorted by their bytes. */
enum err snapshot_subscriptions(struct snapshot *snapshot, struct arena *arena, struct slice **names_r,
                                size_t *count_r) MUST_CHECK;

/* ---- messages ---- */

enum scan_fields {                 /* uids and modseqs are always there */
                   SCAN_FLAGS = 1, /* with keywords */
                   SCAN_SIZE = 2,
                   SCAN_DATES = 4, /* internal date, time of saving */
                   SCAN_GUID = 8,
                   SCAN_THREAD = 16,
                   SCAN_SENT = 32,
                   SCAN_ENVELOPE = 64,
                   SCAN_STRUCTURE = 128, /* BODYSTRUCTURE, parts, header size, lines */
                   SCAN_HEADERS = 256    /* with the header size */
};

/* One page of rows in columns; arrays that were not asked for are NULL. At most SCAN_PAGE_ROWS rows, and
 * fewer when their texts are long: the row that exceeds `texts_max` bytes is the last one. */
#define SCAN_PAGE_ROWS  1024
#define SCAN_PAGE_TEXTS (4 * 1024 * 1024)
struct message_page {
    size_t rows_max; /* SCAN_PAGE_ROWS, or less for who needs the first few */
    size_t count;
    uint32_t *uids;
    uint64_t *modseqs;
    uint32_t *flags;
    uint64_t *keywords;
    uint64_t *sizes; /* with CRLF line ends: RFC822.SIZE */
    int64_t *internal_dates_us, *saved_us;
    unsigned char (*guids)[16];
    unsigned char (*threads)[16]; /* the guid that the thread's first message had; never changes (RFC 8474
                                     section 5.2). To be told apart from that by a prefix: "M…", "T…" */
    int64_t *sent;                /* the Date field, seconds since 1970; INT64_MIN when missing */
    /* See mail/summary.h; live until the next page. headers[i].data is NULL when they are not complete
     * (headers_complete): whoever needs them reads the message. */
    struct slice *envelopes, *structures, *parts, *headers;
    uint64_t *header_sizes, *line_counts;
    unsigned fields;
    size_t texts_max; /* SCAN_PAGE_TEXTS; may be set to less by who keeps the page while a peer reads */
    struct arena texts;
};
/* Memory for one page of these columns, used for scan after scan. */
void message_page_init(struct message_page *page, unsigned fields);
void message_page_free(struct message_page *page);

/* What to read, and how far it came. */
struct message_scan {
    int64_t mailbox_id;
    struct uid_set uids;    /* uid_set_all for all */
    struct slice viewer;    /* whose MESSAGE_SEEN the flags are to have (batch.h); empty: the owner's */
    uint64_t changed_since; /* only messages with a higher MODSEQ; 0: all */
    uint32_t next_uid;      /* the cursor: where the next page begins; 0 at the beginning */
    bool done;              /* nothing follows; the page that sets it may have rows */
};
/* The next page, in UID order; count 0 only at the end. The cursor holds for other snapshots of the account
 * too. */
enum err snapshot_scan(struct snapshot *snapshot, struct message_scan *scan,
                       struct message_page *page) MUST_CHECK;

/* The UIDs of all messages; ranges in the arena. Costs less than a scan, and little when this process asked
 * for the same mailbox not long ago. */
enum err snapshot_uids(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                       struct uid_set *uids_r) MUST_CHECK;

/* UIDs that were expunged after `since`, also those that came after it; ranges in the arena. *complete_r is
 * false when the store has forgotten part of it (vanished_floor > since): then the set names all UIDs below
 * UIDNEXT that are not there (RFC 7162 section 3.2.5.2 allows it). ERR_NOT_FOUND: the mailbox. */
enum err snapshot_vanished(struct snapshot *snapshot, int64_t mailbox_id, uint64_t since, struct arena *arena,
                           struct uid_set *uids_r, bool *complete_r) MUST_CHECK;

/* Messages that this viewer (batch.h) has seen; ranges in the arena. All of them are there, so what is unseen
 * for him are the messages of the mailbox less uid_set_size of it. Empty for one who never saw any. */
enum err snapshot_seen(struct snapshot *snapshot, int64_t mailbox_id, struct slice viewer,
                       struct arena *arena, struct uid_set *uids_r) MUST_CHECK;
/* How many messages of the mailbox are unseen for this viewer, or (empty) for the owner. */
enum err snapshot_unseen(struct snapshot *snapshot, const struct mailbox_status *mailbox, struct slice viewer,
                         uint64_t *unseen_r) MUST_CHECK;
/* Logins of those who have seen some message of the mailbox, sorted by their bytes. */
enum err snapshot_viewers(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                          struct slice **logins_r, size_t *count_r) MUST_CHECK;

/* Names by bit number; at most 63. One that has no name is empty. */
enum err snapshot_keywords(struct snapshot *snapshot, struct arena *arena, struct slice **names_r,
                           size_t *count_r) MUST_CHECK;
/* All keywords of one message, those with a bit first; ERR_NOT_FOUND. */
enum err snapshot_message_keywords(struct snapshot *snapshot, int64_t mailbox_id, uint32_t uid,
                                   struct arena *arena, struct slice **names_r, size_t *count_r) MUST_CHECK;
/* Keywords that some message of the mailbox has: what FLAGS lists at SELECT. Without walking its messages. */
enum err snapshot_mailbox_keywords(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                                   struct slice **names_r, size_t *count_r) MUST_CHECK;

enum find_key { FIND_GUID, FIND_THREAD };
struct message_place_found {
    int64_t mailbox_id;
    uint32_t uid;
};
/* Where the messages of that guid or thread (16 bytes) are, in all mailboxes; by mailbox and UID. */
enum err snapshot_find(struct snapshot *snapshot, enum find_key key, const unsigned char id[16],
                       struct arena *arena, struct message_place_found **list_r, size_t *count_r) MUST_CHECK;

/* ---- the rest of the account ---- */

struct quota_state {
    uint64_t bytes, messages, limit_bytes, limit_messages; /* limit 0: none */
};
enum err snapshot_quota(struct snapshot *snapshot, struct quota_state *quota_r) MUST_CHECK;

struct annotation {
    struct slice entry, value;
};
/* Of a mailbox; id 0: of the account. Sorted by entry, without case. */
enum err snapshot_annotations(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                              struct annotation **list_r, size_t *count_r) MUST_CHECK;

struct rights_entry {
    struct slice identifier, rights;
};
/* Sorted by the bytes of the identifier. */
enum err snapshot_rights(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                         struct rights_entry **list_r, size_t *count_r) MUST_CHECK;

struct sieve_entry {
    struct slice name;
    bool active;
    uint64_t size;
};
/* Sorted by the bytes of the name. */
enum err snapshot_sieve_list(struct snapshot *snapshot, struct arena *arena, struct sieve_entry **list_r,
                             size_t *count_r) MUST_CHECK;
/* The script of that name, or of the active one when the name is empty; ERR_NOT_FOUND. */
enum err snapshot_sieve(struct snapshot *snapshot, struct slice name, struct arena *arena,
                        struct slice *script_r) MUST_CHECK;

#endif
