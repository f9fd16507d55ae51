/* SPDX-License-Identifier: ISC */
/*
 * Renaming files to the letters of their messages, some thousand under one hold of the lock. The folder is
 * synced before the index remembers the new names; after a crash in between, the files have letters that the
 * index does not remember, and reconcile.c finds that they say what the flags say.
 */
#include "letters.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/scan.h"
#include "intents.h"
#include "keywords.h"
#include "mail_file.h"

struct uid_line {
    uint64_t first, last;
};

/* "12" or "12-400" */
static bool parse_uids(struct slice line, struct uid_line *uids_r)
{
    struct scan scan = scan_of(line);
    if (!scan_number(&scan, UINT32_MAX, &uids_r->first)) {
        return false;
    }
    uids_r->last = uids_r->first;
    if (scan_char(&scan, '-') && !scan_number(&scan, UINT32_MAX, &uids_r->last)) {
        return false;
    }
    return scan_at_end(&scan) && uids_r->first <= uids_r->last;
}

/* One hold of the lock. */
struct letters_run {
    struct change change;
    size_t room;    /* so many messages more */
    int64_t intent; /* the last one looked at */
    bool more;      /* it stopped because there was no more room */
    size_t mailbox; /* of the intent, in change.mailboxes */
};

struct letters_row {
    uint32_t uid;
    struct keyword_set keywords;
    struct mail_letters letters;
    const char *base, *suffix;
};

#define READ_ROWS                                                                                 \
    "SELECT uid, flags, kw, file, suffix FROM message WHERE mailbox=?1 AND uid BETWEEN ?2 AND ?3" \
    " ORDER BY uid LIMIT ?4"

static enum err read_rows(struct letters_run *run, struct uid_line uids, struct letters_row *rows,
                          size_t room, size_t *count_r)
{
    struct change *change = &run->change;
    int64_t mailbox = change->mailboxes[run->mailbox].id;
    int more;
    size_t count = 0;
    sqlite3_stmt *statement = db_statement(change->db, READ_ROWS);
    db_bind_int(statement, 1, mailbox);
    db_bind_int(statement, 2, (int64_t)uids.first);
    db_bind_int(statement, 3, (int64_t)uids.last);
    db_bind_int(statement, 4, (int64_t)room);
    while ((more = db_step(change->db, statement)) == 1) {
        struct letters_row *row = &rows[count++];
        struct slice suffix = db_column_text(statement, 4, &change->arena);
        row->uid = (uint32_t)sqlite3_column_int64(statement, 0);
        row->letters.flags = (uint32_t)sqlite3_column_int64(statement, 1);
        row->base = arena_cstr(&change->arena, db_column_text(statement, 3, &change->arena));
        row->suffix = suffix.data;
        row->letters.passed = mail_letters_parse(suffix).passed;
        enum err err =
            keywords_read(change, mailbox, row->uid, sqlite3_column_int64(statement, 2), &row->keywords);
        if (err) {
            return err;
        }
    }
    *count_r = count;
    return db_step_err(more);
}

static enum err record_suffix(struct letters_run *run, uint32_t uid, const char *suffix)
{
    struct change *change = &run->change;
    sqlite3_stmt *statement =
        db_statement(change->db, "UPDATE message SET suffix=?3 WHERE mailbox=?1 AND uid=?2");
    db_bind_int(statement, 1, change->mailboxes[run->mailbox].id);
    db_bind_int(statement, 2, uid);
    db_bind_text(statement, 3, slice_from(suffix));
    return db_run(change->db, statement);
}

/* A file that cannot be renamed keeps its letters: the index has the flags. Only a full or broken disk is a
 * reason to try again. */
static enum err rename_file(struct letters_run *run, const struct letters_row *row, const char *wanted,
                            bool *renamed_r)
{
    struct change *change = &run->change;
    struct change_mailbox *folder = &change->mailboxes[run->mailbox];
    const char *from = arena_printf(&change->arena, "%s:2,%s", row->base, row->suffix);
    const char *to = arena_printf(&change->arena, "%s:2,%s", row->base, wanted);
    *renamed_r = renameat(folder->cur_fd, from, folder->cur_fd, to) == 0;
    if (*renamed_r) {
        return ERR_OK;
    }
    if (errno == ENOENT) { /* another program changed the letters, or a crash kept us from remembering ours */
        folder->mtime_known = false;
        folder->record = true;
        return ERR_OK;
    }
    enum err err = err_from_errno(errno);
    log_warning("message.rename_failed", log_cstr("account", change->account->login), log_cstr("file", from),
                log_errno(errno));
    return err == ERR_NO_SPACE || err == ERR_IO ? err : ERR_OK;
}

static enum err mend_letters(struct letters_run *run, struct letters_row *row)
{
    char wanted[MAIL_FILE_SUFFIX_MAX + 1];
    bool renamed = false;
    enum err err = keyword_letters(&run->change, run->mailbox, &row->keywords, &row->letters.keywords);
    if (err) {
        return err;
    }
    mail_letters_format(row->letters, wanted);
    if (slice_eq(slice_from(wanted), slice_from(row->suffix))) {
        return ERR_OK;
    }
    err = rename_file(run, row, wanted, &renamed);
    if (renamed) {
        run->change.mailboxes[run->mailbox].sync = true;
        err = record_suffix(run, row->uid, wanted);
    }
    return err;
}

