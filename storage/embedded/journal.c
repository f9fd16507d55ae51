/* SPDX-License-Identifier: ISC */
/* The journal: a line "commit <modseq>", a line for each file, one for each folder (with a slash at its end),
 * a line with a dot. What is behind the dot is
 * of earlier commits: the file is never cut, which would cost more than writing it. Each addition is one
 * write(2), and comes before its file. */
#include "journal.h"

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
#include "mailbox_folder.h"

#define JOURNAL_KEPT  (1024 * 1024) /* a longer one is cut, though that costs a little */
#define JOURNAL_CHUNK (64 * 1024)
#define HEAD_MAX      32
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
        buf_printf(&text, "commit %" PRIu64 "\n", modseq);
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
}

static bool parse_head(struct slice line, uint64_t *modseq_r)
{
    struct scan scan = scan_of(line);
    return scan_word(&scan, S("commit ")) && scan_number(&scan, INT64_MAX, modseq_r) && scan_at_end(&scan);
}

bool journal_is_unfinished(struct account *account, uint64_t modseq)
{
    char head[HEAD_MAX];
    uint64_t promised = 0;
    ssize_t got = pread(db_lock_fd(account->db), head, sizeof(head), 0);
    if (got <= 0) {
        return false;
    }
    struct slice text = slice_of(head, (size_t)got);
    size_t end = slice_find(text, '\n');
    return end < text.len && parse_head(slice_take(text, end), &promised) && promised > modseq;
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

static void set_aside(struct account *account, struct arena *arena, struct slice path)
{
    const char *from = arena_cstr(arena, path);
    const char *to = arena_printf(arena, "unacknowledged.%s", from + slice_find_last(path, '/') + 1);
    if (renameat(account->dir_fd, from, account->store->spool_fd, to) == 0) {
        log_warning("recovery.unacknowledged", log_cstr("account", account->login), log_cstr("file", from));
    } else if (errno == EXDEV) {
        unlinkat(account->dir_fd, from, 0);
    } else if (errno != ENOENT) {
        log_error("recovery.failed", log_cstr("account", account->login), log_cstr("file", from),
                  log_errno(errno));
    }
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

/* Files or (after them) folders: takes back what the lines tell. */
static enum err undo_lines(struct account *account, bool folders)
{
    struct journal_reader *reader = mem_new(struct journal_reader);
    struct arena arena = {0};
    struct slice line;
    reader->fd = db_lock_fd(account->db);
    next_line(reader, &line); /* "commit …" */
    while (next_line(reader, &line)) {
        if (folders && is_folder(line)) {
            remove_folder(account, &arena, line);
        } else if (!folders && is_sane(line)) {
            set_aside(account, &arena, line);
        }
        arena_reset(&arena);
    }
    enum err err = reader->err;
    arena_free(&arena);
    mem_free(reader);
    return err;
}

enum err journal_undo(struct account *account)
{
    enum err err = undo_lines(account, false);
    if (!err) {
        err = undo_lines(account, true);
    }
    if (!err && ftruncate(db_lock_fd(account->db), 0) != 0) {
        err = err_from_errno(errno);
    }
    return err;
}
