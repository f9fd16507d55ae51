/* SPDX-License-Identifier: ISC */
/*
 * The rows of a mailbox against its files, and the other way round. Both are read as streams: rows page by
 * page, each with a look at its file; the folder entry by entry, each with a look for its row. So a mailbox
 * of any size takes the same memory. The first doubt leads to a second pass under the lock, which tells what
 * is wrong and mends it (reconcile.h's way: what has no file is expunged, what has no row comes in).
 */
#include "check_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "blob_private.h"
#include "file_find.h"
#include "intents.h"
#include "mail_file.h"
#include "recovery.h"

#define PAGE_ROWS  512
#define READ_CHUNK (64 * 1024)

struct file_pass {
    struct checking *work;
    const struct checked_mailbox *mailbox;
    struct change *change; /* under the lock; NULL: the first pass */
    int cur_fd;
    uint64_t missing, unknown, differing; /* second pass: what was found */
    bool doubt;                           /* first pass: something was */
};

struct checked_row {
    uint32_t uid;
    const char *base, *suffix;
    uint64_t size;
    struct slice guid, hash;
};

struct row_page {
    struct arena arena;
    struct checked_row rows[PAGE_ROWS];
    size_t count;
};

#define PAGE                                                                                            \
    "SELECT uid, file, suffix, message.size, guid, hash FROM message JOIN body ON body.id=message.body" \
    " WHERE mailbox=?1 AND uid>?2 ORDER BY uid LIMIT ?3"

static enum err begin(const struct file_pass *pass)
{
    return pass->change ? ERR_OK : db_begin_read(pass->work->account->db);
}

static void end(const struct file_pass *pass)
{
    if (!pass->change) {
        db_end_read(pass->work->account->db);
    }
}

static enum err read_page(const struct file_pass *pass, uint32_t after, struct row_page *page)
{
    struct db *db = pass->work->account->db;
    int more;
    arena_reset(&page->arena);
    page->count = 0;
    enum err err = begin(pass);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, PAGE);
    db_bind_int(statement, 1, pass->mailbox->id);
    db_bind_int(statement, 2, after);
    db_bind_int(statement, 3, PAGE_ROWS);
    while ((more = db_step(db, statement)) == 1) {
        page->rows[page->count++] = (struct checked_row){
            .uid = (uint32_t)sqlite3_column_int64(statement, 0),
            .base = arena_cstr(&page->arena, db_column_text(statement, 1, &page->arena)),
            .suffix = arena_cstr(&page->arena, db_column_text(statement, 2, &page->arena)),
            .size = (uint64_t)sqlite3_column_int64(statement, 3),
            .guid = db_column_text(statement, 4, &page->arena),
            .hash = db_column_text(statement, 5, &page->arena),
        };
    }
    end(pass);
    return db_step_err(more);
}

static void tell(struct file_pass *pass, uint64_t *counter, const char *what, uint32_t uid, const char *file)
{
    struct slice name = pass->mailbox->name;
    bool repair = pass->work->check->repair && counter != &pass->differing;
    pass->doubt = true;
    if (pass->change) {
        ++*counter;
        check_problem(pass->work, repair, 1, "%.*s: message %" PRIu32 ": %s (%s)", SLICE_ARG(name), uid, what,
                      file);
    }
}

static bool name_agrees(const struct checked_row *row, const struct mail_file *file)
{
    return file->has_uid && file->uid == row->uid && file->has_guid &&
           slice_eq(slice_of(file->guid, GUID_SIZE), row->guid);
}

