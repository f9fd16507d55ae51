/* SPDX-License-Identifier: ISC */
/* What is there to mend, and mending it. */
#include "recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "intents.h"
#include "mailbox_folder.h"
#include "rebuild.h"
#include "rebuild_copy.h"

/* A folder's time moves in steps of some milliseconds: while it is as young as this, more files may come
 * without moving it. */
#define UNSURE_NS 100000000

struct folder_state {
    int64_t id;
    struct slice dir;
    bool cur_changed, new_changed;
};

static const char *sub_folder(struct arena *arena, struct slice dir, const char *name)
{
    return arena_printf(arena, "%.*s/%s", SLICE_ARG(dir), name);
}

/* Names begin with a time, so this is the order in which the messages came. */
static int compare_names(const void *a, const void *b)
{
    return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in a folder but for those with a leading dot, sorted; NULL-terminated, in the arena. */
static enum err list_names(int dir_fd, const char *path, struct arena *arena, const char ***names_r)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    const char **names = NULL;
    size_t count = 0;
    struct dirent *entry;
    if (!directory) {
        return err_from_errno(errno);
    }
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] != '.') {
            names = mem_realloc_array(names, count + 1, sizeof(*names));
            names[count++] = arena_cstr(arena, slice_from(entry->d_name));
        }
    }
    closedir(directory);
    *names_r = arena_array(arena, const char *, count + 1);
    if (count) {
        qsort(names, count, sizeof(*names), compare_names);
        memcpy(*names_r, names, count * sizeof(*names));
    }
    mem_free(names);
    return ERR_OK;
}

static bool is_settled(int64_t mtime)
{
    return clock_wall_us() * 1000 - mtime > UNSURE_NS;
}

static bool has_new_mail(struct account *account, struct arena *arena, int64_t mailbox, const char *path,
                         int64_t mtime)
{
    const char **names = NULL;
    pthread_mutex_lock(&account->empty_new.mutex);
    bool known = account->empty_new.mailbox == mailbox && account->empty_new.mtime == mtime;
    pthread_mutex_unlock(&account->empty_new.mutex);
    bool found = !known && !list_names(account->dir_fd, path, arena, &names) && names[0];
    if (!known && !found && is_settled(mtime)) {
        pthread_mutex_lock(&account->empty_new.mutex);
        account->empty_new.mailbox = mailbox;
        account->empty_new.mtime = mtime;
        pthread_mutex_unlock(&account->empty_new.mutex);
    }
    return found;
}

/* Whether another program put a folder for a mailbox there. Changes of our own move the time, too, and lead
 * to one more look. */
static enum err look_for_folders(struct account *account, struct db *db, struct arena *arena, bool *found_r)
{
    struct slice *list = NULL;
    size_t count = 0;
    int64_t mtime = folder_mtime(account->dir_fd, INBOX_FOLDER);
    *found_r = false;
    if (mtime != 0 && mtime == atomic_load(&account->folders_mtime)) {
        return ERR_OK;
    }
    enum err err = index_unknown_folders(account, db, arena, &list, &count);
    if (!err && count == 0 && is_settled(mtime)) {
        atomic_store(&account->folders_mtime, mtime);
    }
    *found_r = count > 0;
    return err;
}

static struct folder_state look_at_folder(struct account *account, sqlite3_stmt *statement,
                                          struct arena *arena)
{
    struct folder_state folder = {
        .id = sqlite3_column_int64(statement, 0),
        .dir = db_column_text(statement, 1, arena),
    };
    int64_t cur_mtime = sqlite3_column_int64(statement, 2);
    int64_t new_mtime = sqlite3_column_int64(statement, 3);
    const char *path = sub_folder(arena, folder.dir, "new");
    int64_t mtime = folder_mtime(account->dir_fd, path);
    folder.cur_changed =
        cur_mtime == 0 || folder_mtime(account->dir_fd, sub_folder(arena, folder.dir, "cur")) != cur_mtime;
    folder.new_changed =
        (new_mtime == 0 || mtime != new_mtime) && has_new_mail(account, arena, folder.id, path, mtime);
    return folder;
}

#define FOLDERS "SELECT id, dir, cur_mtime, new_mtime FROM mailbox"

