/* SPDX-License-Identifier: ISC */
/* Time. Deadlines are monotonic milliseconds; what is stored or shown is wall-clock microseconds since 1970
 * UTC. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/base.h"

#define NO_DEADLINE INT64_MAX

int64_t clock_monotonic_ms(void);
int64_t clock_wall_us(void);

#endif
