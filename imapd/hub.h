/* SPDX-License-Identifier: ISC */
/*
 * Where the sessions of a process hear of changes: one watch on the store (storage/watch.h) and a task that
 * waits for it. A member has an event for tasks that sleep (IDLE) and a mark for those that do not.
 */
#ifndef IMAPD_HUB_H
#define IMAPD_HUB_H

#include "net/event.h"
#include "net/task.h"
#include "storage/account.h"
#include "storage/watch.h"

struct hub;

struct hub_member {
    struct watched *watched; /* NULL: not joined */
    struct event changed;    /* set by a change in a mailbox of `interest`, cleared by who looked */
    struct event *also;      /* set as well; may be NULL */
    int64_t mailbox_id;      /* only this mailbox matters; 0: any */
};

/* Runs in a task of its own until hub_stop, or until the loop is freed. NULL when the store cannot be
 * watched. */
struct hub *hub_start(struct loop *loop, struct store *store);
/* From a task of the loop: ends it; no member is left. */
void hub_stop(struct hub *hub);

/* From now on hears of changes to this account (login) after `modseq`. */
void hub_join(struct hub *hub, struct hub_member *member, struct slice login, int64_t mailbox_id,
              uint64_t modseq);
void hub_leave(struct hub_member *member);
/* Takes in what was told up to now, without waiting: whatever was committed before, here or elsewhere, has
 * set its members' events when this returns. */
void hub_look(struct hub *hub);

#endif
