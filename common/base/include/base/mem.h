/* SPDX-License-Identifier: ISC */
/* Allocation that cannot fail: out of memory logs and aborts. Sizes that a peer chose must be checked before.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/base.h"

void *mem_alloc(size_t size) NEVER_NULL; /* zeroed */
void *mem_realloc(void *memory, size_t size) NEVER_NULL;
void *mem_realloc_array(void *memory, size_t count, size_t size) NEVER_NULL; /* aborts on overflow */
void mem_free(void *memory);
char *mem_strdup(const char *text) NEVER_NULL;
/* Overwrites secrets; not optimised away. */
void mem_wipe(void *memory, size_t size);

#define mem_new(type) ((type *)mem_alloc(sizeof(type)))

#endif
