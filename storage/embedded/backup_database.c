/* SPDX-License-Identifier: ISC */
/*
 * Databases of backups. SQLite's backup interface copies one moment of a database while others write: in one
 * step, so that it need not begin again when something is committed meanwhile (a WAL's readers stop nobody).
 * The live file is never opened but through SQLite: closing another descriptor of it would drop the locks
 * that this process holds on it.
 */
#include "backup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"

#define BUSY_MILLISECONDS 10000

static enum err outcome(sqlite3 *handle, int result, const char *path)
{
    if (result == SQLITE_OK) {
        return ERR_OK;
    }
    enum err err = ERR_IO;
    switch (result & 0xff) {
    case SQLITE_FULL:
        err = ERR_NO_SPACE;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        err = ERR_CORRUPT;
        break;
    case SQLITE_CANTOPEN:
        err = access(path, F_OK) != 0 ? err_from_errno(errno) : ERR_IO;
        break;
    default:
        break;
    }
    if (err != ERR_NOT_FOUND) {
        log_error("backup.database_failed", log_cstr("path", path), log_number("sqlite", result),
                  log_cstr("text", handle ? sqlite3_errmsg(handle) : ""));
    }
    return err;
}

static int open_source(const char *path, sqlite3 **handle_r)
{
    int result = sqlite3_open_v2(path, handle_r, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (result == SQLITE_OK) {
        sqlite3_busy_timeout(*handle_r, BUSY_MILLISECONDS);
        sqlite3_db_config(*handle_r, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    return result;
}

/* Nobody sees the copy before it is synced with the rest, so SQLite need not. */
static int open_target(const char *path, sqlite3 **handle_r)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL : SQLITE_IOERR;
    }
    close(fd);
    int result = sqlite3_open_v2(path, handle_r, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    return result == SQLITE_OK
               ? sqlite3_exec(*handle_r, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=OFF", NULL, NULL,
                              NULL)
               : result;
}

static int copy_pages(sqlite3 *source, sqlite3 *target)
{
    sqlite3_backup *copy = sqlite3_backup_init(target, "main", source, "main");
    if (!copy) {
        return sqlite3_errcode(target);
    }
    sqlite3_backup_step(copy, -1);
    int result = sqlite3_backup_finish(copy);
    /* The copy says of itself that it has a WAL; without, it is one file. */
    return result == SQLITE_OK ? sqlite3_exec(target, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL)
                               : result;
}

enum err backup_database(const char *source, const char *target)
{
    sqlite3 *from = NULL, *to = NULL;
    enum err err = outcome(from, open_source(source, &from), source);
    if (!err) {
        err = outcome(to, open_target(target, &to), target);
    }
    if (!err) {
        err = outcome(to, copy_pages(from, to), target);
    }
    sqlite3_close(to);
    sqlite3_close(from);
    return err;
}

/* SQLite's URI with what would mean something in one as %XX. */
static const char *immutable_uri(struct arena *arena, const char *path)
{
    struct buf uri;
    buf_init(&uri, 4 * 4096);
    buf_append(&uri, S("file:"));
    for (; *path; path++) {
        if (char_is_alnum(*path) || *path == '/' || *path == '.' || *path == '-' || *path == '_') {
            buf_append_char(&uri, *path);
        } else {
            buf_printf(&uri, "%%%02X", (unsigned char)*path);
        }
    }
    buf_append(&uri, S("?immutable=1"));
    const char *text = arena_cstr(arena, buf_slice(&uri));
    buf_free(&uri);
    return text;
}

sqlite3 *backup_open_copy(const char *path)
{
    struct arena arena = {0};
    sqlite3 *handle = NULL;
    int result = sqlite3_open_v2(immutable_uri(&arena, path), &handle,
                                 SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    if (outcome(handle, result, path)) {
        sqlite3_close(handle);
        handle = NULL;
    }
    arena_free(&arena);
    return handle;
}
