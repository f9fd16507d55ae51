/* SPDX-License-Identifier: ISC */
/* The files of backups: copied and hashed in one go, made durable all together at the end of an account. */
#include "backup_private.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/mem.h"

#define CHUNK          (128 * 1024)
#define LINK_TABLE_MAX 262144 /* about 60 MB */

/* Reads from `source` to its end; writes to `target` unless it is negative. */
static enum err pour(int source, int target, struct file_facts *facts_r)
{
    crypto_generichash_state state;
    char *chunk = mem_alloc(CHUNK);
    enum err err = ERR_OK;
    ssize_t got = 1;
    facts_r->size = 0;
    crypto_generichash_init(&state, NULL, 0, BACKUP_HASH_SIZE);
    while (!err && got > 0) {
        got = read(source, chunk, CHUNK);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        if (got < 0) {
            err = err_from_errno(errno);
        } else if (got > 0) {
            crypto_generichash_update(&state, (const unsigned char *)chunk, (size_t)got);
            facts_r->size += (uint64_t)got;
            err = target < 0 ? ERR_OK : fs_write_all(target, slice_of(chunk, (size_t)got));
        }
    }
    crypto_generichash_final(&state, facts_r->hash, BACKUP_HASH_SIZE);
    mem_free(chunk);
    return err;
}

static enum err copy_to(int source, const char *path, struct file_facts *facts_r)
{
    int target = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (target < 0) {
        /* ERR_NOT_FOUND is said of the source only */
        return errno == ENOENT ? ERR_IO : err_from_errno(errno);
    }
    enum err err = pour(source, target, facts_r);
    if (close(target) != 0 && !err) {
        err = err_from_errno(errno);
    }
    if (err) {
        unlink(path);
    }
    return err;
}

enum err backup_copy_file(const char *source, const char *target, struct file_facts *facts_r)
{
    int fd = open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = copy_to(fd, target, facts_r);
    close(fd);
    return err;
}

enum err backup_read_file(const char *path, struct file_facts *facts_r)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = pour(fd, -1, facts_r);
    close(fd);
    return err;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

enum err backup_remove_tree(const char *path)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) {
        return err_from_errno(errno);
    }
    return ERR_OK;
}

enum err backup_make_parents(const char *path)
{
    struct arena arena = {0};
    struct slice whole = slice_from(path);
    const char *parent = arena_cstr(&arena, slice_take(whole, slice_find_last(whole, '/')));
    enum err err = fs_make_directories(parent, 0700);
    arena_free(&arena);
    return err;
}

/* One syncfs for thousands of files: a sync for each would take as long as their delivery did. It tells of
 * write errors (since Linux 5.8). */
enum err backup_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = syncfs(fd) == 0 ? ERR_OK : err_from_errno(errno);
    close(fd);
    return err;
}

/* ---- files with several names ---- */

struct link_slot {
    dev_t device;
    ino_t inode;
    const char *path; /* NULL: free */
    struct file_facts facts;
};

/* The slot of this file, or the free one where it belongs. */
static struct link_slot *slot_of(const struct link_table *table, dev_t device, ino_t inode)
{
    size_t place = (size_t)((uint64_t)inode * 0x9E3779B97F4A7C15u >> 20) & (table->size - 1);
    while (table->slots[place].path &&
           (table->slots[place].inode != inode || table->slots[place].device != device)) {
        place = (place + 1) & (table->size - 1);
    }
    return &table->slots[place];
}

static void grow(struct link_table *table)
{
    struct link_table larger = {.size = table->size ? 2 * table->size : 1024};
    larger.slots = mem_alloc(larger.size * sizeof(*larger.slots));
    for (size_t i = 0; i < table->size; i++) {
        if (table->slots[i].path) {
            *slot_of(&larger, table->slots[i].device, table->slots[i].inode) = table->slots[i];
        }
    }
    mem_free(table->slots);
    table->slots = larger.slots;
    table->size = larger.size;
}

const char *link_table_find(const struct link_table *table, dev_t device, ino_t inode,
                            struct file_facts *facts_r)
{
    const struct link_slot *slot = table->size ? slot_of(table, device, inode) : NULL;
    if (!slot || !slot->path) {
        return NULL;
    }
    *facts_r = slot->facts;
    return slot->path;
}

void link_table_add(struct link_table *table, dev_t device, ino_t inode, const char *path,
                    const struct file_facts *facts)
{
    if (table->count >= LINK_TABLE_MAX) {
        return;
    }
    if (2 * table->count >= table->size) {
        grow(table);
    }
    struct link_slot *slot = slot_of(table, device, inode);
    table->count += !slot->path;
    *slot = (struct link_slot){device, inode, arena_cstr(&table->texts, slice_from(path)), *facts};
}

void link_table_free(struct link_table *table)
{
    mem_free(table->slots);
    arena_free(&table->texts);
    *table = (struct link_table){0};
}
