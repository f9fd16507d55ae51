/* SPDX-License-Identifier: ISC */
/* The backups of a folder: listing, reading them through, removing. One counts when its manifest is whole. */
#include "backup_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "mail/date.h"

/* "20240131T235959Z", and "-01" behind it for a second one. */
static bool parse_name(struct slice name, int64_t *time_us_r)
{
    static const struct {
        unsigned char at, length;
    } fields[] = {{0, 4}, {4, 2}, {6, 2}, {9, 2}, {11, 2}, {13, 2}};
    uint64_t value[ARRAY_LEN(fields)];
    if (name.len < 16 || name.data[8] != 'T' || name.data[15] != 'Z' ||
        (name.len > 16 && name.data[16] != '-')) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (!slice_to_u64(slice_take(slice_skip(name, fields[i].at), fields[i].length), 9999, &value[i])) {
            return false;
        }
    }
    if (value[1] < 1 || value[1] > 12) {
        return false;
    }
    int64_t days = date_days_from_civil((int64_t)value[0], (unsigned)value[1], (unsigned)value[2]);
    *time_us_r =
        (((days * 24 + (int64_t)value[3]) * 60 + (int64_t)value[4]) * 60 + (int64_t)value[5]) * 1000000;
    return true;
}

static void read_entry(const char *directory, struct backup_entry *entry)
{
    struct arena arena = {0};
    struct manifest manifest;
    if (!manifest_read(arena_printf(&arena, "%s/%s", directory, entry->name), &manifest, NULL)) {
        entry->complete = true;
        entry->time_us = manifest.created_us;
        entry->accounts = manifest.accounts;
        entry->messages = manifest.messages;
        entry->bytes = manifest.bytes;
    }
    manifest_free(&manifest);
    arena_free(&arena);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct backup_entry *)a)->name, ((const struct backup_entry *)b)->name);
}

enum err backup_list(const char *directory, struct arena *arena, struct backup_entry **list_r,
                     size_t *count_r)
{
    DIR *folder = opendir(directory);
    struct backup_entry *list = NULL;
    size_t count = 0;
    struct dirent *found;
    if (!folder) {
        return err_from_errno(errno);
    }
    while ((found = readdir(folder))) {
        struct backup_entry entry = {.name = found->d_name};
        if (parse_name(slice_from(found->d_name), &entry.time_us)) {
            entry.name = arena_cstr(arena, slice_from(found->d_name));
            read_entry(directory, &entry);
            list = mem_realloc_array(list, count + 1, sizeof(*list));
            list[count++] = entry;
        }
    }
    closedir(folder);
    if (count) {
        qsort(list, count, sizeof(*list), compare_names);
    }
    *list_r = arena_take_array(arena, list, count, sizeof(*list));
    *count_r = count;
    return ERR_OK;
}

enum err backup_find(const char *directory, const char *name, struct arena *arena, const char **folder_r,
                     struct buf *why)
{
    struct backup_entry *list = NULL;
    size_t count = 0;
    enum err err = backup_list(directory, arena, &list, &count);
    if (err) {
        buf_printf(why, "%s: %s", directory, err_text(err));
        return err;
    }
    while (count--) {
        if (list[count].complete && (!name || strcmp(list[count].name, name) == 0)) {
            *folder_r = arena_printf(arena, "%s/%s", directory, list[count].name);
            return ERR_OK;
        }
    }
    if (name) {
        buf_printf(why, "%s has no complete backup %s", directory, name);
    } else {
        buf_printf(why, "%s has no complete backup", directory);
    }
    return ERR_NOT_FOUND;
}

enum err backup_file_path(const char *directory, const char *name, const char *file, struct arena *arena,
                          const char **path_r)
{
    const char *folder = NULL;
    struct buf why;
    buf_init(&why, 4096);
    enum err err = backup_find(directory, name, arena, &folder, &why);
    buf_free(&why);
    if (!err) {
        *path_r = arena_printf(arena, "%s/%s", folder, file);
    }
    return err;
}

/* ---- reading through ---- */

static enum err explain(struct buf *why, const char *path, enum err err, const char *reason)
{
    buf_printf(why, "%s: %s", path, reason);
    return err;
}

static enum err verify_file(const char *path, const struct manifest_entry *entry, struct buf *why)
{
    struct file_facts facts;
    enum err err = backup_read_file(path, &facts);
    if (err == ERR_NOT_FOUND) {
        return explain(why, path, ERR_CORRUPT, "the file is missing");
    }
    if (err) {
        return explain(why, path, err, err_text(err));
    }
    if (facts.size != entry->size || memcmp(facts.hash, entry->hash, BACKUP_HASH_SIZE) != 0) {
        return explain(why, path, ERR_CORRUPT, "the file is not what was written");
    }
    return ERR_OK;
}

static enum err verify_entry(const char *folder, const struct manifest_entry *entry, struct buf *why)
{
    struct arena arena = {0};
    enum err err =
        entry->kind == MANIFEST_MISSING
            ? ERR_OK
            : verify_file(arena_printf(&arena, "%s/%.*s", folder, SLICE_ARG(entry->path)), entry, why);
    arena_free(&arena);
    return err;
}

static enum err verify_account(const char *folder, const struct manifest_entry *account, struct buf *why)
{
    struct arena arena = {0};
    struct manifest manifest;
    unsigned char hash[BACKUP_HASH_SIZE];
    const char *below = arena_printf(
        &arena, "%s/%.*s", folder, SLICE_ARG(slice_take(account->path, slice_find_last(account->path, '/'))));
    enum err err = manifest_read(below, &manifest, hash);
    if (err || memcmp(hash, account->hash, BACKUP_HASH_SIZE) != 0) {
        err = explain(why, below, ERR_CORRUPT, "the manifest is damaged or missing");
    }
    for (size_t i = 0; i < manifest.count && !err; i++) {
        err = verify_entry(below, &manifest.entries[i], why);
    }
    manifest_free(&manifest);
    arena_free(&arena);
    return err;
}

enum err backup_verify(const char *directory, const char *name, struct buf *why)
{
    struct arena arena = {0};
    struct manifest manifest = {0};
    const char *folder = NULL;
    enum err err = backup_find(directory, name, &arena, &folder, why);
    if (!err) {
        err = manifest_read(folder, &manifest, NULL);
    }
    for (size_t i = 0; i < manifest.count && !err; i++) {
        const struct manifest_entry *entry = &manifest.entries[i];
        err = entry->kind == MANIFEST_ACCOUNT ? verify_account(folder, entry, why)
                                              : verify_entry(folder, entry, why);
    }
    manifest_free(&manifest);
    arena_free(&arena);
    return err;
}

/* ---- removing ---- */

enum err backup_remove(const char *directory, const char *name)
{
    struct arena arena = {0};
    const char *folder = arena_printf(&arena, "%s/%s", directory, name);
    enum err err = ERR_OK;
    if (unlink(arena_printf(&arena, "%s/" BACKUP_MANIFEST, folder)) != 0 && errno != ENOENT) {
        err = err_from_errno(errno);
    }
    if (!err) {
        err = fs_sync_directory(folder);
    }
    if (!err) {
        err = backup_remove_tree(folder);
    }
    arena_free(&arena);
    return err;
}
