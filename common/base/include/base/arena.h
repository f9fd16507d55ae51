/* SPDX-License-Identifier: ISC */
/*
 * Memory that is freed all at once: one arena per command or transaction, one per session. Pointers live
 * until arena_reset or arena_free. Error paths then need no clean-up ladders.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used; /* bytes handed out since the last reset, for limits and metrics */
};

/* A zeroed struct is an empty arena too: `struct arena arena = {0};` */
void arena_init(struct arena *arena);
void arena_free(struct arena *arena);
/* Frees everything but keeps one block for reuse. */
void arena_reset(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t size) NEVER_NULL; /* zeroed, aligned for any type */
#define arena_new(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_alloc_array((arena), (count), sizeof(type)))
void *arena_alloc_array(struct arena *arena, size_t count, size_t size) NEVER_NULL;
/* Moves a list that was grown with mem_realloc_array into the arena; `list` (NULL when empty) is freed. */
void *arena_take_array(struct arena *arena, void *list, size_t count, size_t size) NEVER_NULL;

struct slice arena_copy(struct arena *arena, struct slice text); /* also NUL-terminated behind the slice */
char *arena_cstr(struct arena *arena, struct slice text) NEVER_NULL;
struct slice arena_lower(struct arena *arena, struct slice text); /* copy with ASCII letters in lower case */
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3) NEVER_NULL;

#endif
