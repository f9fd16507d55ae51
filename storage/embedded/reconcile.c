/* SPDX-License-Identifier: ISC */
/*
 * The files of a mailbox against its rows, by the base of the names:
 *
 *     file and row, same letters       nothing
 *     file and row, other letters      another program changed the flags: they count
 *     file without row                 adopted
 *     row without file                 the message is gone: expunged, with a line in the log
 */
#include "recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <uthash.h>

#include "base/log.h"
#include "base/mem.h"
#include "intents.h"
#include "message_rows.h"

struct found_file {
    UT_hash_handle hh;
    const char *name;
    struct mail_file file;
    bool has_row;
};

struct reconciliation {
    struct change *change;
    size_t mailbox;
    struct found_file *files; /* hash table by base */
    uint32_t *missing;        /* UIDs without a file */
    size_t missing_count;
    uint64_t modseq; /* 0: not taken */
    struct intent_writer
        letters; /* names that another program changed may lack what we were about to write */
};

static uint64_t take_modseq(struct reconciliation *work)
{
    if (work->modseq == 0) {
        work->modseq = change_next_modseq(work->change);
    }
    return work->modseq;
}

static void add_file(struct reconciliation *work, const char *name)
{
    struct found_file *file = arena_new(&work->change->arena, struct found_file);
    struct found_file *other = NULL;
    file->name = arena_cstr(&work->change->arena, slice_from(name));
    mail_file_parse(slice_from(file->name), &file->file);
    HASH_FIND(hh, work->files, file->file.base.data, file->file.base.len, other);
    if (other) {
        log_warning("mailbox.file_twice", log_cstr("account", work->change->account->login),
                    log_cstr("file", name));
        return;
    }
    HASH_ADD_KEYPTR(hh, work->files, file->file.base.data, file->file.base.len, file);
}

static enum err read_files(struct reconciliation *work)
{
    int cur_fd = work->change->mailboxes[work->mailbox].cur_fd;
    int fd = openat(cur_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!directory) {
        return err_from_errno(errno);
    }
    errno = 0;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] != '.') {
            add_file(work, entry->d_name);
        }
        errno = 0;
    }
    /* A folder that could not be read to its end must not look like one whose files are gone. */
    enum err err = errno ? ERR_IO : ERR_OK;
    closedir(directory);
    return err;
}

struct known_row {
    uint32_t uid;
    struct slice base, suffix;
};

static enum err read_rows(struct reconciliation *work, struct known_row **rows_r, size_t *count_r)
{
    struct db *db = work->change->db;
    struct known_row *rows = NULL;
    size_t count = 0, size = 0;
    int more;
    sqlite3_stmt *statement =
        db_statement(db, "SELECT uid, file, suffix FROM message WHERE mailbox=?1 ORDER BY uid");
    db_bind_int(statement, 1, work->change->mailboxes[work->mailbox].id);
    while ((more = db_step(db, statement)) == 1) {
        if (count == size) {
            size = size ? 2 * size : 64;
            rows = mem_realloc_array(rows, size, sizeof(*rows));
        }
        rows[count++] = (struct known_row){
            .uid = (uint32_t)sqlite3_column_int64(statement, 0),
            .base = db_column_text(statement, 1, &work->change->arena),
            .suffix = db_column_text(statement, 2, &work->change->arena),
        };
    }
    *rows_r = rows;
    *count_r = count;
    return db_step_err(more);
}

static enum err record_suffix(struct reconciliation *work, const struct known_row *row, struct slice suffix)
{
    sqlite3_stmt *statement =
        db_statement(work->change->db, "UPDATE message SET suffix=?3 WHERE mailbox=?1 AND uid=?2");
    db_bind_int(statement, 1, work->change->mailboxes[work->mailbox].id);
    db_bind_int(statement, 2, row->uid);
    db_bind_text(statement, 3, suffix);
    return db_run(work->change->db, statement);
}

/* The name has other letters than we wrote. Only what differs counts: changes of ours may still be on their
 * way into the names (letters.h). */
