/* SPDX-License-Identifier: ISC */
/*
 * So much per time, and no more: the generic cell rate algorithm, with a place in line for those who come too
 * early. Pure; times are microseconds of one clock.
 */
#ifndef SMTPD_RELAY_PACER_H
#define SMTPD_RELAY_PACER_H

#include "base/base.h"

struct pacer {
    int64_t used_until_us; /* what was taken is paid for until then */
    int64_t line_until_us; /* those in line come until then */
    int64_t seen_us;       /* the last call was then */
};

/* Takes `count` at one per `interval_us`, of which up to `burst` may come at once: true. False: too early,
 * and *again_us is when to come back; who comes later is sent to a later time. interval_us 0: any number. */
bool pacer_take(struct pacer *pacer, uint64_t count, int64_t interval_us, uint64_t burst, int64_t now_us,
                int64_t *again_us);

#endif
