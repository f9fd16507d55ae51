/* SPDX-License-Identifier: ISC */
/* Looking for folders that have no mailbox: a list of what lies in INBOX's folder against the rows. */
#include "rebuild.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "mailbox_dir.h"
#include "mailbox_folder.h"

bool index_is_mailbox_folder(int maildir_fd, const char *name)
{
    struct arena arena = {0};
    struct stat info;
    bool is = name[0] == '.' && name[1] && strcmp(name, "..") != 0 &&
              fstatat(maildir_fd, arena_printf(&arena, "%s/cur", name), &info, 0) == 0 &&
              S_ISDIR(info.st_mode);
    arena_free(&arena);
    return is;
}

struct dirs {
    struct slice *list; /* sorted */
    size_t count;
};

static enum err read_dirs(struct db *db, struct arena *arena, struct dirs *dirs_r)
{
    struct slice *list = NULL;
    size_t count = 0, room = 0;
    int more;
    sqlite3_stmt *statement = db_statement(db, "SELECT dir FROM mailbox ORDER BY dir");
    while ((more = db_step(db, statement)) == 1) {
        if (count == room) {
            room = room ? 2 * room : 16;
            list = mem_realloc_array(list, room, sizeof(*list));
        }
        list[count++] = db_column_text(statement, 0, arena);
    }
    *dirs_r = (struct dirs){arena_take_array(arena, list, count, sizeof(*list)), count};
    return db_step_err(more);
}

static int compare_slices(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static bool is_known(const struct dirs *dirs, struct slice dir)
{
    return dirs->count && bsearch(&dir, dirs->list, dirs->count, sizeof(dir), compare_slices);
}

/* One that is named as its descriptor says comes before its copies under other names. */
struct candidate {
    const char *dir;
    bool is_named_well;
};

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *first = a, *second = b;
    if (first->is_named_well != second->is_named_well) {
        return first->is_named_well ? -1 : 1;
    }
    return strcmp(first->dir, second->dir);
}

static bool is_named_well(struct account *account, struct arena *arena, const char *dir)
{
    struct mailbox_descriptor descriptor;
    if (mailbox_descriptor_read(arena_printf(arena, "%s/%s", account->path, dir), arena, &descriptor)) {
        return false;
    }
    const char *best = mailbox_dir_of_name(arena, descriptor.name);
    return best ? strcmp(best, dir) == 0 : true;
}

static enum err scan(struct account *account, const struct dirs *known, struct arena *arena,
                     struct candidate **list_r, size_t *count_r)
{
    struct candidate *list = NULL;
    size_t count = 0;
    int fd = openat(account->dir_fd, INBOX_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!directory) {
        return err_from_errno(errno);
    }
    while ((entry = readdir(directory))) {
        const char *dir = arena_printf(arena, INBOX_FOLDER "/%s", entry->d_name);
        if (entry->d_name[0] == '.' && !is_known(known, slice_from(dir)) &&
            index_is_mailbox_folder(fd, entry->d_name)) {
            list = mem_realloc_array(list, count + 1, sizeof(*list));
            list[count++] = (struct candidate){dir, is_named_well(account, arena, dir)};
        }
    }
    closedir(directory);
    *list_r = list;
    *count_r = count;
    return ERR_OK;
}

enum err index_unknown_folders(struct account *account, struct db *db, struct arena *arena,
                               struct slice **list_r, size_t *count_r)
{
    struct candidate *found = NULL;
    struct dirs known;
    enum err err = read_dirs(db, arena, &known);
    if (!err) {
        err = scan(account, &known, arena, &found, count_r);
    }
    if (err) {
        return err;
    }
    if (found) {
        qsort(found, *count_r, sizeof(*found), compare_candidates);
    }
    *list_r = arena_array(arena, struct slice, *count_r + 1);
    for (size_t i = 0; found && i < *count_r; i++) {
        (*list_r)[i] = slice_from(found[i].dir);
    }
    mem_free(found);
    return ERR_OK;
}
