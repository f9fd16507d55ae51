/* SPDX-License-Identifier: ISC */
/* Sequence sets as clients write them (RFC 9051 section 9), and what they mean in an open mailbox. */
#ifndef IMAPD_SEQUENCE_H
#define IMAPD_SEQUENCE_H

#include "storage/uid.h"

#include "parser.h"
#include "view.h"

#define SEQUENCE_LAST 0 /* "*" */

struct sequence_range {
    uint32_t from, to; /* in the order in which they were written; SEQUENCE_LAST for "*" */
};
struct sequence_set {
    struct sequence_range *ranges;
    size_t count;
    bool saved; /* "$": the result of the last SEARCH that was saved (RFC 5182) */
};

/* sequence-set = (seq-number / seq-range) ["," sequence-set] / "$"; in the arena. */
bool parse_sequence_set(struct parser *parser, struct sequence_set *set_r);
/* A set without "*" and "$": uid-set, known-uids (RFC 7162); any order, as one ascending set. */
bool parse_uid_set(struct parser *parser, struct uid_set *set_r);

/* The highest number that is named, "*" aside; 0 when there is none. */
uint32_t sequence_highest(const struct sequence_set *set);

/* The messages of the view that the set names by UID, as UIDs: numbers without message are passed over, and
 * "*" is the last message (so "900:*" is the last one when its UID is lower). Not for a saved set. */
struct uid_set sequence_uids(const struct sequence_set *set, const struct view *view, struct arena *arena);
/* The same with message numbers. ERR_SYNTAX when a number has no message; "*" in an empty mailbox is none. */
enum err sequence_messages(const struct sequence_set *set, const struct view *view, struct arena *arena,
                           struct uid_set *uids_r) MUST_CHECK;
/* What the set names by UID whether the view has it or not, "*" being the view's last: for COPY and STORE of
 * what the session was not told of yet. */
struct uid_set sequence_any_uids(const struct sequence_set *set, const struct view *view,
                                 struct arena *arena);

#endif
