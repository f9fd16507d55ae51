/* SPDX-License-Identifier: ISC */
/* NOTIFY (RFC 5465); the grammar is in notify_parse.c. */
#include "base/mem.h"

#include "notify.h"
#include "session.h"

#define SUPPORTED                                                                    \
    "BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange " \
    "MailboxMetadataChange ServerMetadataChange)"

void imap_notify(struct imap_session *session, struct parser *parser)
{
    struct notify *notify = mem_new(struct notify);
    struct parser kept = *parser;
    kept.arena = &notify->arena; /* the request outlives the command */
    if (!parse_space(&kept) || !parse_notify(&kept, &notify->request) || !parse_end(&kept)) {
        parser->rest = kept.rest;
        parser->expected = kept.expected;
        imap_bad_syntax(session, parser);
        notify_free(notify);
        return;
    }
    if (notify->request.fetch.len > 0 &&
        imap_fetch_unasked(session, notify->request.fetch, (struct uid_set){0})) {
        imap_bad(session, "expected items of FETCH behind MessageNew");
        notify_free(notify);
        return;
    }
    if (notify->request.bad_event) {
        imap_no(session, SUPPORTED, "there is no such event here");
        notify_free(notify);
        return;
    }
    notify_end(session);
    session->notify = notify;
    session->member.also = &notify->member.changed;
    enum err err = notify_begin(session);
    session->updates = UPDATE_ALL; /* an implicit NOOP (section 3.1) */
    if (err) {
        notify_end(session);
        if (err == ERR_LIMIT) /* section 3.1 */
            imap_no(session, "NOTIFICATIONOVERFLOW", "there is too much to be told");
        else
            imap_no_err(session, err);
    } else {
        imap_ok(session, NULL, "noted");
    }
}
