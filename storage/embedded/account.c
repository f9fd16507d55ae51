/* SPDX-License-Identifier: ISC */
/* An account as its users hold it, and what other programs did to its folders. */
#include "account_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
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

int64_t folder_mtime(int dir_fd, const char *path)
{
    struct stat info;
    if (fstatat(dir_fd, path, &info, 0) != 0) {
        return 0;
    }
    return (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
}

/* Looks without the lock, through a handle for reading: nobody who asks waits for a commit. */
static enum err look_for_changes(struct account *account, int64_t mailbox_id, bool *differs_r)
{
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    if (!err) {
        err = account_note_error(account, account_differs(account, snapshot->db, mailbox_id, differs_r));
        snapshot_close(snapshot);
    }
    return err;
}

enum err mailbox_refresh(struct account *account, int64_t mailbox_id)
{
    bool differs = false;
    enum err err = look_for_changes(account, mailbox_id, &differs);
    return err || !differs ? err : account_recover(account);
}

enum err account_set_quota(struct account *account, uint64_t bytes)
{
    struct change change;
    enum err err = change_begin(account, &change);
    if (err) {
        return err;
    }
    change.counters.limit_bytes = (int64_t)bytes;
    err = change_prepare(&change);
    if (err) {
        change_abort(&change);
    } else {
        err = change_commit(&change);
    }
    change_free(&change);
    return err;
}
