/* SPDX-License-Identifier: ISC */
/* An account as its users hold it, and what other programs did to its folders. */
#include "account_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/mem.h"
#include "change.h"
#include "recovery.h"
#include "registry.h"
#include "snapshot_private.h"

enum err account_open(struct store *store, struct slice login, struct account **account_r)
{
    return registry_acquire(store, login, account_r);
}

void account_close(struct account *account)
{
    if (account) {
        registry_release(account);
    }
}

struct slice account_login(const struct account *account)
{
    return slice_from(account->login);
}

struct store *account_store(const struct account *account)
{
    return account->store;
}

enum err row_found(int step)
{
    return step == 1 ? ERR_OK : step == 0 ? ERR_NOT_FOUND : db_step_err(step);
}

bool process_lacks(int errnum)
{
    return errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM;
}

int64_t folder_mtime(int dir_fd, const char *path)
{
    struct stat info;
    if (fstatat(dir_fd, path, &info, 0) != 0) {
        return 0;
    }
    return (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
}

/* Looks without the lock, through a handle for reading: nobody who asks waits for a commit. */
static enum err look_for_changes(struct account *account, int64_t mailbox_id, enum difference *difference_r)
{
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    if (!err) {
        err = account_note_error(account, account_differs(account, snapshot->db, mailbox_id, difference_r));
        snapshot_close(snapshot);
    }
    return err;
}

/* Whether somebody holds the lock. Through a descriptor of its own: that of account->db shares its lock with
 * whoever commits in this process. */
static bool is_committing(struct account *account)
{
    int fd = openat(account->dir_fd, "index.db.lock", O_RDONLY | O_CLOEXEC);
    bool is_free = fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return !is_free;
}

/* What looks like a foreign change while somebody commits is most likely his: who asks is not made to wait
 * for him. So often in a row at most: a foreign change is not to go unnoticed because the account is busy. */
#define PUT_OFF_MAX 16

static bool put_off(struct account *account)
{
    return is_committing(account) && atomic_fetch_add(&account->looks_put_off, 1) < PUT_OFF_MAX;
}

enum err mailbox_refresh(struct account *account, int64_t mailbox_id)
{
    enum difference difference = DIFFERENCE_NONE;
    enum err err = look_for_changes(account, mailbox_id, &difference);
    if (err || (difference == DIFFERENCE_LIKELY && put_off(account))) {
        return err;
    }
    atomic_store(&account->looks_put_off, 0);
    return difference ? account_recover_if_room(account) : ERR_OK;
}

enum err account_set_quota(struct account *account, uint64_t bytes)
{
    struct change change;
    enum err err = change_begin(account, &change);
    if (err) {
        return err;
    }
    change.counters.limit_bytes = (int64_t)bytes;
    return change_finish(&change, ERR_OK);
}
