/* SPDX-License-Identifier: ISC */
/*
 * Names of mailboxes as clients have them (RFC 2342), and where they lead. Pure.
 *
 *     Work/2024                          in the account of the session
 *     Shared/bob@example.org             INBOX of bob, if he shares it; the level above his others, if not
 *     Shared/bob@example.org/Projects    his Projects
 *
 * A name leads to somebody else only where a login with its "@" follows: mailboxes of one's own below
 * "Shared" that came from elsewhere can still be reached. What a login may have and a level of a name may not
 * ("/", wildcards) is written as "=2F".
 */
#ifndef IMAPD_NAMES_H
#define IMAPD_NAMES_H

#include "storage/mailbox.h"

#define SHARED_LEVEL  "Shared"
#define SHARED_PREFIX SHARED_LEVEL "/"

struct imap_name {
    struct slice owner;   /* a login, in lower case; empty: the session's own */
    struct slice mailbox; /* in that account, canonical */
};

struct imap_name imap_name_parse(struct arena *arena, struct slice name);
/* What clients other than the owner's call it. */
struct slice imap_shared_name(struct arena *arena, struct slice owner, struct slice mailbox);
/* "Shared", or below it: names that are not for mailboxes of one's own. */
bool imap_name_is_reserved(struct slice name);

#endif