static void look_at_row(struct file_pass *pass, const struct checked_row *row)
{
    struct arena arena = {0};
    struct stat info;
    struct mail_file file;
    const char *name = arena_printf(&arena, "%s:2,%s", row->base, row->suffix);
    if (fstatat(pass->cur_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        name = errno == ENOENT ? file_find(pass->cur_fd, slice_from(row->base), &arena) : NULL;
        if (!name || fstatat(pass->cur_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
            tell(pass, &pass->missing, "the file is missing", row->uid, row->base);
            arena_free(&arena);
            return;
        }
    }
    mail_file_parse(slice_from(row->base), &file);
    if (!S_ISREG(info.st_mode)) {
        tell(pass, &pass->differing, "is no file", row->uid, name);
    } else if (file.has_size && file.file_size != (uint64_t)info.st_size) {
        tell(pass, &pass->differing, "the file does not have the length that it came with", row->uid, name);
    } else if (!name_agrees(row, &file)) {
        tell(pass, &pass->differing, "the file's name tells another UID or identifier", row->uid, name);
    }
    arena_free(&arena);
}

static enum err look_at_rows(struct file_pass *pass)
{
    struct row_page *page = mem_new(struct row_page);
    uint32_t last = 0;
    enum err err = ERR_OK;
    do {
        err = read_page(pass, last, page);
        for (size_t i = 0; i < page->count && !err && (pass->change || !pass->doubt); i++) {
            look_at_row(pass, &page->rows[i]);
            last = page->rows[i].uid;
        }
        if (!err && !pass->change) {
            err = check_go_on(pass->work);
        }
    } while (!err && page->count == PAGE_ROWS && (pass->change || !pass->doubt));
    arena_free(&page->arena);
    mem_free(page);
    return err;
}

#define ROW_OF_UID "SELECT file FROM message WHERE mailbox=?1 AND uid=?2"

static enum err has_row(const struct file_pass *pass, const struct mail_file *file, bool *has_r)
{
    struct db *db = pass->work->account->db;
    sqlite3_stmt *statement = db_statement(db, ROW_OF_UID);
    db_bind_int(statement, 1, pass->mailbox->id);
    db_bind_int(statement, 2, file->has_uid ? file->uid : 0);
    int step = db_step(db, statement);
    if (step == 1) {
        const void *text = sqlite3_column_blob(statement, 0);
        *has_r = slice_eq(slice_of(text, (size_t)sqlite3_column_bytes(statement, 0)), file->base);
        sqlite3_reset(statement);
    }
    return db_step_err(step);
}

static enum err look_at_file(struct file_pass *pass, const char *name)
{
    struct mail_file file;
    struct stat info;
    bool has = false;
    mail_file_parse(slice_from(name), &file);
    enum err err = has_row(pass, &file, &has);
    if (!err && !has && fstatat(pass->cur_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(info.st_mode)) {
        pass->doubt = true;
        if (pass->change) {
            pass->unknown++;
            check_problem(pass->work, pass->work->check->repair, 1, "%.*s: the file %s is no message yet",
                          SLICE_ARG(pass->mailbox->name), name);
        }
    }
    return err;
}

/* A snapshot must not live long: one for each page of names. */
static enum err look_at_names(struct file_pass *pass, const char *const *names, size_t count)
{
    enum err err = count ? begin(pass) : ERR_OK;
    if (err || !count) {
        return err;
    }
    for (size_t i = 0; i < count && !err && (pass->change || !pass->doubt); i++) {
        err = look_at_file(pass, names[i]);
    }
    end(pass);
    return err;
}

static enum err look_at_files(struct file_pass *pass)
{
    int fd = openat(pass->cur_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    const char *names[PAGE_ROWS];
    struct arena arena = {0};
    struct dirent *entry = NULL;
    enum err err = ERR_OK;
    if (!directory) {
        return err_from_errno(errno);
    }
    do {
        size_t count = 0;
        arena_reset(&arena);
        while (count < PAGE_ROWS && (entry = readdir(directory))) {
            if (entry->d_name[0] != '.') {
                names[count++] = arena_cstr(&arena, slice_from(entry->d_name));
            }
        }
        err = look_at_names(pass, names, count);
    } while (!err && entry && (pass->change || !pass->doubt));
    arena_free(&arena);
    closedir(directory);
    return err;
}

/* A message may lie in a folder whose time moved on with our own commit, so that nobody looks: that is what
 * this finds. */
static enum err mend(struct file_pass *pass)
{
    size_t mailbox;
    enum err err = change_mailbox_by_id(pass->change, pass->mailbox->id, &mailbox);
    return err ? err : reconcile_cur(pass->change, mailbox, false);
}

/* The files of what was just expunged may wait for their unlinking, which is done here if need be. */
static enum err look_under_lock(struct file_pass *pass)
{
    enum err err = intents_run(pass->change);
    if (!err) {
        err = look_at_rows(pass);
    }
    if (!err) {
        err = look_at_files(pass);
    }
    return !err && pass->work->check->repair && pass->missing + pass->unknown > 0 ? mend(pass) : err;
}

static enum err look_again(struct file_pass *first)
{
    struct change change;
    struct file_pass pass = {first->work, first->mailbox, &change, first->cur_fd, 0, 0, 0, false};
    enum err err = change_begin(first->work->account, &change);
    if (err) {
        return err;
    }
    return change_finish(&change, look_under_lock(&pass));
}

/* ---- bodies ---- */

static enum err hash_file(int fd, unsigned char hash_r[BLOB_HASH_SIZE])
{
    crypto_generichash_state state;
    char *chunk = mem_alloc(READ_CHUNK);
    ssize_t got;
    enum err err = ERR_OK;
    crypto_generichash_init(&state, NULL, 0, BLOB_HASH_SIZE);
    while (!err && (got = read(fd, chunk, READ_CHUNK)) != 0) {
        if (got > 0) {
            crypto_generichash_update(&state, (const unsigned char *)chunk, (size_t)got);
        } else if (errno != EINTR) {
            err = ERR_IO;
        }
    }
    crypto_generichash_final(&state, hash_r, BLOB_HASH_SIZE);
    mem_free(chunk);
    return err;
}

/* What is gone meanwhile is fine; who lacks its file was told of already. */
static void read_body(struct file_pass *pass, const struct checked_row *row)
{
    struct arena arena = {0};
    unsigned char hash[BLOB_HASH_SIZE];
    const char *name = arena_printf(&arena, "%s:2,%s", row->base, row->suffix);
    int fd = openat(pass->cur_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && (name = file_find(pass->cur_fd, slice_from(row->base), &arena))) {
        fd = openat(pass->cur_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd >= 0) {
        enum err err = hash_file(fd, hash);
        if (err || !slice_eq(slice_of(hash, sizeof(hash)), row->hash)) {
            check_problem(pass->work, false, 1,
                          "%.*s: message %" PRIu32 ": the body %s; put it back from a backup (%s)",
                          SLICE_ARG(pass->mailbox->name), row->uid,
                          err ? "cannot be read" : "is not the one that came in", name);
        }
        close(fd);
    }
    arena_free(&arena);
}

static enum err count_rows_and_read_bodies(struct file_pass *pass)
{
    struct row_page *page = mem_new(struct row_page);
    uint32_t last = 0;
    enum err err = ERR_OK;
    do {
        err = read_page(pass, last, page);
        for (size_t i = 0; i < page->count && !err; i++) {
            const struct checked_row *row = &page->rows[i];
            last = row->uid;
            pass->work->report.messages++;
            pass->work->report.bytes += row->size;
            if (pass->work->check->read_bodies) {
                read_body(pass, row);
                err = check_go_on(pass->work);
            }
        }
    } while (!err && page->count == PAGE_ROWS);
    arena_free(&page->arena);
    mem_free(page);
    return err ? err : check_go_on(pass->work);
}

enum err check_files(struct checking *work, const struct checked_mailbox *mailbox)
{
    struct arena arena = {0};
    const char *cur = arena_printf(&arena, "%.*s/cur", SLICE_ARG(mailbox->dir));
    struct file_pass pass = {.work = work, .mailbox = mailbox};
    pass.cur_fd = openat(work->account->dir_fd, cur, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    arena_free(&arena);
    if (pass.cur_fd < 0) {
        return errno == ENOENT ? ERR_OK : err_from_errno(errno); /* deleted meanwhile */
    }
    enum err err = look_at_rows(&pass);
    if (!err && !pass.doubt) {
        err = look_at_files(&pass);
    }
    if (!err && pass.doubt) {
        err = look_again(&pass);
    }
    if (!err) {
        err = count_rows_and_read_bodies(&pass);
    }
    close(pass.cur_fd);
    return err;
}
