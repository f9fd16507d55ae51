/* SPDX-License-Identifier: ISC */
/* Texts that many states share. */
#include "text.h"

#include <string.h>

#include "base/mem.h"

struct text *text_new(struct slice bytes)
{
    struct text *text = mem_alloc(sizeof(*text) + bytes.len);
    atomic_init(&text->users, 1);
    text->len = bytes.len;
    if (bytes.len) {
        memcpy(text->data, bytes.data, bytes.len);
    }
    return text;
}

struct text *text_share(struct text *text)
{
    atomic_fetch_add(&text->users, 1);
    return text;
}

void text_release(struct text *text)
{
    if (text && atomic_fetch_sub(&text->users, 1) == 1) {
        mem_free(text);
    }
}

struct slice text_slice(const struct text *text)
{
    return slice_of(text->data, text->len);
}
