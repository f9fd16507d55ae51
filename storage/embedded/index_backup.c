/* SPDX-License-Identifier: ISC */
/*
 * Copying an index that is in use. A connection of its own holds one moment of the WAL while the pages are
 * copied, so writers go on and the copy need not begin again when they do. A copy counts only when it was
 * read through and is on the disk: then it takes the place of the former one.
 */
#include "index_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define PAGES_AT_ONCE     256
#define TEMPORARY         INDEX_BACKUP ".tmp"
#define DAY_SECONDS       86400
#define HASTE_SECONDS     600 /* many messages are a reason not more often than this */
#define ROOM_FOR_MAIL     ((uint64_t)64 * 1024 * 1024)
#define MANY_BODIES       1000
#define BUSY_MILLISECONDS 10000

struct copying {
    struct account *account;
    struct arena arena;
    sqlite3 *source, *target;
    maintain_go_on *go_on;
    void *data;
};

static enum err outcome(struct copying *work, sqlite3 *handle, int result)
{
    if (result == SQLITE_OK) {
        return ERR_OK;
    }
    log_warning("index.backup_failed", log_cstr("account", work->account->login),
                log_number("sqlite", result), log_cstr("text", handle ? sqlite3_errmsg(handle) : ""));
    switch (result & 0xff) {
    case SQLITE_FULL:
        return ERR_NO_SPACE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    default:
        return ERR_IO;
    }
}

static int run_sql(sqlite3 *handle, const char *sql)
{
    return sqlite3_exec(handle, sql, NULL, NULL, NULL);
}

