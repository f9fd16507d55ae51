/* SPDX-License-Identifier: ISC */
/* Files whose name does not have the letters that the index remembers. */
#ifndef STORAGE_FILE_FIND_H
#define STORAGE_FILE_FIND_H

#include "base/arena.h"

/* The name in the folder whose part before ":2," is `base`; NULL when there is none. In the arena. */
const char *file_find(int dir_fd, struct slice base, struct arena *arena);

/* The same for many files: the folder is read once, at the first question. Zeroed but for dir_fd it is empty.
 */
struct folder_name;
struct folder_names {
    int dir_fd;
    bool read;
    struct arena arena;
    struct folder_name *table;
};
const char *folder_names_find(struct folder_names *names, struct slice base); /* lives as long as they */
void folder_names_free(struct folder_names *names);

#endif
