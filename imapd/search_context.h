/* SPDX-License-Identifier: ISC */
/*
 * Searches that go on (RFC 5267 section 4.3): UPDATE among the return options, and the client is told which
 * messages come to match and which cease to, until CANCELUPDATE or the mailbox is closed.
 *
 * What a message is cannot change, only its flags, so a change of the mailbox is judged by looking at the
 * messages that changed.
 */
#ifndef IMAPD_SEARCH_CONTEXT_H
#define IMAPD_SEARCH_CONTEXT_H

#include "search_command.h"
#include "sort.h"

#define CONTEXTS_MAX        16
#define SORTED_CONTEXTS_MAX 4
/* Messages that all contexts of a session remember, in sorted ones; and ranges, in others. */
#define CONTEXT_RESULTS_MAX 100000
/* A further one is refused when those that run remember so much of what was searched for. */
#define CONTEXT_MEMORY_MAX ((size_t)1024 * 1024)

struct search_contexts;                                      /* of an open mailbox */
void search_contexts_free(struct search_contexts *contexts); /* NULL is fine */

/* Whether a context of this tag runs. */
bool search_context_runs(const struct selected *selected, struct slice tag);
/* When UPDATE was asked for: keeps program and result, to tell of changes from now on. With criteria the
 * result is sorted. Tells the client when that is refused. */
void search_context_begin(struct search_command *command, const struct search_result *result,
                          const struct sort_criteria *criteria);

/* Before the client is told that these messages are expunged: REMOVEFROM. On a worker thread. */
void search_contexts_expunged(struct selected *selected, const struct uid_set *gone, struct buf *out);
/* After it was told of new messages and flags as of this MODSEQ: ADDTO and REMOVEFROM. Suspends. */
enum err search_contexts_changed(struct imap_session *session, uint64_t modseq) MUST_CHECK;

#endif
