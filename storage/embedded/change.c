/* SPDX-License-Identifier: ISC */
/* Write transactions on an account. */
#include "change.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "afterwards.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "mailbox_rows.h"
#include "maintain.h"
#include "notify.h"

/* Somebody may have moved a damaged index aside and built a new one (another process, or `postern store
 * rebuild`): what we wrote into the old one would be lost. */
static bool index_is_ours(const struct account *account)
{
    struct stat info;
    return fstatat(account->dir_fd, "index.db", &info, 0) == 0 && info.st_ino == account->index_inode;
}

#define READ_COUNTERS                                                                                   \
    "SELECT modseq, body, mailbox, uidvalidity, threaded, bytes, messages, limit_bytes, limit_messages" \
    " FROM counter"

static enum err read_counters(struct change *change)
{
    sqlite3_stmt *statement = db_statement(change->db, READ_COUNTERS);
    enum err err = row_found(db_step(change->db, statement));
    if (!err) {
        change->counters = (struct counters){
            .modseq = (uint64_t)sqlite3_column_int64(statement, 0),
            .body = sqlite3_column_int64(statement, 1),
            .mailbox = sqlite3_column_int64(statement, 2),
            .uidvalidity = sqlite3_column_int64(statement, 3),
            .threaded = sqlite3_column_int64(statement, 4),
            .bytes = sqlite3_column_int64(statement, 5),
            .messages = sqlite3_column_int64(statement, 6),
            .limit_bytes = sqlite3_column_int64(statement, 7),
            .limit_messages = sqlite3_column_int64(statement, 8),
        };
        change->stored = change->counters;
        sqlite3_reset(statement);
    }
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

#define WRITE_COUNTERS                                                                                       \
    "UPDATE counter SET modseq=?1, body=?2, mailbox=?3, uidvalidity=?4, threaded=?5, bytes=?6, messages=?7," \
    " limit_bytes=?8, limit_messages=?9"

static enum err write_counters(struct change *change)
{
    const struct counters *counters = &change->counters;
    if (memcmp(counters, &change->stored, sizeof(*counters)) == 0) {
        return ERR_OK;
    }
    sqlite3_stmt *statement = db_statement(change->db, WRITE_COUNTERS);
    db_bind_int(statement, 1, (int64_t)counters->modseq);
    db_bind_int(statement, 2, counters->body);
    db_bind_int(statement, 3, counters->mailbox);
    db_bind_int(statement, 4, counters->uidvalidity);
    db_bind_int(statement, 5, counters->threaded);
    db_bind_int(statement, 6, counters->bytes);
    db_bind_int(statement, 7, counters->messages);
    db_bind_int(statement, 8, counters->limit_bytes);
    db_bind_int(statement, 9, counters->limit_messages);
    return db_run(change->db, statement);
}

/* A commit of ours that changes nothing. A writer that died may have left a whole transaction in the WAL that
 * only the shared index of the WAL does not know yet; whoever recovers that index after a further crash would
 * find it and bring its rows back. This overwrites it, before its files go. */
static enum err overwrite_dead_transaction(struct change *change)
{
    enum err err = db_run(change->db, db_statement(change->db, "INSERT INTO meta VALUES('recoveries', 1)"
                                                               " ON CONFLICT DO UPDATE SET v=v+1"));
    if (err) {
        db_rollback(change->db);
        return err;
    }
    return db_commit(change->db);
}

/* Begins for good or not at all. *dead_r: a process died in its commit, and its transaction has still to be
 * overwritten; then nothing was begun. */
static enum err try_begin(struct change *change, bool relaxed, bool overwritten, bool *dead_r)
{
    struct account *account = change->account;
    *dead_r = false;
    enum err err = relaxed ? db_begin_relaxed(change->db) : db_begin(change->db);
    if (err) {
        return err;
    }
    db_checkpoint_later(change->db, account->store->afterwards && account->entry);
    err = index_is_ours(account) ? read_counters(change) : ERR_UNAVAILABLE;
    if (!err && journal_is_unfinished(account, change->counters.modseq)) {
        if (!overwritten) {
            *dead_r = true;
            return overwrite_dead_transaction(change);
        }
        err = journal_undo(account);
    }
    if (err) {
        change_abort(change);
    }
    return err;
}

static enum err begin(struct account *account, struct change *change, bool relaxed)
{
    bool dead = false;
    fs_take_sync_failure(); /* what happened before is no matter of this store */
    *change = (struct change){.account = account, .db = account->db};
    enum err err = try_begin(change, relaxed, false, &dead);
    if (!err && dead) {
        err = try_begin(change, relaxed, true, &dead);
    }
    if (err) {
        change_free(change);
        return err;
    }
    change->journal = journal_of(account);
    return ERR_OK;
}

enum err change_begin(struct account *account, struct change *change)
{
    return begin(account, change, false);
}

enum err change_begin_relaxed(struct account *account, struct change *change)
{
    return begin(account, change, true);
}

uint64_t change_next_modseq(struct change *change)
{
    return ++change->counters.modseq;
}

static int open_cur(struct change *change, const struct change_mailbox *mailbox)
{
    const char *path = arena_printf(&change->arena, "%.*s/cur", SLICE_ARG(mailbox->dir));
    return openat(change->account->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

#define MAILBOX_COLUMNS                                                                               \
    "id, name, dir, uidvalidity, highestmodseq, uidnext, uidreserved, first_recent, vanished_floor, " \
    "messages,"                                                                                       \
    " unseen, deleted, bytes, cur_mtime, new_mtime"

/* Its folder is not where its row says: somebody who died right after renaming it left it elsewhere. */
static int open_moved(struct change *change, struct change_mailbox *mailbox)
{
    if (errno != ENOENT || mailbox_folder_find(change, mailbox->id, mailbox->name, &mailbox->dir)) {
        return -1;
    }
    return open_cur(change, mailbox);
}

static enum err add_mailbox(struct change *change, sqlite3_stmt *statement, bool needs_folder,
                            size_t *index_r)
{
    struct change_mailbox mailbox = {
        .id = sqlite3_column_int64(statement, 0),
        .name = db_column_text(statement, 1, &change->arena),
        .dir = db_column_text(statement, 2, &change->arena),
        .uidvalidity = (uint32_t)sqlite3_column_int64(statement, 3),
        .counters =
            {
                .highestmodseq = (uint64_t)sqlite3_column_int64(statement, 4),
                .uidnext = sqlite3_column_int64(statement, 5),
                .uidreserved = sqlite3_column_int64(statement, 6),
                .first_recent = sqlite3_column_int64(statement, 7),
                .vanished_floor = sqlite3_column_int64(statement, 8),
                .messages = sqlite3_column_int64(statement, 9),
                .unseen = sqlite3_column_int64(statement, 10),
                .deleted = sqlite3_column_int64(statement, 11),
                .bytes = sqlite3_column_int64(statement, 12),
                .cur_mtime = sqlite3_column_int64(statement, 13),
                .new_mtime = sqlite3_column_int64(statement, 14),
            },
    };
    sqlite3_reset(statement);
    mailbox.stored = mailbox.counters;
    int64_t cur_mtime = mailbox.counters.cur_mtime;
    mailbox.own_fd = !slice_eq(mailbox.name, S("INBOX"));
    mailbox.cur_fd = mailbox.own_fd ? open_cur(change, &mailbox) : change->account->inbox_fd;
    if (mailbox.cur_fd < 0) {
        mailbox.cur_fd = open_moved(change, &mailbox);
    }
    if (mailbox.cur_fd < 0 && needs_folder) {
        int reason = errno;
        log_error("mailbox.folder_missing", log_cstr("account", change->account->login),
                  log_text("mailbox", mailbox.name), log_errno(reason));
        /* What this process lacks is no reason to go on without the mailbox. */
        return process_lacks(reason) ? ERR_IO : ERR_UNAVAILABLE;
    }
    mailbox.mtime_known = cur_mtime != 0 && folder_mtime(mailbox.cur_fd, ".") == cur_mtime;
    change->mailboxes =
        mem_realloc_array(change->mailboxes, change->mailbox_count + 1, sizeof(*change->mailboxes));
    change->mailboxes[change->mailbox_count] = mailbox;
    *index_r = change->mailbox_count++;
    return ERR_OK;
}

enum err change_mailbox(struct change *change, struct slice name, size_t *index_r)
{
    name = mailbox_name_canonical(&change->arena, name);
    for (size_t i = 0; i < change->mailbox_count; i++) {
        if (!change->mailboxes[i].gone && slice_eq(change->mailboxes[i].name, name)) {
            *index_r = i;
            return ERR_OK;
        }
    }
    sqlite3_stmt *statement =
        db_statement(change->db, "SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE parent=0 AND name=?1");
    db_bind_text(statement, 1, name);
    enum err err = row_found(db_step(change->db, statement));
    return err ? err : add_mailbox(change, statement, true, index_r);
}

static enum err find_by_id(struct change *change, int64_t id, bool needs_folder, size_t *index_r)
{
    for (size_t i = 0; i < change->mailbox_count; i++) {
        if (!change->mailboxes[i].gone && change->mailboxes[i].id == id) {
            *index_r = i;
            return ERR_OK;
        }
    }
    sqlite3_stmt *statement = db_statement(change->db, "SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE id=?1");
    db_bind_int(statement, 1, id);
    enum err err = row_found(db_step(change->db, statement));
    return err ? err : add_mailbox(change, statement, needs_folder, index_r);
}

enum err change_mailbox_by_id(struct change *change, int64_t id, size_t *index_r)
{
    return find_by_id(change, id, true, index_r);
}

enum err change_mailbox_to_delete(struct change *change, int64_t id, size_t *index_r)
{
    return find_by_id(change, id, false, index_r);
}

static enum err sync_folders(struct change *change)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < change->mailbox_count && !err; i++) {
        struct change_mailbox *mailbox = &change->mailboxes[i];
        if (mailbox->sync) {
            err = store_sync(change->account->store, mailbox->cur_fd, "mailbox folder");
            mailbox->sync = err != ERR_OK;
            mailbox->record = true;
        }
    }
    return err;
}

#define WRITE_MAILBOX                                                                                      \
    "UPDATE mailbox SET highestmodseq=?2, uidnext=?3, uidreserved=?4, first_recent=?5, vanished_floor=?6," \
    " messages=?7, unseen=?8, deleted=?9, bytes=?10, cur_mtime=?11, new_mtime=?12 WHERE id=?1"

static enum err write_mailbox(struct change *change, const struct change_mailbox *mailbox)
{
    const struct mailbox_counters *counters = &mailbox->counters;
    sqlite3_stmt *statement = db_statement(change->db, WRITE_MAILBOX);
    db_bind_int(statement, 1, mailbox->id);
    db_bind_int(statement, 2, (int64_t)counters->highestmodseq);
    db_bind_int(statement, 3, counters->uidnext);
    db_bind_int(statement, 4, counters->uidreserved);
    db_bind_int(statement, 5, counters->first_recent);
    db_bind_int(statement, 6, counters->vanished_floor);
    db_bind_int(statement, 7, counters->messages);
    db_bind_int(statement, 8, counters->unseen);
    db_bind_int(statement, 9, counters->deleted);
    db_bind_int(statement, 10, counters->bytes);
    db_bind_int(statement, 11, counters->cur_mtime);
    db_bind_int(statement, 12, counters->new_mtime);
    return db_run(change->db, statement);
}

/* The kernel's time of a folder moves in steps of some milliseconds: a change right after ours would have the
 * time that we record, and never be seen. So it gets a time that none of those steps has. It is not synced:
 * after a power cut the folder has another time and is compared with the index. */
static int64_t stamp_folder(int fd)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {0}};
    clock_gettime(CLOCK_REALTIME, &times[1]);
    futimens(fd, times); /* not being allowed to costs that protection, nothing else */
    return folder_mtime(fd, ".");
}