/* Those that changed, of all mailboxes or (mailbox_id not 0) of one. */
static enum err look_at_folders(struct account *account, struct db *db, int64_t mailbox_id,
                                struct arena *arena, struct folder_state **list_r, size_t *count_r)
{
    struct folder_state *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement =
        mailbox_id ? db_statement(db, FOLDERS " WHERE id=?1") : db_statement(db, FOLDERS);
    if (mailbox_id) {
        db_bind_int(statement, 1, mailbox_id);
    }
    while ((more = db_step(db, statement)) == 1) {
        struct folder_state folder = look_at_folder(account, statement, arena);
        if (folder.cur_changed || folder.new_changed) {
            list = mem_realloc_array(list, count + 1, sizeof(*list));
            list[count++] = folder;
        }
    }
    *list_r = arena_take_array(arena, list, count, sizeof(*list));
    *count_r = count;
    return db_step_err(more);
}

/* One number out of meta, 0 when it is not there. */
static enum err read_meta(struct db *db, const char *sql, int64_t *value_r)
{
    sqlite3_stmt *statement = db_statement(db, sql);
    int step = db_step(db, statement);
    *value_r = step == 1 ? sqlite3_column_int64(statement, 0) : 0;
    if (step == 1) {
        sqlite3_reset(statement);
    }
    return db_step_err(step);
}

#define HAS_WORK         "SELECT " INTENTS_UNDONE
#define HAS_WORK_AT_ONCE "SELECT " INTENTS_UNDONE_AT_ONCE
#define REBUILDS         "SELECT EXISTS(SELECT 1 FROM meta WHERE k='rebuild')"

/* A look without the lock: what is in the middle of another's commit looks like a difference too, so the
 * answer is checked again under the lock. But no commit of ours puts anything into new/. */
enum err account_differs(struct account *account, struct db *db, int64_t mailbox_id,
                         enum difference *difference_r)
{
    struct arena arena = {0};
    struct folder_state *folders;
    size_t count = 0;
    int64_t modseq = 0, work = 0, rebuilds = 0;
    enum err err = read_meta(db, account->store->afterwards ? HAS_WORK_AT_ONCE : HAS_WORK, &work);
    if (!err) {
        err = read_meta(db, REBUILDS, &rebuilds);
    }
    if (!err) {
        err = read_meta(db, "SELECT modseq FROM counter", &modseq);
    }
    if (!err) {
        err = look_at_folders(account, db, mailbox_id, &arena, &folders, &count);
    }
    bool folders_came = false;
    if (!err && mailbox_id == 0) {
        err = look_for_folders(account, db, &arena, &folders_came);
    }
    bool likely = work != 0 || count > 0 || folders_came || journal_is_unfinished(account, (uint64_t)modseq);
    bool certain = rebuilds != 0;
    for (size_t i = 0; i < count; i++) {
        certain = certain || folders[i].new_changed;
    }
    *difference_r = certain ? DIFFERENCE_CERTAIN : likely ? DIFFERENCE_LIKELY : DIFFERENCE_NONE;
    arena_free(&arena);
    return err;
}

static enum err adopt_new(struct change *change, size_t mailbox)
{
    struct account *account = change->account;
    const char **names = NULL;
    uint64_t modseq = 0;
    const char *path = sub_folder(&change->arena, change->mailboxes[mailbox].dir, "new");
    int64_t mtime = folder_mtime(account->dir_fd, path);
    enum err err = list_names(account->dir_fd, path, &change->arena, &names);
    if (!err && names && names[0]) {
        modseq = change_next_modseq(change);
    }
    for (size_t i = 0; !err && names && names[i]; i++) {
        err = adopt_file(change, mailbox, true, names[i], modseq, false);
    }
    if (!err) {
        /* The adopted files left the folder and moved its time, which leads to one more look at an empty
         * folder later. */
        change->mailboxes[mailbox].counters.new_mtime = is_settled(mtime) ? mtime : 0;
    }
    return err;
}

