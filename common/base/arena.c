/* SPDX-License-Identifier: ISC */
/*
 * An arena is a list of blocks; the newest small one is filled from its start. Blocks double from 4 KiB to 64
 * KiB; what would take more than a quarter of a full-size block gets a block of its own, so that it wastes
 * nothing of the others. Under AddressSanitizer the unused part of each block is poisoned: reading behind an
 * allocation is found as with malloc.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* gcc says it by a macro, clang by a feature. */
#ifdef __has_feature
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define POISON(start, size)   ASAN_POISON_MEMORY_REGION((start), (size))
#define UNPOISON(start, size) ASAN_UNPOISON_MEMORY_REGION((start), (size))
/* A gap between neighbours, so that running over the end of one allocation does not land in the next. */
#define GAP ALIGNMENT
#else
#define POISON(start, size)   ((void)0)
#define UNPOISON(start, size) ((void)0)
#define GAP                   0
#endif

#define FIRST_BLOCK (4 * 1024)
#define LARGE_BLOCK (64 * 1024)
#define BIG         (LARGE_BLOCK / 4)
#define ALIGNMENT   alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    size_t used;
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *arena)
{
    *arena = (struct arena){0};
}

static struct arena_block *block_new(size_t size)
{
    struct arena_block *block = mem_realloc(NULL, sizeof(*block) + size);
    block->next = NULL;
    block->size = size;
    block->used = 0;
    POISON(block->data, size);
    return block;
}

static void block_free(struct arena_block *block)
{
    UNPOISON(block->data, block->size);
    mem_free(block);
}

void arena_free(struct arena *arena)
{
    struct arena_block *next;
    for (struct arena_block *block = arena->blocks; block; block = next) {
        next = block->next;
        block_free(block);
    }
    arena_init(arena);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = NULL;
    struct arena_block *next;
    for (struct arena_block *block = arena->blocks; block; block = next) {
        next = block->next;
        /* The first ordinary block from the front is the largest one; big ones are not worth keeping. */
        if (!kept && block->size <= LARGE_BLOCK) {
            kept = block;
        } else {
            block_free(block);
        }
    }
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
        POISON(kept->data, kept->size);
    }
    arena->blocks = kept;
    arena->used = 0;
}

/* A block with `size` free bytes, in front of the list where the next small allocations look first. */
static struct arena_block *block_with_room(struct arena *arena, size_t size)
{
    struct arena_block *first = arena->blocks;
    if (first && first->size - first->used >= size) {
        return first;
    }
    if (size > BIG) {
        struct arena_block *big = block_new(size);
        if (first) { /* behind the first one, which goes on being filled */
            big->next = first->next;
            first->next = big;
        } else {
            arena->blocks = big;
        }
        return big;
    }
    size_t block_size = first ? MIN_OF(MAX_OF(first->size, FIRST_BLOCK / 2) * 2, LARGE_BLOCK) : FIRST_BLOCK;
    struct arena_block *block = block_new(MAX_OF(block_size, size));
    block->next = first;
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2) {
        log_error("memory.exhausted", log_number("size", size));
        abort();
    }
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + GAP;
    struct arena_block *block = block_with_room(arena, rounded);
    void *memory = block->data + block->used;
    block->used += rounded;
    arena->used += size;
    UNPOISON(memory, size);
    return memset(memory, 0, size);
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        total = SIZE_MAX; /* arena_alloc stops the process */
    }
    return arena_alloc(arena, total);
}

void *arena_take_array(struct arena *arena, void *list, size_t count, size_t size)
{
    void *taken = arena_alloc_array(arena, count, size);
    if (count) {
        memcpy(taken, list, count * size);
    }
    mem_free(list);
    return taken;
}

struct slice arena_copy(struct arena *arena, struct slice text)
{
    return (struct slice){arena_cstr(arena, text), text.len};
}

char *arena_cstr(struct arena *arena, struct slice text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    if (text.len) {
        memcpy(copy, text.data, text.len);
    }
    return copy;
}

struct slice arena_lower(struct arena *arena, struct slice text)
{
    char *copy = arena_cstr(arena, text);
    for (size_t i = 0; i < text.len; i++) {
        copy[i] = char_lower(copy[i]);
    }
    return (struct slice){copy, text.len};
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) {
        length = 0;
    }
    char *text = arena_alloc(arena, (size_t)length + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}
