/* SPDX-License-Identifier: ISC */
/*
 * One account in a backup. The index is copied first, then the bodies which that copy names. Meanwhile people
 * go on reading and deleting, so a body may be gone, or lie in another mailbox, when its turn comes. Then a
 * newer copy of the index is taken, and only what that one names and is not here yet is fetched. Each round
 * has less to do than the one before; from the third on, writers of the account wait.
 *
 * What the previous backup has under the same name with the same size is linked to: a file of a message never
 * changes, and its name holds its guid. An account whose files look as they did then is not even opened.
 */
#include "backup_account.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account_folder.h"
#include "account_path.h"
#include "account_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "mailbox_folder.h"

#define ROUNDS          8
#define ROUNDS_UNLOCKED 2
#define ROUND_PAUSE_US  20000

/* ---- folders ---- */

static enum err make_folder(struct account_copy *copy, struct slice dir)
{
    static const char *const names[] = {"", "/tmp", "/new", "/cur"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *path = arena_printf(&copy->scratch, "%s/%.*s%s", copy->target, SLICE_ARG(dir), names[i]);
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return err_from_errno(errno);
        }
    }
    return ERR_OK;
}

/* Copies a small file of the account; that it is gone counts as missing. */
static enum err copy_plain(struct account_copy *copy, struct slice path)
{
    struct file_facts facts;
    const char *source = arena_printf(&copy->scratch, "%s/%.*s", copy->source, SLICE_ARG(path));
    enum err err = backup_copy_file(source, account_copy_target(copy, path), &facts);
    if (err == ERR_NOT_FOUND) {
        copy->missing++;
        return ERR_OK;
    }
    if (!err) {
        manifest_add(&copy->now, MANIFEST_FILE, path, facts.size, facts.hash);
    }
    return err;
}

static enum err take_folder(struct account_copy *copy, struct slice dir)
{
    enum err err = make_folder(copy, dir);
    if (!err) {
        err = copy_plain(copy, slice_from(arena_printf(&copy->scratch, "%.*s/.mbox", SLICE_ARG(dir))));
    }
    if (!err && !slice_eq(dir, S(INBOX_FOLDER))) {
        uint64_t missing = copy->missing; /* of no importance, unlike the rest */
        err =
            copy_plain(copy, slice_from(arena_printf(&copy->scratch, "%.*s/maildirfolder", SLICE_ARG(dir))));
        copy->missing = missing;
    }
    return err;
}

/* ---- a round ---- */

#define FOLDERS "SELECT dir FROM mailbox ORDER BY id"
#define BODIES                                                                               \
    "SELECT mailbox.dir, file, suffix, hash FROM message JOIN mailbox ON mailbox.id=mailbox" \
    " JOIN body ON body.id=message.body WHERE length(hash)=32 ORDER BY message.mailbox, message.uid"

static struct slice column(sqlite3_stmt *statement, int index, struct arena *arena)
{
    return arena_copy(arena, slice_of(sqlite3_column_blob(statement, index),
                                      (size_t)sqlite3_column_bytes(statement, index)));
}

static enum err take_folder_row(struct account_copy *copy, sqlite3_stmt *statement)
{
    return take_folder(copy, column(statement, 0, &copy->scratch));
}

static enum err take_body_row(struct account_copy *copy, sqlite3_stmt *statement)
{
    struct body_row row = {
        .dir = column(statement, 0, &copy->scratch),
        .file = column(statement, 1, &copy->scratch),
        .hash = sqlite3_column_blob(statement, 3),
    };
    struct slice suffix = column(statement, 2, &copy->scratch);
    row.path = slice_from(arena_printf(&copy->scratch, "%.*s/cur/%.*s:2,%.*s", SLICE_ARG(row.dir),
                                       SLICE_ARG(row.file), SLICE_ARG(suffix)));
    enum err err = account_copy_body(copy, &row);
    copy->run->progress.messages_done++;
    if (!err && copy->run->progress.messages_done % 128 == 0) {
        err = backup_report(copy->run);
    }
    return err;
}

