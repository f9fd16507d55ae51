/* SPDX-License-Identifier: ISC */
/* Building an account's index anew on purpose, and figures. */
#include "storage/care.h"

#include "fts.h"
#include "letters.h"
#include "rebuild.h"
#include "recovery.h"
#include "registry.h"

/* What the account has by its counters. */
static enum err count_messages(struct account *account, uint64_t *messages_r)
{
    enum err err = db_begin_read(account->db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(account->db, "SELECT messages FROM counter");
    err = row_found(db_step(account->db, statement));
    if (!err) {
        *messages_r = (uint64_t)sqlite3_column_int64(statement, 0);
    }
    db_end_read(account->db);
    return err;
}

enum err account_rebuild(struct store *store, struct slice login, const struct check *progress,
                         uint64_t *messages_r)
{
    struct account *account;
    enum err err = account_open(store, login, &account);
    if (err) {
        return err;
    }
    /* The letters are what flags and keywords come back from. */
    err = letters_run(account, 0, NULL);
    err = err == ERR_CORRUPT ? ERR_OK : err;
    if (!err) {
        err = index_move_aside(account);
    }
    account_close(account);
    if (err) {
        return err;
    }
    rebuild_set_progress(progress);
    err = account_open(store, login, &account);
    rebuild_set_progress(NULL);
    if (!err) {
        err = count_messages(account, messages_r);
        account_close(account);
    }
    return err;
}

static uint64_t size_of(const struct account *account, const char *name)
{
    struct stat info;
    return fstatat(account->dir_fd, name, &info, 0) == 0 ? (uint64_t)info.st_size : 0;
}

#define STATS                                                                              \
    "SELECT (SELECT count(*) FROM mailbox), messages, (SELECT count(*) FROM body), bytes," \
    " (SELECT coalesce(sum(size), 0) FROM body), (SELECT count(*) FROM vanished),"         \
    " (SELECT count(*) FROM keyword) FROM counter"

static enum err read_stats(struct account *account, struct account_stats *stats_r)
{
    enum err err = db_begin_read(account->db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(account->db, STATS);
    err = row_found(db_step(account->db, statement));
    if (!err) {
        *stats_r = (struct account_stats){
            .mailboxes = (uint64_t)sqlite3_column_int64(statement, 0),
            .messages = (uint64_t)sqlite3_column_int64(statement, 1),
            .bodies = (uint64_t)sqlite3_column_int64(statement, 2),
            .bytes = (uint64_t)sqlite3_column_int64(statement, 3),
            .disk_bytes = (uint64_t)sqlite3_column_int64(statement, 4),
            .vanished_ranges = (uint64_t)sqlite3_column_int64(statement, 5),
            .keywords = (uint64_t)sqlite3_column_int64(statement, 6),
        };
    }
    db_end_read(account->db);
    return err;
}

enum err account_stats(struct account *account, struct account_stats *stats_r)
{
    struct account_stats stats = {0};
    enum err err = read_stats(account, &stats);
    if (!err) {
        err = letters_pending(account, &stats.pending_renames);
    }
    if (!err) {
        stats.index_bytes = size_of(account, "index.db");
        stats.wal_bytes = size_of(account, "index.db-wal");
        stats.search_bytes = fts_bytes(account);
        err = fts_pending(account, &stats.search_pending);
    }
    if (!err) {
        *stats_r = stats;
    }
    return err;
}

/* What account_rebuild_search tells of: how many bodies are in it. */
struct refilling {
    const struct check *check;
    struct account *account;
    uint64_t total;
};

static bool refilling_go_on(void *data)
{
    struct refilling *work = data;
    struct check_report report = {0};
    uint64_t pending = 0;
    if (!work->check || !work->check->progress) {
        return true;
    }
    if (fts_pending(work->account, &pending) == ERR_OK && pending < work->total) {
        report.messages = work->total - pending;
    }
    return work->check->progress(work->check->data, &report);
}

enum err account_rebuild_search(struct account *account, const struct check *progress)
{
    struct refilling work = {.check = progress, .account = account};
    enum err err = fts_clear(account);
    if (err == ERR_CORRUPT) { /* deleted at the next use, which is this */
        err = fts_clear(account);
    }
    if (!err) {
        err = fts_pending(account, &work.total);
    }
    return err ? err : fts_catch_up(account, SIZE_MAX, refilling_go_on, &work);
}
