/* SPDX-License-Identifier: ISC */
/* The lock that says "this instance runs". */
#include "supervisor/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsio.h"

static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

/* From the lock, or for a holder in another PID name space from the file's text. */
static pid_t holder_of(int fd)
{
    struct flock lock = whole_file();
    char text[32] = "";
    if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) {
        return 0;
    }
    if (lock.l_pid <= 0 && pread(fd, text, sizeof(text) - 1, 0) > 0) {
        lock.l_pid = (pid_t)strtol(text, NULL, 10);
    }
    return lock.l_pid > 0 ? lock.l_pid : 1;
}

/* Whether the path still leads to this file: a supervisor that ended meanwhile has removed it. */
static bool is_still_there(const char *path, int fd)
{
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

static enum err take_once(const char *path, int *fd_r, bool *stale_r, pid_t *holder_r)
{
    bool stale = false;
    struct flock lock = whole_file();
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 && errno == EEXIST) {
        stale = true;
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0) {
        return errno == ENOENT ? ERR_CONFLICT : err_from_errno(errno); /* removed between the two */
    }
    if (fcntl(fd, F_SETLK, &lock) != 0) {
        *holder_r = holder_of(fd);
        close(fd);
        return ERR_BUSY;
    }
    if (!is_still_there(path, fd)) {
        close(fd);
        return ERR_CONFLICT;
    }
    *fd_r = fd;
    *stale_r = stale;
    return ERR_OK;
}

enum err pidfile_take(const char *path, int *fd_r, bool *stale_r, pid_t *holder_r)
{
    char text[32];
    enum err err = ERR_CONFLICT;
    for (int attempts = 0; err == ERR_CONFLICT && attempts < 100; attempts++) {
        err = take_once(path, fd_r, stale_r, holder_r);
    }
    if (err) {
        return err;
    }
    snprintf(text, sizeof(text), "%d\n", (int)getpid());
    err = ftruncate(*fd_r, 0) == 0 ? fs_write_all(*fd_r, slice_from(text)) : err_from_errno(errno);
    if (err) {
        pidfile_release(path, *fd_r);
    }
    return err;
}

void pidfile_release(const char *path, int fd)
{
    unlink(path); /* while the lock is held: nobody else's file is removed */
    close(fd);
}

pid_t pidfile_holder(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    pid_t holder = holder_of(fd);
    close(fd);
    return holder;
}
