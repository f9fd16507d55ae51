/* SPDX-License-Identifier: ISC */
/* A user's mail: handles, and what can be asked about mailboxes. Handles are shared and counted; opening is
 * cheap. */
#ifndef STORAGE_ACCOUNT_H
#define STORAGE_ACCOUNT_H

#include "base/arena.h"
#include "storage/blob.h"
#include "storage/mailbox.h"
#include "storage/store.h"

struct account;

/* `login` as in directory_user.login. ERR_NOT_FOUND when there is no such account. The first opening in a
 * process looks for the traces of a crash and mends them (STORAGE: files without row are adopted, started
 * unlinks are ended). */
enum err account_open(struct store *store, struct slice login, struct account **account_r) MUST_CHECK;
void account_close(struct account *account);
struct slice account_login(const struct account *account); /* lives as long as the handle */
struct store *account_store(const struct account *account);

/* Takes in what other programs did to the folder of this mailbox (0: of all): mail dropped into it, letters
 * changed, files removed. A look at the folder's time when there is nothing. To be called at SELECT, at
 * login, and now and then while a mailbox is watched. */
enum err mailbox_refresh(struct account *account, int64_t mailbox_id) MUST_CHECK;

/* Counters of one mailbox by its UTF-8 name ("INBOX" in any case), after mailbox_refresh; read from its row,
 * without walking the messages. */
enum err mailbox_status(struct account *account, struct slice name,
                        struct mailbox_status *status_r) MUST_CHECK;

enum err mailbox_list(struct account *account, struct arena *arena, struct mailbox_entry **list_r,
                      size_t *count_r) MUST_CHECK;

/* One message as a session's snapshot holds it. */
struct message_row {
    uint32_t uid;
    uint32_t flags; /* MESSAGE_SEEN … */
    uint64_t modseq;
    uint64_t size; /* bytes as RETR and RFC822.SIZE count them: CRLF line ends */
    int64_t internal_date_us;
    char guid[33]; /* hex; stays with the message for ever; shared by copies (RFC 8474 section 5.1) */
};

/* The messages of a mailbox in UID order, from one consistent read; *rows_r is one block from mem_alloc,
 * freed by the caller with mem_free. 100,000 messages take about 9 MB. */
enum err mailbox_scan(struct account *account, int64_t mailbox_id, struct message_row **rows_r,
                      size_t *count_r) MUST_CHECK;
/* mailbox_status and mailbox_scan in one, from the same consistent read. */
enum err mailbox_read(struct account *account, struct slice name, struct mailbox_status *status_r,
                      struct message_row **rows_r, size_t *count_r) MUST_CHECK;

/* Opens the body of a message for reading; ERR_NOT_FOUND when it was expunged meanwhile. */
enum err message_open(struct account *account, int64_t mailbox_id, uint32_t uid,
                      struct blob_reader *reader_r) MUST_CHECK;

/* Where the bodies of some messages lie that follow each other in a mailbox. Who reads one from its beginning
 * to its end keeps this, so that the index is asked once for many messages. For one account only. Zeroed it
 * is empty. */
struct message_places {
    struct arena arena;
    struct message_place *list;
    size_t count;
};
/* As message_open. When `places` does not hold the message, it is filled anew, from this one on. */
enum err message_open_next(struct account *account, int64_t mailbox_id, uint32_t uid,
                           struct message_places *places, struct blob_reader *reader_r) MUST_CHECK;
void message_places_free(struct message_places *places);

/* What was computed once at delivery (mail/summary.h), for IMAP: slices in the arena. */
struct message_detail {
    struct slice envelope, bodystructure, parts;
    struct slice headers; /* data NULL: not complete, see message_page */
    uint64_t header_size, lines;
};
enum err message_detail(struct account *account, int64_t mailbox_id, uint32_t uid, struct arena *arena,
                        struct message_detail *detail_r) MUST_CHECK;

/* The exclusive maildrop of POP3 (RFC 1939 section 3), across processes and free again when its holder dies.
 * ERR_BUSY. */
struct maildrop_lock;
enum err maildrop_lock(struct account *account, struct maildrop_lock **lock_r) MUST_CHECK;
void maildrop_unlock(struct maildrop_lock *lock);
/* When the last login began that was noted (LOGIN-DELAY, RFC 2449 section 6.5); 0 for never. */
int64_t maildrop_previous_login_us(const struct maildrop_lock *lock);
/* Notes a login. Not done by maildrop_lock: a login that is refused because it came too soon must not put off
 * the next one. */
void maildrop_note_login(const struct maildrop_lock *lock, int64_t time_us);

#endif
