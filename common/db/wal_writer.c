/* SPDX-License-Identifier: ISC */
/*
 * Fewer writes to the write-ahead log. SQLite writes each frame of a commit with two calls, a header of 24
 * bytes and a page; they all follow each other, and none counts before the sync at the end. So between
 * db_begin and db_commit they are collected, and written with one call before that sync, or before anything
 * reads the file.
 *
 * Only transactions that sync are collected (not db_begin_relaxed): there the sync comes before SQLite tells
 * other connections of the new frames, and a write that fails is reported by it.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "db_private.h"

#define COLLECT_MAX (64 * 1024) /* SQLite's unix VFS writes less than 128 KiB with one call */

struct wal_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
    bool collecting;
    char *bytes;
    size_t length, room;
    sqlite3_int64 offset; /* of the first collected byte */
};

static const sqlite3_io_methods wal_methods;

static struct wal_file *wal_file_of(sqlite3_file *file)
{
    return (struct wal_file *)file;
}

static void forget(struct wal_file *wal)
{
    mem_free(wal->bytes);
    wal->bytes = NULL;
    wal->length = wal->room = 0;
}

/* SQLite knows a full disk, but takes a full quota for a broken one. */
static int real_write(struct wal_file *wal, const void *bytes, int count, sqlite3_int64 offset)
{
    int reason = 0;
    int result = wal->real->pMethods->xWrite(wal->real, bytes, count, offset);
    if (result == SQLITE_IOERR_WRITE) {
        wal->real->pMethods->xFileControl(wal->real, SQLITE_FCNTL_LAST_ERRNO, &reason);
    }
    return reason == EDQUOT ? SQLITE_FULL : result;
}

static int write_out(struct wal_file *wal)
{
    if (wal->length == 0) {
        return SQLITE_OK;
    }
    int result = real_write(wal, wal->bytes, (int)wal->length, wal->offset);
    wal->length = 0;
    return result;
}

static int wal_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    struct wal_file *wal = wal_file_of(file);
    size_t size = (size_t)count;
    bool follows = wal->length == 0 || offset == wal->offset + (sqlite3_int64)wal->length;
    if (!follows || wal->length + size > COLLECT_MAX) {
        int result = write_out(wal);
        if (result != SQLITE_OK) {
            return result;
        }
    }
    if (!wal->collecting || size > COLLECT_MAX) {
        return real_write(wal, bytes, count, offset);
    }
    if (wal->length + size > wal->room) {
        wal->room = MAX_OF(2 * wal->room, wal->length + size + (size_t)32 * 1024);
        wal->bytes = mem_realloc_array(wal->bytes, wal->room, 1);
    }
    if (wal->length == 0) {
        wal->offset = offset;
    }
    memcpy(wal->bytes + wal->length, bytes, size);
    wal->length += size;
    return SQLITE_OK;
}

static int wal_close(sqlite3_file *file)
{
    struct wal_file *wal = wal_file_of(file);
    forget(wal);
    return wal->real->pMethods->xClose(wal->real);
}

static int wal_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset)
{
    struct wal_file *wal = wal_file_of(file);
    int result = write_out(wal);
    return result != SQLITE_OK ? result : wal->real->pMethods->xRead(wal->real, bytes, count, offset);
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct wal_file *wal = wal_file_of(file);
    int result = write_out(wal);
    return result != SQLITE_OK ? result : wal->real->pMethods->xTruncate(wal->real, size);
}

static int wal_sync(sqlite3_file *file, int flags)
{
    struct wal_file *wal = wal_file_of(file);
    int result = write_out(wal);
    return result != SQLITE_OK ? result : wal->real->pMethods->xSync(wal->real, flags);
}

static int wal_file_size(sqlite3_file *file, sqlite3_int64 *size_r)
{
    struct wal_file *wal = wal_file_of(file);
    int result = write_out(wal);
    return result != SQLITE_OK ? result : wal->real->pMethods->xFileSize(wal->real, size_r);
}

static int wal_lock(sqlite3_file *file, int level)
{
    struct wal_file *wal = wal_file_of(file);
    return wal->real->pMethods->xLock(wal->real, level);
}

static int wal_unlock(sqlite3_file *file, int level)
{
    struct wal_file *wal = wal_file_of(file);
    return wal->real->pMethods->xUnlock(wal->real, level);
}

static int wal_check_reserved_lock(sqlite3_file *file, int *result_r)
{
    struct wal_file *wal = wal_file_of(file);
    return wal->real->pMethods->xCheckReservedLock(wal->real, result_r);
}

static int wal_file_control(sqlite3_file *file, int operation, void *argument)
{
    struct wal_file *wal = wal_file_of(file);
    return wal->real->pMethods->xFileControl(wal->real, operation, argument);
}

static int wal_sector_size(sqlite3_file *file)
{
    struct wal_file *wal = wal_file_of(file);
    return wal->real->pMethods->xSectorSize(wal->real);
}

static int wal_device_characteristics(sqlite3_file *file)
{
    struct wal_file *wal = wal_file_of(file);
    return wal->real->pMethods->xDeviceCharacteristics(wal->real);
}

static const sqlite3_io_methods wal_methods = {
    .iVersion = 1,
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_file_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_check_reserved_lock,
    .xFileControl = wal_file_control,
    .xSectorSize = wal_sector_size,
    .xDeviceCharacteristics = wal_device_characteristics,
};

size_t db_wal_writer_size(void)
{
    return sizeof(struct wal_file);
}

int db_wal_writer_open(sqlite3_vfs *system, const char *name, sqlite3_file *file, sqlite3_file *real,
                       int flags, int *flags_r)
{
    struct wal_file *wal = wal_file_of(file);
    *wal = (struct wal_file){.real = real};
    int result = system->xOpen(system, name, real, flags, flags_r);
    wal->base.pMethods = result == SQLITE_OK ? &wal_methods : NULL;
    return result;
}

static struct wal_file *find_wal(struct db *db)
{
    sqlite3_file *file = NULL;
    int result = sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file);
    return result == SQLITE_OK && file && file->pMethods == &wal_methods ? wal_file_of(file) : NULL;
}

void db_wal_writer_begin(struct db *db)
{
    struct wal_file *wal = find_wal(db);
    if (wal) {
        wal->collecting = true;
    }
}

void db_wal_writer_end(struct db *db)
{
    struct wal_file *wal = find_wal(db);
    if (wal) {
        wal->collecting = false;
        forget(wal); /* a commit has synced, and so written, all; what is left was rolled back */
    }
}