static enum err write_mailboxes(struct change *change)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < change->mailbox_count && !err; i++) {
        struct change_mailbox *mailbox = &change->mailboxes[i];
        if (mailbox->record) {
            /* Only if nobody else had changed the folder before: else its difference from the index is still
             * to be found. */
            mailbox->counters.cur_mtime = mailbox->mtime_known ? stamp_folder(mailbox->cur_fd) : 0;
        }
        if (!mailbox->gone && memcmp(&mailbox->counters, &mailbox->stored, sizeof(mailbox->stored)) != 0) {
            err = write_mailbox(change, mailbox);
        }
    }
    return err;
}

struct counters_copy {
    struct counters counters;
    size_t mailbox_count;
    struct change_mailbox mailboxes[];
};

struct counters_copy *change_copy_counters(struct change *change)
{
    size_t size = change->mailbox_count * sizeof(struct change_mailbox);
    struct counters_copy *copy = arena_alloc(&change->arena, sizeof(*copy) + size);
    copy->counters = change->counters;
    copy->mailbox_count = change->mailbox_count;
    if (size) {
        memcpy(copy->mailboxes, change->mailboxes, size);
    }
    return copy;
}

static void restore_mailbox(struct change_mailbox *mailbox, const struct change_mailbox *copy)
{
    mailbox->name = copy->name;
    mailbox->dir = copy->dir;
    mailbox->uidvalidity = copy->uidvalidity;
    mailbox->counters = copy->counters;
    mailbox->gone = copy->gone;
}

