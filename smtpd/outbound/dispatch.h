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
 *     dispatch_remote(&dispatch, &recipient);             any number of times
 *     dispatch_forward(&dispatch, alias, &recipient);     likewise
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

    struct dispatch_part *parts; /* as yet in the order in which they were needed */
    bool sender_is_known, sender_is_ours;
};

/* The first entry in the queue gets the envelope's id, further ones "ID.1", "ID.2" … With expires_us 0 the
 * configuration says when it expires. Texts are not copied: they must live as long as the dispatch. */
void dispatch_init(struct dispatch *dispatch, struct store *store, const struct conf *conf,
                   struct arena *arena, const struct queue_envelope *envelope);
/* Someone elsewhere. */
void dispatch_remote(struct dispatch *dispatch, const struct dispatch_recipient *recipient);
/* Someone elsewhere whom mail for the address `alias` of ours goes to. An error: the sender cannot be
 * rewritten now. */
enum err dispatch_forward(struct dispatch *dispatch, const struct address *alias,
                          const struct dispatch_recipient *recipient) MUST_CHECK;

/* All get it, or none does: ERR_OVER_QUOTA, ERR_NO_SPACE, ERR_EXISTS (the id was used before) … The blob is
 * sealed and stays the caller's. */
enum err dispatch_run(struct dispatch *dispatch, struct blob *blob,
                      const struct message_summary *summary) MUST_CHECK;

/* The same for a message to one address, whoever stands behind it: an account, an alias, somebody elsewhere,
 * or somebody who once wrote through us (srs.h). ERR_NOT_FOUND: nobody does. */
enum err dispatch_post(struct store *store, const struct conf *conf, const struct queue_envelope *envelope,
                       const struct dispatch_recipient *recipient, struct blob *blob,
                       const struct message_summary *summary) MUST_CHECK;

#endif
