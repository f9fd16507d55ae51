/* SPDX-License-Identifier: ISC */
/*
 * A backup from beginning to end:
 *
 *     accounts             each as of one moment (backup_account.c)
 *     directory.db         then; users who came meanwhile are added, until the copy names nobody who is
 * missing secrets.db, config/ sync, manifest       now it counts latest               points to it clean up
 * what was cut off earlier, and what is more than `keep`
 */
#include "backup_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "account_path.h"
#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/db.h"
#include "store_private.h"

#define PASSES    5
#define NAMES_MAX 100 /* backups begun within one second */

enum err backup_report(struct backup_run *run)
{
    const struct backup *options = run->options;
    return !options->progress || options->progress(options->data, &run->progress) ? ERR_OK : ERR_CANCELED;
}

/* ---- users ---- */

#define LOGINS "SELECT login FROM user ORDER BY login"

/* The logins of a copied directory.db. */
static enum err list_logins(const char *path, struct arena *arena, struct slice **list_r, size_t *count_r)
{
    sqlite3 *directory = backup_open_copy(path);
    sqlite3_stmt *statement = NULL;
    struct slice *list = NULL;
    size_t count = 0;
    int step = directory ? sqlite3_prepare_v2(directory, LOGINS, -1, &statement, NULL) : SQLITE_CANTOPEN;
    while (statement && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        list[count++] = arena_copy(
            arena, slice_of(sqlite3_column_text(statement, 0), (size_t)sqlite3_column_bytes(statement, 0)));
    }
    sqlite3_finalize(statement);
    sqlite3_close(directory);
    *list_r = arena_take_array(arena, list, count, sizeof(*list));
    *count_r = count;
    return step == SQLITE_DONE ? ERR_OK : ERR_CORRUPT;
}

static const char *account_manifest_path(struct arena *arena, struct slice login)
{
    struct buf path;
    buf_init(&path, 4096);
    const char *text = NULL;
    if (!account_path(&path, login)) {
        text = arena_printf(arena, "mail/%s/" BACKUP_MANIFEST, buf_cstr(&path));
    }
    buf_free(&path);
    return text;
}

