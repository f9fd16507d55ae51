/* SPDX-License-Identifier: ISC */
/* File operations that must be durable or exclusive, in one place, so that tests can make each of them fail.
 */
#ifndef BASE_FSIO_H
#define BASE_FSIO_H

#include "base/buf.h"

/* Writes `content` to a temporary name beside `path`, syncs it, renames it over `path` and syncs the
 * directory: after a crash the old or the new content is there, never a mixture. */
enum err fs_write_durable(const char *path, struct slice content, unsigned mode) MUST_CHECK;
/* Reads the whole file into `out`; ERR_TOO_LONG when it exceeds the buffer's cap. */
enum err fs_read_file(const char *path, struct buf *out) MUST_CHECK;
/* mkdir -p; directories that exist are left as they are. */
enum err fs_make_directories(const char *path, unsigned mode) MUST_CHECK;
/* Removes a file or a folder with all in it; that it is gone already is fine. Not durable. */
enum err fs_remove_tree(const char *path) MUST_CHECK;
enum err fs_sync_directory(const char *path) MUST_CHECK;
/* Whether one of these functions failed at a sync in this thread since this was asked last. */
bool fs_take_sync_failure(void);
/* All of `content`, retrying short writes and EINTR. */
enum err fs_write_all(int fd, struct slice content) MUST_CHECK;

/* Opens (creates) a lock file and takes an exclusive lock that ends with the descriptor or the process
 * (flock). Without `wait` a held lock gives ERR_BUSY. *fd_r is to be closed by the caller. */
enum err fs_lock_file(const char *path, bool wait, int *fd_r) MUST_CHECK;

#endif
