/* SPDX-License-Identifier: ISC */
/*
 * The bare coroutine below a task: a function with a stack of its own that runs until it suspends, and goes
 * on from there when it is resumed. It knows nothing of loops and waiting.
 */
#ifndef NET_FIBER_H
#define NET_FIBER_H

#include "stack.h"

struct fiber {
    struct stack stack;
    void (*fn)(void *arg);
    void *arg;
    void *inside; /* where the fiber goes on when resumed */
    void *caller; /* where its resumer goes on when the fiber suspends */
    bool has_ended;
    /* The resumer's stack, as AddressSanitizer wants to be told when the fiber switches back. */
    const void *caller_stack;
    size_t caller_stack_size;
};

/* Prepares fn(arg) to run on `stack`, which must stay until the fiber has ended. */
void fiber_init(struct fiber *fiber, struct stack stack, void (*fn)(void *arg), void *arg);
/* Runs the fiber until it suspends or ends (then has_ended is set, and it must not be resumed again). */
void fiber_resume(struct fiber *fiber);
/* Called inside of the fiber: goes back to who resumed it. */
void fiber_suspend(struct fiber *fiber);

#endif
