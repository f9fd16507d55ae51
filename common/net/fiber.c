/* SPDX-License-Identifier: ISC */
/*
 * Switching stacks with Boost.Context. The library is C++, but its switch is a few instructions of assembly
 * with a C interface, which no installed header declares for C; so it is declared here.
 *
 * jump_fcontext(to, data) saves the callee-saved registers on the current stack, and goes on in `to`: there
 * the pending jump_fcontext returns (or the fiber's first function begins), with `data` and the context just
 * left behind. A context is good for one jump, therefore both sides store the fresh one after every switch.
 *
 * AddressSanitizer keeps track of the current stack and has to hear of each switch before and after it. Its
 * "fake stack" of the side that is left is kept in a variable on that very stack, and given up (NULL) when a
 * fiber leaves for good.
 */
#include "fiber.h"

#include <stdlib.h>

#include "sanitizer.h"

struct transfer {
    void *from; /* the context that was left */
    void *data;
};

void *make_fcontext(void *stack_top, size_t size, void (*fn)(struct transfer transfer));
struct transfer jump_fcontext(void *to, void *data);

#ifdef HAS_ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#else
static inline void __sanitizer_start_switch_fiber(void **fake_stack, const void *low, size_t size)
{
    (void)fake_stack, (void)low, (void)size;
}
static inline void __sanitizer_finish_switch_fiber(void *fake_stack, const void **low_r, size_t *size_r)
{
    (void)fake_stack, (void)low_r, (void)size_r;
}
#endif

/* The outermost function on the fiber's stack. */
static void fiber_main(struct transfer transfer)
{
    struct fiber *fiber = transfer.data;
    __sanitizer_finish_switch_fiber(NULL, &fiber->caller_stack, &fiber->caller_stack_size);
    fiber->caller = transfer.from;

    fiber->fn(fiber->arg);

    fiber->has_ended = true;
    __sanitizer_start_switch_fiber(NULL, fiber->caller_stack, fiber->caller_stack_size);
    jump_fcontext(fiber->caller, NULL);
    abort(); /* nobody resumes a fiber that has ended */
}

void fiber_init(struct fiber *fiber, struct stack stack, void (*fn)(void *arg), void *arg)
{
    *fiber = (struct fiber){.stack = stack, .fn = fn, .arg = arg};
    fiber->inside = make_fcontext(stack.low + stack.size, stack.size, fiber_main);
}

void fiber_resume(struct fiber *fiber)
{
    void *fake_stack = NULL;
    __sanitizer_start_switch_fiber(&fake_stack, fiber->stack.low, fiber->stack.size);
    struct transfer transfer = jump_fcontext(fiber->inside, fiber);
    __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
    fiber->inside = transfer.from;
}

void fiber_suspend(struct fiber *fiber)
{
    void *fake_stack = NULL;
    __sanitizer_start_switch_fiber(&fake_stack, fiber->caller_stack, fiber->caller_stack_size);
    struct transfer transfer = jump_fcontext(fiber->caller, NULL);
    __sanitizer_finish_switch_fiber(fake_stack, &fiber->caller_stack, &fiber->caller_stack_size);
    fiber->caller = transfer.from;
}
