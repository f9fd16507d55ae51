/* SPDX-License-Identifier: ISC */
/* From the spool into a mailbox, and what crashed processes left in the spool. */
#include "blob_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/scan.h"

#define COPY_CHUNK (64 * 1024)

/* Leftovers are removed after an hour when their process is gone, and after two days in any case: no message
 * takes that long, so then another process has the number. */
#define LEFTOVER_SECONDS     3600
#define LEFTOVER_SECONDS_MAX (48 * 3600)

static enum err copy_bytes(int from, int to)
{
    char chunk[COPY_CHUNK];
    ssize_t got;
    while ((got = read(from, chunk, sizeof(chunk))) != 0) {
        if (got < 0 && errno == EINTR) {
            continue;
        }
        enum err err = got < 0 ? err_from_errno(errno) : fs_write_all(to, slice_of(chunk, (size_t)got));
        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err copy_to_temporary(struct store *store, int from, int cur_fd, const char *temporary)
{
    int to = openat(cur_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) {
        return err_from_errno(errno);
    }
    enum err err = copy_bytes(from, to);
    if (!err) {
        err = store_sync_data(store, to, "message copy");
    }
    close(to);
    return err;
}

/* Into tmp beside cur, synced, then renamed: cur never holds half a message. */
static enum err copy_into(struct store *store, int from_fd, const char *from_name, int cur_fd,
                          const char *name)
{
    char temporary[NAME_MAX + 16];
    snprintf(temporary, sizeof(temporary), "../tmp/%s", name);
    int from = openat(from_fd, from_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0) {
        return err_from_errno(errno);
    }
    enum err err = copy_to_temporary(store, from, cur_fd, temporary);
    close(from);
    if (!err && renameat(cur_fd, temporary, cur_fd, name) != 0) {
        err = err_from_errno(errno);
    }
    if (err) {
        unlinkat(cur_fd, temporary, 0);
    }
    return err;
}

enum err file_link(struct store *store, int from_fd, const char *from_name, int cur_fd, const char *name)
{
    if (linkat(from_fd, from_name, cur_fd, name, 0) == 0) {
        return ERR_OK;
    }
    switch (errno) {
    case EMLINK:     /* 65,000 on ext4 */
    case EXDEV:      /* the mailbox lies on another disk */
    case EPERM:      /* a file system without hard links */
    case EOPNOTSUPP: /* likewise */
        return copy_into(store, from_fd, from_name, cur_fd, name);
    default:
        return err_from_errno(errno);
    }
}

enum err blob_link(const struct blob *blob, int cur_fd, const char *name)
{
    enum err err = file_link(blob->store, blob->store->spool_fd, blob->name, cur_fd, name);
    if (err) {
        log_error("blob.link_failed", log_cstr("name", name), log_err(err));
    }
    return err;
}

static bool process_lives(uint64_t pid)
{
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

static bool is_leftover(int spool_fd, const char *name, int64_t now)
{
    struct scan scan = scan_of(slice_from(name));
    uint64_t pid = 0;
    struct stat info;
    if (name[0] == '.' || fstatat(spool_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(info.st_mode)) {
        return false;
    }
    int64_t age = now - info.st_mtime;
    uint64_t seconds = 0;
    bool ours = scan_number(&scan, INT64_MAX, &seconds) && scan_char(&scan, '.') &&
                scan_number(&scan, INT32_MAX, &pid) && scan_char(&scan, '.');
    if (age < LEFTOVER_SECONDS_MAX && ours && pid > 0 && process_lives(pid)) {
        return false;
    }
    return age >= (ours ? LEFTOVER_SECONDS : LEFTOVER_SECONDS_MAX);
}

static unsigned remove_leftovers_in(struct store *store, const char *folder, int64_t now)
{
    int fd = openat(store->spool_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    unsigned removed = 0;
    if (!directory) {
        return 0;
    }
    while ((entry = readdir(directory))) {
        if (is_leftover(fd, entry->d_name, now) && unlinkat(fd, entry->d_name, 0) == 0) {
            removed++;
        }
    }
    closedir(directory);
    return removed;
}

enum err spool_prepare(struct store *store)
{
    char name[16];
    for (unsigned i = 0; i < SPOOL_FOLDERS; i++) {
        snprintf(name, sizeof(name), SPOOL_FOLDER, i);
        if (mkdirat(store->spool_fd, name, 0700) != 0 && errno != EEXIST) {
            return err_from_errno(errno);
        }
    }
    return ERR_OK;
}

void spool_remove_leftovers(struct store *store)
{
    char name[16];
    int64_t now = clock_wall_us() / 1000000;
    unsigned removed = remove_leftovers_in(store, ".", now);
    for (unsigned i = 0; i < SPOOL_FOLDERS; i++) {
        snprintf(name, sizeof(name), SPOOL_FOLDER, i);
        removed += remove_leftovers_in(store, name, now);
    }
    if (removed) {
        log_info("spool.leftovers_removed", log_number("count", removed));
    }
}
