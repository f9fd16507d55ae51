/* SPDX-License-Identifier: ISC */
/* Which messages belong together: see thread_keys.h. */
#ifndef STORAGE_MEMORY_THREADS_H
#define STORAGE_MEMORY_THREADS_H

#include "rows.h"

struct thread_index {
    struct thread_entry **buckets;
    size_t bucket_count, count;
};

/* Sets body->thread. */
void threads_place(struct thread_index *threads, struct body *body);
void threads_free(struct thread_index *threads);

#endif
