/* SPDX-License-Identifier: ISC */
/*
 * What running commands hold in memory, in sum. A search, a sort, or an APPEND of many messages has a limit
 * of its own; but a user may have many sessions, and the process has many users. Who needs more than is left
 * is refused, and the others go on.
 */
#ifndef IMAPD_BUDGET_H
#define IMAPD_BUDGET_H

#include "base/error.h"
#include "base/slice.h"

#define BUDGET_USER_MAX    ((size_t)256 * 1024 * 1024)
#define BUDGET_PROCESS_MAX ((size_t)1024 * 1024 * 1024)

/* Of a process; of the loop's thread alone. */
struct budget {
    size_t user_max, process_max;
    size_t held;
    struct budget_share *first;
};

/* Of a session. Zeroed it holds nothing, and it must hold nothing when it goes. */
struct budget_share {
    struct slice user;
    size_t held;
    struct budget_share *prev, *next;
};

/* The session holds so much from now on. ERR_LIMIT: that is more than its user, or all, may have; it counts
 * all the same, until it is given back. `user` lives as long as something is held. */
enum err budget_hold(struct budget *budget, struct budget_share *share, struct slice user,
                     size_t bytes) MUST_CHECK;
void budget_release(struct budget *budget, struct budget_share *share);

#endif
