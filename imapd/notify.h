/* SPDX-License-Identifier: ISC */
/*
 * NOTIFY (RFC 5465): what a client wants to hear of without asking, of the open mailbox and of others. Parsed
 * by notify_parse.c, kept by the session, and told by comparing the account with what the client knows of it
 * (notify_tell.c). Only mailboxes of the session's own account are watched.
 */
#ifndef IMAPD_NOTIFY_H
#define IMAPD_NOTIFY_H

#include "budget.h"
#include "hub.h"
#include "parser.h"

struct imap_session;

enum notify_event {
    NOTIFY_MESSAGE_NEW = 1,
    NOTIFY_MESSAGE_EXPUNGE = 2,
    NOTIFY_FLAG_CHANGE = 4,
    NOTIFY_MAILBOX_NAME = 8,
    NOTIFY_SUBSCRIPTION_CHANGE = 16,
    NOTIFY_MAILBOX_METADATA = 32,
    NOTIFY_SERVER_METADATA = 64,
    NOTIFY_MESSAGES = NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE | NOTIFY_FLAG_CHANGE
};

enum notify_filter {
    NOTIFY_SELECTED,
    NOTIFY_SELECTED_DELAYED,
    NOTIFY_INBOXES, /* mail may be filed into any mailbox: the same as personal (section 6.3) */
    NOTIFY_PERSONAL,
    NOTIFY_SUBSCRIBED,
    NOTIFY_SUBTREE,
    NOTIFY_MAILBOXES,
    NOTIFY_SUBTREE_ONE /* for ESEARCH (RFC 7377 section 2.2) only: one level down */
};

struct notify_group {
    enum notify_filter filter;
    struct slice *names; /* of subtrees and mailboxes, canonical */
    size_t name_count;
    unsigned events;
};

struct notify_request {
    bool none;         /* NOTIFY NONE */
    bool wants_status; /* STATUS of what is watched, now */
    bool bad_event;    /* an event that there is not: NO [BADEVENT …] */
    bool has_selected, is_delayed;
    unsigned selected_events;
    struct slice fetch; /* what to tell of new messages in the open mailbox: "(UID FLAGS)", or empty */
    struct notify_group *groups;
    size_t group_count;
};

#define NOTIFY_GROUPS_MAX 32
#define NOTIFY_NAMES_MAX  250 /* in one group */

/* filter-mailboxes: sets all of the group but its events. `for_search`: what ESEARCH knows (RFC 7377). */
bool parse_mailbox_filter(struct parser *parser, bool for_search, struct notify_group *group_r);
/* Whether a filter of mailboxes other than the open one covers this one. */
bool notify_group_covers(const struct notify_group *group, struct slice name, bool subscribed);

/* "NONE" / "SET" …, behind the space. Everything in the parser's arena. */
bool parse_notify(struct parser *parser, struct notify_request *request_r);

/* What a session has asked for; NULL in the session: it never did. */
struct notify {
    struct arena arena; /* holds the request */
    struct notify_request request;
    struct hub_member member;   /* hears of all of the account */
    struct notify_known *known; /* what the client was told of its mailboxes */
    struct budget *budget;
    struct budget_share memory; /* of which that takes so much */
};
void notify_free(struct notify *notify); /* NULL is fine; of a session's own: notify_end */
/* The session hears no more than it did before it ever asked. */
void notify_end(struct imap_session *session);
/* Of enum update: what may be told of the open mailbox at all. */
unsigned notify_update_mask(const struct notify *notify);

/* Notes how things are, so that changes from now on are told; with `status`, sends the STATUS lines that
 * NOTIFY SET STATUS asks for. ERR_LIMIT: there are too many mailboxes to remember. */
enum err notify_begin(struct imap_session *session) MUST_CHECK;
/* Tells what changed in other mailboxes. */
enum err notify_tell(struct imap_session *session) MUST_CHECK;

#endif
