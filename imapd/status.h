/* SPDX-License-Identifier: ISC */
/* What STATUS tells of a mailbox (RFC 9051 section 6.3.11): for the command of that name, and for LIST RETURN
 * (STATUS …) (RFC 5819). */
#ifndef IMAPD_STATUS_H
#define IMAPD_STATUS_H

#include "base/buf.h"
#include "storage/snapshot.h"

#include "parser.h"

enum status_item {
    STATUS_MESSAGES = 1,
    STATUS_RECENT = 2, /* RFC 3501 */
    STATUS_UIDNEXT = 4,
    STATUS_UIDVALIDITY = 8,
    STATUS_UNSEEN = 16,
    STATUS_DELETED = 32,
    STATUS_SIZE = 64,             /* RFC 8438 */
    STATUS_HIGHESTMODSEQ = 128,   /* RFC 7162 */
    STATUS_APPENDLIMIT = 256,     /* RFC 7889 */
    STATUS_DELETED_STORAGE = 512, /* RFC 9208 */
    STATUS_MAILBOXID = 1024       /* RFC 8474 */
};

/* "(" status-att *(SP status-att) ")" */
bool parse_status_items(struct parser *parser, unsigned *items_r);

/* One answer: what its mailbox's row does not have comes from the messages. */
struct status_values {
    const struct mailbox_entry *mailbox;
    uint64_t unseen, recent, deleted_bytes;
    uint64_t append_limit;
};
/* Reads what these items need beyond the row. `viewer`: who works in another user's mailbox, with a \Seen of
 * his own; empty for the owner. */
enum err status_read(struct snapshot *snapshot, unsigned items, struct slice viewer,
                     struct status_values *values) MUST_CHECK;
/* `* STATUS "Work" (MESSAGES 3 UIDNEXT 5)` with its line end. */
void respond_status(struct buf *out, struct slice name, unsigned items, const struct status_values *values,
                    bool utf8);

#endif
