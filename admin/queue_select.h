/* SPDX-License-Identifier: ISC */
/* The filters of `postern queue`: from the command line into what the store looks for. */
#ifndef ADMIN_QUEUE_SELECT_H
#define ADMIN_QUEUE_SELECT_H

#include "command.h"
#include "storage/queue.h"

/* Returns EXIT_DONE, or the exit code after the reason was printed. Texts live in the arena or point into the
 * command line. *any_r: whether any filter was given. */
int queue_select(const struct invocation *call, int64_t now_us, struct arena *arena,
                 struct queue_filter *filter_r, bool *any_r);
/* A word of --state as bits of queue_filter.states; 0: there is no such word. */
unsigned queue_states_named(struct slice name);

#endif
