/* SPDX-License-Identifier: ISC */
/* The journal: a head of a fixed length, a line for each file, a line with a dot. What is behind the dot is
 * of earlier commits: the file is never cut, which would cost more than writing it. Each addition is one
 * write(2), and comes before its file. */
#include "journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/scan.h"
#include "mail_file.h"
#include "mailbox_folder.h"

#define JOURNAL_KEPT  (1024 * 1024) /* a longer one is cut, though that costs a little */
#define JOURNAL_CHUNK (64 * 1024)
#define HEAD_MAX      64
#define HEAD          "commit after %019" PRIu64 " %s\n" /* "some": the files of the list; "all" */
#define END           ".\n"

struct journal journal_of(struct account *account)
{
    return (struct journal){.fd = db_lock_fd(account->db)};
}

static enum err append(struct journal *journal, struct slice text)
{
    ssize_t written = pwrite(journal->fd, text.data, text.len, journal->end);
    if (written != (ssize_t)text.len) {
        return written < 0 ? err_from_errno(errno) : ERR_NO_SPACE;
    }
    journal->end += written;
    return ERR_OK;
}

static enum err add(struct journal *journal, uint64_t modseq, const char *path, const char *ending)
{
    struct buf text;
    buf_init(&text, 4096);
    if (journal->end == 0) {
        buf_printf(&text, HEAD, modseq, "some");
    }
    buf_printf(&text, "%s%s\n" END, path, ending);
    enum err err = append(journal, buf_slice(&text));
    if (!err) {
        journal->end -= (off_t)strlen(END); /* the next file comes in its place */
    }
    buf_free(&text);
    return err;
}

enum err journal_add(struct journal *journal, uint64_t modseq, const char *path)
{
    return add(journal, modseq, path, "");
}

enum err journal_add_folder(struct journal *journal, uint64_t modseq, const char *dir,
                            struct account *account)
{
    enum err err = add(journal, modseq, dir, "/");
    if (!err) {
        err = store_sync_data(account->store, journal->fd, "journal");
    }
    /* The lock file itself may be new. */
    return err ? err : store_sync(account->store, account->dir_fd, "account folder");
}

enum err journal_promise_all(struct journal *journal, struct store *store, uint64_t modseq)
{
    char head[HEAD_MAX];
    if (journal->all) {
        return ERR_OK;
    }
    bool first = journal->end == 0;
    int length = snprintf(head, sizeof(head), HEAD "%s", modseq, "all ", first ? END : "");
    ssize_t written = pwrite(journal->fd, head, (size_t)length, 0);
    if (written != length) {
        return written < 0 ? err_from_errno(errno) : ERR_NO_SPACE;
    }
    journal->end = first ? written - (off_t)strlen(END) : journal->end;
    journal->all = true;
    return store_sync_data(store, journal->fd, "journal");
}

void journal_done(struct journal *journal)
{
    /* The number would tell it too, but not any more when somebody puts an old index in its place. */
    if (journal->end > 0 && pwrite(journal->fd, "done  ", 6, 0) != 6) {
        log_warning("journal.write_failed", log_errno(errno));
    }
    if (journal->end > JOURNAL_KEPT && ftruncate(journal->fd, 0) != 0) {
        log_warning("journal.cut_failed", log_errno(errno));
    }
    journal->end = 0;
    journal->all = false;
}

static bool parse_head(struct slice line, uint64_t *modseq_r, bool *all_r)
{
    struct scan scan = scan_of(line);
    if (!scan_word(&scan, S("commit after ")) || !scan_number(&scan, INT64_MAX, modseq_r)) {
        return false;
    }
    *all_r = scan_word(&scan, S(" all"));
    return *all_r || scan_word(&scan, S(" some"));
}

static bool read_head(struct account *account, uint64_t *modseq_r, bool *all_r)
{
    char head[HEAD_MAX];
    ssize_t got = pread(db_lock_fd(account->db), head, sizeof(head), 0);
    struct slice text = slice_of(head, got > 0 ? (size_t)got : 0);
    size_t end = slice_find(text, '\n');
    return end < text.len && parse_head(slice_take(text, end), modseq_r, all_r);
}

bool journal_is_unfinished(struct account *account, uint64_t modseq)
{
    uint64_t before = 0;
    bool all = false;
    /* Another number: it arrived; or the index is an older one, and all files without row are to be kept. */
    return read_head(account, &before, &all) && before == modseq;
}

