/* SPDX-License-Identifier: ISC */
/*
 * SUBSCRIBE and UNSUBSCRIBE (RFC 9051 sections 6.3.7, 6.3.8), of names that mailboxes have and of others:
 *
 *     subscribe       = "SUBSCRIBE" SP mailbox
 *     unsubscribe     = "UNSUBSCRIBE" SP mailbox
 */
#include "storage/batch.h"

#include "mailboxes.h"
#include "names.h"

/* The form in which LIST shows the name. */
static struct slice listed_name(struct imap_session *session, struct slice name)
{
    struct imap_name place = imap_name_parse(&session->arena, name);
    return place.owner.len > 0 ? imap_shared_name(&session->arena, place.owner, place.mailbox)
                               : place.mailbox;
}

static void set_subscription(struct imap_session *session, struct parser *parser, bool subscribed)
{
    struct slice name;
    if (!parse_mailbox_argument(parser, &name) || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    struct batch_operation operation = {.kind = BATCH_SUBSCRIBE,
                                        .mailbox = mailbox_named(listed_name(session, name)),
                                        .subscribe = {.subscribed = subscribed}};
    enum err err = imap_commit(session, session->account, &operation);
    if (err == ERR_SYNTAX && !subscribed) /* what cannot be a name is not subscribed */
        err = ERR_OK;
    if (err)
        imap_no_err(session, err);
    else
        imap_ok(session, NULL, subscribed ? "subscribed" : "no longer subscribed");
}

void imap_subscribe(struct imap_session *session, struct parser *parser)
{
    set_subscription(session, parser, true);
}

void imap_unsubscribe(struct imap_session *session, struct parser *parser)
{
    set_subscription(session, parser, false);
}
