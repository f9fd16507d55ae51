/* SPDX-License-Identifier: ISC */
/* Where the bodies of an account's backup come from. */
#include "backup_account.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "file_find.h"

static struct slice name_of(struct slice path)
{
    return slice_take(path, slice_find_text(path, S(":2,")));
}

static int compare_entries(const void *a, const void *b)
{
    return slice_cmp(name_of((*(struct manifest_entry *const *)a)->path),
                     name_of((*(struct manifest_entry *const *)b)->path));
}

struct name_table name_table_of(struct manifest *manifest)
{
    struct name_table table = {.list = mem_alloc((manifest->count + 1) * sizeof(struct manifest_entry *))};
    for (size_t i = 0; i < manifest->count; i++) {
        if (manifest->entries[i].kind == MANIFEST_BODY) {
            table.list[table.count++] = &manifest->entries[i];
        }
    }
    qsort(table.list, table.count, sizeof(struct manifest_entry *), compare_entries);
    return table;
}

void name_table_free(struct name_table *table)
{
    mem_free(table->list);
    *table = (struct name_table){0};
}

static struct manifest_entry *name_table_find(const struct name_table *table, struct slice path)
{
    struct manifest_entry wanted = {.path = path};
    struct manifest_entry *key = &wanted;
    struct manifest_entry **found = table->count ? bsearch(&key, table->list, table->count,
                                                           sizeof(struct manifest_entry *), compare_entries)
                                                 : NULL;
    return found ? *found : NULL;
}

const char *account_copy_target(struct account_copy *copy, struct slice path)
{
    return arena_printf(&copy->scratch, "%s/%.*s", copy->target, SLICE_ARG(path));
}

bool account_copy_link_former(struct account_copy *copy, const struct manifest_entry *entry,
                              const char *target)
{
    struct stat info;
    const char *path = arena_printf(&copy->scratch, "%s/%.*s", copy->former_folder, SLICE_ARG(entry->path));
    if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode) || (uint64_t)info.st_size != entry->size ||
        link(path, target) != 0) {
        return false;
    }
    copy->run->progress.bytes_linked += entry->size;
    return true;
}

static void add_body(struct account_copy *copy, const struct body_row *row, const struct file_facts *facts)
{
    manifest_add(&copy->now, MANIFEST_BODY, row->path, facts->size, facts->hash);
    copy->now.messages++;
    copy->now.bytes += facts->size;
}

/* The name of the body's file in the store: under other letters when they were changed just now. */
static const char *find_in_store(struct account_copy *copy, const struct body_row *row, struct stat *info)
{
    const char *path = arena_printf(&copy->scratch, "%s/%.*s", copy->source, SLICE_ARG(row->path));
    if (lstat(path, info) == 0) {
        return path;
    }
    const char *cur = arena_printf(&copy->scratch, "%s/%.*s/cur", copy->source, SLICE_ARG(row->dir));
    int fd = open(cur, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *name = fd < 0 ? NULL : file_find(fd, row->file, &copy->scratch);
    if (fd >= 0) {
        close(fd);
    }
    path = name ? arena_printf(&copy->scratch, "%s/%s", cur, name) : NULL;
    return path && lstat(path, info) == 0 ? path : NULL;
}

static void check_hash(struct account_copy *copy, const struct body_row *row, const struct file_facts *facts)
{
    if (memcmp(row->hash, facts->hash, BACKUP_HASH_SIZE) != 0) {
        log_error("backup.body_damaged", log_text("account", copy->login), log_text("file", row->path));
        copy->run->progress.damaged++;
    }
}

static enum err fetch_body(struct account_copy *copy, const struct body_row *row, const char *source,
                           const struct stat *info, struct file_facts *facts_r)
{
    struct backup_run *run = copy->run;
    const char *target = account_copy_target(copy, row->path);
    const char *other =
        info->st_nlink > 1 ? link_table_find(&run->links, info->st_dev, info->st_ino, facts_r) : NULL;
    if (other && link(other, target) == 0) {
        run->progress.bytes_linked += facts_r->size;
        return ERR_OK;
    }
    if (run->options->link && link(source, target) == 0) {
        facts_r->size = (uint64_t)info->st_size;
        memcpy(facts_r->hash, row->hash, BACKUP_HASH_SIZE);
        run->progress.bytes_linked += facts_r->size;
        return ERR_OK;
    }
    enum err err = backup_copy_file(source, target, facts_r);
    if (!err) {
        run->progress.bytes_copied += facts_r->size;
        check_hash(copy, row, facts_r);
    }
    if (!err && info->st_nlink > 1) {
        link_table_add(&run->links, info->st_dev, info->st_ino, target, facts_r);
    }
    return err;
}

static enum err note_missing(struct account_copy *copy, const struct body_row *row)
{
    copy->missing++;
    if (copy->last_round) {
        log_error("backup.body_missing", log_text("account", copy->login), log_text("file", row->path));
        copy->run->progress.missing++;
        manifest_add(&copy->now, MANIFEST_MISSING, row->path, 0, NULL);
    }
    return ERR_OK;
}

static enum err take_from_store(struct account_copy *copy, const struct body_row *row)
{
    struct stat info;
    struct file_facts facts;
    const char *source = find_in_store(copy, row, &info);
    enum err err = source ? fetch_body(copy, row, source, &info, &facts) : ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND) {
        return note_missing(copy, row);
    }
    if (!err) {
        add_body(copy, row, &facts);
    }
    return err;
}

enum err account_copy_body(struct account_copy *copy, const struct body_row *row)
{
    struct manifest_entry *entry = name_table_find(&copy->done_names, row->path);
    if (entry) { /* of the round before */
        struct file_facts facts = {.size = entry->size};
        memcpy(facts.hash, entry->hash, BACKUP_HASH_SIZE);
        if (!slice_eq(entry->path, row->path) &&
            rename(account_copy_target(copy, entry->path), account_copy_target(copy, row->path)) != 0) {
            return err_from_errno(errno);
        }
        entry->used = true;
        add_body(copy, row, &facts);
        return ERR_OK;
    }
    entry = name_table_find(&copy->former_names, row->path);
    if (entry && account_copy_link_former(copy, entry, account_copy_target(copy, row->path))) {
        struct file_facts facts = {.size = entry->size};
        memcpy(facts.hash, entry->hash, BACKUP_HASH_SIZE);
        add_body(copy, row, &facts);
        return ERR_OK;
    }
    return take_from_store(copy, row);
}
