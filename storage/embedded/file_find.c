/* SPDX-License-Identifier: ISC */
/* A search through a folder: rare, because we remember the letters that we wrote. */
#include "file_find.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <uthash.h>

#include "mail_file.h"

/* With a descriptor of its own: the position of a folder belongs to the open file. */
static DIR *open_folder(int dir_fd)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? NULL : fdopendir(fd);
}

const char *file_find(int dir_fd, struct slice base, struct arena *arena)
{
    DIR *directory = open_folder(dir_fd);
    const char *found = NULL;
    struct dirent *entry;
    while (directory && !found && (entry = readdir(directory))) {
        struct mail_file file;
        struct slice name = slice_from(entry->d_name);
        if (!slice_starts_with(name, base)) {
            continue;
        }
        mail_file_parse(name, &file);
        if (slice_eq(file.base, base)) {
            found = arena_cstr(arena, name);
        }
    }
    if (directory) {
        closedir(directory);
    }
    return found;
}

struct folder_name {
    UT_hash_handle hh;
    const char *name;
    struct slice base;
};

static void add_name(struct folder_names *names, const char *text)
{
    struct mail_file file;
    struct folder_name *other = NULL;
    struct folder_name *name = arena_new(&names->arena, struct folder_name);
    name->name = arena_cstr(&names->arena, slice_from(text));
    mail_file_parse(slice_from(name->name), &file);
    name->base = file.base;
    HASH_FIND(hh, names->table, name->base.data, name->base.len, other);
    if (!other) {
        HASH_ADD_KEYPTR(hh, names->table, name->base.data, name->base.len, name);
    }
}

static void read_names(struct folder_names *names)
{
    DIR *directory = open_folder(names->dir_fd);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        add_name(names, entry->d_name);
    }
    if (directory) {
        closedir(directory);
    }
    names->read = true;
}

const char *folder_names_find(struct folder_names *names, struct slice base)
{
    struct folder_name *found = NULL;
    if (!names->read) {
        read_names(names);
    }
    HASH_FIND(hh, names->table, base.data, base.len, found);
    return found ? found->name : NULL;
}

void folder_names_free(struct folder_names *names)
{
    HASH_CLEAR(hh, names->table);
    arena_free(&names->arena);
    *names = (struct folder_names){.dir_fd = -1};
}
