/* SPDX-License-Identifier: ISC */
/*
 * relayd: sends what is in the queue.
 *
 *     scheduler.c   one task: which destinations are due → a delivery for each, as many as may be
 *     delivery.c    a task each: claims messages of one destination, connects, sends, tells what came of it
 *     settler.c     one task: writes down what was delivered
 *     chores.c      one task: forgets what is over, keeps its claims
 *
 * What is known of a destination between deliveries is its lane (lane.h). Everything that must outlive the
 * process is in the queue.
 */
#ifndef SMTPD_RELAY_RELAYD_H
#define SMTPD_RELAY_RELAYD_H

#include "base/daemon.h"
#include "lane.h"
#include "limits.h"
#include "relay_connect.h"
#include "storage/queue.h"

/* How long claims are ours: far longer than a message takes, and chores.c extends it. */
#define RELAYD_LEASE_US ((int64_t)3600 * 1000000)

struct delivery;
struct provider; /* of mail for many (providers.h) */
struct sender;   /* a user and how much he sends (senders.h) */
struct settler;

struct relayd {
    struct relay_tools tools;
    struct store *store;
    struct queue_bell *bell;
    char owner[64]; /* of claims */

    struct lane *lanes, *awake;
    int64_t forgot;      /* some lanes, in that piece of time */
    int64_t searches_ms; /* on the loop's clock: again among those that cannot get a place */
    struct provider *providers;
    struct sender *senders;
    struct settler *settler;
    struct delivery *deliveries; /* that are under way */
    size_t delivery_count;
    size_t unproven; /* of them: in lanes where nothing has gone well yet */
    bool is_crowded; /* destinations wait for a place: who had his turn ends */
    bool is_stopping;
    struct event wake;     /* the scheduler is to look again */
    struct event reloaded; /* the configuration was */
    struct event ended;    /* a delivery has */
    struct task *scheduler, *chores;
};

/* Takes the place of the one who delivers: ERR_BUSY when somebody has it. What a former process had claimed
 * waits again, and goes the ways of this configuration, which becomes that of the tools. Blocks on the disk.
 */
enum err relayd_open(struct relayd *relayd, struct store *store, const struct conf *conf) MUST_CHECK;
void relayd_close(struct relayd *relayd);
/* The tools have another configuration: what waits goes the ways that it says. */
void relayd_reload(struct relayd *relayd);
/* Begins to deliver; the tools must be there. */
void relayd_start(struct relayd *relayd);
/* Ends in order: what is under way is finished, for `grace_ms` at most. In a task; suspends. */
void relayd_stop(struct relayd *relayd, int64_t grace_ms);

/* --- between its files --- */

void relayd_schedule(void *relayd); /* the task of scheduler.c */
void relayd_do_chores(void *relayd);

/* A delivery begins: a task of its own, counted in the lane, and for the provider that it is known to lead to
 * (NULL: none). */
void delivery_start(struct relayd *relayd, struct lane *lane, const char *provider);
/* Wakes the delivery of the lane that came to rest last: connections that are one too many time out. */
void delivery_wake(struct lane *lane);
/* Wakes all that rest. */
void deliveries_wake(struct relayd *relayd);
/* Breaks them off; without `whatever_they_do` only those that look for a host, which can take minutes. */
void deliveries_cancel(struct relayd *relayd, bool whatever_they_do);

#endif