static enum err take_letters(struct reconciliation *work, const struct known_row *row,
                             const struct mail_file *file)
{
    struct uid_range uid = {row->uid, row->uid};
    struct mail_letters before = mail_letters_parse(row->suffix);
    size_t changed = 0;
    struct marking marking = {
        .uids = {&uid, 1},
        .add = file->letters.flags & ~before.flags,
        .remove = before.flags & ~file->letters.flags,
        .renamed = true,
    };
    enum err err = record_suffix(work, row, file->suffix);
    if (!err) {
        err = keywords_of_letters(work->change, work->mailbox, file->letters.keywords & ~before.keywords,
                                  &marking.add_keywords);
    }
    if (!err) {
        err = keywords_of_letters(work->change, work->mailbox, before.keywords & ~file->letters.keywords,
                                  &marking.remove_keywords);
    }
    if (!err) {
        err = messages_mark(work->change, work->mailbox, &work->modseq, &marking, NULL, NULL, &changed);
    }
    const char *line = arena_printf(&work->change->arena, "%u", row->uid);
    return err ? err : intent_add(&work->letters, slice_from(line));
}

static enum err match_row(struct reconciliation *work, const struct known_row *row)
{
    struct found_file *file = NULL;
    HASH_FIND(hh, work->files, row->base.data, row->base.len, file);
    if (!file) {
        log_warning("mailbox.file_missing", log_cstr("account", work->change->account->login),
                    log_text("file", row->base));
        work->missing = mem_realloc_array(work->missing, work->missing_count + 1, sizeof(*work->missing));
        work->missing[work->missing_count++] = row->uid;
        return ERR_OK;
    }
    file->has_row = true;
    return slice_eq(file->file.suffix, row->suffix) ? ERR_OK : take_letters(work, row, &file->file);
}

static enum err match_rows(struct reconciliation *work)
{
    struct known_row *rows = NULL;
    size_t count = 0;
    enum err err = read_rows(work, &rows, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = match_row(work, &rows[i]);
    }
    mem_free(rows);
    return err;
}

static enum err remove_missing(struct reconciliation *work)
{
    struct stat info;
    size_t removed = 0;
    struct change_mailbox *mailbox = &work->change->mailboxes[work->mailbox];
    const char *descriptor = arena_printf(&work->change->arena, "%.*s/.mbox", SLICE_ARG(mailbox->dir));
    if (work->missing_count == 0) {
        return ERR_OK;
    }
    if (fstatat(work->change->account->dir_fd, descriptor, &info, 0) != 0) {
        /* An empty mount point looks like a mailbox without files. */
        log_error("mailbox.descriptor_missing", log_cstr("account", work->change->account->login),
                  log_text("mailbox", mailbox->name));
        return ERR_UNAVAILABLE;
    }
    struct removal removal = {
        .uids = uid_set_from_uids(&work->change->arena, work->missing, work->missing_count)};
    return messages_remove(work->change, work->mailbox, &work->modseq, &removal, NULL, &removed);
}

/* By UID, where the names tell one, so that adopted messages keep their order. */
static int compare_files(struct found_file *a, struct found_file *b)
{
    if (a->file.uid != b->file.uid) {
        return a->file.uid < b->file.uid ? -1 : 1;
    }
    return slice_cmp(a->file.base, b->file.base);
}

static enum err adopt_rest(struct reconciliation *work, bool keep_uids)
{
    struct found_file *file, *next;
    enum err err = ERR_OK;
    HASH_SORT(work->files, compare_files);
    HASH_ITER (hh, work->files, file, next) {
        if (!err && !file->has_row) {
            take_modseq(work);
            if (!err) {
                err = adopt_file(work->change, work->mailbox, false, file->name, work->modseq, keep_uids);
            }
        }
    }
    return err;
}

enum err reconcile_cur(struct change *change, size_t mailbox, bool keep_uids)
{
    struct reconciliation work = {
        .change = change,
        .mailbox = mailbox,
        .letters = intent_writer(change, INTENT_LETTERS, change->mailboxes[mailbox].id),
    };
    enum err err = read_files(&work);
    if (!err) {
        err = match_rows(&work);
    }
    err = intent_finish(&work.letters, err);
    if (!err) {
        err = remove_missing(&work);
    }
    if (!err) {
        err = adopt_rest(&work, keep_uids);
    }
    HASH_CLEAR(hh, work.files);
    mem_free(work.missing);
    /* Now they agree, whatever the difference was. */
    change->mailboxes[mailbox].mtime_known = true;
    change->mailboxes[mailbox].record = true;
    return err;
}