/* Our own paths only, whatever stands in the file. */
static bool is_sane(struct slice path)
{
    return slice_starts_with(path, S("Maildir/")) && slice_find_text(path, S("/../")) == path.len &&
           slice_find_text(path, S("/cur/")) < path.len;
}

static bool is_folder(struct slice path)
{
    struct slice name = slice_skip(path, sizeof("Maildir/") - 1);
    return slice_starts_with(path, S("Maildir/.")) && name.len > 2 && slice_find(name, '/') == name.len - 1 &&
           !slice_eq(name, S("../"));
}

static void remove_folder(struct account *account, struct arena *arena, struct slice path)
{
    const char *folder =
        arena_printf(arena, "%s/%.*s", account->path, SLICE_ARG(slice_take(path, path.len - 1)));
    if (access(folder, F_OK) != 0 && errno == ENOENT) {
        return; /* never made, or who failed took it away himself */
    }
    enum err err = mailbox_folder_remove_empty(folder);
    if (err == ERR_EXISTS) {
        log_warning("recovery.mail_came", log_cstr("account", account->login), log_text("folder", path));
    } else if (err) {
        log_error("recovery.failed", log_cstr("account", account->login), log_text("folder", path),
                  log_err(err));
    } else {
        log_warning("recovery.unacknowledged", log_cstr("account", account->login), log_text("folder", path));
    }
}

static void set_aside(struct account *account, struct arena *arena, const char *from)
{
    const char *to = arena_printf(arena, "unacknowledged.%s", strrchr(from, '/') + 1);
    if (renameat(account->dir_fd, from, account->store->spool_fd, to) == 0) {
        log_warning("recovery.unacknowledged", log_cstr("account", account->login), log_cstr("file", from));
    } else if (errno == EXDEV) {
        unlinkat(account->dir_fd, from, 0);
    } else if (errno != ENOENT) {
        log_error("recovery.failed", log_cstr("account", account->login), log_cstr("file", from),
                  log_errno(errno));
    }
}

/* A power cut may leave old lines behind a new head: a file that the index knows stays. */
static enum err has_row(struct account *account, struct slice dir, struct slice base, bool *row_r)
{
    sqlite3_stmt *statement =
        db_statement(account->db, "SELECT 1 FROM message JOIN mailbox ON mailbox.id=message.mailbox WHERE "
                                  "dir=?1 AND file=?2 AND uid=?3");
    struct mail_file file;
    mail_file_parse(base, &file);
    db_bind_text(statement, 1, dir);
    db_bind_text(statement, 2, file.base);
    db_bind_int(statement, 3, file.uid);
    int step = db_step(account->db, statement);
    *row_r = step == 1;
    sqlite3_reset(statement);
    return db_step_err(step);
}

static enum err undo_file(struct account *account, struct arena *arena, struct slice path)
{
    size_t cur = slice_find_text(path, S("/cur/"));
    bool row = false;
    enum err err = has_row(account, slice_take(path, cur), slice_skip(path, cur + 5), &row);
    if (err || row) {
        return err;
    }
    set_aside(account, arena, arena_cstr(arena, path));
    return ERR_OK;
}

/* Reads line by line: an operation on many messages leaves more than belongs into memory. */
struct journal_reader {
    int fd;
    off_t at;
    size_t begin, end; /* of what is in `chunk` and was not given out */
    enum err err;
    char chunk[JOURNAL_CHUNK];
};

static bool read_more(struct journal_reader *reader)
{
    memmove(reader->chunk, reader->chunk + reader->begin, reader->end - reader->begin);
    reader->end -= reader->begin;
    reader->begin = 0;
    ssize_t got =
        pread(reader->fd, reader->chunk + reader->end, sizeof(reader->chunk) - reader->end, reader->at);
    if (got < 0) {
        reader->err = err_from_errno(errno);
    }
    if (got <= 0) {
        return false;
    }
    reader->at += got;
    reader->end += (size_t)got;
    return true;
}

/* False at the end: the dot, a line that was not written to its end, an error. */
static bool next_line(struct journal_reader *reader, struct slice *line_r)
{
    struct slice rest;
    size_t length;
    while (rest = slice_of(reader->chunk + reader->begin, reader->end - reader->begin),
           (length = slice_find(rest, '\n')) == rest.len) {
        if (!read_more(reader)) {
            return false;
        }
    }
    reader->begin += length + 1;
    *line_r = slice_take(rest, length);
    return !slice_eq(*line_r, S("."));
}

