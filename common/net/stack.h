/* SPDX-License-Identifier: ISC */
/* Stacks for tasks: mapped memory that ends at a guard page, recycled. */
#ifndef NET_STACK_H
#define NET_STACK_H

#include "base/base.h"

enum { STACKS_KEPT = 64 };

struct stack {
    char *low;            /* lowest usable byte; the guard page is below it */
    size_t size;          /* usable bytes */
    unsigned valgrind_id; /* under which valgrind knows it */
};

/* Stacks that wait for their next task. Zero-initialised it is empty. */
struct stack_cache {
    struct stack stacks[STACKS_KEPT];
    size_t count;
};

/* Out of memory (or of mappings) stops the process. */
struct stack stack_take(struct stack_cache *cache);
void stack_give_back(struct stack_cache *cache, struct stack stack);
/* Gives the pages back that lie well below `frame`, the innermost frame in use. */
void stack_release_below(struct stack stack, const void *frame);
void stack_cache_clear(struct stack_cache *cache);

#endif