/* Runs `each` on every row of the copied index. */
static enum err for_rows(struct account_copy *copy, sqlite3 *index, const char *sql,
                         enum err (*each)(struct account_copy *, sqlite3_stmt *))
{
    sqlite3_stmt *statement = NULL;
    enum err err = ERR_OK;
    int step = sqlite3_prepare_v2(index, sql, -1, &statement, NULL);
    if (step != SQLITE_OK) {
        return ERR_CORRUPT;
    }
    while (!err && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        err = each(copy, statement);
        arena_reset(&copy->scratch);
    }
    sqlite3_finalize(statement);
    return err ? err : step == SQLITE_DONE ? ERR_OK : ERR_CORRUPT;
}

static enum err take_index(struct account_copy *copy)
{
    struct file_facts facts;
    const char *target = account_copy_target(copy, S("index.db"));
    enum err err = backup_database(arena_printf(&copy->scratch, "%s/index.db", copy->source), target);
    if (!err) {
        err = backup_read_file(target, &facts);
    }
    if (!err) {
        manifest_add(&copy->now, MANIFEST_FILE, S("index.db"), facts.size, facts.hash);
        copy->run->progress.bytes_copied += facts.size;
    }
    return err;
}

static enum err take_rows(struct account_copy *copy)
{
    sqlite3 *index = backup_open_copy(account_copy_target(copy, S("index.db")));
    if (!index) {
        return ERR_CORRUPT;
    }
    enum err err = for_rows(copy, index, FOLDERS, take_folder_row);
    if (!err) {
        err = for_rows(copy, index, BODIES, take_body_row);
    }
    sqlite3_close(index);
    return err;
}

/* What the round before took becomes what this one need not take. */
static void begin_round(struct account_copy *copy)
{
    name_table_free(&copy->done_names);
    manifest_free(&copy->done);
    copy->done = copy->now;
    copy->done_names = name_table_of(&copy->done);
    copy->now = (struct manifest){0};
    copy->missing = 0;
    for (size_t i = 0; i < copy->done.count; i++) {
        if (copy->done.entries[i].kind == MANIFEST_FILE) {
            unlink(account_copy_target(copy, copy->done.entries[i].path));
        }
    }
}

static void remove_unused(struct account_copy *copy)
{
    for (size_t i = 0; i < copy->done.count; i++) {
        const struct manifest_entry *entry = &copy->done.entries[i];
        if (entry->kind == MANIFEST_BODY && !entry->used) {
            unlink(account_copy_target(copy, entry->path));
        }
        arena_reset(&copy->scratch);
    }
}

static enum err run_round(struct account_copy *copy)
{
    begin_round(copy);
    copy->now.state = backup_state_of(&copy->now.arena, copy->source);
    enum err err = take_index(copy);
    if (!err) {
        err = take_rows(copy);
    }
    if (!err) {
        remove_unused(copy);
    }
    return err;
}

static enum err run_rounds(struct account_copy *copy, struct account *account)
{
    enum err err = ERR_OK;
    for (unsigned round = 0; !err && round < ROUNDS; round++) {
        bool locked = round >= ROUNDS_UNLOCKED;
        uint64_t done = copy->run->progress.messages_done;
        copy->last_round = round + 1 == ROUNDS;
        err = mailbox_refresh(account, 0);
        if (!err && locked) {
            err = db_begin(account->db);
        }
        if (!err) {
            err = run_round(copy);
            if (locked) {
                db_rollback(account->db);
            }
        }
        if (!err && copy->missing == 0) {
            return ERR_OK;
        }
        if (!err && !copy->last_round) { /* they are counted anew */
            copy->run->progress.messages_done = done;
            usleep(ROUND_PAUSE_US);
        }
    }
    return err;
}

/* ---- the account ---- */

/* All of an account that did not change. false: something is not as it was; nothing is left behind. */
static bool link_whole(struct account_copy *copy)
{
    const struct manifest_entry manifest = {.path = S(BACKUP_MANIFEST)};
    bool good = true;
    for (size_t i = 0; good && i < copy->former.count; i++) {
        const struct manifest_entry *entry = &copy->former.entries[i];
        size_t slash = slice_find_last(entry->path, '/');
        good = entry->kind == MANIFEST_FILE || entry->kind == MANIFEST_BODY;
        if (good && slice_ends_with_nocase(entry->path, S("/.mbox"))) {
            good = !make_folder(copy, slice_take(entry->path, slash));
        }
        good = good && account_copy_link_former(copy, entry, account_copy_target(copy, entry->path));
        arena_reset(&copy->scratch);
    }
    const char *source = arena_printf(&copy->scratch, "%s/" BACKUP_MANIFEST, copy->former_folder);
    good = good && link(source, account_copy_target(copy, manifest.path)) == 0;
    if (!good && (backup_remove_tree(copy->target) || mkdir(copy->target, 0700) != 0)) {
        log_warning("backup.leftover", log_cstr("path", copy->target), log_errno(errno));
    }
    return good;
}

