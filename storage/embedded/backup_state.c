/* SPDX-License-Identifier: ISC */
/* Whether an account was changed since an earlier backup, without opening it. */
#include "backup_account.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "mailbox_folder.h"

/* A file's time moves in steps of some milliseconds: one that was written so shortly ago may be written again
 * without looking different. */
#define UNSURE_NS 100000000

struct look {
    crypto_generichash_state state;
    unsigned char folders[BACKUP_HASH_SIZE]; /* of all, in whatever order they are listed */
    int64_t newest;
};

static void look_at(struct look *look, crypto_generichash_state *state, int dir_fd, const char *name)
{
    struct stat info = {0};
    int64_t facts[3] = {0, 0, 0};
    if (fstatat(dir_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0) {
        facts[0] = (int64_t)info.st_ino;
        facts[1] = S_ISREG(info.st_mode) ? info.st_size : 0;
        facts[2] = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    }
    look->newest = MAX_OF(look->newest, facts[2]);
    crypto_generichash_update(state, (const unsigned char *)facts, sizeof(facts));
}

/* A Maildir++ folder: mail that another program put there is no change of the index yet. */
static void look_at_folder(struct look *look, int maildir_fd, const char *name)
{
    crypto_generichash_state state;
    unsigned char hash[BACKUP_HASH_SIZE];
    char path[512];
    crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    crypto_generichash_update(&state, (const unsigned char *)name, strlen(name));
    snprintf(path, sizeof(path), "%.400s/new", name);
    look_at(look, &state, maildir_fd, path);
    snprintf(path, sizeof(path), "%.400s/cur", name);
    look_at(look, &state, maildir_fd, path);
    crypto_generichash_final(&state, hash, sizeof(hash));
    for (size_t i = 0; i < sizeof(hash); i++) {
        look->folders[i] ^= hash[i];
    }
}

static void look_at_folders(struct look *look, const char *maildir)
{
    DIR *directory = opendir(maildir);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (entry->d_name[0] == '.' && strcmp(entry->d_name, "..") != 0) {
            look_at_folder(look, dirfd(directory), entry->d_name);
        }
    }
    if (directory) {
        closedir(directory);
    }
}

struct slice backup_state_of(struct arena *arena, const char *folder)
{
    struct look look = {0};
    unsigned char hash[BACKUP_HASH_SIZE];
    struct buf text;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return SLICE_EMPTY;
    }
    crypto_generichash_init(&look.state, NULL, 0, sizeof(hash));
    look_at(&look, &look.state, fd, "index.db");
    look_at(&look, &look.state, fd, "index.db-wal");
    close(fd);
    look_at_folders(&look, arena_printf(arena, "%s/" INBOX_FOLDER, folder));
    crypto_generichash_update(&look.state, look.folders, sizeof(look.folders));
    crypto_generichash_final(&look.state, hash, sizeof(hash));
    if (clock_wall_us() * 1000 - look.newest < UNSURE_NS) {
        return SLICE_EMPTY;
    }
    buf_init(&text, 2 * sizeof(hash));
    hex_encode(&text, slice_of(hash, sizeof(hash)));
    struct slice state = arena_copy(arena, buf_slice(&text));
    buf_free(&text);
    return state;
}
