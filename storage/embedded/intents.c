/* SPDX-License-Identifier: ISC */
/* Putting work on files down, and doing it. */
#include "intents.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "file_find.h"
#include "settings.h"
#include "shares.h"

#define LINES_MAX    (64 * 1024) /* bytes of lines in one row */
#define ROWS_AT_ONCE 2           /* of some 600 files each, while others wait for the lock */

struct intent_writer intent_writer(struct change *change, const char *op, int64_t mailbox)
{
    struct intent_writer writer = {.change = change, .op = op, .mailbox = mailbox};
    buf_init(&writer.lines, LINES_MAX + 1024);
    return writer;
}

static enum err write_row(struct intent_writer *writer)
{
    if (writer->lines.len == 0) {
        return ERR_OK;
    }
    sqlite3_stmt *statement =
        db_statement(writer->change->db, "INSERT INTO intent(op, mailbox, args) VALUES(?1, ?2, ?3)");
    db_bind_text(statement, 1, slice_from(writer->op));
    db_bind_int(statement, 2, writer->mailbox);
    db_bind_blob(statement, 3, buf_slice(&writer->lines));
    enum err err = db_run(writer->change->db, statement);
    buf_clear(&writer->lines);
    if (strcmp(writer->op, INTENT_UNLINK) == 0) {
        writer->change->has_unlinks = true;
    } else if (strcmp(writer->op, INTENT_LETTERS) != 0) {
        writer->change->has_intents = true;
    }
    return err;
}

enum err intent_add(struct intent_writer *writer, struct slice line)
{
    enum err err = writer->lines.len + line.len >= LINES_MAX ? write_row(writer) : ERR_OK;
    buf_append(&writer->lines, line);
    buf_append_char(&writer->lines, '\n');
    return err ? err : writer->lines.error;
}

enum err intent_finish(struct intent_writer *writer, enum err err)
{
    if (!err) {
        err = write_row(writer);
    }
    buf_free(&writer->lines);
    return err;
}

#define PUT                                                         \
    "INSERT INTO intent(op, mailbox, args) SELECT ?1, ?2, ?3 WHERE" \
    " NOT EXISTS(SELECT 1 FROM intent WHERE op=?1 AND mailbox=?2 AND args=?3)"

enum err intent_put(struct change *change, const char *op, int64_t mailbox, struct slice line)
{
    sqlite3_stmt *statement = db_statement(change->db, PUT);
    db_bind_text(statement, 1, slice_from(op));
    db_bind_int(statement, 2, mailbox);
    db_bind_blob(statement, 3, line);
    change->has_intents = true;
    return db_run(change->db, statement);
}

/* Rows of the table on their way. */
struct intent_run {
    struct change *change;
    enum intents_kind kind;
    int64_t after;   /* rows up to this one are done, or left for later */
    int64_t mailbox; /* that `names` is of */
    struct folder_names names;
};

static struct folder_names *names_of(struct intent_run *run, const struct change_mailbox *folder)
{
    if (run->mailbox != folder->id) {
        folder_names_free(&run->names);
        run->names.dir_fd = folder->cur_fd;
        run->mailbox = folder->id;
    }
    return &run->names;
}

static enum err unlink_file(struct intent_run *run, struct change_mailbox *folder, struct slice line)
{
    char name[NAME_MAX + 1];
    struct slice suffix = line;
    struct slice base = slice_split(&suffix, '\t');
    snprintf(name, sizeof(name), "%.*s:2,%.*s", SLICE_ARG(base), SLICE_ARG(suffix));
    if (unlinkat(folder->cur_fd, name, 0) == 0) {
        return ERR_OK;
    }
    if (errno == ENOENT) { /* done before a crash, or another program gave it other letters */
        const char *found = folder_names_find(names_of(run, folder), base);
        if (!found || unlinkat(folder->cur_fd, found, 0) == 0 || errno == ENOENT) {
            return ERR_OK;
        }
    }
    enum err err = err_from_errno(errno);
    log_error("message.unlink_failed", log_cstr("account", run->change->account->login),
              log_cstr("file", name), log_errno(errno));
    return err;
}

