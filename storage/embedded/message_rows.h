/* SPDX-License-Identifier: ISC */
/* Messages in the index: putting rows in, changing and removing them, with the counters of mailbox and quota.
 * All inside a change; files are the caller's matter. */
#ifndef STORAGE_MESSAGE_ROWS_H
#define STORAGE_MESSAGE_ROWS_H

#include "blob_private.h"
#include "change.h"
#include "keywords.h"
#include "mail/summary.h"
#include "storage/uid.h"

/* ---- message_insert.c ---- */

struct new_message {
    unsigned char guid[GUID_SIZE];
    bool guid_is_known;        /* it comes from elsewhere: a body that has it and the same bytes is shared */
    const unsigned char *hash; /* BLOB_HASH_SIZE */
    const struct message_summary *summary;
    uint32_t flags;
    struct keyword_set keywords;
    bool passed; /* the letter P */
    int64_t internal_date_us;
    uint32_t wanted_uid; /* one that is free; 0: the next */
    bool adopted; /* it is there already: the quota is no reason to refuse it, and when its guid belongs
                     to other bytes, it gets a new one */
    const struct mail_file *file; /* its file: the base of the name stays if it says the UID and guid that
                                     come out */

    /* results, in the change's arena: the name of its file is to be <base>:2,<suffix> */
    uint32_t uid;
    const char *base, *suffix;
};

/* ERR_OVER_QUOTA; ERR_EXISTS: a known guid, other bytes; ERR_LIMIT when the mailbox has no UID left. */
enum err message_insert(struct change *change, size_t mailbox, uint64_t modseq,
                        struct new_message *message) MUST_CHECK;
/* Whether a message of the mailbox has the UID. */
enum err message_exists(struct change *change, size_t mailbox, uint32_t uid, bool *exists_r) MUST_CHECK;

/* The highest UID: UIDNEXT must be one, too. */
#define UID_MAX (UINT32_MAX - 1)
/* The descriptor says that `uid` may have been given out, before a file has it. */
enum err mailbox_reserve_uids(struct change *change, size_t mailbox, uint32_t uid) MUST_CHECK;

/* The letters that a file in this mailbox gets. */
enum err message_suffix(struct change *change, size_t mailbox, uint32_t flags,
                        const struct keyword_set *keywords, bool passed,
                        char suffix_r[MAIL_FILE_SUFFIX_MAX + 1]) MUST_CHECK;
/* The base of the name of a new file. */
void message_base(struct change *change, struct buf *out, const struct mail_file_identity *identity);

/* What the messages of one operation add to or take from their mailbox's row. */
struct mailbox_delta {
    int64_t messages, unseen, deleted, bytes;
};
void mailbox_delta_add(struct mailbox_delta *delta, uint32_t flags, int64_t size);
void mailbox_delta_remove(struct mailbox_delta *delta, uint32_t flags, int64_t size);
void mailbox_count(struct change *change, size_t mailbox, uint64_t modseq, const struct mailbox_delta *delta);

/* ---- message_walk.c ---- */

/* Goes through the messages of a set page by page, so that what is done to a page's messages cannot disturb
 * the reading. */
struct message_walk {
    struct uid_set uids;
    uint32_t last;  /* none above */
    size_t range;   /* the next one to read from */
    uint64_t first; /* in it, the next UID; 0: at its beginning */
};
/* The next at most `room` messages. `sql` has the mailbox as ?1, the first and last UID as ?2 and ?3, and
 * LIMIT ?4, and gives the UID first; `take` is called for each row. *count_r 0: the end. */
enum err message_walk_page(struct change *change, struct message_walk *walk, int64_t mailbox, const char *sql,
                           size_t room, void (*take)(void *data, sqlite3_stmt *row), void *data,
                           size_t *count_r) MUST_CHECK;

/* Whether any of them is there. */
enum err messages_any(struct change *change, size_t mailbox, const struct uid_set *uids,
                      bool *any_r) MUST_CHECK;

/* ---- message_remove.c ---- */

/* Removes rows, and with `unlink` puts down the unlinking of the files. UIDs that are not there are passed
 * over. The MODSEQ, when *modseq is 0, is taken with the first message that goes. */
struct removal {
    struct uid_set uids;
    bool deleted_only;
    bool unlink;
};
enum err messages_remove(struct change *change, size_t mailbox, uint64_t *modseq,
                         const struct removal *removal, struct uid_set_writer *removed,
                         size_t *count_r) MUST_CHECK;

/* ---- message_flags.c ---- */

/* flags = (flags & ~remove) | add; keywords likewise. */
struct marking {
    struct uid_set uids;
    uint32_t remove, add;
    struct keyword_set remove_keywords, add_keywords;
    bool replace; /* remove all flags that are not kept */
    bool replace_keywords;
    bool conditional; /* only messages whose MODSEQ is not above unchanged_since */
    uint64_t unchanged_since;
    bool renamed;        /* the files have the letters already */
    uint32_t kept;       /* flags that stay in any case */
    struct slice viewer; /* whose MESSAGE_SEEN is meant (viewers.h); empty: the owner's */
};
/* Only messages that really change get the MODSEQ, which, when *modseq is 0, is taken with the first. Puts
 * down the renaming of the files. */
enum err messages_mark(struct change *change, size_t mailbox, uint64_t *modseq, const struct marking *marking,
                       struct uid_set_writer *changed, struct uid_set_writer *failed,
                       size_t *count_r) MUST_CHECK;

#endif
