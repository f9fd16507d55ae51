/* SPDX-License-Identifier: ISC */
/*
 * mbox files into the account: those of an export of ours, which its settings name, or whatever lies at a
 * path: one file, or a folder of them as Thunderbird (`Work`, `Work.sbd/`), Apple Mail and others keep them.
 */
#include "transfer_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* Every mailbox of the export; one that is not there was not reached before it was cut off. */
static enum err import_ours(struct import_run *run)
{
    struct arena arena = {0};
    enum err err = ERR_OK;
    for (size_t i = 0; i < run->settings.mailbox_count && !err; i++) {
        const struct mailbox_facts *facts = &run->settings.mailboxes[i];
        const char *path = arena_printf(&arena, "%s/%.*s", run->options->path, SLICE_ARG(facts->path));
        if (slice_find_text(facts->path, S("..")) == facts->path.len && access(path, F_OK) == 0) {
            err = import_mbox_file(run, path, facts, true);
        }
    }
    arena_free(&arena);
    return err;
}

/* Thunderbird's indexes and the like are no mailboxes: a mailbox is empty or begins with "From ". */
static bool is_mbox(const char *path, const struct stat *info)
{
    char begin[5] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, begin, sizeof(begin));
    if (fd >= 0) {
        close(fd);
    }
    return info->st_size == 0 || (got == (ssize_t)sizeof(begin) && memcmp(begin, "From ", 5) == 0);
}

static bool has_ending(struct slice name, struct slice ending)
{
    return name.len > ending.len && slice_ends_with_nocase(name, ending);
}

static bool is_of_interest(struct slice name)
{
    return name.len && name.data[0] != '.' && !has_ending(name, S(".msf")) && !has_ending(name, S(".dat")) &&
           !has_ending(name, S(".lock")) && !has_ending(name, S(".part")) && !has_ending(name, S(".html"));
}

static enum err import_folder(struct import_run *run, const char *path, struct slice prefix, unsigned depth);

static enum err import_foreign_file(struct import_run *run, const char *path, struct slice name,
                                    struct arena *arena)
{
    struct mailbox_facts facts = {.special_use = SLICE_EMPTY, .name = mailbox_name_from(arena, name)};
    return import_mbox_file(run, path, &facts, false);
}

static enum err import_entry(struct import_run *run, const char *folder, struct slice name,
                             struct slice prefix, unsigned depth)
{
    struct arena arena = {0};
    struct stat info;
    const char *path = arena_printf(&arena, "%s/%.*s", folder, SLICE_ARG(name));
    bool is_there = stat(path, &info) == 0;
    enum err err = ERR_OK;
    if (is_there && S_ISDIR(info.st_mode)) {
        struct slice level = has_ending(name, S(".sbd")) ? slice_take(name, name.len - 4) : name;
        const char *below = arena_printf(&arena, "%.*s%.*s/", SLICE_ARG(prefix), SLICE_ARG(level));
        err = import_folder(run, path, slice_from(below), depth + 1);
    } else if (is_there && S_ISREG(info.st_mode) && is_mbox(path, &info)) {
        struct slice level = has_ending(name, S(".mbox")) ? slice_take(name, name.len - 5) : name;
        err = import_foreign_file(
            run, path, slice_from(arena_printf(&arena, "%.*s%.*s", SLICE_ARG(prefix), SLICE_ARG(level))),
            &arena);
    }
    arena_free(&arena);
    return err;
}

static int compare_names(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static enum err import_folder(struct import_run *run, const char *path, struct slice prefix, unsigned depth)
{
    struct arena arena = {0};
    DIR *directory = depth < MAILBOX_DEPTH_MAX ? opendir(path) : NULL;
    struct slice *names = NULL;
    size_t count = 0;
    struct dirent *entry;
    enum err err = ERR_OK;
    while (directory && (entry = readdir(directory))) {
        if (is_of_interest(slice_from(entry->d_name))) {
            names = mem_realloc_array(names, count + 1, sizeof(*names));
            names[count++] = arena_copy(&arena, slice_from(entry->d_name));
        }
    }
    if (directory) {
        closedir(directory);
    }
    if (count) {
        qsort(names, count, sizeof(*names), compare_names);
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = import_entry(run, path, names[i], prefix, depth);
    }
    mem_free(names);
    arena_free(&arena);
    return err;
}

/* One file by itself: "Work", "Work.mbox"; what Thunderbird and others call Inbox is the INBOX anyway. */
static enum err import_one(struct import_run *run, const char *path)
{
    struct arena arena = {0};
    struct slice name = slice_from(path);
    name = slice_skip(name, slice_find_last(name, '/') < name.len ? slice_find_last(name, '/') + 1 : 0);
    name = has_ending(name, S(".mbox")) ? slice_take(name, name.len - 5) : name;
    enum err err = import_foreign_file(run, path, name, &arena);
    arena_free(&arena);
    return err;
}

enum err import_mbox(struct import_run *run)
{
    struct stat info;
    if (run->settings.present) {
        return import_ours(run);
    }
    if (stat(run->options->path, &info) != 0) {
        return err_from_errno(errno);
    }
    return S_ISDIR(info.st_mode) ? import_folder(run, run->options->path, SLICE_EMPTY, 0)
                                 : import_one(run, run->options->path);
}