static enum err run_unlink(struct intent_run *run, int64_t mailbox_id, struct slice lines)
{
    size_t mailbox = 0;
    enum err err = change_mailbox_by_id(run->change, mailbox_id, &mailbox);
    if (err) { /* no mailbox, no files */
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    struct change_mailbox *folder = &run->change->mailboxes[mailbox];
    folder->sync = true;
    while (lines.len) { /* one that stays would come back as new mail: it is tried again */
        enum err failed = unlink_file(run, folder, slice_split(&lines, '\n'));
        err = err ? err : failed;
    }
    return err;
}

static enum err run_folder(struct intent_run *run, int64_t mailbox_id, struct slice lines)
{
    (void)lines;
    return intent_folder(run->change, mailbox_id);
}

static enum err run_remove(struct intent_run *run, int64_t mailbox_id, struct slice lines)
{
    return intent_remove(run->change, mailbox_id, lines);
}

static enum err run_settings(struct intent_run *run, int64_t mailbox_id, struct slice lines)
{
    (void)mailbox_id;
    (void)lines;
    return settings_write(run->change);
}

static enum err run_shares(struct intent_run *run, int64_t mailbox_id, struct slice lines)
{
    (void)mailbox_id;
    (void)lines;
    return shares_publish(run->change);
}

static const struct {
    const char *op;
    enum err (*run)(struct intent_run *run, int64_t mailbox_id, struct slice lines);
} kinds[] = {
    {INTENT_UNLINK, run_unlink},     {INTENT_FOLDER, run_folder}, {INTENT_REMOVE, run_remove},
    {INTENT_SETTINGS, run_settings}, {INTENT_SHARES, run_shares},
};

struct intent {
    int64_t id, mailbox;
    struct slice op, lines;
};

/* One that cannot be done now is left for later: it must not keep the others, or the account, from anything.
 */
static enum err run_intent(struct intent_run *run, const struct intent *intent)
{
    struct change *change = run->change;
    enum err err = ERR_OK;
    run->after = intent->id;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && !err; i++) {
        if (slice_eq(intent->op, slice_from(kinds[i].op))) {
            err = kinds[i].run(run, intent->mailbox, intent->lines);
        }
    }
    if (err) {
        log_warning("intent.left", log_cstr("account", change->account->login), log_text("op", intent->op),
                    log_number("mailbox", intent->mailbox), log_err(err));
        /* An error of the disk may have ended the whole transaction. */
        return sqlite3_get_autocommit(db_handle(change->db)) ? err : ERR_OK;
    }
    sqlite3_stmt *statement = db_statement(change->db, "DELETE FROM intent WHERE id=?1");
    db_bind_int(statement, 1, intent->id);
    return db_run(change->db, statement);
}

#define READ_INTENTS(which) \
    "SELECT id, mailbox, op, args FROM intent WHERE " which " AND id>?2 ORDER BY id LIMIT ?1"

static const char *const read_intents_sql[] = {
    [INTENTS_ALL] = READ_INTENTS("op<>'" INTENT_LETTERS "'"),
    [INTENTS_BUT_UNLINKS] = READ_INTENTS("op NOT IN ('" INTENT_LETTERS "', '" INTENT_UNLINK "')"),
    [INTENTS_UNLINKS] = READ_INTENTS("op='" INTENT_UNLINK "'"),
};

static enum err read_intents(struct intent_run *run, struct intent list[ROWS_AT_ONCE], size_t *count_r)
{
    size_t count = 0;
    int more;
    struct change *change = run->change;
    sqlite3_stmt *statement = db_statement(change->db, read_intents_sql[run->kind]);
    db_bind_int(statement, 1, ROWS_AT_ONCE);
    db_bind_int(statement, 2, run->after);
    while ((more = db_step(change->db, statement)) == 1) {
        list[count++] = (struct intent){
            .id = sqlite3_column_int64(statement, 0),
            .mailbox = sqlite3_column_int64(statement, 1),
            .op = db_column_text(statement, 2, &change->arena),
            .lines = db_column_text(statement, 3, &change->arena),
        };
    }
    *count_r = count;
    return db_step_err(more);
}

/* The first rows; *count_r: how many. */
static enum err run_some(struct intent_run *run, size_t *count_r)
{
    struct intent list[ROWS_AT_ONCE];
    enum err err = read_intents(run, list, count_r);
    for (size_t i = 0; i < *count_r && !err; i++) {
        err = run_intent(run, &list[i]);
    }
    return err;
}

enum err intents_run(struct change *change)
{
    struct intent_run run = {.change = change, .names.dir_fd = -1};
    size_t count = 0;
    enum err err;
    do {
        err = run_some(&run, &count);
    } while (!err && count);
    folder_names_free(&run.names);
    return err;
}

static enum err run_part(struct change *change, struct intents_progress *progress, size_t *count_r)
{
    struct intent_run run = {
        .change = change, .kind = progress->kind, .after = progress->after, .names.dir_fd = -1};
    enum err err = run_some(&run, count_r);
    folder_names_free(&run.names);
    progress->after = run.after;
    return err ? err : change_prepare(change); /* the unlinking is durable before it is forgotten */
}

enum err intents_run_part(struct account *account, struct intents_progress *progress)
{
    struct change change;
    size_t count = 0;
    enum err err = change_begin_relaxed(account, &change);
    if (err) {
        return err;
    }
    err = run_part(&change, progress, &count);
    progress->done = count < ROWS_AT_ONCE;
    if (err || count == 0) {
        change_abort(&change);
    } else {
        err = change_commit(&change);
    }
    change_free(&change);
    return err;
}

void intents_run_now(struct account *account, enum intents_kind kind)
{
    struct intents_progress progress = {.kind = kind};
    enum err err = ERR_OK;
    while (!err && !progress.done) {
        err = intents_run_part(account, &progress);
    }
    if (err) {
        log_warning("intents.left", log_cstr("account", account->login), log_err(err));
    }
}

bool intents_left(struct account *account)
{
    int step = 0;
    if (!db_begin_read(account->db)) {
        step = db_step(account->db, db_statement(account->db, "SELECT 1 FROM intent WHERE op='" INTENT_UNLINK
                                                              "' LIMIT 1"));
        db_end_read(account->db);
    }
    return step == 1;
}
