/* SPDX-License-Identifier: ISC */
/*
 * Checking an account while it is in use. Each question is asked first without the lock; only where the
 * answer looks wrong it is asked again under it, since what is in the middle of somebody's commit looks wrong
 * too. A repair happens under the same lock, question by question and mailbox by mailbox, so nobody waits
 * long, and a check that was broken off has mended what it came to.
 *
 *     1. SQLite's own check of the database
 *     2. the index with itself             check_rules.c
 *     3. folders and descriptors           check_folders.c
 *     4. rows and files, bodies            check_files.c
 *     5. the full-text index               fts.h
 *     6. what the directory knows of it    shares.h
 */
#include "check_private.h"

#include <stdarg.h>

#include "base/mem.h"
#include "fts.h"
#include "intents.h"
#include "shares.h"

void check_problem(struct checking *work, bool repaired, uint64_t count, const char *format, ...)
{
    struct buf text;
    va_list args;
    buf_init(&text, 16 * 1024);
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    work->report.problems += count;
    work->report.repaired += repaired ? count : 0;
    if (work->check->problem) {
        work->check->problem(work->check->data, buf_cstr(&text));
    }
    buf_free(&text);
}

enum err check_go_on(struct checking *work)
{
    const struct check *check = work->check;
    return check->progress && !check->progress(check->data, &work->report) ? ERR_CANCELED : ERR_OK;
}

/* Where the database itself is damaged, nothing else can be asked: the next opening builds it anew. */
static enum err check_database(struct checking *work)
{
    struct account *account = work->account;
    struct arena arena = {0};
    int more;
    enum err err = db_begin_read(account->db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(account->db, "PRAGMA quick_check(10)");
    while ((more = db_step(account->db, statement)) == 1) {
        struct slice text = db_column_text(statement, 0, &arena);
        if (!slice_eq(text, S("ok"))) {
            check_problem(work, false, 1, "index.db: %.*s", SLICE_ARG(text));
            err = ERR_CORRUPT;
        }
    }
    db_end_read(account->db);
    arena_free(&arena);
    err = err ? err : db_step_err(more);
    return work->check->repair ? account_note_error(account, err) : err;
}

#define MAILBOXES                                                                                         \
    "SELECT id, name, dir, special, guid, uidvalidity, uidnext, EXISTS(SELECT 1 FROM subscription WHERE " \
    "subscription.name=mailbox.name) FROM mailbox ORDER BY id"

static enum err read_mailboxes(struct checking *work, struct arena *arena, struct checked_mailbox **list_r,
                               size_t *count_r)
{
    struct db *db = work->account->db;
    struct checked_mailbox *list = NULL;
    size_t count = 0;
    int more;
    enum err err = db_begin_read(db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, MAILBOXES);
    while ((more = db_step(db, statement)) == 1) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        list[count++] = (struct checked_mailbox){
            .id = sqlite3_column_int64(statement, 0),
            .name = db_column_text(statement, 1, arena),
            .dir = db_column_text(statement, 2, arena),
            .special_use = db_column_text(statement, 3, arena),
            .guid = db_column_text(statement, 4, arena),
            .uidvalidity = (uint32_t)sqlite3_column_int64(statement, 5),
            .uidnext = (uint32_t)sqlite3_column_int64(statement, 6),
            .subscribed = sqlite3_column_int(statement, 7) != 0,
        };
    }
    db_end_read(db);
    *list_r = arena_take_array(arena, list, count, sizeof(*list));
    *count_r = count;
    return db_step_err(more);
}

static enum err check_mailboxes(struct checking *work, struct arena *arena)
{
    struct checked_mailbox *list = NULL;
    size_t count = 0;
    enum err err = read_mailboxes(work, arena, &list, &count);
    if (!err) {
        err = check_unknown_folders(work, list, count);
    }
    for (size_t i = 0; i < count && !err; i++) {
        bool usable = false;
        err = check_folder(work, &list[i], &usable);
        if (!err && usable) {
            err = check_files(work, &list[i]);
        }
        work->report.mailboxes++;
        err = err ? err : check_go_on(work);
    }
    return err;
}

/* Damaged it is deleted at its next use, asked for or not: nothing is lost with it. */
static enum err check_search(struct checking *work)
{
    enum err err = fts_check(work->account);
    if (err == ERR_CORRUPT) {
        check_problem(work, true, 1, "fts.db: damaged; it is made anew");
        return ERR_OK;
    }
    return err;
}

/* A change of rights whose intent is on its way looks like this, too, and is done under the lock; and so does
 * what could not be told when the account was opened, and will be. */
static enum err check_shares(struct checking *work)
{
    bool differ = false;
    enum err err = shares_differ(work->account, &differ);
    if (err || !differ) {
        return err;
    }
    intents_run_now(work->account, INTENTS_ALL);
    shares_mend_later(work->account);
    err = shares_differ(work->account, &differ);
    if (!err && differ) {
        if (work->check->repair) {
            shares_mend(work->account);
            err = shares_differ(work->account, &differ);
        }
        check_problem(work, work->check->repair && !differ, 1,
                      "the directory does not know with whom this account shares mailboxes");
    }
    return err;
}

enum err account_check(struct account *account, const struct check *check, struct check_report *report_r)
{
    struct checking work = {.account = account, .check = check};
    struct arena arena = {0};
    enum err err = mailbox_refresh(account, 0); /* what ordinary life mends by itself is no problem */
    if (!err || err == ERR_NOT_FOUND) {
        err = check_database(&work);
    }
    if (!err) {
        err = check_rules(&work);
    }
    if (!err) {
        err = check_mailboxes(&work, &arena);
    }
    if (!err) {
        err = check_search(&work);
    }
    if (!err) {
        err = check_shares(&work);
    }
    if (!err && check->progress) {
        check->progress(check->data, &work.report);
    }
    arena_free(&arena);
    *report_r = work.report;
    return err;
}
