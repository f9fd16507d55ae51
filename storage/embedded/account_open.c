/* SPDX-License-Identifier: ISC */
/* Opening the files of an account. */
#include "account_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "account_folder.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "columns.h"
#include "fts.h"
#include "letters.h"
#include "mailbox_folder.h"
#include "maintain.h"
#include "rebuild.h"
#include "recovery.h"
#include "settings.h"
#include "shares.h"
#include "trash.h"

/* The user is in the directory but has no folder (restored from a backup without mail, or a removal that was
 * cut short): it gets a new one. */
static enum err open_or_create_folder(struct account *account)
{
    account->dir_fd = open(account->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (account->dir_fd < 0 && errno == ENOENT) {
        uint32_t uidvalidity = (uint32_t)(clock_wall_us() / 1000000);
        enum err err = account_folder_create(account->store, slice_from(account->login), uidvalidity);
        if (err) {
            return err;
        }
        account->dir_fd = open(account->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    return account->dir_fd < 0 ? err_from_errno(errno) : ERR_OK;
}

enum err account_sync_maildir(struct account *account)
{
    int fd = openat(account->dir_fd, INBOX_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = store_sync(account->store, fd, "Maildir");
    close(fd);
    return err;
}

static enum err open_folders(struct account *account)
{
    struct stat info;
    enum err err = open_or_create_folder(account);
    if (err) {
        return err;
    }
    account->inbox_fd = openat(account->dir_fd, "Maildir/cur", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (account->inbox_fd < 0 || fstat(account->dir_fd, &info) != 0) {
        log_error("account.folder_damaged", log_cstr("account", account->login), log_errno(errno));
        return ERR_UNAVAILABLE;
    }
    account->folder_inode = info.st_ino;
    return ERR_OK;
}

static ino_t inode_of_index(const struct account *account)
{
    struct stat info;
    return fstatat(account->dir_fd, "index.db", &info, 0) == 0 ? info.st_ino : 0;
}

/* Lies in the account's folder while its index is under suspicion. */
#define SUSPICION "index.check"

enum err account_note_error(struct account *account, enum err err)
{
    if (err == ERR_CORRUPT && !atomic_exchange(&account->damaged, true)) {
        int fd = openat(account->dir_fd, SUSPICION, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0) {
            close(fd);
        }
    }
    return err;
}

/* Reads the whole database; ERR_CORRUPT when something is wrong with it. */
static enum err quick_check(struct account *account)
{
    struct arena arena = {0};
    enum err err = db_begin_read(account->db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(account->db, "PRAGMA quick_check(1)");
    err = row_found(db_step(account->db, statement));
    if (!err && !slice_eq(db_column_text(statement, 0, &arena), S("ok"))) {
        err = ERR_CORRUPT;
    }
    db_end_read(account->db);
    arena_free(&arena);
    return err;
}

static enum err check_if_suspected(struct account *account)
{
    if (faccessat(account->dir_fd, SUSPICION, F_OK, 0) != 0) {
        return ERR_OK;
    }
    enum err err = quick_check(account);
    if (!err) {
        unlinkat(account->dir_fd, SUSPICION, 0);
    }
    return err;
}

static enum err open_index(struct account *account, uint64_t quota)
{
    struct arena arena = {0};
    const char *path = arena_printf(&arena, "%s/index.db", account->path);
    account->index_inode = inode_of_index(account);
    enum err err = db_open(path, &account_schema, &account->db, NULL);
    arena_free(&arena);
    if (!err) {
        account->index_inode = inode_of_index(account);
        err = check_if_suspected(account);
    }
    if (!err) {
        err = index_build_if_empty(account, quota);
    }
    if (account->db && db_sync_failed(account->db)) {
        store_note_commit_error(account->store, ERR_IO);
    }
    if (!err) {
        err = account_recover_if_room(account);
    }
    return err;
}

/* A damaged index is moved aside and built anew from the Maildir, once. */
static enum err open_or_rebuild_index(struct account *account, uint64_t quota)
{
    enum err err = open_index(account, quota);
    if (err != ERR_CORRUPT) {
        return err;
    }
    db_close(account->db);
    account->db = NULL;
    err = index_move_aside(account);
    return err ? err : open_index(account, quota);
}

enum err account_load(struct store *store, struct slice login, struct account **account_r)
{
    struct arena arena = {0};
    struct directory_user user;
    const char *path = NULL;
    enum err err = directory_user_get(store, &arena, login, &user);
    if (!err) {
        err = account_folder_path(store, user.login, &arena, &path);
    }
    if (err) {
        arena_free(&arena);
        return err;
    }
    struct account *account = mem_new(struct account);
    account->store = store;
    account->login = mem_strdup(arena_cstr(&arena, user.login));
    account->path = mem_strdup(path);
    account->dir_fd = account->inbox_fd = -1;
    readers_init(&account->readers);
    uid_cache_init(&account->uid_cache);
    pthread_mutex_init(&account->empty_new.mutex, NULL);
    group_init(&account->group);
    account->fts = fts_new(account);
    err = open_folders(account);
    if (!err) {
        err = open_or_rebuild_index(account, user.quota_bytes);
    }
    if (!err) {
        atomic_store(&account->has_trash, true); /* a process that died may have left some */
        trash_empty(account);
        settings_write_missing(account);
        shares_mend(account);
    }
    arena_free(&arena);
    if (err) {
        log_error("account.open_failed", log_text("account", login), log_err(err));
        account_unload(account);
        return err == ERR_NOT_FOUND ? ERR_UNAVAILABLE : err; /* the user exists */
    }
    maintenance_note_opened(account);
    *account_r = account;
    return ERR_OK;
}

/* What a program that ends soon leaves undone is done later by another one: but the names of files are to be
 * right when it can be helped. */
#define LETTERS_AT_CLOSE 10000

static void finish_letters(struct account *account)
{
    enum err err =
        account->db && account_is_current(account) ? letters_run(account, LETTERS_AT_CLOSE, NULL) : ERR_OK;
    if (err) {
        log_warning("letters.left", log_cstr("account", account->login), log_err(err));
    }
}

void account_unload(struct account *account)
{
    if (!account) {
        return;
    }
    finish_letters(account);
    readers_free(&account->readers);
    columns_forget(account->store->columns, account);
    uid_cache_free(&account->uid_cache);
    fts_free(account->fts);
    db_close(account->db);
    if (account->inbox_fd >= 0) {
        close(account->inbox_fd);
    }
    if (account->dir_fd >= 0) {
        close(account->dir_fd);
    }
    group_free(&account->group);
    pthread_mutex_destroy(&account->empty_new.mutex);
    mem_free(account->path);
    mem_free(account->login);
    mem_free(account);
}

bool account_has_its_index(const struct account *account)
{
    struct arena arena = {0};
    struct stat index;
    const char *path = arena_printf(&arena, "%s/index.db", account->path);
    bool same = stat(path, &index) == 0 && index.st_ino == account->index_inode;
    arena_free(&arena);
    return same;
}

bool account_is_current(const struct account *account)
{
    struct stat folder;
    return !atomic_load(&account->damaged) && stat(account->path, &folder) == 0 &&
           folder.st_ino == account->folder_inode && inode_of_index(account) == account->index_inode;
}
