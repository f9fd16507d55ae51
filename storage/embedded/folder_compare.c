/* SPDX-License-Identifier: ISC */
/*
 * What the time of a folder cannot tell. A folder that another program changes between the beginning of a
 * commit of ours and the tick of the clock that follows it has the same time as our own change, which the
 * index notes as known. So when a mailbox was changed by us and is quiet again, its names are compared with
 * the rows once: not one by one, but by the sum of their hashes, as a stream.
 */
#include "recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "snapshot_private.h"

#define RECENT_NS 60000000000 /* changed since: longer ago it was compared when it was recent */
#define TICK_NS   200000000   /* the clock of folders has moved on for sure */

/* The same for the same names in any order. */
struct name_sum {
    uint64_t sum, count;
};

static void add_name(struct name_sum *sum, struct slice name)
{
    static const unsigned char key[crypto_shorthash_KEYBYTES] = {0};
    unsigned char hash[crypto_shorthash_BYTES];
    uint64_t number = 0;
    crypto_shorthash(hash, (const unsigned char *)name.data, name.len, key);
    for (size_t i = 0; i < sizeof(hash); i++) {
        number = number << 8 | hash[i];
    }
    sum->sum += number;
    sum->count++;
}

static bool is_file(int fd, const struct dirent *entry)
{
    struct stat info;
    if (entry->d_type != DT_UNKNOWN) {
        return entry->d_type == DT_REG;
    }
    return fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode);
}

static enum err sum_files(int dir_fd, const char *cur, struct name_sum *sum)
{
    int fd = openat(dir_fd, cur, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!directory) {
        return err_from_errno(errno);
    }
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] != '.' && is_file(fd, entry)) {
            add_name(sum, slice_from(entry->d_name));
        }
    }
    closedir(directory);
    return ERR_OK;
}

static enum err sum_rows(struct account *account, int64_t mailbox, struct name_sum *sum)
{
    struct snapshot *snapshot = NULL;
    int more;
    enum err err = snapshot_open(account, &snapshot);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement =
        db_statement(snapshot->db, "SELECT file||':2,'||suffix FROM message WHERE mailbox=?1");
    db_bind_int(statement, 1, mailbox);
    while ((more = db_step(snapshot->db, statement)) == 1) {
        const void *name = sqlite3_column_blob(statement, 0);
        add_name(sum, slice_of(name, (size_t)sqlite3_column_bytes(statement, 0)));
    }
    snapshot_close(snapshot);
    return db_step_err(more);
}

struct recent_folder {
    int64_t id, mtime;
    const char *cur;
};

#define RECENT "SELECT id, cur_mtime, dir FROM mailbox WHERE cur_mtime BETWEEN ?1 AND ?2"

static enum err find_recent(struct account *account, struct arena *arena, struct recent_folder **list_r,
                            size_t *count_r)
{
    struct snapshot *snapshot = NULL;
    struct recent_folder *list = NULL;
    size_t count = 0;
    int more;
    int64_t now = clock_wall_us() * 1000;
    enum err err = snapshot_open(account, &snapshot);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(snapshot->db, RECENT);
    db_bind_int(statement, 1, now - RECENT_NS);
    db_bind_int(statement, 2, now - TICK_NS);
    while ((more = db_step(snapshot->db, statement)) == 1) {
        struct slice dir = db_column_text(statement, 2, arena);
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        list[count++] = (struct recent_folder){
            .id = sqlite3_column_int64(statement, 0),
            .mtime = sqlite3_column_int64(statement, 1),
            .cur = arena_printf(arena, "%.*s/cur", SLICE_ARG(dir)),
        };
    }
    snapshot_close(snapshot);
    *list_r = arena_take_array(arena, list, count, sizeof(*list));
    *count_r = count;
    return db_step_err(more);
}

/* From now on the folder counts as changed. */
static enum err forget_time(struct account *account, int64_t id)
{
    struct change change;
    size_t mailbox;
    enum err err = change_begin_relaxed(account, &change);
    if (err) {
        return err;
    }
    err = change_mailbox_by_id(&change, id, &mailbox);
    if (!err) {
        change.mailboxes[mailbox].counters.cur_mtime = 0;
    }
    err = change_finish(&change, err);
    return err == ERR_NOT_FOUND ? ERR_OK : err; /* deleted meanwhile */
}

static enum err compare(struct account *account, const struct recent_folder *folder, bool *differs)
{
    struct name_sum files = {0}, rows = {0};
    enum err err = sum_files(account->dir_fd, folder->cur, &files);
    if (!err) {
        err = sum_rows(account, folder->id, &rows);
    }
    if (err) {
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    /* Changed while we looked: then it is looked at again when it is quiet. */
    bool quiet = folder_mtime(account->dir_fd, folder->cur) == folder->mtime;
    if (!quiet || (files.sum == rows.sum && files.count == rows.count)) {
        return ERR_OK;
    }
    log_info("mailbox.changed_unseen", log_cstr("account", account->login), log_cstr("folder", folder->cur));
    *differs = true;
    return forget_time(account, folder->id);
}

enum err account_compare_folders(struct account *account)
{
    struct arena arena = {0};
    struct recent_folder *list = NULL;
    size_t count = 0;
    bool differs = false;
    enum err err = find_recent(account, &arena, &list, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = compare(account, &list[i], &differs);
    }
    arena_free(&arena);
    return !err && differs ? account_recover(account) : err;
}
