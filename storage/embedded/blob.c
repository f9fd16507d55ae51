/* SPDX-License-Identifier: ISC */
/*
 * Bodies on their way in. What fits into 64 KiB stays in memory until it is sealed, so that a refused message
 * never costs a file; a longer one streams into a file of the spool through the same buffer. Sealing writes
 * the rest and syncs; then mailboxes link the file (blob_link) and blob_free removes its name from the spool,
 * which is the last one if nobody took it.
 */
#include "blob_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"

#define MEMORY_MAX (64 * 1024)

enum err blob_begin(struct store *store, struct blob **blob_r)
{
    enum err err = store_check_writable(store);
    if (err) {
        return err;
    }
    struct blob *blob = mem_new(struct blob);
    blob->store = store;
    blob->fd = -1;
    buf_init(&blob->memory, MEMORY_MAX);
    crypto_generichash_init(&blob->hash_state, NULL, 0, BLOB_HASH_SIZE);
    *blob_r = blob;
    return ERR_OK;
}

/* A thread keeps to one of the spool's folders: to sync a new file, some file systems sync its folder too,
 * and threads that make files in one folder then wait for each other. */
static unsigned folder_of_thread(void)
{
    static atomic_uint threads;
    static _Thread_local unsigned folder = UINT_MAX;
    if (folder == UINT_MAX) {
        folder = atomic_fetch_add(&threads, 1) % SPOOL_FOLDERS;
    }
    return folder;
}

/* `<secs>.<pid>.<n>`: spool_remove_leftovers reads it. A name is taken only when a process has the store open
 * twice. */
static enum err create_file(struct blob *blob)
{
    do {
        unsigned number = atomic_fetch_add(&blob->store->sequence, 1);
        snprintf(blob->name, sizeof(blob->name), SPOOL_FOLDER "/%lld.%d.%u", folder_of_thread(),
                 (long long)(clock_wall_us() / 1000000), (int)getpid(), number);
        blob->fd = openat(blob->store->spool_fd, blob->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    } while (blob->fd < 0 && errno == EEXIST);
    if (blob->fd < 0) {
        enum err err = err_from_errno(errno);
        log_error("blob.create_failed", log_cstr("name", blob->name), log_errno(errno));
        blob->name[0] = '\0';
        return err;
    }
    return ERR_OK;
}

static enum err write_out(struct blob *blob, struct slice bytes)
{
    enum err err = blob->fd < 0 ? create_file(blob) : ERR_OK;
    return err ? err : fs_write_all(blob->fd, bytes);
}

static enum err flush_memory(struct blob *blob)
{
    enum err err = write_out(blob, buf_slice(&blob->memory));
    blob->memory.len = 0;
    return err;
}

enum err blob_write(struct blob *blob, struct slice bytes)
{
    if (blob->error || bytes.len == 0) {
        return blob->error;
    }
    if (blob->sealed) {
        return ERR_CONFLICT;
    }
    crypto_generichash_update(&blob->hash_state, (const unsigned char *)bytes.data, bytes.len);
    blob->size += bytes.len;
    if (blob_write_blocks(blob, bytes.len)) {
        blob->error = flush_memory(blob);
    }
    if (!blob->error && bytes.len > MEMORY_MAX) {
        blob->error = write_out(blob, bytes);
    } else if (!blob->error) {
        buf_append(&blob->memory, bytes);
    }
    return blob->error;
}

bool blob_write_blocks(const struct blob *blob, size_t n)
{
    return n > MEMORY_MAX - blob->memory.len;
}

enum err blob_seal(struct blob *blob)
{
    if (blob->error || blob->sealed) {
        return blob->error;
    }
    blob->error = store_check_writable(blob->store);
    if (!blob->error) {
        blob->error = flush_memory(blob); /* makes the file of an empty message, too */
    }
    if (!blob->error) {
        blob->error = store_sync_data(blob->store, blob->fd, "message");
    }
    if (blob->fd >= 0) {
        close(blob->fd);
        blob->fd = -1;
    }
    buf_free(&blob->memory);
    if (!blob->error) {
        crypto_generichash_final(&blob->hash_state, blob->hash, BLOB_HASH_SIZE);
        blob->sealed = true;
    }
    return blob->error;
}

uint64_t blob_size(const struct blob *blob)
{
    return blob->size;
}

void blob_free(struct blob *blob)
{
    if (!blob) {
        return;
    }
    if (blob->fd >= 0) {
        close(blob->fd);
    }
    if (blob->name[0] && unlinkat(blob->store->spool_fd, blob->name, 0) != 0) {
        log_warning("blob.unlink_failed", log_cstr("name", blob->name), log_errno(errno));
    }
    buf_free(&blob->memory);
    mem_free(blob);
}

void blob_reader_close(struct blob_reader *reader)
{
    if (reader->fd >= 0) {
        close(reader->fd);
    }
    reader->fd = -1;
}
