/* SPDX-License-Identifier: ISC */
/* The suppression list in memory; under the queue's mutex. */
#ifndef STORAGE_MEMORY_SUPPRESSION_H
#define STORAGE_MEMORY_SUPPRESSION_H

#include "base/base.h"

struct suppressions;

struct suppressions *suppressions_new(void) NEVER_NULL;
void suppressions_free(struct suppressions *list);

#endif
