/* SPDX-License-Identifier: ISC */
/*
 * A mailbox and its messages. Rows lie in pages of up to PAGE_ROWS, ascending by UID. Mailboxes, pages, and
 * lists of what vanished are shared between states and counted; what somebody else uses too is never changed:
 * it is copied first (mailbox_own, and inside this file pages). An append thus copies one page at most, not
 * the mailbox, and a snapshot costs nothing.
 */
#ifndef STORAGE_MEMORY_ROWS_H
#define STORAGE_MEMORY_ROWS_H

#include "mail/summary.h"
#include "storage/mailbox.h"
#include "storage/uid.h"
#include "table.h"

#define GUID_BYTES 16
#define PAGE_ROWS  64

/* What copies of a message share. */
struct body {
    atomic_uint users;
    int64_t number; /* in the order in which they came into the account */
    unsigned char guid[GUID_BYTES], thread[GUID_BYTES];
    struct message_summary summary; /* texts in `texts` */
    struct arena texts;
    struct text *content;
};
struct body *body_new(int64_t number, const struct message_summary *summary, struct text *content) NEVER_NULL;
struct body *body_share(struct body *body) NEVER_NULL;
void body_release(struct body *body);

/* The numbers of keywords that have no bit; ascending, never changed. */
struct others {
    atomic_uint users;
    size_t count;
    uint16_t numbers[];
};
void others_release(struct others *others); /* NULL is fine */

struct row {
    uint32_t uid, flags;
    uint64_t modseq, keywords;
    struct others *others; /* NULL: none; then KEYWORD_OTHERS is clear */
    int64_t internal_date_us, saved_us;
    struct body *body;
};
void row_release(struct row *row);
/* Copies a row with its references. */
struct row row_share(const struct row *row);

struct page {
    atomic_uint users;
    size_t count;
    struct row rows[PAGE_ROWS];
};

struct vanished_range {
    uint64_t modseq;
    struct uid_range uids;
};
struct vanished {
    atomic_uint users;
    size_t count, room;
    struct vanished_range *ranges; /* in the order in which they went */
};

struct mailbox {
    atomic_uint users;
    struct mailbox_status status;
    unsigned char guid[GUID_BYTES];
    uint64_t attr_modseq;
    struct text *name, *special_use;
    struct page **pages;
    size_t page_count, page_room;
    struct vanished *vanished;
    struct table *viewers; /* by login; see viewers.h */
};

struct mailbox *mailbox_new(struct slice name, struct slice special_use) NEVER_NULL;
struct mailbox *mailbox_share(struct mailbox *mailbox) NEVER_NULL;
void mailbox_release(struct mailbox *mailbox);
/* *mailbox, or when others use it too, a copy in its place. */
struct mailbox *mailbox_own(struct mailbox **mailbox) NEVER_NULL;

/* A place in a mailbox. It stays valid while rows are changed, not while they come and go. */
struct place {
    size_t page, index;
};
/* The row at the place, or NULL behind the last. */
const struct row *mailbox_row(const struct mailbox *mailbox, struct place place);
struct place mailbox_next(const struct mailbox *mailbox, struct place place);
/* The first row with this UID or a higher one. */
struct place mailbox_seek(const struct mailbox *mailbox, uint32_t uid);
/* NULL when there is none. */
const struct row *mailbox_find(const struct mailbox *mailbox, uint32_t uid);

/* Walks over the rows of a set: `walk = row_walk(mailbox, &set)`, then NULL ends it. */
struct row_walk {
    const struct mailbox *mailbox;
    const struct uid_set *set;
    size_t range;
    struct place place;
    bool positioned; /* `place` is where to go on, to be looked at */
    bool told;       /* and was told already */
};
struct row_walk row_walk(const struct mailbox *mailbox, const struct uid_set *set);
const struct row *row_walk_next(struct row_walk *walk);

/* These want a mailbox that is owned, and keep its counters (messages, unseen, deleted, bytes). */
void mailbox_insert(struct mailbox *mailbox, struct row row); /* takes the references over */
void mailbox_remove(struct mailbox *mailbox, uint32_t uid);
/* For changing a row's flags, keywords and MODSEQ; then mailbox_flags_changed. */
struct row *mailbox_edit(struct mailbox *mailbox, struct place place) NEVER_NULL;
void mailbox_flags_changed(struct mailbox *mailbox, uint32_t before, uint32_t after);
/* Notes that these UIDs went; forgets the oldest when there are more than `max` ranges. */
void mailbox_note_vanished(struct mailbox *mailbox, uint64_t modseq, struct uid_range uids, size_t max);

#endif
