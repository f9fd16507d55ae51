/* SPDX-License-Identifier: ISC */
/*
 * Who hears what became of a message, and the report's way to him (RFC 3461 sections 5 and 6, RFC 5321
 * section 4.5.5): decides by NOTIFY, outcome and time, writes one report (dsn.h) for all recipients that had
 * the same luck at once, and posts it with the null sender, so that nothing is ever told of the report
 * itself. Mail with the null sender is told to nobody.
 *
 * Everything here blocks on the disk: for worker threads.
 */
#ifndef SMTPD_OUTBOUND_REPORT_H
#define SMTPD_OUTBOUND_REPORT_H

#include "base/conf.h"
#include "dsn.h"
#include "storage/queue.h"

/* What the next host, which took a recipient, means for who wanted to hear of success. */
enum report_hop {
    REPORT_HOP_SILENT,  /* it knows nothing of DSN: we tell "relayed" (RFC 3461 section 5.2.2) */
    REPORT_HOP_TELLS,   /* it took NOTIFY over and tells by itself (section 5.2.1) */
    REPORT_HOP_DELIVERS /* it is the end of the way (LMTP): we tell "delivered" (section 5.2.3) */
};

/* Tells the sender of what an attempt came to, before it is settled: who dies between the two tells it twice,
 * with the same Message-ID. The outcomes are of recipients of the claim, in any order; hops[i] belongs to
 * outcomes[i], NULL: all are silent. Sets outcomes[i].delay_told where the sender was told of a delay now (or
 * does not want to be), and keeps it where he was before.
 *
 * After an error nothing was told of some: the outcomes that are over should be settled later, not now. A
 * sender that does not exist is no error; the log has it. */
enum err report_outcomes(struct store *store, const struct conf *conf, const struct queue_claim *claim,
                         struct queue_outcome *outcomes, const enum report_hop *hops, size_t count,
                         int64_t now_us) MUST_CHECK;

/* Tells the sender of deliveries into mailboxes here, for those recipients that asked for it
 * (NOTIFY=SUCCESS). `action` is DSN_DELIVERED, or DSN_EXPANDED for a list of several (RFC 3461 section
 * 5.2.7). `header`: that of the message, or what is at hand of it. */
enum err report_delivered(struct store *store, const struct conf *conf, const struct queue_envelope *envelope,
                          const struct queue_recipient *recipients, size_t count, enum dsn_action action,
                          struct slice header, int64_t now_us) MUST_CHECK;

#endif
