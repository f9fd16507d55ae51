/* SPDX-License-Identifier: ISC */
/*
 * Message bodies on the way in and out. A blob is written once, made durable, and then belongs to the
 * accounts that appended it (storage/batch.h): one data file, however many accounts (hard links).
 */
#ifndef STORAGE_BLOB_H
#define STORAGE_BLOB_H

#include "storage/store.h"

struct blob;

/* A new, empty, invisible body. Nothing touches the disk before 64 KiB were written or it is sealed. */
enum err blob_begin(struct store *store, struct blob **blob_r) MUST_CHECK;
/* Appends. Blocks on the disk only when `blob_write_blocks` says so. Errors stick. */
enum err blob_write(struct blob *blob, struct slice bytes);
/* Whether a write of n bytes would go to the disk: then it belongs on a worker thread. */
bool blob_write_blocks(const struct blob *blob, size_t n);
/* Writes what is in memory and syncs the file (fdatasync). After ERR_OK it is durable, still invisible. */
enum err blob_seal(struct blob *blob) MUST_CHECK;
uint64_t blob_size(const struct blob *blob);
/* Releases it; a body that no account took is removed from the disk. NULL is fine. */
void blob_free(struct blob *blob);

/* Reading a stored message: a descriptor positioned anywhere (use pread), owned by the caller. */
struct blob_reader {
    int fd;
    uint64_t size; /* bytes in the file */
};
void blob_reader_close(struct blob_reader *reader);

#endif
