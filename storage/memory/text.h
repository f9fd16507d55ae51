/* SPDX-License-Identifier: ISC */
/* Texts that many states share: counted, never changed. */
#ifndef STORAGE_MEMORY_TEXT_H
#define STORAGE_MEMORY_TEXT_H

#include <stdatomic.h>

#include "base/slice.h"

struct text {
    atomic_uint users;
    size_t len;
    char data[];
};

struct text *text_new(struct slice bytes) NEVER_NULL;
/* One more user; returns it. */
struct text *text_share(struct text *text) NEVER_NULL;
void text_release(struct text *text); /* NULL is fine */
struct slice text_slice(const struct text *text);

#endif