/* The newest earlier backup that has this account whole. */
static void find_former(struct account_copy *copy, const char *relative, unsigned char *hash_r,
                        uint64_t *size_r)
{
    struct stat info;
    for (size_t i = 0; i < copy->run->earlier_count && !copy->former_folder; i++) {
        const char *folder = arena_printf(&copy->arena, "%s/%s", copy->run->earlier[i], relative);
        if (!manifest_read(folder, &copy->former, hash_r) && slice_eq(copy->former.login, copy->login) &&
            stat(arena_printf(&copy->arena, "%s/" BACKUP_MANIFEST, folder), &info) == 0) {
            copy->former_folder = folder;
            *size_r = (uint64_t)info.st_size;
        } else {
            manifest_free(&copy->former);
        }
    }
}

static enum err copy_account(struct account_copy *copy, unsigned char *hash_r, uint64_t *size_r)
{
    struct account *account = NULL;
    copy->former_names = name_table_of(&copy->former);
    enum err err = account_open(copy->run->store, copy->login, &account);
    if (!err) {
        err = run_rounds(copy, account);
        account_close(account);
    }
    if (!err) { /* all is on the disk before the manifest says so */
        err = backup_sync(copy->target);
    }
    if (!err) {
        copy->now.login = copy->login;
        copy->now.created_us = clock_wall_us();
        err = manifest_write(copy->target, &copy->now, hash_r, size_r);
    }
    return err;
}

static enum err run_account(struct account_copy *copy, const char *relative)
{
    struct backup_run *run = copy->run;
    unsigned char hash[BACKUP_HASH_SIZE];
    uint64_t size = 0;
    enum err err = ERR_OK;
    find_former(copy, relative, hash, &size);
    struct slice state = copy->former_folder ? backup_state_of(&copy->arena, copy->source) : SLICE_EMPTY;
    const struct manifest *result = &copy->former;
    if (state.len && slice_eq(state, copy->former.state) && link_whole(copy)) {
        run->progress.messages_done += copy->former.messages;
    } else {
        err = copy_account(copy, hash, &size);
        result = &copy->now;
    }
    if (!err) {
        const char *path = arena_printf(&copy->arena, "%s/" BACKUP_MANIFEST, relative);
        manifest_add(&run->manifest, MANIFEST_ACCOUNT, slice_from(path), size, hash);
        run->manifest.accounts++;
        run->manifest.messages += result->messages;
        run->manifest.bytes += result->bytes;
    }
    return err;
}

enum err backup_account(struct backup_run *run, struct slice login)
{
    struct account_copy copy = {.run = run, .login = login};
    struct buf relative;
    buf_init(&relative, 4096);
    buf_append(&relative, S("mail/"));
    enum err err = account_path(&relative, login);
    if (!err) {
        err = account_folder_path(run->store, login, &copy.arena, &copy.source);
    }
    if (!err) {
        copy.target = arena_printf(&copy.arena, "%s/%s", run->folder, buf_cstr(&relative));
        err = backup_make_parents(copy.target);
    }
    if (!err && mkdir(copy.target, 0700) != 0) {
        err = err_from_errno(errno);
    }
    if (!err) {
        err = run_account(&copy, buf_cstr(&relative));
    }
    if (err && copy.target && backup_remove_tree(copy.target)) {
        log_warning("backup.leftover", log_cstr("path", copy.target));
    }
    name_table_free(&copy.former_names);
    name_table_free(&copy.done_names);
    manifest_free(&copy.former);
    manifest_free(&copy.done);
    manifest_free(&copy.now);
    arena_free(&copy.scratch);
    arena_free(&copy.arena);
    buf_free(&relative);
    return err;
}
