/* SPDX-License-Identifier: ISC */
/*
 * The growing buffer. Memory doubles, so appending is cheap on average, and stops at the cap. One byte more
 * than `len` is always allocated, for the NUL that makes buf_cstr free of charge.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* The first allocation: most buffers hold a line. */
#define FIRST_SIZE 128
/* What buf_clear keeps for the next use. */
#define KEPT_SIZE (64 * 1024)

void buf_init(struct buf *buf, size_t cap)
{
    /* Room for the NUL must not overflow when somebody asks for "no cap". */
    *buf = (struct buf){.cap = MIN_OF(cap, SIZE_MAX / 2)};
}

void buf_free(struct buf *buf)
{
    mem_free(buf->data);
    buf_init(buf, buf->cap);
}

void buf_clear(struct buf *buf)
{
    if (buf->size > KEPT_SIZE) {
        buf_free(buf);
        return;
    }
    buf->len = 0;
    buf->error = ERR_OK;
    if (buf->data) {
        buf->data[0] = '\0';
    }
}

static void grow(struct buf *buf, size_t needed)
{
    size_t size = buf->size ? buf->size : FIRST_SIZE;
    while (size < needed) {
        size *= 2;
    }
    size = MIN_OF(size, buf->cap + 1);
    buf->data = mem_realloc(buf->data, size);
    buf->size = size;
}

char *buf_reserve(struct buf *buf, size_t n)
{
    if (buf->error) {
        return NULL;
    }
    if (n > buf->cap - buf->len) {
        buf->error = ERR_TOO_LONG;
        return NULL;
    }
    if (buf->len + n + 1 > buf->size) {
        grow(buf, buf->len + n + 1);
        buf->data[buf->len] = '\0';
    }
    return buf->data + buf->len;
}

void buf_commit(struct buf *buf, size_t n)
{
    if (n == 0) {
        return;
    }
    assert(buf->len + n < buf->size);
    buf->len += n;
    buf->data[buf->len] = '\0';
}

void buf_append_growing(struct buf *buf, struct slice text)
{
    char *room = buf_reserve(buf, text.len);
    if (room && text.len) {
        memcpy(room, text.data, text.len);
        buf_commit(buf, text.len);
    }
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    assert(length >= 0);
    char *room = buf_reserve(buf, (size_t)length);
    if (room) {
        vsnprintf(room, (size_t)length + 1, format, again);
        buf_commit(buf, (size_t)length);
    }
    va_end(again);
}

void buf_append_number(struct buf *buf, uint64_t number, unsigned digits)
{
    char text[20];
    size_t at = sizeof(text);
    do {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (at > 0 && sizeof(text) - at < digits) {
        text[--at] = '0';
    }
    buf_append(buf, slice_of(text + at, sizeof(text) - at));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(buf, format, args);
    va_end(args);
}

void buf_drop(struct buf *buf, size_t n)
{
    n = MIN_OF(n, buf->len);
    if (n == 0) {
        return;
    }
    memmove(buf->data, buf->data + n, buf->len - n + 1);
    buf->len -= n;
}

void buf_truncate(struct buf *buf, size_t len)
{
    if (len < buf->len) {
        buf->len = len;
        buf->data[len] = '\0';
    }
}

bool buf_ok(const struct buf *buf)
{
    return buf->error == ERR_OK;
}

struct slice buf_slice(const struct buf *buf)
{
    return buf->data ? (struct slice){buf->data, buf->len} : SLICE_EMPTY;
}

const char *buf_cstr(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}
