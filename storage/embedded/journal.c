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
#include "base/scan.h"
#include "mailbox_folder.h"

#define JOURNAL_MAX (64 * 1024 * 1024)
#define HEAD_MAX    32
#define END         ".\n"

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

static enum err read_journal(int fd, struct buf *text)
{
    ssize_t got;
    do {
        char *room = buf_reserve(text, 4096);
        if (!room) {
            return ERR_TOO_LONG;
        }
        got = pread(fd, room, 4096, (off_t)text->len);
        if (got > 0) {
            buf_commit(text, (size_t)got);
        }
    } while (got > 0);
    return got < 0 ? err_from_errno(errno) : ERR_OK;
}

/* Files or (after them) folders: takes back what the lines tell. */
static void undo_lines(struct account *account, struct slice rest, bool folders)
{
    struct arena arena = {0};
    slice_split(&rest, '\n');
    while (rest.data && slice_has(rest, '\n')) {
        struct slice line = slice_split(&rest, '\n');
        if (slice_eq(line, S("."))) {
            break;
        }
        if (folders && is_folder(line)) {
            remove_folder(account, &arena, line);
        } else if (!folders && is_sane(line)) {
            set_aside(account, &arena, line);
        }
        arena_reset(&arena);
    }
    arena_free(&arena);
}

enum err journal_undo(struct account *account)
{
    int fd = db_lock_fd(account->db);
    struct buf text;
    buf_init(&text, JOURNAL_MAX);
    enum err err = read_journal(fd, &text);
    if (!err) {
        undo_lines(account, buf_slice(&text), false);
        undo_lines(account, buf_slice(&text), true);
    }
    buf_free(&text);
    if (!err && ftruncate(fd, 0) != 0) {
        err = err_from_errno(errno);
    }
    return err;
}
