/* SPDX-License-Identifier: ISC */
/*
 * The maildrop of a session: locked against other POP3 sessions, its messages numbered once at login (RFC
 * 1939 section 5), and the marks for deletion, which take effect at QUIT only. drop_open, drop_update and
 * drop_close block on the disk: sessions call them through work_run.
 */
#ifndef POP3D_DROP_H
#define POP3D_DROP_H

#include "storage/account.h"

/* Zeroed it is closed. */
struct drop {
    struct account *account;
    struct maildrop_lock *lock;
    struct mailbox_status inbox;
    struct message_row *rows; /* message n is rows[n - 1] */
    size_t count;
    bool *deleted;   /* marked by DELE */
    bool *twin;      /* an earlier message has the same GUID; NULL: none is so */
    bool *retrieved; /* sent whole by RETR: counts when the site's policy is EXPIRE 0 */
    size_t deleted_count;
    uint64_t deleted_bytes;
    uint64_t bytes; /* of all messages */
};

struct drop_policy {
    int64_t login_delay; /* seconds; 0: none */
    int64_t expire_days; /* messages older than this are removed at login; -1: never, 0: what was retrieved
                            goes at QUIT */
};

/* Opens and locks. ERR_BUSY: another session holds it; ERR_LIMIT: too soon after the last login; else errors
 * of the store. On failure the drop is closed. */
enum err drop_open(struct drop *drop, struct store *store, struct slice login,
                   struct drop_policy policy) MUST_CHECK;
/* Removes what is marked. The messages are gone for good when ERR_OK is returned; otherwise all of them are
 * still there. */
enum err drop_update(struct drop *drop, struct drop_policy policy) MUST_CHECK;
/* Unlocks and frees, removing nothing. */
void drop_close(struct drop *drop);

/* The message with this number. ERR_NOT_FOUND: there is none; ERR_CONFLICT: it is marked as deleted. */
enum err drop_find(const struct drop *drop, uint64_t number, size_t *index_r) MUST_CHECK;
void drop_mark(struct drop *drop, size_t index);
void drop_unmark_all(struct drop *drop);

#endif