struct folder {
    struct slice dir;
    int64_t uidnext;
};

static enum err undo_in_folder(struct account *account, const struct folder *folder)
{
    struct arena arena = {0};
    enum err err = ERR_OK;
    const char *path = arena_printf(&arena, "%.*s/cur", SLICE_ARG(folder->dir));
    int fd = openat(account->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (directory && !err && (entry = readdir(directory))) {
        struct mail_file file;
        mail_file_parse(slice_from(entry->d_name), &file);
        if (file.has_uid && file.has_guid && file.uid >= folder->uidnext) {
            err = undo_file(account, &arena, slice_from(arena_printf(&arena, "%s/%s", path, entry->d_name)));
        }
    }
    if (directory) {
        closedir(directory);
    }
    arena_free(&arena);
    return err;
}

static enum err read_folders(struct account *account, struct arena *arena, struct folder **list_r,
                             size_t *count_r)
{
    struct folder *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement = db_statement(account->db, "SELECT dir, uidnext FROM mailbox");
    while ((more = db_step(account->db, statement)) == 1) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        list[count++] = (struct folder){.dir = db_column_text(statement, 0, arena),
                                        .uidnext = sqlite3_column_int64(statement, 1)};
    }
    *list_r = arena_take_array(arena, list, count, sizeof(*list));
    *count_r = count;
    return db_step_err(more);
}

/* Whatever that commit can have made, in whatever folder; then what was taken out is gone for good: a file
 * that came back after a further crash would be adopted. */
static enum err undo_in_folders(struct account *account, const struct folder *list, size_t count)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        err = undo_in_folder(account, &list[i]);
    }
    return err;
}

static enum err sync_folders(struct account *account, const struct folder *list, size_t count)
{
    struct arena arena = {0};
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        const char *path = arena_printf(&arena, "%.*s/cur", SLICE_ARG(list[i].dir));
        int fd = openat(account->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            err = store_sync(account->store, fd, "mailbox folder");
            close(fd);
        }
    }
    arena_free(&arena);
    return err;
}

/* A folder that has no row: with what this commit put into it. */
static enum err undo_folder(struct account *account, struct arena *arena, struct slice path, bool all)
{
    struct folder folder = {.dir = slice_take(path, path.len - 1)};
    sqlite3_stmt *statement = db_statement(account->db, "SELECT 1 FROM mailbox WHERE dir=?1");
    db_bind_text(statement, 1, folder.dir);
    int step = db_step(account->db, statement);
    sqlite3_reset(statement);
    if (step != 0) {
        return db_step_err(step);
    }
    enum err err = all ? undo_in_folder(account, &folder) : ERR_OK;
    if (!err) {
        remove_folder(account, arena, path);
    }
    return err;
}

/* Files or (after them) folders of the list. */
static enum err undo_lines(struct account *account, bool folders, bool all)
{
    struct journal_reader *reader = mem_new(struct journal_reader);
    struct arena arena = {0};
    struct slice line;
    enum err err = ERR_OK;
    reader->fd = db_lock_fd(account->db);
    next_line(reader, &line); /* the head */
    while (!err && next_line(reader, &line)) {
        if (folders && is_folder(line)) {
            err = undo_folder(account, &arena, line, all);
        } else if (!folders && is_sane(line)) {
            err = undo_file(account, &arena, line);
        }
        arena_reset(&arena);
    }
    err = err ? err : reader->err;
    arena_free(&arena);
    mem_free(reader);
    return err;
}

static enum err undo(struct account *account, bool all)
{
    struct arena arena = {0};
    struct folder *list = NULL;
    size_t count = 0;
    enum err err = read_folders(account, &arena, &list, &count);
    if (!err && all) {
        err = undo_in_folders(account, list, count);
    }
    if (!err) {
        err = undo_lines(account, false, all);
    }
    if (!err) {
        err = undo_lines(account, true, all);
    }
    if (!err) {
        err = sync_folders(account, list, count);
    }
    arena_free(&arena);
    return err;
}

enum err journal_undo(struct account *account)
{
    uint64_t modseq = 0;
    bool all = false;
    if (!read_head(account, &modseq, &all)) {
        return ERR_OK;
    }
    enum err err = undo(account, all);
    if (!err && ftruncate(db_lock_fd(account->db), 0) != 0) {
        err = err_from_errno(errno);
    }
    return err;
}
