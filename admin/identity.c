/* SPDX-License-Identifier: ISC */
/*
 * The effective user changes, the real one stays root: so that the supervisor can bind its low ports and
 * start its children as root, and everything between is done with the rights of the instance's user. That
 * matters, as root must not follow what a daemon may have planted in the folders it owns.
 */
#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"

/* The user that identity_assume chose. */
static struct {
    bool assumed;
    uid_t uid;
    gid_t gid;
} lowered;

static enum err find_user(const char *user, struct passwd **account_r, struct buf *why)
{
    errno = 0;
    *account_r = getpwnam(user);
    if (*account_r) {
        return ERR_OK;
    }
    buf_printf(why, "the user '%s' of the configuration: %s", user, errno ? strerror(errno) : "no such user");
    return ERR_NOT_FOUND;
}

enum err identity_assume(const char *user, struct buf *why)
{
    struct passwd *account;
    if (geteuid() != 0 || !user[0]) {
        return ERR_OK;
    }
    enum err err = find_user(user, &account, why);
    if (err) {
        return err;
    }
    if (initgroups(user, account->pw_gid) != 0 || setegid(account->pw_gid) != 0 ||
        seteuid(account->pw_uid) != 0) {
        buf_printf(why, "cannot become user '%s': %s", user, strerror(errno));
        return ERR_DENIED;
    }
    lowered.assumed = account->pw_uid != 0;
    lowered.uid = account->pw_uid;
    lowered.gid = account->pw_gid;
    return ERR_OK;
}

void identity_raise(void)
{
    if (lowered.assumed && (seteuid(0) != 0 || setegid(0) != 0)) {
        log_error("identity.raise_failed", log_errno(errno)); /* what follows fails with its own reason */
    }
}

void identity_lower(void)
{
    if (lowered.assumed && (setegid(lowered.gid) != 0 || seteuid(lowered.uid) != 0)) {
        log_error("identity.lower_failed", log_errno(errno));
        _exit(1); /* never go on as root by accident */
    }
}

void identity_end(void)
{
    if (lowered.assumed) {
        identity_raise();
        prctl(PR_SET_DUMPABLE, 1);
    }
}

enum err identity_give(const char *path, const char *user, struct buf *why)
{
    struct passwd *account;
    if (geteuid() != 0 || !user[0]) {
        return ERR_OK;
    }
    enum err err = find_user(user, &account, why);
    if (!err && chown(path, account->pw_uid, account->pw_gid) != 0) {
        buf_printf(why, "cannot give %s to user '%s': %s", path, user, strerror(errno));
        err = err_from_errno(errno);
    }
    return err;
}

enum err identity_share(const char *path, struct buf *why)
{
    if (lowered.assumed && chown(path, 0, lowered.gid) != 0) {
        buf_printf(why, "cannot give %s to the group of the user: %s", path, strerror(errno));
        return err_from_errno(errno);
    }
    return ERR_OK;
}

static enum err make_folder(const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0) {
        return ERR_OK;
    }
    mode_t former = umask(022); /* others of this host may pass through to sockets that are open to them */
    enum err err = fs_make_directories(path, 0755);
    umask(former);
    if (!err && lowered.assumed && lchown(path, lowered.uid, lowered.gid) != 0) {
        err = err_from_errno(errno);
    }
    return err;
}

enum err identity_make_folder(const char *path, struct buf *why)
{
    identity_raise();
    enum err err = make_folder(path);
    identity_lower();
    if (err) {
        buf_printf(why, "%s: %s", path, err_text(err));
    }
    return err;
}

/* O_EXCL: root makes and gives away a new file only, never what the user may have put there. */
enum err identity_make_file(const char *path, unsigned mode, struct buf *why)
{
    enum err err = ERR_OK;
    identity_raise();
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        err = errno == EEXIST ? ERR_OK : err_from_errno(errno);
    } else {
        if (lowered.assumed && fchown(fd, lowered.uid, lowered.gid) != 0) {
            err = err_from_errno(errno);
        }
        close(fd);
    }
    identity_lower();
    if (err) {
        buf_printf(why, "%s: %s", path, err_text(err));
    }
    return err;
}
