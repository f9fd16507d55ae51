/* SPDX-License-Identifier: ISC */
/* Finding a message's file after another program changed the letters behind its name. */
#ifndef STORAGE_FILE_FIND_H
#define STORAGE_FILE_FIND_H

#include "base/arena.h"

/* The name of the file with this base in the folder; NULL when there is none. Reads the whole folder. */
const char *file_find(int dir_fd, struct slice base, struct arena *arena);

#endif
