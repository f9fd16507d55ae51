/* SPDX-License-Identifier: ISC */
/*
 * Rights on mailboxes (RFC 4314): letters, sets of them, and what a list of entries gives to a user. Pure.
 *
 * An entry is for a login, for everybody ("anyone", "authenticated"), or takes rights away again from one of
 * these ("-bob@example.org"). A user has what any entry that applies gives him, less what any takes away. The
 * owner of an account has all rights on its mailboxes, whatever the entries say.
 */
#ifndef IMAPD_RIGHTS_H
#define IMAPD_RIGHTS_H

#include "base/buf.h"
#include "storage/snapshot.h"

/* Section 2.1, in the order in which the letters are written. */
enum right {
    RIGHT_LOOKUP = 1 << 0,          /* l: LIST, SUBSCRIBE: to know that it is there */
    RIGHT_READ = 1 << 1,            /* r: SELECT, STATUS, FETCH */
    RIGHT_SEEN = 1 << 2,            /* s: \Seen, which each user has for himself */
    RIGHT_WRITE = 1 << 3,           /* w: flags and keywords but \Seen and \Deleted */
    RIGHT_INSERT = 1 << 4,          /* i: APPEND, COPY into it */
    RIGHT_POST = 1 << 5,            /* p: send mail to its address; IMAP does not ask for it */
    RIGHT_CREATE = 1 << 6,          /* k: CREATE below it, RENAME to below it */
    RIGHT_DELETE_MAILBOX = 1 << 7,  /* x: DELETE, RENAME it */
    RIGHT_DELETE_MESSAGES = 1 << 8, /* t: \Deleted */
    RIGHT_EXPUNGE = 1 << 9,         /* e: EXPUNGE, and CLOSE as one */
    RIGHT_ADMINISTER = 1 << 10,     /* a: SETACL, DELETEACL, GETACL, LISTRIGHTS */
    RIGHTS_ALL = (1 << 11) - 1
};

/* One of these suffices for MYRIGHTS (section 4). */
#define RIGHTS_FOR_MYRIGHTS \
    (RIGHT_LOOKUP | RIGHT_READ | RIGHT_INSERT | RIGHT_CREATE | RIGHT_DELETE_MAILBOX | RIGHT_ADMINISTER)
/* One of these makes a mailbox READ-WRITE (section 5.2), as all flags but \Seen are shared. */
#define RIGHTS_READ_WRITE (RIGHT_INSERT | RIGHT_EXPUNGE | RIGHT_WRITE | RIGHT_DELETE_MESSAGES)

/* Letters into a set. The obsolete "c" means "kx" and "d" means "te" (section 2.1.1). False for any other
 * character: *wrong_r is it. */
bool rights_parse(struct slice text, unsigned *rights_r, char *wrong_r);
/* mod-rights (section 3.1): "+lr" adds, "-lr" takes away, "lr" replaces. */
enum rights_change { RIGHTS_REPLACE, RIGHTS_ADD, RIGHTS_REMOVE };
bool rights_parse_change(struct slice text, enum rights_change *change_r, unsigned *rights_r, char *wrong_r);
unsigned rights_changed(unsigned before, enum rights_change change, unsigned rights);

#define RIGHTS_TEXT_MAX 16
/* "lrswipkxtea": as the store keeps them. */
void rights_format(unsigned rights, char text_r[RIGHTS_TEXT_MAX]);
/* The same with "c" and "d" behind where one of their members is there, for clients of RFC 2086. */
void rights_format_for_client(unsigned rights, char text_r[RIGHTS_TEXT_MAX]);

/* The system flags that these rights allow to change (section 4); keywords go with \Answered. */
uint32_t rights_flags(unsigned rights);

/* What the entries of a mailbox give to this login, who is not its owner. */
unsigned rights_of_user(const struct rights_entry *list, size_t count, struct slice login);
/* The rights of the entry for exactly this identifier; 0 when there is none. */
unsigned rights_of_identifier(const struct rights_entry *list, size_t count, struct slice identifier);

#endif