/* As far as there is room; uids->first then is where to go on. */
static enum err mend_range(struct letters_run *run, struct uid_line *uids)
{
    size_t count = 0;
    size_t room = MIN_OF((uint64_t)run->room, uids->last - uids->first + 1);
    struct letters_row *rows = arena_array(&run->change.arena, struct letters_row, room);
    enum err err = read_rows(run, *uids, rows, room, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = mend_letters(run, &rows[i]);
    }
    uids->first = count && count == run->room ? (uint64_t)rows[count - 1].uid + 1 : uids->last + 1;
    run->room -= count;
    return err;
}

/* *lines becomes what is left of them, in the arena. */
static enum err mend_lines(struct letters_run *run, struct slice *lines)
{
    enum err err = ERR_OK;
    while (lines->len && run->room && !err) {
        struct uid_line uids;
        if (!parse_uids(slice_split(lines, '\n'), &uids)) {
            continue;
        }
        err = mend_range(run, &uids);
        if (uids.first <= uids.last) {
            *lines = slice_from(arena_printf(&run->change.arena, "%" PRIu64 "-%" PRIu64 "\n%.*s", uids.first,
                                             uids.last, (int)lines->len, lines->data));
        }
    }
    return err;
}

static enum err keep_rest(struct letters_run *run, int64_t id, struct slice rest)
{
    sqlite3_stmt *statement = db_statement(run->change.db, rest.len ? "UPDATE intent SET args=?2 WHERE id=?1"
                                                                    : "DELETE FROM intent WHERE id=?1");
    db_bind_int(statement, 1, id);
    if (rest.len) {
        db_bind_blob(statement, 2, rest);
    }
    return db_run(run->change.db, statement);
}

static enum err run_intent(struct letters_run *run, int64_t mailbox_id, struct slice lines)
{
    enum err err = change_mailbox_by_id(&run->change, mailbox_id, &run->mailbox);
    if (!err) {
        err = mend_lines(run, &lines);
    }
    if (err == ERR_UNAVAILABLE) { /* a folder is missing: when it is back */
        return ERR_OK;
    }
    if (err == ERR_NOT_FOUND) { /* no mailbox, no files */
        lines = SLICE_EMPTY;
        err = ERR_OK;
    }
    run->more = lines.len > 0;
    return err ? err : keep_rest(run, run->intent, lines);
}

#define NEXT_INTENT \
    "SELECT id, mailbox, args FROM intent WHERE op='" INTENT_LETTERS "' AND id>?1 ORDER BY id LIMIT 1"

static enum err run_intents(struct letters_run *run)
{
    enum err err = ERR_OK;
    run->intent--;
    while (run->room && !err) {
        sqlite3_stmt *statement = db_statement(run->change.db, NEXT_INTENT);
        db_bind_int(statement, 1, run->intent);
        err = row_found(db_step(run->change.db, statement));
        if (!err) {
            run->intent = sqlite3_column_int64(statement, 0);
            int64_t mailbox = sqlite3_column_int64(statement, 1);
            struct slice lines = db_column_text(statement, 2, &run->change.arena);
            sqlite3_reset(statement);
            err = run_intent(run, mailbox, lines);
        }
    }
    run->more = run->more || !err;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* `run` carries on from the one before. */
static enum err run_once(struct account *account, struct letters_run *run, size_t room)
{
    enum err err = change_begin_relaxed(account, &run->change);
    if (err) {
        return err;
    }
    run->room = room;
    run->more = false;
    /* Which syncs first: the names are durable before they are remembered. */
    return change_finish(&run->change, run_intents(run));
}

static enum err any_pending(struct account *account, bool *any_r)
{
    enum err err = db_begin_read(account->db);
    if (err) {
        return err;
    }
    int step =
        db_step(account->db, db_statement(account->db, "SELECT 1 FROM intent WHERE op='" INTENT_LETTERS "'"));
    *any_r = step == 1;
    db_end_read(account->db);
    return db_step_err(step);
}

enum err letters_run(struct account *account, size_t limit, bool *more_r)
{
    struct letters_run run = {.more = false};
    struct timespec turn = {.tv_nsec = 1000000}; /* who waits for the lock gets it */
    size_t done = 0;
    enum err err = store_check_writable(account->store);
    if (!err) {
        err = any_pending(account, &run.more);
    }
    while (run.more && !err && (limit == 0 || done < limit)) {
        size_t room = limit ? MIN_OF(limit - done, (size_t)LETTERS_AT_ONCE) : LETTERS_AT_ONCE;
        if (done) {
            nanosleep(&turn, NULL);
        }
        err = run_once(account, &run, room);
        done += room;
    }
    if (more_r) {
        *more_r = run.more;
    }
    return err;
}

enum err letters_pending(struct account *account, uint64_t *count_r)
{
    struct arena arena = {0};
    uint64_t count = 0;
    int more;
    enum err err = db_begin_read(account->db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement =
        db_statement(account->db, "SELECT args FROM intent WHERE op='" INTENT_LETTERS "'");
    while ((more = db_step(account->db, statement)) == 1) {
        struct slice lines = db_column_text(statement, 0, &arena);
        while (lines.len) {
            struct uid_line uids;
            if (parse_uids(slice_split(&lines, '\n'), &uids)) {
                count += uids.last - uids.first + 1;
            }
        }
        arena_reset(&arena);
    }
    db_end_read(account->db);
    arena_free(&arena);
    *count_r = count;
    return db_step_err(more);
}
