/* SPDX-License-Identifier: ISC */
/* What a client that comes back has missed (RFC 7162 section 3.2.5: SELECT … (QRESYNC …)). */
#ifndef IMAPD_RESYNC_H
#define IMAPD_RESYNC_H

#include "parser.h"
#include "view.h"

struct imap_session;

struct resync {
    bool wanted;
    uint32_t uidvalidity;
    uint64_t modseq; /* what the client knows */
    bool has_known;  /* `known` was given; otherwise all UIDs below UIDNEXT */
    struct uid_set known;
    struct uid_set match_numbers, match_uids; /* samples: this number has (had) that UID */
    size_t match_count;
};

/* "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")", behind the
 * word. */
bool parse_resync(struct parser *parser, struct resync *resync_r);

/* The highest UID whose number is still the one that the client has: it knows of all that went below. */
uint32_t resync_matching_uid(const struct resync *resync, const struct view *view);

/* After SELECT's own responses: VANISHED (EARLIER) and the FETCHes, when the UIDVALIDITY is still the same.
 */
enum err imap_send_resync(struct imap_session *session, const struct resync *resync) MUST_CHECK;
/* VANISHED (EARLIER) for those of `known` that went after `modseq`: also for UID FETCH … (CHANGEDSINCE n
 * VANISHED) (section 3.2.6). */
enum err imap_send_vanished(struct imap_session *session, const struct uid_set *known,
                            uint64_t modseq) MUST_CHECK;

#endif
