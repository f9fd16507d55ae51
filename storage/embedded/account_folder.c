/* SPDX-License-Identifier: ISC */
/* Account folders come and go by one rename or mkdir that is synced, so that they are there or not. */
#include "account_folder.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "account_path.h"
#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "first_mailboxes.h"
#include "mailbox_folder.h"

enum err account_folder_path(struct store *store, struct slice login, struct arena *arena,
                             const char **path_r)
{
    struct buf relative;
    buf_init(&relative, 4096);
    enum err err = account_path(&relative, login);
    if (!err) {
        *path_r = arena_printf(arena, "%s/mail/%s", store->data, buf_cstr(&relative));
    }
    buf_free(&relative);
    return err;
}

/* The folder above; `path` has at least one slash. */
static const char *parent_of(struct arena *arena, const char *path)
{
    struct slice whole = slice_from(path);
    return arena_cstr(arena, slice_take(whole, slice_find_last(whole, '/')));
}

static enum err create_mailboxes(struct arena *arena, const char *path, uint32_t uidvalidity)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(first_mailboxes) && !err; i++) {
        struct mailbox_descriptor descriptor = {
            .id = (int64_t)i + 1,
            .uidvalidity = uidvalidity,
            .uidnext = 1,
            .subscribed = true,
            .special_use = slice_from(first_mailboxes[i].special_use),
            .name = slice_from(first_mailboxes[i].name),
        };
        randombytes_buf(descriptor.guid, sizeof(descriptor.guid));
        const char *folder =
            i == 0 ? arena_printf(arena, "%s/" INBOX_FOLDER, path)
                   : arena_printf(arena, "%s/" INBOX_FOLDER "/.%s", path, first_mailboxes[i].name);
        err = mailbox_folder_create(folder, &descriptor);
    }
    if (!err) {
        err = fs_sync_directory(arena_printf(arena, "%s/" INBOX_FOLDER, path));
    }
    return err;
}

static enum err create_folder(struct store *store, struct arena *arena, const char *path,
                              uint32_t uidvalidity)
{
    const char *domain = parent_of(arena, path);
    enum err err = fs_make_directories(domain, 0700);
    if (!err && mkdir(path, 0700) != 0) {
        err = err_from_errno(errno);
    }
    if (!err) {
        err = create_mailboxes(arena, path, uidvalidity);
    }
    if (!err) {
        err = fs_sync_directory(path);
    }
    if (!err) {
        err = fs_sync_directory(domain);
    }
    if (!err) {
        err = fs_sync_directory(arena_printf(arena, "%s/mail", store->data));
    }
    return err;
}

/* removed/<domain>,<user>,<time in µs>: a name that was not there before. */
static enum err move_aside(struct store *store, struct arena *arena, struct slice login, const char *path,
                           const char **target_r)
{
    struct buf name;
    buf_init(&name, 4096);
    enum err err = account_path(&name, login);
    for (size_t i = 0; i < name.len; i++) {
        name.data[i] = name.data[i] == '/' ? ',' : name.data[i];
    }
    const char *target = arena_printf(arena, "%s/removed/%.200s,%lld", store->data, buf_cstr(&name),
                                      (long long)clock_wall_us());
    buf_free(&name);
    if (!err && rename(path, target) != 0) {
        err = err_from_errno(errno);
    }
    if (!err) {
        err = fs_sync_directory(arena_printf(arena, "%s/removed", store->data));
    }
    if (!err) {
        err = fs_sync_directory(parent_of(arena, path));
    }
    if (!err) {
        log_info("account.moved_aside", log_text("account", login), log_cstr("to", target));
        *target_r = target;
    }
    return err;
}

static void note_failed_sync(struct store *store)
{
    if (fs_take_sync_failure()) {
        store_note_commit_error(store, ERR_IO);
    }
}

enum err account_folder_create(struct store *store, struct slice login, uint32_t uidvalidity)
{
    struct arena arena = {0};
    const char *path, *aside;
    enum err err = account_folder_path(store, login, &arena, &path);
    if (!err && access(path, F_OK) == 0) {
        err = move_aside(store, &arena, login, path, &aside);
    }
    if (!err) {
        err = create_folder(store, &arena, path, uidvalidity);
    }
    note_failed_sync(store);
    arena_free(&arena);
    return err;
}

enum err account_folder_remove(struct store *store, struct slice login, bool purge)
{
    struct arena arena = {0};
    const char *path, *aside;
    enum err err = account_folder_path(store, login, &arena, &path);
    if (!err) {
        err = move_aside(store, &arena, login, path, &aside);
        if (err == ERR_NOT_FOUND) {
            arena_free(&arena);
            return ERR_OK;
        }
    }
    note_failed_sync(store);
    if (!err && purge) {
        err = fs_remove_tree(aside);
    }
    arena_free(&arena);
    return err;
}
