/* SPDX-License-Identifier: ISC */
/*
 * The one place where a name becomes a mailbox that the session may use, its own or another user's, with the
 * rights that it has there (RFC 4314). Everything here asks the store: on a worker thread.
 *
 *     struct imap_access access;
 *     err = imap_access(session, name, RIGHT_INSERT, &access);
 *     if (!err)
 *         err = … access.account, mailbox_named(access.mailbox) …
 *     imap_access_end(&access);
 */
#ifndef IMAPD_ACCESS_H
#define IMAPD_ACCESS_H

#include "names.h"
#include "rights.h"
#include "session.h"

struct imap_access {
    struct account *account;
    struct slice mailbox; /* its name in the account, canonical */
    struct slice owner;   /* login */
    struct slice viewer;  /* whose \Seen counts (storage/batch.h): this session's login; empty: the owner's */
    unsigned rights;      /* enum right; all to the owner */
    /* Of a mailbox of somebody else, which was looked for; of one's own the operation itself finds out. */
    struct mailbox_entry entry;
    struct rights_entry *list; /* its entries, not for the client's eyes */
    size_t list_count;
    bool is_borrowed; /* the account is the session's */
};

/* For the mailbox of this name. ERR_NOT_FOUND: there is none, or the user lacks one of the `needed` rights
 * and may not even know that it is there ("l"). ERR_DENIED: he may, and lacks one. Texts live as long as the
 * command. To be ended in any case. */
enum err imap_access(struct imap_session *session, struct slice name, unsigned needed,
                     struct imap_access *access_r) MUST_CHECK;
/* The same where one of the rights suffices. */
enum err imap_access_any(struct imap_session *session, struct slice name, unsigned one_of,
                         struct imap_access *access_r) MUST_CHECK;
/* Behind one of these: entry and list of one's own mailbox, too. ERR_NOT_FOUND. */
enum err imap_access_read(struct imap_session *session, struct imap_access *access) MUST_CHECK;
/* For a mailbox that is to be made (CREATE, the new name of RENAME): access->mailbox is the new name, and
 * rights and list are those of the nearest mailbox above, which allows it by "k" and whose entries the new
 * one inherits (section 4). In another's account INBOX is above all. ERR_DENIED also for names of one's own
 * that would stand in the way of others' (imap_name_is_reserved). */
enum err imap_access_new(struct imap_session *session, struct slice name,
                         struct imap_access *access_r) MUST_CHECK;
/* Behind it, what became of making the mailbox: ERR_EXISTS of one that is not for this user's eyes is
 * ERR_DENIED, as is what a right is missing for. */
enum err imap_access_made(struct imap_session *session, const struct imap_access *access,
                          enum err err) MUST_CHECK;
void imap_access_end(struct imap_access *access);

/* UIDs in APPENDUID and COPYUID tell of the mailbox: "these response codes SHOULD NOT be issued if the client
 * does not have access to SELECT or EXAMINE the mailbox" (RFC 4315 section 5). */
static inline bool imap_access_tells_uids(const struct imap_access *access)
{
    return access->rights & RIGHT_READ;
}

/* What the session's client calls the mailbox. */
struct slice imap_access_name(struct imap_session *session, const struct imap_access *access);

/* Mailboxes of others, for LIST. */
struct shared_mailbox {
    struct slice name; /* as the client has it */
    struct slice owner;
    struct mailbox_entry entry; /* entry.name: in the owner's account */
    unsigned rights;
};
/* All on which the user has the right "l", by owner; INBOX first, then by name. Each owner's account has to
 * be opened, so that goes one by one; zeroed it has none, and must be freed. */
struct shared_list {
    struct slice *owners;
    size_t owner_count, next_owner; /* until they are equal */
    struct shared_mailbox *mailboxes;
    size_t count, room;
};
enum err shared_list_begin(struct imap_session *session, struct arena *arena,
                           struct shared_list *list) MUST_CHECK;
void shared_list_next(struct imap_session *session, struct arena *arena, struct shared_list *list);
void shared_list_free(struct shared_list *list);

#endif
