/* SPDX-License-Identifier: ISC */
/* Moving folders out of sight, and unlinking them. */
#include "trash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "mailbox_folder.h"

#define TRASH "deleted"

enum err trash_take(struct account *account, const char *dir, int64_t mailbox)
{
    struct arena arena = {0};
    const char *target =
        arena_printf(&arena, TRASH "/%lld.%lld", (long long)mailbox, (long long)clock_wall_us());
    enum err err = ERR_OK;
    if (mkdirat(account->dir_fd, TRASH, 0700) != 0 && errno != EEXIST) {
        err = err_from_errno(errno);
    }
    if (!err && renameat(account->dir_fd, dir, account->dir_fd, target) != 0) {
        err = err_from_errno(errno);
    }
    /* Who comes back with the power must not find it in its old place: what makes it disappear there is the
     * sync of the Maildir. That it is not found in the trash either would only leave its files on the disk.
     */
    if (!err) {
        atomic_store(&account->has_trash, true);
        err = account_sync_maildir(account);
    }
    arena_free(&arena);
    return err;
}

static void remove_entries(struct account *account, const char *path, DIR *directory)
{
    struct arena arena = {0};
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        enum err err = fs_remove_tree(arena_printf(&arena, "%s/%s", path, entry->d_name));
        if (err) {
            log_error("mailbox.files_left", log_cstr("account", account->login),
                      log_cstr("folder", entry->d_name), log_err(err));
        }
    }
    arena_free(&arena);
}

void trash_empty(struct account *account)
{
    struct arena arena = {0};
    if (!atomic_exchange(&account->has_trash, false)) {
        return;
    }
    const char *path = arena_printf(&arena, "%s/" TRASH, account->path);
    DIR *directory = opendir(path);
    if (directory) {
        remove_entries(account, path, directory);
        closedir(directory);
    }
    arena_free(&arena);
}
