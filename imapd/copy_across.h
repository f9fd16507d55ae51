/* SPDX-License-Identifier: ISC */
/*
 * COPY and MOVE from one user's account into another's: the messages are read and put in anew, all by one
 * commit, so that all of them come or none. Their identifiers are others there (RFC 8474 section 5.1 lets a
 * copy have one of its own). A MOVE takes them out of the source when they are there: what goes wrong in
 * between leaves both.
 */
#ifndef IMAPD_COPY_ACROSS_H
#define IMAPD_COPY_ACROSS_H

#include "access.h"

#define COPY_ACROSS_MAX 10000 /* messages at once */

struct copy_across {
    struct imap_session *session;
    struct uid_set uids;              /* of the open mailbox */
    const struct imap_access *target; /* with the right to insert */
    bool move;
    /* results: the messages that were copied, and their copies in the same order */
    struct uid_set source, copies;
    uint32_t uidvalidity;
    uint64_t modseq; /* of a MOVE in the source; 0: nothing went */
};

/* From a task. ERR_LIMIT: too many; errors of the store. */
enum err imap_copy_across(struct copy_across *copy) MUST_CHECK;

#endif
