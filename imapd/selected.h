/* SPDX-License-Identifier: ISC */
/*
 * The open mailbox of a session (RFC 9051 section 3.3): the view that its client has, and how far it was
 * told of what happens there. `changes_known` and `expunges_known` are MODSEQs: a client may hear of new
 * flags while expunges have to wait.
 */
#ifndef IMAPD_SELECTED_H
#define IMAPD_SELECTED_H

#include "storage/account.h"
#include "storage/snapshot.h"

#include "rights.h"
#include "view.h"

struct imap_session;
struct search_contexts;

#define OWN_CHANGES_MAX 64

struct selected {
    struct account *account; /* the session's own, or another user's (counted) */
    char *owner;             /* the account's login, while the session dozes and has no account */
    int64_t mailbox_id;
    char guid[33];
    uint32_t uidvalidity;
    char *name;     /* as the store has it */
    bool read_only; /* it was opened by EXAMINE */
    /* Of another's mailbox (access.h), as they were when it was opened, or last looked at: */
    unsigned rights;       /* enum right */
    uint64_t rights_known; /* attr_modseq of the mailbox then */
    struct slice viewer;   /* whose \Seen it is: this session's login; empty: the owner's */
    bool is_held; /* new mail waits: the client is in the middle of fetching bodies (selected_hold) */
    int64_t held_since;
    uint32_t exists; /* messages that the client was told of at SELECT */
    bool is_loaded;  /* the view was read: selected_load */
    struct view view;
    uint32_t uidnext;                 /* UIDs from here on the client was not told of */
    uint64_t changes_known;           /* flags up to here are told */
    uint64_t expunges_known;          /* expunges up to here are told */
    uint64_t highestmodseq;           /* of the mailbox, when it was last looked at */
    bool holds_expunges;              /* some are not told: the commands since did not allow it */
    bool knows_modseq;                /* the client heard HIGHESTMODSEQ since it asked for CONDSTORE */
    uint64_t keywords_told;           /* bits that FLAGS listed */
    struct uid_set_writer recent;     /* what is \Recent for this session */
    struct uid_set_writer saved;      /* "$" (RFC 5182) */
    struct search_contexts *contexts; /* searches that are kept up to date (RFC 5267); NULL: none */
    /* Commits whose changes the client needs not be told of, as it asked for them and has its answer. */
    uint64_t own_changes[OWN_CHANGES_MAX];
    size_t own_count;
};

/* Opens a mailbox of the account; blocks. ERR_NOT_FOUND. */
struct select_request {
    struct account *account;
    struct slice name;
    bool read_only;
    unsigned rights;
    struct slice viewer;
    bool wants_recent; /* new messages become this session's (RFC 3501 section 2.3.2) */
};
struct select_result {
    struct mailbox_entry mailbox;
    struct slice *keywords; /* that its messages have */
    size_t keyword_count;
    uint32_t first_unseen; /* message number; 0: none */
    uint64_t recent;       /* how many messages are */
    uint64_t modseq;       /* of what was read */
};
enum err selected_open(const struct select_request *request, struct arena *arena,
                       struct selected **selected_r, struct select_result *result_r) MUST_CHECK;
void selected_free(struct selected *selected); /* NULL is fine */

/* Whether the mailbox may be changed in a way that wants this right (imapd/rights.h). */
bool selected_may(const struct selected *selected, unsigned right);
/* The system flags that may be changed. */
uint32_t selected_permanent_flags(const struct selected *selected);
/* Whether new messages become this session's, so that no other shows them as \Recent: not for EXAMINE, nor
 * for others than the owner. */
bool selected_takes_recent(const struct selected *selected);
bool selected_is_recent(const struct selected *selected, uint32_t uid);
/* The commit with this MODSEQ was this client's, and is answered. */
void selected_note_own(struct selected *selected, uint64_t modseq);
bool selected_is_own(const struct selected *selected, uint64_t modseq);
/* A client that fetches bodies may overlook new mail that is announced among them (Thunderbird does, and
 * shows it half a minute later): it is told with the end of the next command that does something else, but
 * after HOLD_MAX_MS in any case. */
#define HOLD_MAX_MS 60000
void selected_hold(struct selected *selected, int64_t now);
/* Takes it over as "$". */
void selected_save(struct selected *selected, const struct uid_set *uids);

/* Closes the open mailbox, if there is one; says nothing. (cmd_select.c) */
void imap_leave_mailbox(struct imap_session *session);

/* --- selected_view.c: both block --- */

/* Reads the view, if that was not done. Before commands that need it this is done for them (session.c).
 * ERR_NOT_FOUND: mailbox or view cannot be had any more, the session has to end. */
enum err selected_load(struct selected *selected) MUST_CHECK;
/* The number of the first message that this viewer (empty: the owner) has not seen; 0: there is none. */
enum err selected_first_unseen(struct snapshot *snapshot, const struct mailbox_status *status,
                               struct slice viewer, uint32_t *number_r) MUST_CHECK;

/* HIGHESTMODSEQ up to which the client knows everything but new messages: it may ask for what came later. */
uint64_t selected_modseq(const struct selected *selected);

/* --- updates.c --- */

/* Tells the client what happened in its mailbox, as far as `what` (enum update) allows, and brings the view
 * up to it. Suspends. ERR_NOT_FOUND: the mailbox is gone. */
enum err imap_send_updates(struct imap_session *session, unsigned what) MUST_CHECK;

#endif
