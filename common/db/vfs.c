/* SPDX-License-Identifier: ISC */
/*
 * The VFS of our databases: the system's own, but for the log, of which the writes are collected
 * (wal_writer.c), and the database itself, which is read ahead (read_ahead.c). The system's file lies behind
 * ours in the memory that SQLite gives for both.
 */
#include <stddef.h>
#include <string.h>

#include "base/base.h"
#include "db_private.h"

#define VFS_NAME "postern"

static sqlite3_vfs *system_vfs;
static sqlite3_vfs vfs;

/* Room in front of the system's file, which has to be aligned. */
static size_t head_size(void)
{
    size_t size = MAX_OF(db_wal_writer_size(), db_read_ahead_size());
    return (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
}

static int open_file(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *flags_r)
{
    (void)self;
    sqlite3_file *real = (sqlite3_file *)((char *)file + head_size());
    memset(real, 0, (size_t)system_vfs->szOsFile);
    if (flags & SQLITE_OPEN_WAL) {
        return db_wal_writer_open(system_vfs, name, file, real, flags, flags_r);
    }
    if (flags & SQLITE_OPEN_MAIN_DB) {
        return db_read_ahead_open(system_vfs, name, file, real, flags, flags_r);
    }
    return system_vfs->xOpen(system_vfs, name, file, flags, flags_r);
}

void db_vfs_init(void)
{
    system_vfs = sqlite3_vfs_find(NULL);
    vfs = *system_vfs;
    vfs.zName = VFS_NAME;
    vfs.szOsFile = system_vfs->szOsFile + (int)head_size();
    vfs.xOpen = open_file;
    vfs.pNext = NULL;
    sqlite3_vfs_register(&vfs, 0);
}

const char *db_vfs_name(void)
{
    return VFS_NAME;
}
