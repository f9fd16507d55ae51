/* SPDX-License-Identifier: ISC */
/*
 * The message on its way in:
 *
 *     client's bytes → size, line ends → edit (submission) → ≥ 64 KiB stretches → worker thread: parse, write
 *     end mark       →                                       worker thread: parse, check, sync, deliver
 *
 * A stretch waits in memory, then a worker thread feeds it to the parser and to the blob; so a message of any
 * size needs the same memory, and one below 64 KiB a single trip to a worker. The trace fields go first
 * through the same way, so that what the parser counted describes the file that is stored.
 *
 * The first thing found wrong is remembered and answered at the end, after the client's bytes were read away
 * (it does not listen before).
 */
#ifndef SMTPD_RECEIVE_H
#define SMTPD_RECEIVE_H

#include "base/error.h"
#include "base/slice.h"
#include "reply.h"

struct session;
struct receive;

/* For the transaction of this session, whose recipients are complete. `chunked`: by BDAT, where lines ends
 * are checked here; else by DATA, from the dot decoder. */
struct receive *receive_new(struct session *session, bool chunked);
/* Drops what was not delivered. NULL is fine. */
void receive_free(struct receive *receive);

/* Takes a stretch; suspends now and then. */
void receive_write(struct receive *receive, struct slice bytes);
/* Refuses the message, unless something was found wrong before. */
void receive_refuse(struct receive *receive, enum reply refusal);
enum reply receive_refusal(const struct receive *receive);
/* Far more than the size limit has come: a client that will not stop. */
bool receive_is_flooded(const struct receive *receive);

/* The end of the message: checks, delivers, replies (for LMTP once per recipient) and logs. Nothing has been
 * promised before the reply. To be followed by transaction_reset. */
void receive_finish(struct receive *receive);

#endif
