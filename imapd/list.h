/* SPDX-License-Identifier: ISC */
/* What LIST, LSUB and XLIST ask for, as the parser (cmd_list.c) gives it to the search (list_reply.c). */
#ifndef IMAPD_LIST_H
#define IMAPD_LIST_H

#include "listmatch.h"
#include "metadata.h"
#include "session.h"

enum list_verb { VERB_LIST, VERB_LSUB, VERB_XLIST };

enum list_select {
    SELECT_SUBSCRIBED = 1,
    SELECT_REMOTE = 2, /* there are no remote mailboxes: changes nothing */
    SELECT_RECURSIVEMATCH = 4,
    SELECT_SPECIAL_USE = 8
};

enum list_return {
    RETURN_SUBSCRIBED = 1,
    RETURN_CHILDREN = 2,    /* always told */
    RETURN_SPECIAL_USE = 4, /* always told: Outlook looks for it in plain LIST */
    RETURN_STATUS = 8,
    RETURN_MYRIGHTS = 16, /* RFC 8440 */
    RETURN_METADATA = 32  /* RFC 9590 */
};

struct list_request {
    enum list_verb verb;
    bool is_extended;         /* the syntax of RFC 5258: \NonExistent is understood */
    unsigned select, returns; /* enum list_select, enum list_return */
    struct list_pattern *patterns;
    size_t pattern_count;
    unsigned status_items; /* enum status_item */
    struct metadata_request metadata;
};

/* Sends the untagged lines. */
enum err imap_list(struct imap_session *session, const struct list_request *request) MUST_CHECK;

#endif
