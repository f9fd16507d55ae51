/* SPDX-License-Identifier: ISC */
/* Allocation that stops the process instead of returning NULL: no caller has a better idea at that point. */
#include "base/mem.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void *checked(void *memory, size_t size)
{
    if (!memory) {
        log_error("memory.exhausted", log_number("size", size));
        abort();
    }
    return memory;
}

void *mem_alloc(size_t size)
{
    return checked(calloc(1, size ? size : 1), size);
}

void *mem_realloc(void *memory, size_t size)
{
    /* realloc(p, 0) would free p and return NULL, which is not what "cannot fail" says. */
    return checked(realloc(memory, size ? size : 1), size);
}

void *mem_realloc_array(void *memory, size_t count, size_t size)
{
    if (count == 0 || size == 0) {
        return mem_realloc(memory, 1);
    }
    return checked(reallocarray(memory, count, size), count);
}

void mem_free(void *memory)
{
    free(memory);
}

char *mem_strdup(const char *text)
{
    return checked(strdup(text), strlen(text));
}

void mem_wipe(void *memory, size_t size)
{
    if (size) {
        sodium_memzero(memory, size);
    }
}