/* Our own connection: that of the account is for its sessions. SQLite knows that both are in one process. */
static enum err open_source(struct copying *work)
{
    const char *path = arena_printf(&work->arena, "%s/index.db", work->account->path);
    int result = sqlite3_open_v2(path, &work->source, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (result == SQLITE_OK) {
        sqlite3_busy_timeout(work->source, BUSY_MILLISECONDS);
        sqlite3_db_config(work->source, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        result = run_sql(work->source, "BEGIN; SELECT 1 FROM counter");
    }
    return outcome(work, work->source, result);
}

/* It is synced once, at the end. */
static enum err open_target(struct copying *work)
{
    const char *path = arena_printf(&work->arena, "%s/" TEMPORARY, work->account->path);
    unlinkat(work->account->dir_fd, TEMPORARY, 0);
    int fd = openat(work->account->dir_fd, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    close(fd);
    int result = sqlite3_open_v2(path, &work->target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (result == SQLITE_OK) {
        result = run_sql(work->target, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=OFF");
    }
    return outcome(work, work->target, result);
}

static enum err copy_pages(struct copying *work)
{
    sqlite3_backup *copy = sqlite3_backup_init(work->target, "main", work->source, "main");
    enum err err = ERR_OK;
    int result = SQLITE_OK;
    if (!copy) {
        return outcome(work, work->target, sqlite3_errcode(work->target));
    }
    while (!err && result == SQLITE_OK) {
        result = sqlite3_backup_step(copy, PAGES_AT_ONCE);
        err = work->go_on && !work->go_on(work->data) ? ERR_CANCELED : ERR_OK;
    }
    sqlite3_backup_finish(copy);
    return err ? err : outcome(work, work->target, result == SQLITE_DONE ? SQLITE_OK : result);
}

static int read_result(void *data, int count, char **values, char **names)
{
    bool *good = data;
    (void)names;
    *good = count == 1 && values[0] && strcmp(values[0], "ok") == 0;
    return 0;
}

/* A damaged index must not take the place of a good copy. */
static enum err check_copy(struct copying *work)
{
    bool good = false;
    /* The copy says of itself that it has a WAL; without, it is one file. */
    int result = run_sql(work->target, "PRAGMA journal_mode=DELETE");
    if (result == SQLITE_OK) {
        result = sqlite3_exec(work->target, "PRAGMA quick_check(1)", read_result, &good, NULL);
    }
    enum err err = outcome(work, work->target, result);
    if (!err && !good) {
        log_error("index.damaged", log_cstr("account", work->account->login));
        err = ERR_CORRUPT;
    }
    return err;
}

/* The last room on the disk is for mail. */
static enum err check_room(struct account *account)
{
    struct stat index;
    struct statvfs disk;
    if (fstatat(account->dir_fd, "index.db", &index, 0) != 0 || fstatvfs(account->dir_fd, &disk) != 0) {
        return err_from_errno(errno);
    }
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    return room < 2 * (uint64_t)index.st_size + ROOM_FOR_MAIL ? ERR_NO_SPACE : ERR_OK;
}

static enum err copy_index(struct copying *work)
{
    enum err err = check_room(work->account);
    if (!err) {
        err = open_source(work);
    }
    if (!err) {
        err = open_target(work);
    }
    if (!err) {
        err = copy_pages(work);
    }
    if (!err) {
        err = check_copy(work);
    }
    sqlite3_close(work->source);
    sqlite3_close(work->target);
    return err;
}

/* The copy is of the index that the account was opened with, not of one that took its place meanwhile and is
 * still being filled. */
static enum err put_in_place(struct account *account)
{
    int fd = openat(account->dir_fd, TEMPORARY, O_RDONLY | O_CLOEXEC);
    enum err err = fd < 0 ? err_from_errno(errno) : ERR_OK;
    if (!err && fsync(fd) != 0) {
        err = err_from_errno(errno);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (!err && !account_is_current(account)) {
        err = ERR_CONFLICT;
    }
    if (!err && (renameat(account->dir_fd, TEMPORARY, account->dir_fd, INDEX_BACKUP) != 0 ||
                 fsync(account->dir_fd) != 0)) {
        err = err_from_errno(errno);
    }
    return err;
}

/* The lock of those who copy is on the account's folder itself. */
static enum err lock_folder(struct account *account, int *fd_r)
{
    int fd = openat(account->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return ERR_BUSY;
    }
    *fd_r = fd;
    return ERR_OK;
}

enum err index_backup_make(struct account *account, maintain_go_on *go_on, void *data)
{
    struct copying work = {.account = account, .go_on = go_on, .data = data};
    int lock_fd = -1;
    enum err err = lock_folder(account, &lock_fd);
    if (err) {
        return err;
    }
    err = copy_index(&work);
    if (!err) {
        err = put_in_place(account);
    }
    if (err) {
        unlinkat(account->dir_fd, TEMPORARY, 0);
        account_note_error(account, err);
    }
    close(lock_fd);
    arena_free(&work.arena);
    return err;
}

struct progress {
    int64_t modseq, body, messages;
};

#define READ_PROGRESS "SELECT modseq, body, messages FROM counter"

static enum err read_current(struct account *account, struct progress *progress_r)
{
    enum err err = db_begin_read(account->db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(account->db, READ_PROGRESS);
    err = row_found(db_step(account->db, statement));
    if (!err) {
        *progress_r =
            (struct progress){sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1),
                              sqlite3_column_int64(statement, 2)};
    }
    db_end_read(account->db);
    return err;
}

static int take_progress(void *data, int count, char **values, char **names)
{
    struct progress *progress = data;
    (void)names;
    if (count == 3 && values[0] && values[1]) {
        progress->modseq = strtoll(values[0], NULL, 10);
        progress->body = strtoll(values[1], NULL, 10);
    }
    return 0;
}

/* What the copy holds; zeros when it cannot be read: then a new one is due. */
static struct progress read_copy(struct account *account)
{
    struct progress progress = {0};
    struct arena arena = {0};
    sqlite3 *handle = NULL;
    if (sqlite3_open_v2(arena_printf(&arena, "%s/" INDEX_BACKUP, account->path), &handle,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
        sqlite3_exec(handle, READ_PROGRESS, take_progress, &progress, NULL);
    }
    sqlite3_close(handle);
    arena_free(&arena);
    return progress;
}

static enum err is_due(struct account *account, bool *due_r)
{
    struct progress current;
    struct stat info;
    enum err err = read_current(account, &current);
    if (err) {
        return err;
    }
    if (fstatat(account->dir_fd, INDEX_BACKUP, &info, 0) != 0) {
        *due_r = true;
        return ERR_OK;
    }
    int64_t age = clock_wall_us() / 1000000 - info.st_mtim.tv_sec;
    *due_r = false;
    if (age < 0 || age >= HASTE_SECONDS) {
        struct progress copy = read_copy(account);
        bool many = current.body - copy.body > MAX_OF(MANY_BODIES, current.messages / 4);
        *due_r = many || (current.modseq != copy.modseq && (age < 0 || age >= DAY_SECONDS));
    }
    return ERR_OK;
}

enum err index_backup_if_due(struct account *account, maintain_go_on *go_on, void *data)
{
    bool due = false;
    enum err err = is_due(account, &due);
    if (!err && due) {
        err = index_backup_make(account, go_on, data);
    }
    return err == ERR_BUSY ? ERR_OK : err;
}
