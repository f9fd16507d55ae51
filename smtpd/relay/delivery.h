/* SPDX-License-Identifier: ISC */
/* A delivery: what its files share. */
#ifndef SMTPD_RELAY_DELIVERY_H
#define SMTPD_RELAY_DELIVERY_H

#include "providers.h"
#include "relayd.h"
#include "report.h"

struct delivery {
    struct relayd *relayd;
    struct lane *lane;
    struct arena arena; /* of what is claimed at the moment */
    struct destination destination;
    struct limits limits;
    struct provider *provider; /* that it is counted for; NULL: none */
    int64_t again_us;          /* it may not connect before; 0: before another one for this provider ends */

    struct queue_claim *claims;
    size_t count, at;
    bool took_all; /* the last claim got fewer messages than it asked for */
    struct relay_connection connection;
    size_t messages;    /* that were sent over the connection */
    size_t turns;       /* messages that were dealt with */
    bool is_connecting; /* which can take minutes, and may be broken off */
    bool is_over;       /* nothing more is to be claimed */

    struct event work; /* there may be something to send */
    bool is_resting;
    struct delivery *rests_below; /* in the lane's stack */

    struct task *task;
    struct delivery *prev, *next;
};

/* --- the queue's side (delivery_queue.c); all suspend, and the disk's work is on worker threads --- */

/* Claims messages of the lane's destination, at most `messages`. Those of recipients who need not be tried
 * are dealt with at once. False: there are none, or it went wrong, which is logged. */
bool delivery_claim(struct delivery *delivery, size_t messages);

/* What came of some recipients of a claim: who is to hear of it does, and the queue knows. `hops` as in
 * report.h. When the disk fails it tries again, as long as the process lives; after a cancellation once. */
void delivery_settle(struct delivery *delivery, const struct queue_claim *claim,
                     struct queue_outcome *outcomes, const enum report_hop *hops, size_t count);
/* All recipients of a claim wait until `due_us`, 0: until when each of them did. */
void delivery_put_back(struct delivery *delivery, const struct queue_claim *claim, int64_t due_us);
/* The same verdict for all recipients of a claim. */
void delivery_give_verdict(struct delivery *delivery, const struct queue_claim *claim,
                           const struct verdict *verdict);
/* Opens the body. False: it cannot be had, and what that means was settled: one that is lost may come back
 * from a backup, and its sender is told when the time is over. */
bool delivery_open_body(struct delivery *delivery, const struct queue_claim *claim,
                        struct blob_reader *reader);
/* The destination means nothing any more (its route went): recipients get the one that holds now. */
void delivery_route_anew(struct delivery *delivery);

/* --- the other side's (delivery_send.c) --- */

enum delivery_sent {
    DELIVERY_SENT,  /* what came of it is settled; the connection may be closed */
    DELIVERY_AGAIN, /* the connection was an old one and broke: nothing was promised, try a new one */
    DELIVERY_CANCELED
};
/* Sends a message over the open connection to all recipients of the claim. */
enum delivery_sent delivery_send(struct delivery *delivery, const struct queue_claim *claim);

#endif