/* Files of expunged messages that could not be unlinked are no new mail. */
static enum err has_files_to_unlink(struct change *change, int64_t mailbox, bool *left_r)
{
    sqlite3_stmt *statement =
        db_statement(change->db, "SELECT 1 FROM intent WHERE op='" INTENT_UNLINK "' AND mailbox=?1 LIMIT 1");
    db_bind_int(statement, 1, mailbox);
    int step = db_step(change->db, statement);
    *left_r = step == 1;
    sqlite3_reset(statement);
    return db_step_err(step);
}

static enum err mend_folder(struct change *change, const struct folder_state *folder, bool rebuild)
{
    size_t mailbox = 0;
    enum err err = change_mailbox_by_id(change, folder->id, &mailbox);
    bool left = false;
    if (!err && folder->cur_changed) {
        err = has_files_to_unlink(change, folder->id, &left);
    }
    if (!err && folder->cur_changed && !left) {
        err = reconcile_cur(change, mailbox, rebuild);
    }
    if (!err && folder->new_changed) {
        err = adopt_new(change, mailbox);
    }
    return err;
}

/* One that cannot be taken in must not keep the account from anything. */
static enum err take_in_folders(struct change *change)
{
    struct slice *list = NULL;
    size_t count = 0;
    enum err err = index_unknown_folders(change->account, change->db, &change->arena, &list, &count);
    for (size_t i = 0; i < count && !err; i++) {
        struct folder_state folder = {.cur_changed = true, .new_changed = true};
        err = index_add_folder(change, list[i], &folder.id);
        if (!err) {
            err = mend_folder(change, &folder, true);
        } else if (!sqlite3_get_autocommit(db_handle(change->db))) {
            log_error("mailbox.not_adopted", log_cstr("account", change->account->login),
                      log_text("folder", list[i]), log_err(err));
            err = ERR_OK;
        }
    }
    return err;
}

/* `copied`: the copy of the lost index is attached. */
static enum err mend_all(struct change *change, bool copied)
{
    struct folder_state *folders = NULL;
    size_t count = 0;
    int64_t rebuild = 0;
    enum err err = intents_run(change);
    if (!err) {
        err = read_meta(change->db, "SELECT v FROM meta WHERE k='rebuild'", &rebuild);
    }
    if (!err) {
        err = look_at_folders(change->account, change->db, 0, &change->arena, &folders, &count);
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = mend_folder(change, &folders[i], rebuild != 0);
        if (err == ERR_UNAVAILABLE) { /* a folder is missing, which is logged: the other mailboxes work on */
            err = ERR_OK;
        }
    }
    if (!err) {
        err = take_in_folders(change);
    }
    if (!err && rebuild && copied) {
        err = rebuild_copy_take(change);
    }
    if (!err && rebuild) {
        err = db_run(change->db, db_statement(change->db, "DELETE FROM meta WHERE k='rebuild'"));
    }
    return err;
}

static enum err mend(struct account *account, bool copied)
{
    struct change change;
    enum err err = change_begin(account, &change);
    if (err) {
        return err;
    }
    return change_finish(&change, mend_all(&change, copied));
}

/* An index that is being built anew is nobody else's yet in this process, so its connection may be changed
 * outside of a transaction. */
static enum err mend_with_copy(struct account *account, bool rebuild)
{
    bool copied = rebuild && rebuild_copy_attach(account);
    enum err err = mend(account, copied);
    if (copied) {
        rebuild_copy_detach(account);
    }
    return err;
}

static enum err recover(struct account *account, bool *empty_r)
{
    enum difference difference = DIFFERENCE_NONE;
    int64_t rebuild = 0;
    enum err err = db_begin_read(account->db);
    if (!err) {
        err = account_differs(account, account->db, 0, &difference);
        if (!err && difference) {
            err = read_meta(account->db, "SELECT v FROM meta WHERE k='rebuild'", &rebuild);
        }
        db_end_read(account->db);
    }
    if (!err && difference && !store_check_writable(account->store)) {
        err = mend_with_copy(account, rebuild != 0);
    }
    *empty_r = rebuild != 0;
    return account_note_error(account, err);
}

enum err account_recover(struct account *account)
{
    bool empty;
    return recover(account, &empty);
}

enum err account_recover_if_room(struct account *account)
{
    bool empty = false;
    enum err err = recover(account, &empty);
    return err == ERR_NO_SPACE && !empty ? ERR_OK : err;
}
