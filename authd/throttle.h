/* SPDX-License-Identifier: ISC */
/*
 * Slows down guessing, and never locks anybody out: who fails waits longer for the next answer, up to ten
 * seconds, and is heard then. Counted by address (IPv6: /64) and by account and network (IPv4: /24, IPv6:
 * /48), so that a stranger far away cannot slow down an account's owner. Only distinct wrong passwords count:
 * a telephone that keeps trying the old password of its owner is no attack. Failures are forgotten within
 * minutes; memory is bounded.
 *
 * For one thread. `now`: loop_now() milliseconds; tests pass their own.
 */
#ifndef AUTHD_THROTTLE_H
#define AUTHD_THROTTLE_H

#include "base/slice.h"

struct throttle;

/* Who tries: the address of the mail client, and the name as typed. */
struct throttle_attempt {
    const char *address;
    struct slice name;
};

/* Remembers at most `limit` addresses and accounts; beyond that the least recently seen are forgotten. */
struct throttle *throttle_new(size_t limit);
void throttle_free(struct throttle *throttle);

/* Milliseconds to wait before this attempt is looked at. */
int64_t throttle_delay(struct throttle *throttle, const struct throttle_attempt *attempt, int64_t now);
void throttle_failed(struct throttle *throttle, const struct throttle_attempt *attempt, struct slice password,
                     int64_t now);
/* The right password: forgets what the address and the account in its network had on their account. */
void throttle_succeeded(struct throttle *throttle, const struct throttle_attempt *attempt);
size_t throttle_size(const struct throttle *throttle);

#endif
