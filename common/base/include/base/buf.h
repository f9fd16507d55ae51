/* SPDX-License-Identifier: ISC */
/*
 * Owned bytes that grow, born with a cap. Appending past the cap sets a sticky error and appends nothing
 * more, so calls need no check one by one: look at `error` (or buf_ok) once at the end. Ordinary
 * out-of-memory stops the process.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "base/slice.h"

struct buf {
    char *data; /* NULL until the first byte; always NUL-terminated behind len when not NULL */
    size_t len;
    size_t size;    /* allocated */
    size_t cap;     /* len never exceeds this */
    enum err error; /* ERR_OK or ERR_TOO_LONG */
};

void buf_init(struct buf *buf, size_t cap);
/* Releases the memory; the buffer may be used again with the same cap. */
void buf_free(struct buf *buf);
/* Empty again, error cleared, memory kept (memory above 64 KiB is released). */
void buf_clear(struct buf *buf);

/* Answers are made of short pieces by the million: where there is room for one, a copy is all. */
void buf_append_growing(struct buf *buf, struct slice text);
static inline void buf_append(struct buf *buf, struct slice text)
{
    if (text.len == 0 || buf->error || text.len >= buf->size - buf->len) {
        buf_append_growing(buf, text);
        return;
    }
    memcpy(buf->data + buf->len, text.data, text.len);
    buf->len += text.len;
    buf->data[buf->len] = '\0';
}
static inline void buf_append_char(struct buf *buf, char c)
{
    buf_append(buf, (struct slice){&c, 1});
}
/* Decimal, with leading zeros up to `digits` (at most 20). Where a number is written for every message, this
 * costs a tenth of buf_printf. */
void buf_append_number(struct buf *buf, uint64_t number, unsigned digits);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *buf, const char *format, va_list args) PRINTF_LIKE(2, 0);
/* Room for n more bytes at the end, to be written by the caller, who then calls buf_commit with what was
 * really written. NULL (and the sticky error) when n does not fit under the cap. */
char *buf_reserve(struct buf *buf, size_t n);
void buf_commit(struct buf *buf, size_t n);
/* Removes the first n bytes (moves the rest down). */
void buf_drop(struct buf *buf, size_t n);
void buf_truncate(struct buf *buf, size_t len);
bool buf_ok(const struct buf *buf);
/* Valid until the next change of the buffer. */
struct slice buf_slice(const struct buf *buf);
/* NUL-terminated; "" when empty. Valid until the next change. */
const char *buf_cstr(const struct buf *buf);

#endif
