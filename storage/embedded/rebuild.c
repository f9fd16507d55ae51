/* SPDX-License-Identifier: ISC */
/*
 * Building an index. The descriptors tell the mailboxes; `rebuild` in the table meta tells account_recover
 * that the messages in the folders keep the UIDs that stand in their names, until it has entered them all.
 *
 * The MODSEQ starts at the time in µs: higher than anything that the lost index can have given out, so that
 * clients see everything as changed once, and nothing twice. New accounts are made in the same way. What no
 * file tells comes from the copy of the index, when there is one (rebuild_copy.h).
 */
#include "rebuild.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "fts.h"
#include "mailbox_folder.h"
#include "rebuild_copy.h"
#include "storage/care.h"

#define CHANGES_IN_A_DAY INT64_C(1000000000)

/* Deep below the opening of an account, which anybody may do: so it is the thread's. */
static _Thread_local struct {
    const struct check *check;
    struct check_report report;
} progress;

void rebuild_set_progress(const struct check *check)
{
    progress.check = check;
    progress.report = (struct check_report){0};
}

enum err rebuild_note_progress(uint64_t bytes)
{
    progress.report.messages++;
    progress.report.bytes += bytes;
    return progress.check && progress.check->progress &&
                   !progress.check->progress(progress.check->data, &progress.report)
               ? ERR_CANCELED
               : ERR_OK;
}

/* The log first: a database without its log is damaged again at worst, a new one beside an old log would take
 * it for its own. */
static enum err rename_index_files(struct account *account)
{
    static const char *const endings[] = {"-wal", "-shm", ""};
    char from[64], to[128];
    int64_t now = clock_wall_us();
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        snprintf(from, sizeof(from), "index.db%s", endings[i]);
        snprintf(to, sizeof(to), "index.db.damaged-%lld%s", (long long)now, endings[i]);
        if (renameat(account->dir_fd, from, account->dir_fd, to) != 0 && errno != ENOENT) {
            return err_from_errno(errno);
        }
    }
    log_warning("index.moved_aside", log_cstr("account", account->login), log_cstr("to", to));
    return ERR_OK;
}

enum err index_move_aside(struct account *account)
{
    struct arena arena = {0};
    struct stat info;
    int lock_fd = -1;
    enum err err = fs_lock_file(arena_printf(&arena, "%s/index.db.lock", account->path), true, &lock_fd);
    arena_free(&arena);
    if (err) {
        return err;
    }
    if (fstatat(account->dir_fd, "index.db", &info, 0) == 0 && info.st_ino == account->index_inode) {
        err = rename_index_files(account);
    }
    close(lock_fd);
    return err;
}

#define INSERT_MAILBOX                                                                            \
    "INSERT INTO mailbox(id, name, dir, guid, uidvalidity, uidnext, uidreserved, highestmodseq, " \
    "created_modseq,"                                                                             \
    " attr_modseq, vanished_floor, special) VALUES(?1,?2,?3,?4,?5,?6,?6,?7,?7,?7,?7,?8)"

static enum err insert_mailbox(struct account *account, const struct mailbox_descriptor *descriptor,
                               struct slice dir, int64_t modseq)
{
    sqlite3_stmt *statement = db_statement(account->db, INSERT_MAILBOX);
    db_bind_int(statement, 1, descriptor->id);
    db_bind_text(statement, 2, descriptor->name);
    db_bind_text(statement, 3, dir);
    db_bind_blob(statement, 4, slice_of(descriptor->guid, GUID_SIZE));
    db_bind_int(statement, 5, descriptor->uidvalidity);
    db_bind_int(statement, 6, descriptor->uidnext);
    db_bind_int(statement, 7, modseq);
    db_bind_text(statement, 8, descriptor->special_use);
    enum err err = db_run(account->db, statement);
    if (!err && descriptor->subscribed) {
        statement = db_statement(account->db, "INSERT OR IGNORE INTO subscription VALUES(?1)");
        db_bind_text(statement, 1, descriptor->name);
        err = db_run(account->db, statement);
    }
    return err;
}

/* For a folder without a descriptor (made by another program, or damaged): clients will load its messages
 * anew. */
static enum err make_descriptor(struct account *account, struct arena *arena, struct slice dir,
                                struct mailbox_descriptor *descriptor)
{
    sqlite3_stmt *statement =
        db_statement(account->db, "SELECT 1+max(100, coalesce(max(id), 0)) FROM mailbox");
    enum err err = row_found(db_step(account->db, statement));
    if (err) {
        return err;
    }
    bool inbox = slice_eq(dir, S(INBOX_FOLDER));
    *descriptor = (struct mailbox_descriptor){
        .id = inbox ? 1 : sqlite3_column_int64(statement, 0),
        .uidvalidity = (uint32_t)(clock_wall_us() / 1000000),
        .uidnext = 1,
        .subscribed = true,
        .special_use = SLICE_EMPTY,
        .name = inbox ? S("INBOX") : slice_skip(dir, sizeof(INBOX_FOLDER "/.") - 1),
    };
    sqlite3_reset(statement);
    randombytes_buf(descriptor->guid, GUID_SIZE);
    log_warning("mailbox.without_descriptor", log_cstr("account", account->login), log_text("folder", dir));
    return mailbox_descriptor_write(arena_printf(arena, "%s/%.*s", account->path, SLICE_ARG(dir)),
                                    descriptor);
}

