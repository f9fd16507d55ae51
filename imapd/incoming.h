/* SPDX-License-Identifier: ISC */
/*
 * A message that a client puts into a mailbox (APPEND, REPLACE), taken in piece by piece: parsed on the way,
 * kept in a blob that nobody sees before it is committed.
 */
#ifndef IMAPD_INCOMING_H
#define IMAPD_INCOMING_H

#include "mail/summary.h"
#include "storage/batch.h"

#include "flags.h"

struct imap_session;

struct incoming {
    struct incoming *next; /* of several */
    struct flag_list flags;
    int64_t internal_date_us; /* 0: now */
    struct blob *blob;
    struct message_summary summary; /* once it is complete; in the command's arena */
    struct mime_parser *parser;
    struct arena parser_arena;
    bool binary; /* NUL is welcome (RFC 3516) */
};

/* Begins an empty message. From a task; errors of the store. */
enum err incoming_begin(struct imap_session *session, struct incoming *incoming) MUST_CHECK;
/* ERR_TOO_LONG over the size limit. Suspends when the disk has to work. */
enum err incoming_write(struct imap_session *session, struct incoming *incoming,
                        struct slice bytes) MUST_CHECK;
/* The same on a worker thread. */
enum err incoming_write_blocking(struct imap_session *session, struct incoming *incoming,
                                 struct slice bytes) MUST_CHECK;
/* Takes the literal that the parser's last parse_pending_literal found; the parser gets the line behind it.
 * Errors of the connection are the session's (input.error). */
enum err incoming_literal(struct imap_session *session, struct incoming *incoming, struct parser *parser,
                          const struct literal *literal) MUST_CHECK;
/* The message is complete. ERR_SYNTAX: it is empty, or has NUL where there must be none. */
enum err incoming_end(struct imap_session *session, struct incoming *incoming) MUST_CHECK;
void incoming_free(struct incoming *incoming); /* zeroed or ended is fine */

/* The operation that adds it. */
struct batch_operation incoming_operation(const struct incoming *incoming, struct mailbox_ref mailbox);

#endif
