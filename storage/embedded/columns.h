/* SPDX-License-Identifier: ISC */
/*
 * The narrow columns of large mailboxes (UID, MODSEQ, flags, keywords), as this process read them last: who
 * wants the flags of all messages has them by a copy instead of a walk through the index. One for all
 * accounts of a store; what was used longest ago goes first.
 *
 * Rows are kept together with the state of the mailbox that showed them. Every change of a message, its
 * coming and going are a MODSEQ of the account's counter that becomes the mailbox's HIGHESTMODSEQ in the same
 * commit, and the counter never turns back while its file is open. So in any snapshot, older or newer, that
 * shows the same state, exactly these rows are there. From a newer state the rows follow by what it says is
 * changed and gone; that the result has as many rows as the mailbox says it has proves it: all that changed
 * are among them, and all that did not were. An older snapshot reads the index.
 */
#ifndef STORAGE_COLUMNS_H
#define STORAGE_COLUMNS_H

#include "storage/snapshot.h"

/* Mailboxes of fewer messages are not kept, and scans of fewer UIDs do not look here: the index answers them
 * as fast. (Variables for the sake of tests, which have small mailboxes.) */
extern uint64_t columns_messages_min, columns_uids_min;
/* At most this many of one mailbox, and of all together; some 24 bytes each. */
#define COLUMNS_MAILBOX_MAX 500000
#define COLUMNS_MAX         1500000

struct column_row {
    uint64_t modseq, keywords;
    uint32_t uid, flags;
};

/* Of which account and mailbox, and in which state. */
struct columns_state {
    const struct account *account;
    int64_t mailbox_id;
    uint64_t highestmodseq, messages;
    uint32_t uidvalidity;
};

struct columns;

struct columns *columns_new(uint64_t rows_max);
void columns_free(struct columns *columns); /* NULL is fine */
/* The account is about to be closed. */
void columns_forget(struct columns *columns, const struct account *account);

enum columns_found {
    COLUMNS_NONE,
    COLUMNS_OLDER, /* what belongs to a lower HIGHESTMODSEQ */
    COLUMNS_SAME,
    COLUMNS_UNFIT /* what is newer; or it is known that this state has no rows that agree with it */
};
/* COLUMNS_SAME: fills the page from the scan's cursor on, up to page->rows_max rows; the cursor is the
 * caller's to move. COLUMNS_OLDER: *since_r is that HIGHESTMODSEQ. */
enum columns_found columns_read(struct columns *columns, const struct columns_state *state,
                                const struct message_scan *scan, struct message_page *page,
                                uint64_t *since_r);
/* Takes over all rows of the mailbox in this state (mem_realloc_array), ascending, or frees them when what is
 * there is newer. NULL: there are more or fewer than the mailbox says. */
void columns_put(struct columns *columns, const struct columns_state *state, struct column_row *rows);
/* Brings what belongs to `since` to this state: takes out `gone`, and puts in or replaces `changed`, in any
 * order; it is sorted here. When that does not add up the mailbox is forgotten. */
void columns_update(struct columns *columns, const struct columns_state *state, uint64_t since,
                    const struct uid_set *gone, struct column_row *changed, size_t changed_count);

#endif
