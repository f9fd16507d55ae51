/* SPDX-License-Identifier: ISC */
/* Which mailboxes a search of several goes through (RFC 7377 section 2.2). */
#ifndef IMAPD_SEARCH_MAILBOXES_H
#define IMAPD_SEARCH_MAILBOXES_H

#include "notify.h"
#include "session.h"

#define SEARCH_GROUPS_MAX 32

struct search_places {
    bool selected; /* the open mailbox is one of them */
    struct notify_group groups[SEARCH_GROUPS_MAX];
    size_t group_count;
};

/* [SP "IN" SP "(" source-mbox ")"]; without it the open mailbox. */
bool parse_search_places(struct parser *parser, struct search_places *places_r);

/* The names, as the client has them, of the mailboxes other than the open one; each once. Some may turn out
 * not to be there, or not to be for this user. Blocks. */
enum err search_places_list(struct imap_session *session, const struct search_places *places,
                            struct slice **names_r, size_t *count_r) MUST_CHECK;

#endif