static struct manifest_entry *entry_of(struct manifest *manifest, const char *path)
{
    for (size_t i = 0; path && i < manifest->count; i++) {
        /* There is an array when there is a count. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        if (slice_eq(manifest->entries[i].path, slice_from(path))) {
            return &manifest->entries[i];
        }
    }
    return NULL;
}

/* Backs up those who are not in the backup yet. *missing_r: one of them is gone already. */
static enum err add_accounts(struct backup_run *run, const struct slice *logins, size_t count,
                             bool *missing_r)
{
    struct arena arena = {0};
    enum err err = ERR_OK;
    run->progress.accounts_total = count;
    for (size_t i = 0; i < count && !err; i++) {
        const char *path = account_manifest_path(&arena, logins[i]);
        struct manifest_entry *entry = entry_of(&run->manifest, path);
        run->progress.account = logins[i];
        if (!entry) {
            err = backup_account(run, logins[i]);
            entry = err ? NULL : &run->manifest.entries[run->manifest.count - 1];
        }
        if (err == ERR_NOT_FOUND) {
            *missing_r = true;
            err = ERR_OK;
        } else if (err) {
            buf_printf(run->why, "%.*s: %s", SLICE_ARG(logins[i]), err_text(err));
        }
        if (entry) {
            entry->used = true;
        }
        run->progress.accounts_done = i + 1;
        err = err ? err : backup_report(run);
        arena_reset(&arena);
    }
    run->progress.account = SLICE_EMPTY;
    arena_free(&arena);
    return err;
}

/* Takes accounts out whose users are gone. */
static enum err drop_unused(struct backup_run *run)
{
    struct arena arena = {0};
    struct manifest *manifest = &run->manifest;
    enum err err = ERR_OK;
    size_t kept = 0;
    for (size_t i = 0; i < manifest->count && !err; i++) {
        struct slice path = manifest->entries[i].path;
        if (manifest->entries[i].used) {
            manifest->entries[kept++] = manifest->entries[i];
            continue;
        }
        struct slice folder = slice_take(path, slice_find_last(path, '/'));
        err = backup_remove_tree(arena_printf(&arena, "%s/%.*s", run->folder, SLICE_ARG(folder)));
    }
    manifest->count = err ? manifest->count : kept;
    arena_free(&arena);
    return err;
}

/* One copy of directory.db, and the accounts that it names. *complete_r: nobody is missing. */
static enum err run_pass(struct backup_run *run, const char *directory, bool *complete_r)
{
    struct arena arena = {0};
    struct slice *logins = NULL;
    size_t count = 0, before = run->manifest.count;
    bool gone = false;
    unlink(directory);
    enum err err = backup_database(arena_printf(&arena, "%s/directory.db", run->store->data), directory);
    if (!err) {
        err = list_logins(directory, &arena, &logins, &count);
    }
    for (size_t i = 0; i < run->manifest.count; i++) {
        run->manifest.entries[i].used = false;
    }
    if (!err) {
        err = add_accounts(run, logins, count, &gone);
    }
    /* A copy that was made before accounts were added cannot know who came in the meantime. */
    *complete_r = !gone && run->manifest.count == before;
    arena_free(&arena);
    return err;
}

static enum err copy_accounts(struct backup_run *run, struct arena *arena)
{
    const char *directory = arena_printf(arena, "%s/directory.db", run->folder);
    struct file_facts facts;
    bool complete = false;
    enum err err = ERR_OK;
    for (unsigned pass = 0; pass < PASSES && !err && !complete; pass++) {
        err = run_pass(run, directory, &complete);
    }
    if (!err) {
        err = drop_unused(run);
    }
    if (!err) {
        err = backup_read_file(directory, &facts);
    }
    if (!err) {
        manifest_add(&run->manifest, MANIFEST_FILE, S("directory.db"), facts.size, facts.hash);
    }
    return err;
}

/* ---- what is not mail ---- */

static enum err copy_secrets(struct backup_run *run, struct arena *arena)
{
    struct file_facts facts;
    const char *source = arena_printf(arena, "%s/secrets.db", run->store->data);
    const char *target = arena_printf(arena, "%s/secrets.db", run->folder);
    if (access(source, F_OK) != 0) {
        return ERR_OK; /* nobody ever had a password */
    }
    enum err err = backup_database(source, target);
    if (!err) {
        err = backup_read_file(target, &facts);
    }
    if (!err) {
        manifest_add(&run->manifest, MANIFEST_FILE, S("secrets.db"), facts.size, facts.hash);
    }
    return err;
}

static enum err write_files(struct backup_run *run, struct arena *arena)
{
    const struct backup *options = run->options;
    enum err err = options->file_count
                       ? fs_make_directories(arena_printf(arena, "%s/config", run->folder), 0700)
                       : ERR_OK;
    for (size_t i = 0; i < options->file_count && !err; i++) {
        const struct backup_file *file = &options->files[i];
        unsigned char hash[BACKUP_HASH_SIZE];
        const char *path = arena_printf(arena, "config/%s", file->name);
        err = fs_write_durable(arena_printf(arena, "%s/%s", run->folder, path), file->content, 0600);
        crypto_generichash(hash, sizeof(hash), (const unsigned char *)file->content.data, file->content.len,
                           NULL, 0);
        manifest_add(&run->manifest, MANIFEST_FILE, slice_from(path), file->content.len, hash);
    }
    return err;
}

/* ---- the folder ---- */

static enum err make_folder(const char *directory, struct arena *arena, int64_t now_us, const char **name_r)
{
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm utc;
    char text[32];
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &utc);
    for (unsigned i = 0; i < NAMES_MAX; i++) {
        const char *name =
            i == 0 ? arena_cstr(arena, slice_from(text)) : arena_printf(arena, "%s-%02u", text, i);
        if (mkdir(arena_printf(arena, "%s/%s", directory, name), 0700) == 0) {
            *name_r = name;
            return ERR_OK;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return err_from_errno(errno);
}

/* The complete one that is newest, and those that were cut off after it. */
static enum err find_earlier(struct backup_run *run, struct arena *arena)
{
    struct backup_entry *list;
    size_t count;
    enum err err = backup_list(run->options->directory, arena, &list, &count);
    if (err) {
        return err;
    }
    run->earlier = arena_array(arena, const char *, count + 1);
    while (count--) {
        run->earlier[run->earlier_count++] =
            arena_printf(arena, "%s/%s", run->options->directory, list[count].name);
        if (list[count].complete) {
            break;
        }
    }
    return ERR_OK;
}

static enum err point_latest(const char *directory, const char *name, struct arena *arena)
{
    const char *temporary = arena_printf(arena, "%s/.latest.new", directory);
    unlink(temporary);
    if (symlink(name, temporary) != 0 ||
        rename(temporary, arena_printf(arena, "%s/latest", directory)) != 0) {
        unlink(temporary);
        return err_from_errno(errno); /* a file system without them: `latest` is for people only */
    }
    return fs_sync_directory(directory);
}

/* What goes wrong here does no harm to the backup that was just made. */
static void clean_up(const struct backup *options, const char *name, struct arena *arena)
{
    struct backup_entry *list = NULL;
    size_t count = 0;
    unsigned complete = 0;
    enum err err = backup_list(options->directory, arena, &list, &count);
    while (count-- && !err) {
        bool is_this = strcmp(list[count].name, name) == 0;
        complete += list[count].complete;
        if (is_this || (list[count].complete && (options->keep == 0 || complete <= options->keep))) {
            continue;
        }
        err = backup_remove(options->directory, list[count].name);
    }
    if (err) {
        log_warning("backup.clean_up_failed", log_cstr("directory", options->directory), log_err(err));
    }
}

static enum err run_backup(struct backup_run *run, struct arena *arena)
{
    enum err err = copy_accounts(run, arena);
    if (!err) {
        err = copy_secrets(run, arena);
    }
    if (!err) {
        err = write_files(run, arena);
    }
    if (!err) {
        err = backup_sync(run->folder);
    }
    if (!err) {
        err = fs_sync_directory(run->options->directory);
    }
    if (!err) {
        err = manifest_write(run->folder, &run->manifest, NULL, NULL);
    }
    if (!err && run->options->progress) {
        run->options->progress(run->options->data, &run->progress); /* too late to stop */
    }
    return err;
}

static enum err make_backup(struct backup_run *run, struct arena *arena, const char **name_r)
{
    const struct backup *options = run->options;
    const char *name = "";
    run->manifest.created_us = clock_wall_us();
    enum err err = find_earlier(run, arena);
    if (!err) {
        err = make_folder(options->directory, arena, run->manifest.created_us, &name);
    }
    if (!err) {
        run->folder = arena_printf(arena, "%s/%s", options->directory, name);
        err = run_backup(run, arena);
    }
    if (err) {
        return err;
    }
    log_debug("backup.made", log_cstr("name", name), log_number("accounts", (int64_t)run->manifest.accounts),
              log_number("messages", (int64_t)run->manifest.messages),
              log_number("copied", (int64_t)run->progress.bytes_copied),
              log_number("linked", (int64_t)run->progress.bytes_linked));
    if (point_latest(options->directory, name, arena)) {
        log_warning("backup.no_link_to_latest", log_cstr("directory", options->directory), log_errno(errno));
    }
    clean_up(options, name, arena);
    *name_r = name;
    return ERR_OK;
}

enum err store_backup(struct store *store, const struct backup *backup, struct arena *arena,
                      const char **name_r, struct buf *why)
{
    struct backup_run run = {.store = store, .options = backup, .why = why};
    int lock = -1;
    enum err err = fs_make_directories(backup->directory, 0700);
    if (!err) {
        err = fs_lock_file(arena_printf(arena, "%s/.lock", backup->directory), false, &lock);
    }
    if (!err) {
        err = make_backup(&run, arena, name_r);
    }
    if (err && why->len == 0) {
        buf_printf(why, "%s: %s", backup->directory,
                   err == ERR_BUSY ? "another backup is being made there" : err_text(err));
    }
    if (lock >= 0) {
        close(lock);
    }
    link_table_free(&run.links);
    manifest_free(&run.manifest);
    return err;
}
