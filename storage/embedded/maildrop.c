/* SPDX-License-Identifier: ISC */
/*
 * The exclusive maildrop of POP3: an flock on <account>/pop3.lock, which ends with its holder. The file holds
 * the time of the last login in µs, where a delay between logins is asked for. Each lock opens the file anew,
 * so that two sessions of one process exclude each other too.
 */
#include "account_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

struct maildrop_lock {
    int fd;
};

static enum err lock_file(int fd)
{
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EINTR) {
            return errno == EWOULDBLOCK ? ERR_BUSY : err_from_errno(errno);
        }
    }
    return ERR_OK;
}

enum err maildrop_lock(struct account *account, struct maildrop_lock **lock_r)
{
    int fd = openat(account->dir_fd, "pop3.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = lock_file(fd);
    if (err) {
        close(fd);
        return err;
    }
    struct maildrop_lock *lock = mem_new(struct maildrop_lock);
    lock->fd = fd;
    *lock_r = lock;
    return ERR_OK;
}

void maildrop_unlock(struct maildrop_lock *lock)
{
    if (lock) {
        close(lock->fd);
        mem_free(lock);
    }
}

int64_t maildrop_previous_login_us(const struct maildrop_lock *lock)
{
    char text[32];
    uint64_t time = 0;
    ssize_t got = pread(lock->fd, text, sizeof(text), 0);
    struct slice digits = slice_of(text, got > 0 ? (size_t)got : 0);
    digits = slice_take(digits, slice_find(digits, '\n'));
    return slice_to_u64(digits, INT64_MAX, &time) ? (int64_t)time : 0;
}

/* Not synced: a login delay that a power cut forgets harms nobody. */
void maildrop_note_login(const struct maildrop_lock *lock, int64_t time_us)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "%lld\n", (long long)time_us);
    if (ftruncate(lock->fd, 0) != 0 || pwrite(lock->fd, text, (size_t)length, 0) != length) {
        log_warning("maildrop.time_not_kept", log_errno(errno));
    }
}
