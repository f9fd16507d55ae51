/* SPDX-License-Identifier: ISC */
/* For tests: watches whose sweep does not take a minute. */
#ifndef STORAGE_WATCH_PRIVATE_H
#define STORAGE_WATCH_PRIVATE_H

#include "storage/watch.h"

/* Within this time the sweep looks at every account once. */
void watch_set_sweep(struct watch *watch, int64_t interval_ms);

#endif
