/* SPDX-License-Identifier: ISC */
/*
 * Building an index. The descriptors tell the mailboxes (folder_adopt.c); `rebuild` in the table meta tells
 * account_recover that the messages in the folders keep the UIDs that stand in their names, until it has
 * entered them all.
 *
 * The MODSEQ starts at the time in µs: higher than anything that the lost index can have given out, so that
 * clients see everything as changed once, and nothing twice. New accounts are made in the same way. What no
 * file tells comes from the copy of the index, when there is one (rebuild_copy.h).
 */
#include "rebuild.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "fts.h"
#include "mailbox_folder.h"
#include "rebuild_copy.h"
#include "settings.h"
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

/* INBOX first: its descriptor knows the identifiers that were given. */
static enum err add_folders(struct change *change, bool subscribe)
{
    struct mailbox_descriptor inbox = {0};
    struct slice *list = NULL;
    size_t count = 0;
    int64_t id = 0;
    const char *path = arena_printf(&change->arena, "%s/" INBOX_FOLDER, change->account->path);
    if (!mailbox_descriptor_read(path, &change->arena, &inbox)) {
        change->counters.mailbox = MAX_OF(change->counters.mailbox, inbox.last_mailbox);
    }
    enum err err = index_add_folder_with(change, S(INBOX_FOLDER), subscribe, &id);
    if (!err) {
        err = index_unknown_folders(change->account, change->db, &change->arena, &list, &count);
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = index_add_folder_with(change, list[i], subscribe, &id);
        if (err == ERR_DENIED) {
            log_error("mailbox.not_adopted", log_cstr("account", change->account->login),
                      log_text("folder", list[i]), log_err(err));
            err = ERR_OK;
        }
    }
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
    " limit_messages) VALUES(0, ?1, 0, ?2, ?3, 0, 0, 0, ?4, ?5)"

static enum err insert_counters(struct change *change)
{
    const struct counters *counters = &change->counters;
    sqlite3_stmt *statement = db_statement(change->db, INSERT_COUNTERS);
    db_bind_int(statement, 1, (int64_t)counters->modseq);
    db_bind_int(statement, 2, counters->mailbox);
    db_bind_int(statement, 3, counters->uidvalidity);
    db_bind_int(statement, 4, counters->limit_bytes);
    db_bind_int(statement, 5, counters->limit_messages);
    return db_run(change->db, statement);
}

/* In a transaction that the caller began, with counters that are not in their row yet. */
static enum err build(struct account *account, uint64_t quota)
{
    fts_remove_files(account->dir_fd); /* it speaks of the numbers that bodies had in another index */
    /* Above all that the copy tells of and, if the clock was put back, above a day of changes after it. */
    int64_t modseq = MAX_OF(clock_wall_us(), rebuild_copy_modseq(account) + CHANGES_IN_A_DAY);
    struct change change = {
        .account = account,
        .db = account->db,
        .counters = {.modseq = (uint64_t)modseq, .mailbox = 100, .limit_bytes = (int64_t)quota},
    };
    bool settings = settings_exist(account);
    enum err err = add_folders(&change, !settings);
    if (!err && settings) {
        err = settings_read(&change);
    }
    if (!err) {
        err = insert_counters(&change);
    }
    if (!err) {
        err = insert_meta(account, "rebuild", 1);
    }
    change_free(&change);
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
