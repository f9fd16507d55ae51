/* SPDX-License-Identifier: ISC */
/* How much each user sends: a mailing to thousands goes out at a pace that does not get the host blocked, and
 * other users' mail passes it. */
#ifndef SMTPD_RELAY_SENDERS_H
#define SMTPD_RELAY_SENDERS_H

#include "relayd.h"

/* Whether a message of `login` may go to `count` recipients now. False: it may be tried again at *again_us.
 * Mail of no user, and a setting of 0, may always. */
bool senders_allow(struct relayd *relayd, struct slice login, uint64_t count, int64_t now_us,
                   int64_t *again_us);
/* Forgets who has not sent for an hour. */
void senders_forget(struct relayd *relayd, int64_t now_us);
void senders_free(struct relayd *relayd);

#endif