static enum err add_folder(struct account *account, struct arena *arena, struct slice dir, int64_t modseq)
{
    struct mailbox_descriptor descriptor;
    const char *path = arena_printf(arena, "%s/%.*s", account->path, SLICE_ARG(dir));
    enum err err = mailbox_descriptor_read(path, arena, &descriptor);
    if (!err) {
        err = insert_mailbox(account, &descriptor, dir, modseq);
        if (err != ERR_EXISTS) { /* else: a copy of another folder, descriptor included */
            return err;
        }
    } else if (err != ERR_NOT_FOUND && err != ERR_CORRUPT) {
        return err;
    }
    err = make_descriptor(account, arena, dir, &descriptor);
    return err ? err : insert_mailbox(account, &descriptor, dir, modseq);
}

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

#define ADDED "SELECT id, uidvalidity FROM mailbox WHERE dir=?1"

enum err index_add_folder(struct change *change, struct slice dir, int64_t *id_r)
{
    enum err err = add_folder(change->account, &change->arena, dir, (int64_t)change_next_modseq(change));
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(change->db, ADDED);
    db_bind_text(statement, 1, dir);
    err = row_found(db_step(change->db, statement));
    if (!err) {
        struct counters *counters = &change->counters;
        *id_r = sqlite3_column_int64(statement, 0);
        counters->mailbox = MAX_OF(counters->mailbox, *id_r);
        counters->uidvalidity = MAX_OF(counters->uidvalidity, (uint32_t)sqlite3_column_int64(statement, 1));
        sqlite3_reset(statement);
    }
    return err;
}

static enum err add_folders(struct account *account, struct arena *arena, int64_t modseq)
{
    enum err err = add_folder(account, arena, S(INBOX_FOLDER), modseq);
    int fd = openat(account->dir_fd, INBOX_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!directory) {
        return err ? err : err_from_errno(errno);
    }
    while (!err && (entry = readdir(directory))) {
        if (index_is_mailbox_folder(fd, entry->d_name)) {
            err = add_folder(account, arena,
                             slice_from(arena_printf(arena, INBOX_FOLDER "/%s", entry->d_name)), modseq);
        }
    }
    closedir(directory);
    return err;
}

static enum err insert_meta(struct account *account, const char *key, int64_t value)
{
    sqlite3_stmt *statement = db_statement(account->db, "INSERT INTO meta VALUES(?1, ?2)");
    db_bind_text(statement, 1, slice_from(key));
    db_bind_int(statement, 2, value);
    return db_run(account->db, statement);
}

#define INSERT_COUNTERS                                                                                   \
    "INSERT INTO counter(id, modseq, body, mailbox, uidvalidity, threaded, bytes, messages, limit_bytes," \
    " limit_messages) SELECT 0, ?1, 0, max(100, max(id)), max(uidvalidity), 0, 0, 0, ?2, 0 FROM mailbox"

static enum err insert_counters(struct account *account, int64_t modseq, uint64_t quota)
{
    sqlite3_stmt *statement = db_statement(account->db, INSERT_COUNTERS);
    db_bind_int(statement, 1, modseq);
    db_bind_int(statement, 2, (int64_t)quota);
    return db_run(account->db, statement);
}

static enum err build(struct account *account, uint64_t quota)
{
    struct arena arena = {0};
    fts_remove_files(account->dir_fd); /* it speaks of the numbers that bodies had in another index */
    /* Above all that the copy tells of and, if the clock was put back, above a day of changes after it. */
    int64_t modseq = MAX_OF(clock_wall_us(), rebuild_copy_modseq(account) + CHANGES_IN_A_DAY);
    enum err err = add_folders(account, &arena, modseq);
    if (!err) {
        err = insert_counters(account, modseq, quota);
    }
    if (!err) {
        err = insert_meta(account, "rebuild", 1);
    }
    arena_free(&arena);
    return err;
}

static enum err has_content(struct account *account, bool *content_r)
{
    int step = db_step(account->db, db_statement(account->db, "SELECT 1 FROM counter"));
    *content_r = step == 1;
    return db_step_err(step);
}

enum err index_build_if_empty(struct account *account, uint64_t quota)
{
    bool content = false;
    enum err err = db_begin_read(account->db);
    if (!err) {
        err = has_content(account, &content);
        db_end_read(account->db);
    }
    if (err || content) {
        return err;
    }
    err = db_begin(account->db);
    if (err) {
        return err;
    }
    err = has_content(account, &content); /* another process may have been faster */
    if (!err && !content) {
        err = build(account, quota);
    }
    if (err || content) {
        db_rollback(account->db);
        return err;
    }
    return db_commit(account->db);
}
