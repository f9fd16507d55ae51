/* SPDX-License-Identifier: ISC */
/* A search through a folder: rare, because we remember the letters that we wrote. */
#include "file_find.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "mail_file.h"

const char *file_find(int dir_fd, struct slice base, struct arena *arena)
{
    /* A descriptor of its own: the position of a folder belongs to the open file. */
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
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
