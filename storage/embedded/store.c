/* SPDX-License-Identifier: ISC */
/*
 * Opening the store.
 *
 *     <data>/directory.db                  domains, users, aliases
 *     <data>/mail/<domain>/<user>/         an account: index.db, Maildir/
 *     <data>/spool/                        messages on their way in, durable but without a mailbox yet
 *     <data>/queue/                        outgoing mail (queue_private.h)
 *     <data>/removed/                      the folders of removed users
 *     <data>/notify/                       sockets of those who want to hear of changes (notify.h)
 */
#include "store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <sodium.h>

#include "afterwards.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "blob_private.h"
#include "columns.h"
#include "directory_private.h"
#include "mail_file.h"
#include "maintain.h"
#include "notify.h"
#include "queue_private.h"
#include "registry.h"

/* File systems on which the shared memory of SQLite's WAL, flock or rename do not hold between hosts
 * (statfs(2)). */
static const struct {
    unsigned long magic;
    const char *name;
} network_file_systems[] = {
    {0x6969, "NFS"},        {0x517B, "SMB"},      {0xFE534D42, "SMB2"},   {0xFF534D42, "CIFS"},
    {0x00C36400, "Ceph"},   {0x01021997, "9P"},   {0x5346414F, "AFS"},    {0x6B414653, "AFS"},
    {0x73757245, "Coda"},   {0x564C, "NCP"},      {0x7461636F, "OCFS2"},  {0x01161970, "GFS2"},
    {0x0BD00BD0, "Lustre"}, {0x47504653, "GPFS"}, {0x013661, "OrangeFS"},
};

static enum err refuse_network_file_system(int fd, const char *path, struct buf *why)
{
    struct statfs info;
    if (fstatfs(fd, &info) != 0) {
        buf_printf(why, "%s: %s", path, strerror(errno));
        return err_from_errno(errno);
    }
    for (size_t i = 0; i < ARRAY_LEN(network_file_systems); i++) {
        if (((unsigned long)info.f_type & 0xFFFFFFFF) == network_file_systems[i].magic) {
            buf_printf(why, "%s is on a network file system (%s): the store needs a local disk", path,
                       network_file_systems[i].name);
            return ERR_CONFIG;
        }
    }
    return ERR_OK;
}

static enum err open_directories(struct store *store, const char *path, struct buf *why)
{
    struct arena arena = {0};
    static const char *const names[] = {"", "/mail", "/" SPOOL_DIRECTORY, "/removed", "/" NOTIFY_DIRECTORY};
    enum err err = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(names) && !err; i++) {
        err = fs_make_directories(arena_printf(&arena, "%s%s", path, names[i]), 0700);
    }
    arena_free(&arena);
    store->data = err ? NULL : realpath(path, NULL);
    if (!store->data) {
        buf_printf(why, "%s: %s", path, err ? err_text(err) : strerror(errno));
        return err ? err : err_from_errno(errno);
    }
    store->data_fd = open(store->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    store->spool_fd = openat(store->data_fd, SPOOL_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->data_fd < 0 || store->spool_fd < 0) {
        buf_printf(why, "%s: %s", path, strerror(errno));
        return err_from_errno(errno);
    }
    return refuse_network_file_system(store->data_fd, path, why);
}

/* Nobody is to write into a store that is not whole yet: the rest of the restore would overwrite it. */
static enum err refuse_unfinished_restore(struct store *store, struct buf *why)
{
    if (faccessat(store->data_fd, RESTORE_MARKER, F_OK, 0) != 0) {
        return ERR_OK;
    }
    buf_printf(why, "%s: a restore from a backup was cut off; run it again, or empty the folder",
               store->data);
    return ERR_CONFIG;
}

static enum err open_store(struct store *store, const char *path, struct buf *why)
{
    struct arena arena = {0};
    enum err err = open_directories(store, path, why);
    if (!err) {
        err = refuse_unfinished_restore(store, why);
    }
    if (!err) {
        err = db_open(arena_printf(&arena, "%s/directory.db", store->data), &directory_schema,
                      &store->directory, why);
    }
    if (!err) {
        err = spool_prepare(store);
    }
    if (!err) {
        spool_remove_leftovers(store);
        store->columns = columns_new(COLUMNS_MAX);
        store->registry = registry_new();
        store->notifier = notifier_new(store);
    }
    arena_free(&arena);
    return err;
}

enum err store_open(const char *data_directory, const char *hostname, struct store **store_r, struct buf *why)
{
    struct store *store = mem_new(struct store);
    struct buf host, reason;
    if (sodium_init() < 0) {
        abort(); /* no random numbers: nothing here could be done safely */
    }
    pthread_mutex_init(&store->queue_mutex, NULL);
    buf_init(&host, 255);
    buf_init(&reason, 4096);
    mail_file_host(&host, slice_take(slice_from(hostname), 63)); /* the rest of the name needs room, too */
    store->host = mem_strdup(buf_cstr(&host));
    store->data_fd = store->spool_fd = -1;
    enum err err = open_store(store, data_directory, &reason);
    if (err) {
        if (why) {
            buf_append(why, buf_slice(&reason));
        }
        store_close(store);
    } else {
        *store_r = store;
    }
    buf_free(&reason);
    buf_free(&host);
    return err;
}

void store_close(struct store *store)
{
    if (!store) {
        return;
    }
    maintenance_stop(store->maintenance);
    store->maintenance = NULL;
    afterwards_stop(store);
    registry_free(store->registry);
    columns_free(store->columns);
    notifier_free(store->notifier);
    queue_close(store->queue);
    db_close(store->policies);
    pthread_mutex_destroy(&store->queue_mutex);
    db_close(store->directory);
    if (store->spool_fd >= 0) {
        close(store->spool_fd);
    }
    if (store->data_fd >= 0) {
        close(store->data_fd);
    }
    free(store->data); /* of realpath */
    mem_free(store->host);
    mem_free(store);
}

static void become_read_only(struct store *store, const char *what)
{
    if (!atomic_exchange(&store->read_only, true)) {
        log_error("store.read_only", log_cstr("directory", store->data), log_cstr("after", what),
                  log_cstr("cure", "check the disk, then restart"));
    }
}

enum err store_check_writable(struct store *store)
{
    if (db_sync_failed(store->directory)) {
        become_read_only(store, "directory.db");
    }
    return atomic_load(&store->read_only) ? ERR_UNAVAILABLE : ERR_OK;
}

static enum err sync_result(struct store *store, int result, const char *what)
{
    if (result == 0) {
        return ERR_OK;
    }
    enum err err = err_from_errno(errno);
    log_error("store.sync_failed", log_cstr("what", what), log_errno(errno));
    if (err != ERR_NO_SPACE) {
        become_read_only(store, what);
    }
    return err;
}

enum err store_sync(struct store *store, int fd, const char *what)
{
    return sync_result(store, fsync(fd), what);
}

enum err store_sync_data(struct store *store, int fd, const char *what)
{
    return sync_result(store, fdatasync(fd), what);
}

void store_note_commit_error(struct store *store, enum err err)
{
    if (err == ERR_IO) {
        become_read_only(store, "index");
    }
}
