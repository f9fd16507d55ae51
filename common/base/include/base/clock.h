/* SPDX-License-Identifier: ISC */
/* Time. Deadlines are monotonic milliseconds; what is stored or shown is wall-clock microseconds since 1970
 * UTC. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/base.h"

#define NO_DEADLINE INT64_MAX

int64_t clock_monotonic_ms(void);
int64_t clock_wall_us(void);
/* Whether a test may let the wall clock jump: who sleeps until a wall time then looks more often. */
bool clock_is_moved_by_test(void);

#endif
