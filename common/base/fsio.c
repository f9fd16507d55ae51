/* SPDX-License-Identifier: ISC */
/* Durable and exclusive file operations. Every descriptor is closed on exec: children get only what they are
 * given. */
#include "base/fsio.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

#define READ_CHUNK (64 * 1024)

static _Thread_local bool sync_failed;

bool fs_take_sync_failure(void)
{
    bool failed = sync_failed;
    sync_failed = false;
    return failed;
}

static enum err sync_file(int fd)
{
    if (fsync(fd) == 0) {
        return ERR_OK;
    }
    sync_failed = true;
    return err_from_errno(errno);
}

enum err fs_write_all(int fd, struct slice content)
{
    while (content.len) {
        ssize_t written = write(fd, content.data, content.len);
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            return err_from_errno(errno);
        }
        content = slice_skip(content, (size_t)written);
    }
    return ERR_OK;
}

/* The folder that holds `path`: "a/b" gives "a", "b" gives ".", "/b" gives "/". */
static char *parent_of(struct arena *arena, const char *path)
{
    struct slice whole = slice_from(path);
    size_t slash = slice_find_last(whole, '/');
    if (slash == whole.len) {
        return arena_cstr(arena, S("."));
    }
    return arena_cstr(arena, slash == 0 ? S("/") : slice_take(whole, slash));
}

enum err fs_sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = sync_file(fd);
    close(fd);
    return err;
}

/* Fills and syncs an open temporary file; closes it in any case. */
static enum err fill_and_close(int fd, struct slice content, unsigned mode)
{
    enum err err = fchmod(fd, mode) == 0 ? ERR_OK : err_from_errno(errno);
    if (!err) {
        err = fs_write_all(fd, content);
    }
    if (!err) {
        err = sync_file(fd);
    }
    /* Network file systems report late write errors here. */
    if (close(fd) != 0 && !err) {
        err = err_from_errno(errno);
    }
    return err;
}

static enum err write_durable(struct arena *arena, const char *path, struct slice content, unsigned mode)
{
    char *temporary = arena_printf(arena, "%s.tmp.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = fill_and_close(fd, content, mode);
    if (!err && rename(temporary, path) != 0) {
        err = err_from_errno(errno);
    }
    if (err) {
        unlink(temporary);
        return err;
    }
    return fs_sync_directory(parent_of(arena, path));
}

enum err fs_write_durable(const char *path, struct slice content, unsigned mode)
{
    struct arena arena = {0};
    enum err err = write_durable(&arena, path, content, mode);
    arena_free(&arena);
    return err;
}

static enum err read_to_end(int fd, struct buf *out)
{
    for (;;) {
        /* With the buffer full, one more byte tells "just fits" from "too long". */
        char probe;
        size_t room = MIN_OF(out->cap - out->len, (size_t)READ_CHUNK);
        char *target = room ? buf_reserve(out, room) : &probe;
        if (!target) {
            return out->error;
        }
        ssize_t got = read(fd, target, room ? room : 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_from_errno(errno);
        }
        if (got == 0) {
            return ERR_OK;
        }
        if (room == 0) {
            return ERR_TOO_LONG;
        }
        buf_commit(out, (size_t)got);
    }
}

enum err fs_read_file(const char *path, struct buf *out)
{
    size_t before = out->len;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = read_to_end(fd, out);
    if (err) {
        buf_truncate(out, before);
    }
    close(fd);
    return err;
}

/* One folder; that it exists already is fine, that something else has its name is not. */
static enum err make_directory(const char *path, unsigned mode)
{
    struct stat info;
    if (mkdir(path, mode) == 0) {
        return ERR_OK;
    }
    int reason = errno;
    if (stat(path, &info) == 0) {
        return S_ISDIR(info.st_mode) ? ERR_OK : ERR_EXISTS;
    }
    return err_from_errno(reason);
}

enum err fs_make_directories(const char *path, unsigned mode)
{
    struct arena arena = {0};
    char *partial = arena_cstr(&arena, slice_from(path));
    enum err err = ERR_OK;
    for (char *slash = partial; *slash && !err; slash++) {
        if (*slash == '/' && slash != partial) {
            *slash = '\0';
            err = make_directory(partial, mode);
            *slash = '/';
        }
    }
    if (!err) {
        err = make_directory(path, mode);
    }
    arena_free(&arena);
    return err;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

enum err fs_remove_tree(const char *path)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) {
        return err_from_errno(errno);
    }
    return ERR_OK;
}

enum err fs_lock_file(const char *path, bool wait, int *fd_r)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
        if (errno == EINTR) {
            continue;
        }
        enum err err = errno == EWOULDBLOCK ? ERR_BUSY : err_from_errno(errno);
        close(fd);
        return err;
    }
    *fd_r = fd;
    return ERR_OK;
}
