/* SPDX-License-Identifier: ISC */
/*
 * A whole store out of a backup. The databases that name the users come last, so that nothing of what is half
 * there can be used; a file in the data directory says that a restore has begun, which lets the same one be
 * run again and keeps what it finds already.
 */
#include "backup_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/log.h"
#include "store_private.h"

#define MARKER_SIZE 4096

static enum err explain(struct restore_run *run, const char *path, enum err err, const char *reason)
{
    buf_printf(run->why, "%s: %s", path, reason);
    return err;
}

static enum err report(struct restore_run *run)
{
    const struct restore *options = run->options;
    return !options->progress || options->progress(options->data, &run->progress) ? ERR_OK : ERR_CANCELED;
}

/* ---- files ---- */

/* Something of this name is there: from the restore that was cut off, or not. */
static bool is_there(const char *target, const struct manifest_entry *entry)
{
    struct stat info;
    struct file_facts facts;
    return lstat(target, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == entry->size &&
           !backup_read_file(target, &facts) && memcmp(facts.hash, entry->hash, BACKUP_HASH_SIZE) == 0;
}

static enum err copy_checked(struct restore_run *run, const char *source, const char *target,
                             const struct manifest_entry *entry)
{
    struct file_facts facts;
    if (unlink(target) != 0 && errno != ENOENT) {
        return explain(run, target, err_from_errno(errno), strerror(errno));
    }
    enum err err = backup_copy_file(source, target, &facts);
    if (err) {
        err = err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
        return explain(run, source, err,
                       err == ERR_CORRUPT ? "the file is missing in the backup" : err_text(err));
    }
    if (facts.size != entry->size || memcmp(facts.hash, entry->hash, BACKUP_HASH_SIZE) != 0) {
        unlink(target);
        return explain(run, source, ERR_CORRUPT, "the file is not what was backed up");
    }
    run->progress.bytes_copied += facts.size;
    return ERR_OK;
}

/* A message that several accounts share is one file again. */
static enum err restore_body(struct restore_run *run, const char *source, const char *target,
                             const struct manifest_entry *entry)
{
    struct stat info;
    struct file_facts facts;
    if (lstat(source, &info) != 0) {
        return explain(run, source, ERR_CORRUPT, "the file is missing in the backup");
    }
    const char *other =
        info.st_nlink > 1 ? link_table_find(&run->links, info.st_dev, info.st_ino, &facts) : NULL;
    if (other && facts.size == entry->size && memcmp(facts.hash, entry->hash, BACKUP_HASH_SIZE) == 0 &&
        (unlink(target) == 0 || errno == ENOENT) && link(other, target) == 0) {
        run->progress.bytes_linked += facts.size;
        return ERR_OK;
    }
    enum err err = copy_checked(run, source, target, entry);
    if (!err && info.st_nlink > 1) {
        facts = (struct file_facts){.size = entry->size};
        memcpy(facts.hash, entry->hash, BACKUP_HASH_SIZE);
        link_table_add(&run->links, info.st_dev, info.st_ino, target, &facts);
    }
    return err;
}

/* One more name of the backup's file, which nobody writes to. */
static bool link_body(const char *source, const char *target, const struct manifest_entry *entry)
{
    struct stat info;
    return lstat(source, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == entry->size &&
           link(source, target) == 0;
}

static enum err restore_file(struct restore_run *run, const char *source, const char *target,
                             const struct manifest_entry *entry)
{
    if (is_there(target, entry) ||
        (run->link_bodies && entry->kind == MANIFEST_BODY && link_body(source, target, entry))) {
        return ERR_OK;
    }
    return entry->kind == MANIFEST_BODY ? restore_body(run, source, target, entry)
                                        : copy_checked(run, source, target, entry);
}

/* The folder that the entry lies in, with the three of a Maildir when it is one; once for many entries. */
static enum err make_folder(struct restore_run *run, struct arena *arena, const char *target,
                            const struct manifest_entry *entry, struct slice *folder)
{
    static const char *const names[] = {"", "/tmp", "/new", "/cur"};
    struct slice above = slice_take(entry->path, slice_find_last(entry->path, '/'));
    if (entry->kind == MANIFEST_BODY) {
        above = slice_take(above, slice_find_last(above, '/'));
    }
    if (above.len == entry->path.len || slice_eq(above, *folder)) {
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *path = arena_printf(arena, "%s/%.*s%s", target, SLICE_ARG(above), names[i]);
        enum err err = fs_make_directories(path, 0700);
        if (err) {
            return explain(run, path, err, err_text(err));
        }
    }
    *folder = above;
    return ERR_OK;
}

static enum err restore_entries(struct restore_run *run, const char *source, const char *target,
                                const struct manifest *manifest)
{
    struct arena arena = {0};
    struct slice folder = SLICE_EMPTY;
    enum err err = ERR_OK;
    for (size_t i = 0; i < manifest->count && !err; i++) {
        const struct manifest_entry *entry = &manifest->entries[i];
        if (entry->kind == MANIFEST_MISSING) {
            continue;
        }
        err = make_folder(run, &arena, target, entry, &folder);
        if (!err) {
            err = restore_file(run, arena_printf(&arena, "%s/%.*s", source, SLICE_ARG(entry->path)),
                               arena_printf(&arena, "%s/%.*s", target, SLICE_ARG(entry->path)), entry);
        }
        run->progress.messages_done += entry->kind == MANIFEST_BODY;
        if (!err && i % 128 == 0) {
            err = report(run);
        }
        arena_reset(&arena);
    }
    arena_free(&arena);
    return err;
}

enum err restore_account_files(struct restore_run *run, const char *source, const char *target,
                               const unsigned char *manifest_hash)
{
    struct manifest manifest;
    unsigned char hash[BACKUP_HASH_SIZE];
    enum err err = manifest_read(source, &manifest, hash);
    if (err || (manifest_hash && memcmp(hash, manifest_hash, BACKUP_HASH_SIZE) != 0)) {
        err = explain(run, source, ERR_CORRUPT, "the manifest is damaged or missing");
    }
    if (!err) {
        err = fs_make_directories(target, 0700);
    }
    if (!err) {
        run->progress.account = manifest.login;
        err = restore_entries(run, source, target, &manifest);
        run->progress.account = SLICE_EMPTY;
    }
    if (!err) {
        err = backup_sync(target);
    }
    manifest_free(&manifest);
    return err;
}

/* ---- is there room? ---- */

/* Whether a directory.db that is there names nobody. */
static bool has_no_users(const char *path)
{
    sqlite3 *directory = NULL;
    sqlite3_stmt *statement = NULL;
    if (access(path, F_OK) != 0) {
        return errno == ENOENT;
    }
    bool none =
        sqlite3_open_v2(path, &directory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(directory, "SELECT 1 FROM user LIMIT 1", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_finalize(statement);
    sqlite3_close(directory);
    return none;
}

static bool is_empty_folder(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    bool empty = directory || errno == ENOENT;
    while (directory && empty && (entry = readdir(directory))) {
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    }
    if (directory) {
        closedir(directory);
    }
    return empty;
}

/* ERR_OK: nobody's mail is here, or what is here is the beginning of this very restore. */
static enum err check_target(struct restore_run *run, struct arena *arena, const char *data)
{
    const char *marker = arena_printf(arena, "%s/" RESTORE_MARKER, data);
    struct buf text;
    buf_init(&text, MARKER_SIZE);
    enum err err = fs_read_file(marker, &text);
    if (!err && !slice_eq(buf_slice(&text), slice_from(run->folder))) {
        buf_printf(run->why,
                   "%s holds the beginning of a restore from %s; run that again, or empty the folder", data,
                   buf_cstr(&text));
        err = ERR_EXISTS;
    } else if (err == ERR_NOT_FOUND) {
        err = has_no_users(arena_printf(arena, "%s/directory.db", data)) &&
                      is_empty_folder(arena_printf(arena, "%s/mail", data))
                  ? fs_write_durable(marker, slice_from(run->folder), 0600)
                  : explain(run, data, ERR_EXISTS,
                            "there are users or mail already; everything can be restored into an empty "
                            "data directory only");
    }
    buf_free(&text);
    return err;
}

/* ---- databases ---- */

/* What belongs to the database that was there would be taken for this one's. */
static void remove_database(struct arena *arena, const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        unlink(arena_printf(arena, "%s%s", path, endings[i]));
    }
}

static enum err restore_database(struct restore_run *run, struct arena *arena, const char *data,
                                 const struct manifest_entry *entry)
{
    const char *target = arena_printf(arena, "%s/%.*s", data, SLICE_ARG(entry->path));
    const char *temporary = arena_printf(arena, "%s.restored", target);
    enum err err = copy_checked(run, arena_printf(arena, "%s/%.*s", run->folder, SLICE_ARG(entry->path)),
                                temporary, entry);
    if (!err) {
        err = backup_sync(data);
    }
    if (!err) {
        remove_database(arena, target);
        err = rename(temporary, target) == 0 ? fs_sync_directory(data) : err_from_errno(errno);
    }
    return err;
}

static const struct manifest_entry *find_entry(const struct manifest *manifest, struct slice path)
{
    for (size_t i = 0; i < manifest->count; i++) {
        if (slice_eq(manifest->entries[i].path, path)) {
            return &manifest->entries[i];
        }
    }
    return NULL;
}

static enum err restore_databases(struct restore_run *run, struct arena *arena, const char *data,
                                  const struct manifest *manifest)
{
    const struct manifest_entry *secrets = find_entry(manifest, S("secrets.db"));
    const struct manifest_entry *directory = find_entry(manifest, S("directory.db"));
    if (!directory) {
        return explain(run, run->folder, ERR_CORRUPT, "there is no directory.db in the backup");
    }
    enum err err = secrets ? restore_database(run, arena, data, secrets) : ERR_OK;
    return err ? err : restore_database(run, arena, data, directory);
}

/* ---- all ---- */

static enum err restore_accounts(struct restore_run *run, const char *data, const struct manifest *manifest)
{
    struct arena arena = {0};
    enum err err = ERR_OK;
    run->progress.accounts_total = manifest->accounts;
    for (size_t i = 0; i < manifest->count && !err; i++) {
        const struct manifest_entry *entry = &manifest->entries[i];
        if (entry->kind != MANIFEST_ACCOUNT) {
            continue;
        }
        struct slice folder = slice_take(entry->path, slice_find_last(entry->path, '/'));
        err = restore_account_files(run, arena_printf(&arena, "%s/%.*s", run->folder, SLICE_ARG(folder)),
                                    arena_printf(&arena, "%s/%.*s", data, SLICE_ARG(folder)), entry->hash);
        run->progress.accounts_done++;
        arena_reset(&arena);
    }
    arena_free(&arena);
    return err;
}

static enum err restore_all(struct restore_run *run, struct arena *arena, const char *data)
{
    struct manifest manifest;
    enum err err = manifest_read(run->folder, &manifest, NULL);
    if (!err) {
        err = restore_accounts(run, data, &manifest);
    }
    if (!err) {
        err = restore_databases(run, arena, data, &manifest);
    }
    if (!err) {
        unlink(arena_printf(arena, "%s/" RESTORE_MARKER, data));
        err = fs_sync_directory(data);
    }
    manifest_free(&manifest);
    if (!err && run->options->progress) {
        run->options->progress(run->options->data, &run->progress); /* too late to stop */
    }
    return err;
}

enum err restore_store(const struct restore *restore, const char *data_directory, struct buf *why)
{
    struct restore_run run = {.options = restore, .why = why};
    struct arena arena = {0};
    enum err err = backup_find(restore->directory, restore->name, &arena, &run.folder, why);
    if (!err) {
        err = fs_make_directories(data_directory, 0700);
    }
    if (!err) {
        err = check_target(&run, &arena, data_directory);
    }
    if (!err) {
        err = restore_all(&run, &arena, data_directory);
    }
    if (err && why->len == 0) {
        buf_printf(why, "%s: %s", data_directory, err_text(err));
    }
    if (!err) {
        log_debug("backup.restored", log_cstr("from", run.folder),
                  log_number("accounts", (int64_t)run.progress.accounts_done),
                  log_number("messages", (int64_t)run.progress.messages_done),
                  log_number("copied", (int64_t)run.progress.bytes_copied));
    }
    link_table_free(&run.links);
    arena_free(&arena);
    return err;
}
