/* SPDX-License-Identifier: ISC */
/* Bodies: a buffer that grows, then a text that messages share. Readers want a descriptor, so each gets a
 * file in memory of his own: descriptors are few, messages many. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "memory_store.h"

#define BODY_MAX SIZE_MAX

struct blob {
    struct store *store;
    struct buf bytes;
    struct text *content; /* once it is sealed */
    uint64_t size;
    enum err error;
};

enum err blob_begin(struct store *store, struct blob **blob_r)
{
    struct blob *blob = mem_new(struct blob);
    blob->store = store;
    buf_init(&blob->bytes, BODY_MAX);
    *blob_r = blob;
    return ERR_OK;
}

enum err blob_write(struct blob *blob, struct slice bytes)
{
    if (blob->error || bytes.len == 0) {
        return blob->error;
    }
    if (blob->content) {
        return ERR_CONFLICT;
    }
    blob->error = store_step(blob->store, MEMORY_BLOB_WRITE);
    if (!blob->error) {
        buf_append(&blob->bytes, bytes);
        blob->size += bytes.len;
    }
    return blob->error;
}

/* As an engine with files would have it, so that programs take the same ways. */
bool blob_write_blocks(const struct blob *blob, size_t n)
{
    return blob->bytes.len / 65536 != (blob->bytes.len + n) / 65536;
}

enum err blob_seal(struct blob *blob)
{
    if (blob->error || blob->content) {
        return blob->error;
    }
    blob->error = store_step(blob->store, MEMORY_SEAL);
    if (!blob->error) {
        blob->content = text_new(buf_slice(&blob->bytes));
    }
    buf_free(&blob->bytes);
    return blob->error;
}

uint64_t blob_size(const struct blob *blob)
{
    return blob->size;
}

void blob_free(struct blob *blob)
{
    if (blob) {
        buf_free(&blob->bytes);
        text_release(blob->content);
        mem_free(blob);
    }
}

struct text *blob_content(const struct blob *blob)
{
    return blob->content;
}

enum err content_open(const struct text *content, struct blob_reader *reader_r)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = fs_write_all(fd, text_slice(content));
    if (err) {
        close(fd);
        return err;
    }
    *reader_r = (struct blob_reader){.fd = fd, .size = content->len};
    return ERR_OK;
}

void blob_reader_close(struct blob_reader *reader)
{
    if (reader->fd >= 0) {
        close(reader->fd);
    }
    reader->fd = -1;
}
