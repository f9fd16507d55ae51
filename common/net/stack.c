/* SPDX-License-Identifier: ISC */
/*
 * A stack is address space first: the kernel gives memory to the pages that are touched. A task that runs off
 * its end hits the guard page and the process dies at once, instead of writing over a neighbour.
 *
 * Ended tasks leave their stacks for the next ones, which saves three system calls and the page faults of the
 * topmost pages. The pages below those go back to the kernel, so that a deep call in one session is not paid
 * for ever.
 *
 * Each stack takes two mappings: vm.max_map_count (65530 by default) bounds a process to some 32,000 tasks.
 */
#include "stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "sanitizer.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id)       (void)(id)
#endif

/* AddressSanitizer puts red zones around every variable, which makes frames several times as large. */
#ifdef HAS_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
enum { STACK_SIZE = 1024 * 1024 };
#else
enum { STACK_SIZE = 256 * 1024 };
#endif

/* What may be in use below a function's own frame: its locals, and the frames of the calls it makes now. */
enum { STACK_LIVE_BELOW = 1024 };

/* What stays resident of a stack that waits for its next task. */
enum { STACK_KEPT_TOP = 16 * 1024 };

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static struct stack stack_map(void)
{
    size_t guard = page_size();
    char *mapping = mmap(NULL, guard + STACK_SIZE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (mapping == MAP_FAILED || mprotect(mapping, guard, PROT_NONE) != 0) {
        log_error("task.no_stack", log_errno(errno));
        abort();
    }
    struct stack stack = {.low = mapping + guard, .size = STACK_SIZE};
    stack.valgrind_id = (unsigned)VALGRIND_STACK_REGISTER(stack.low, stack.low + stack.size);
    return stack;
}

static void stack_unmap(struct stack stack)
{
    VALGRIND_STACK_DEREGISTER(stack.valgrind_id);
    munmap(stack.low - page_size(), page_size() + stack.size);
}

struct stack stack_take(struct stack_cache *cache)
{
    struct stack stack = cache->count > 0 ? cache->stacks[--cache->count] : stack_map();
#ifdef HAS_ADDRESS_SANITIZER
    /* The leak checker looks for pointers on the stacks of threads only; this is how it learns of ours. */
    __lsan_register_root_region(stack.low, stack.size);
#endif
    return stack;
}

void stack_give_back(struct stack_cache *cache, struct stack stack)
{
#ifdef HAS_ADDRESS_SANITIZER
    __lsan_unregister_root_region(stack.low, stack.size);
    /* All frames have returned and cleared their red zones, but the outermost: that one is left by a jump. */
    __asan_unpoison_memory_region(stack.low + stack.size - STACK_KEPT_TOP, STACK_KEPT_TOP);
#endif
    if (cache->count == STACKS_KEPT) {
        stack_unmap(stack);
        return;
    }
    madvise(stack.low, stack.size - STACK_KEPT_TOP, MADV_DONTNEED);
    cache->stacks[cache->count++] = stack;
}

void stack_release_below(struct stack stack, const void *frame)
{
    size_t used = (size_t)(stack.low + stack.size - (const char *)frame) + STACK_LIVE_BELOW;
    size_t page = page_size();
    size_t kept = (used + page - 1) / page * page;
    if (kept < stack.size)
        madvise(stack.low, stack.size - kept, MADV_DONTNEED);
}

void stack_cache_clear(struct stack_cache *cache)
{
    while (cache->count > 0)
        stack_unmap(cache->stacks[--cache->count]);
}
