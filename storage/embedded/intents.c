/* SPDX-License-Identifier: ISC */
/* Putting work on files down, and doing it. */
#include "intents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "file_find.h"
#include "mail_file.h"

#define LINES_MAX (64 * 1024) /* bytes of lines in one row */

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
    writer->change->has_intents = true;
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

static void unlink_file(struct change *change, size_t mailbox, struct slice line)
{
    struct change_mailbox *folder = &change->mailboxes[mailbox];
    struct slice suffix = line;
    struct slice base = slice_split(&suffix, '\t');
    const char *name = arena_printf(&change->arena, "%.*s:2,%.*s", SLICE_ARG(base), SLICE_ARG(suffix));
    folder->sync = true;
    if (unlinkat(folder->cur_fd, name, 0) == 0) {
        return;
    }
    if (errno == ENOENT) { /* done before a crash, or another program gave it other letters */
        name = file_find(folder->cur_fd, base, &change->arena);
        if (!name || unlinkat(folder->cur_fd, name, 0) == 0) {
            return;
        }
    }
    log_error("message.unlink_failed", log_cstr("account", change->account->login), log_cstr("file", name),
              log_errno(errno));
}

struct letters_row {
    const char *base, *suffix;
    char wanted[MAIL_FILE_SUFFIX_MAX + 1];
};

static enum err read_letters(struct change *change, int64_t mailbox, uint64_t uid, struct letters_row *row_r)
{
    sqlite3_stmt *statement =
        db_statement(change->db, "SELECT file, suffix, flags FROM message WHERE mailbox=?1 AND uid=?2");
    db_bind_int(statement, 1, mailbox);
    db_bind_int(statement, 2, (int64_t)uid);
    enum err err = row_found(db_step(change->db, statement));
    if (!err) {
        row_r->base = arena_cstr(&change->arena, db_column_text(statement, 0, &change->arena));
        row_r->suffix = arena_cstr(&change->arena, db_column_text(statement, 1, &change->arena));
        mail_file_suffix((uint32_t)sqlite3_column_int64(statement, 2), row_r->wanted);
        sqlite3_reset(statement);
    }
    return err;
}

static enum err record_letters(struct change *change, int64_t mailbox, uint64_t uid, const char *suffix)
{
    sqlite3_stmt *statement =
        db_statement(change->db, "UPDATE message SET suffix=?3 WHERE mailbox=?1 AND uid=?2");
    db_bind_int(statement, 1, mailbox);
    db_bind_int(statement, 2, (int64_t)uid);
    db_bind_text(statement, 3, slice_from(suffix));
    return db_run(change->db, statement);
}

static enum err rename_file(struct change *change, size_t mailbox, struct slice line)
{
    struct change_mailbox *folder = &change->mailboxes[mailbox];
    struct letters_row row;
    uint64_t uid = 0;
    if (!slice_to_u64(line, UINT32_MAX, &uid)) {
        return ERR_OK;
    }
    enum err err = read_letters(change, folder->id, uid, &row);
    if (err) {
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    const char *from = arena_printf(&change->arena, "%s:2,%s", row.base, row.suffix);
    const char *to = arena_printf(&change->arena, "%s:2,%s", row.base, row.wanted);
    folder->record = true;
    if (renameat(folder->cur_fd, from, folder->cur_fd, to) != 0) {
        const char *found = file_find(folder->cur_fd, slice_from(row.base), &change->arena);
        if (!found || renameat(folder->cur_fd, found, folder->cur_fd, to) != 0) {
            return ERR_OK; /* the letters are a copy of the flags for other programs; the index has them */
        }
    }
    return record_letters(change, folder->id, uid, row.wanted);
}

struct intent {
    int64_t id, mailbox;
    bool unlink;
    struct slice lines;
};

static enum err run_lines(struct change *change, const struct intent *intent)
{
    size_t mailbox = 0;
    struct slice rest = intent->lines;
    enum err err = change_mailbox_by_id(change, intent->mailbox, &mailbox);
    if (err) { /* no mailbox, no files */
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    while (rest.len && !err) {
        struct slice line = slice_split(&rest, '\n');
        if (intent->unlink) {
            unlink_file(change, mailbox, line);
        } else {
            err = rename_file(change, mailbox, line);
        }
    }
    return err;
}

static enum err read_intents(struct change *change, struct intent **list_r, size_t *count_r)
{
    struct intent *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement =
        db_statement(change->db, "SELECT id, mailbox, op='unlink', args FROM intent ORDER BY id");
    while ((more = db_step(change->db, statement)) == 1) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        list[count++] = (struct intent){
            .id = sqlite3_column_int64(statement, 0),
            .mailbox = sqlite3_column_int64(statement, 1),
            .unlink = sqlite3_column_int(statement, 2) != 0,
            .lines = db_column_text(statement, 3, &change->arena),
        };
    }
    *list_r = list;
    *count_r = count;
    return db_step_err(more);
}

enum err intents_run(struct change *change)
{
    struct intent *list = NULL;
    size_t count = 0;
    enum err err = read_intents(change, &list, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = run_lines(change, &list[i]);
    }
    mem_free(list);
    if (err || count == 0) {
        return err;
    }
    return db_run(change->db, db_statement(change->db, "DELETE FROM intent"));
}

void intents_run_now(struct account *account)
{
    struct change change;
    enum err err = change_begin_relaxed(account, &change);
    if (!err) {
        err = intents_run(&change);
        if (!err) {
            err = change_prepare(&change); /* the unlinking is durable before it is forgotten */
        }
        if (err) {
            change_abort(&change);
        } else {
            err = change_commit(&change);
        }
        change_free(&change);
    }
    if (err) {
        log_warning("intents.left", log_cstr("account", account->login), log_err(err));
    }
}
