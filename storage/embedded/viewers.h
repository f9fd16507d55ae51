/* SPDX-License-Identifier: ISC */
/*
 * What others than the owner have seen: for each mailbox and viewer (storage/batch.h) a set of UIDs, as rows
 * of ranges in `viewer_seen`. A set names messages only that are there, so its size counts: who removes
 * messages removes them from the sets, too. There are at most as many ranges as the viewer has seen messages.
 *
 * It stands in no file but the index and its daily copy. An index that is lost takes with it what viewers saw
 * since the copy was made.
 */
#ifndef STORAGE_VIEWERS_H
#define STORAGE_VIEWERS_H

#include "change.h"
#include "storage/uid.h"

/* Whose \Seen an operation means: the viewer, or nobody (an empty slice) when it is the owner. ERR_SYNTAX. */
enum err viewer_of(const struct change *change, struct slice login, struct slice *viewer_r) MUST_CHECK;

/* Of what the viewer has seen, all that lies within `within`, and perhaps more. */
enum err viewer_seen(struct db *db, int64_t mailbox, struct slice viewer, struct uid_range within,
                     struct arena *arena, struct uid_set *uids_r) MUST_CHECK;
/* These UIDs, which are there, become seen or unseen. The MODSEQ of the messages is the caller's matter. */
enum err viewer_mark(struct change *change, int64_t mailbox, struct slice viewer, const struct uid_set *uids,
                     bool seen) MUST_CHECK;
/* Messages go: nobody has seen them. */
enum err viewers_forget(struct change *change, int64_t mailbox, const struct uid_set *uids) MUST_CHECK;
/* A row of `viewer_seen v` that is not as it must be: it speaks of messages that are not there, or the next
 * one overlaps or touches it. */
#define VIEWER_SEEN_BAD                                                                                 \
    "(SELECT count(*) FROM message WHERE message.mailbox=v.mailbox AND uid BETWEEN v.first AND v.last)" \
    "<>v.last-v.first+1 OR v.last+1>=(SELECT first FROM viewer_seen n WHERE n.mailbox=v.mailbox AND"    \
    " n.viewer=v.viewer AND n.last>v.last ORDER BY n.last LIMIT 1)"
/* Takes ranges apart that speak of messages which are not there, and joins those that overlap. */
enum err viewers_mend(struct change *change) MUST_CHECK;

/* 0 when the account does not know the viewer. */
enum err viewer_number(struct db *db, struct slice viewer, int64_t *number_r) MUST_CHECK;
/* The next viewer of the mailbox by number, after that one (0: the first); 0: there is none. */
enum err viewer_next(struct db *db, int64_t mailbox, int64_t after, int64_t *viewer_r) MUST_CHECK;
/* The set of one of them. */
enum err viewer_seen_by_number(struct db *db, int64_t mailbox, int64_t viewer, struct uid_range within,
                               struct arena *arena, struct uid_set *uids_r) MUST_CHECK;
enum err viewer_mark_by_number(struct change *change, int64_t mailbox, int64_t viewer,
                               const struct uid_set *uids, bool seen) MUST_CHECK;

/* viewers_copy.c: messages come into another place, and with them who has seen them. */
struct viewer_copy {
    int64_t viewer;
    struct uid_set seen;          /* of the source */
    struct uid_set_writer copied; /* UIDs of the target */
};
struct viewers_copy {
    struct change *change;
    int64_t source;
    struct arena arena;
    struct viewer_copy *list;
    size_t count;
    struct uid_set_writer moved; /* UIDs of the source */
};
/* Before the first message. `but`: a viewer who is to have seen none of the copies; empty: nobody. */
enum err viewers_copy_begin(struct viewers_copy *copy, struct change *change, int64_t source,
                            struct slice but) MUST_CHECK;
/* One message, in the order of UIDs. */
void viewers_copy_note(struct viewers_copy *copy, uint32_t from, uint32_t to);
/* Writes it down, unless there was an error; frees. `move`: the sources are gone. */
enum err viewers_copy_finish(struct viewers_copy *copy, int64_t target, bool move, enum err err) MUST_CHECK;

#endif
