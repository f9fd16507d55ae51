/* SPDX-License-Identifier: ISC */
/* What the commands on mailboxes as such have in common. */
#ifndef IMAPD_MAILBOXES_H
#define IMAPD_MAILBOXES_H

#include "session.h"

/* SP mailbox. As parse_mailbox, without the separator that some clients put at the end ("Work/" means "Work":
 * RFC 9051 section 6.3.4 for CREATE, Thunderbird elsewhere). */
bool parse_mailbox_argument(struct parser *parser, struct slice *name_r);

/* The special use of this name (RFC 6154), as it is written; false when no mailbox can have it. */
bool imap_special_use(struct slice name, struct slice *use_r);

/* RFC 9051 section 6.3.9.7: `* LIST () "/" "INBOX" ("OLDNAME" ("inbox"))`, without what differs not. For
 * sessions of IMAP4rev2. */
void respond_renamed(struct buf *out, const char *attributes, struct slice name, struct slice old_name);
/* Tells a client of IMAP4rev2 under which name its mailbox is kept, when that is another one than it said.
 * `old_name` is what it said, for RENAME the name that was given up. */
void imap_tell_name(struct imap_session *session, const char *attributes, struct slice said,
                    struct slice kept, struct slice old_name);

#endif