void change_restore_counters(struct change *change, const struct counters_copy *copy, bool rows)
{
    change->counters = copy->counters;
    for (size_t i = 0; i < change->mailbox_count; i++) {
        struct change_mailbox *mailbox = &change->mailboxes[i];
        if (i < copy->mailbox_count) {
            restore_mailbox(mailbox, &copy->mailboxes[i]);
        } else {
            mailbox->counters = mailbox->stored;
            mailbox->gone |= rows; /* its row may be another one now: to be read again */
        }
    }
}

static void commit_arrived(void *data)
{
    struct change *change = data;
    journal_done(&change->journal);
}

enum err change_prepare(struct change *change)
{
    enum err err = sync_folders(change);
    if (!err) {
        err = write_mailboxes(change);
    }
    return err ? err : write_counters(change);
}

/* Others look for themselves: one line for several mailboxes is enough. */
static void tell_others(const struct change *change)
{
    if (change->counters.modseq != change->stored.modseq) {
        notify_commit(change->account, change->counters.modseq,
                      change->mailbox_count == 1 ? change->mailboxes[0].id : 0);
        maintenance_note(change->account);
    }
}

enum err change_commit(struct change *change)
{
    enum err err = db_commit_then(change->db, commit_arrived, change);
    if (!err) {
        tell_others(change);
        if (db_checkpoint_is_due(change->db)) {
            afterwards_note_later(change->account);
        }
    }
    store_note_commit_error(change->account->store, db_sync_failed(change->db) ? ERR_IO : err);
    return err;
}

void change_abort(struct change *change)
{
    db_rollback(change->db);
}

void change_free(struct change *change)
{
    if (fs_take_sync_failure()) { /* of a descriptor */
        store_note_commit_error(change->account->store, ERR_IO);
    }
    for (size_t i = 0; i < change->mailbox_count; i++) {
        if (change->mailboxes[i].own_fd && change->mailboxes[i].cur_fd >= 0) {
            close(change->mailboxes[i].cur_fd);
        }
    }
    mem_free(change->mailboxes);
    arena_free(&change->arena);
}

enum err change_finish(struct change *change, enum err err)
{
    if (!err) {
        err = change_prepare(change);
    }
    if (err) {
        change_abort(change);
    } else {
        err = change_commit(change);
    }
    change_free(change);
    return err;
}
