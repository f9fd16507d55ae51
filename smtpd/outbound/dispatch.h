/* SPDX-License-Identifier: ISC */
/*
 * One message on its way to all its recipients, accounts here and addresses elsewhere, all of them or none:
 *
 *     queue_add (prepared) → deliver_all → queue_confirm
 *
 * Whoever dies in between has promised nothing: what was prepared is never sent. With recipients elsewhere
 * only, that is one step, and so it is with accounts only.
 *
 *     dispatch_init(&dispatch, store, conf, &arena, &envelope);
 *     dispatch.accounts = …;
 *     dispatch_remote(&dispatch, &recipient);                any number of times
 *     dispatch_forward(&dispatch, &alias, &recipient);       likewise
 *     err = dispatch_run(&dispatch, blob, &summary);
 *
 * The queue keeps one entry for all recipients that get the same envelope: those of a forward get another
 * sender (srs.h) and a field Delivered-To on top. Everything here blocks on the disk: for worker threads.
 */
#ifndef SMTPD_OUTBOUND_DISPATCH_H
#define SMTPD_OUTBOUND_DISPATCH_H

#include "base/conf.h"
#include "mail/address.h"
#include "mail/summary.h"
#include "storage/queue.h"

struct dispatch_recipient {
    struct slice address; /* "user@example.net" */
    struct slice orcpt;   /* as it came; empty: none */
    unsigned notify;      /* QUEUE_NOTIFY_SUCCESS … */
};

struct dispatch_part; /* recipients that share an envelope */

struct dispatch {
    struct store *store;
    const struct conf *conf;
    struct arena *arena;
    struct queue_envelope envelope; /* of the message as it came */
    const struct slice *accounts;   /* logins, each once; the caller's */
    size_t account_count;
    struct dispatch_part *parts;
};

/* The first entry in the queue gets the envelope's id, further ones "ID.1", "ID.2" … The configuration says
 * when it expires, unless the envelope does. Texts are not copied: they must live as long as the dispatch. */
void dispatch_init(struct dispatch *dispatch, struct store *store, const struct conf *conf,
                   struct arena *arena, const struct queue_envelope *envelope);
/* Somebody elsewhere. */
void dispatch_remote(struct dispatch *dispatch, const struct dispatch_recipient *recipient);

/* Those elsewhere whom mail for a recipient goes on to, an alias of ours. With others behind the same alias
 * (`is_shared`, or more than one target) nobody of them tells of success (RFC 3461 section 5.2.7.3): that is
 * the caller's to do. An error: the sender cannot be rewritten now. */
struct dispatch_alias {
    struct address address;
    const struct slice *targets;
    size_t count;
    bool is_shared;
};
enum err dispatch_forward(struct dispatch *dispatch, const struct dispatch_alias *alias,
                          const struct dispatch_recipient *recipient) MUST_CHECK;

/* All get it, or none does: ERR_OVER_QUOTA, ERR_NO_SPACE, ERR_EXISTS (the id was used before), ERR_LIMIT (it
 * was forwarded by one of these aliases before: it runs in a circle) … The blob stays the caller's, who need
 * not have sealed it. */
enum err dispatch_run(struct dispatch *dispatch, struct blob *blob,
                      const struct message_summary *summary) MUST_CHECK;

#endif
