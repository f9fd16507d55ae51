/* SPDX-License-Identifier: ISC */
/*
 * Commands that take long (RFC 9585): the client is told how far they came, and they end when there is nobody
 * any more to tell it to.
 */
#ifndef IMAPD_PROGRESS_H
#define IMAPD_PROGRESS_H

#include "session.h"

/* Zeroed at the beginning of the command. */
struct progress {
    int64_t told_ms; /* when it was told, or began */
};

/* To be called between two pieces of the work, in the task: every ten seconds tells that `done` of `goal` is
 * done (goal 0: unknown), and more often to a client that seems to be gone, to find out. An error: the
 * client, or the server, is going away; give up. Suspends. */
enum err imap_tell_progress(struct imap_session *session, struct progress *progress, uint64_t done,
                            uint64_t goal) MUST_CHECK;

#endif
