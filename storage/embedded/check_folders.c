/* SPDX-License-Identifier: ISC */
/*
 * Folders and descriptors against the rows of mailboxes. The index has the truth about names and UIDVALIDITY,
 * the descriptor is what brings them back when the index is lost.
 *
 * A mailbox whose folder is missing, or empty where there should be messages, is told and left alone: an
 * empty mount point looks like that, and mending it would expunge all.
 */
#include "check_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "mailbox_folder.h"
#include "rebuild.h"
#include "recovery.h"

static bool is_folder(int dir_fd, const char *path)
{
    struct stat info;
    return fstatat(dir_fd, path, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

/* new and tmp: other programs write there. */
static enum err check_sub_folder(struct checking *work, const struct checked_mailbox *mailbox,
                                 const char *name)
{
    struct arena arena = {0};
    const char *path = arena_printf(&arena, "%.*s/%s", SLICE_ARG(mailbox->dir), name);
    enum err err = ERR_OK;
    if (!is_folder(work->account->dir_fd, path)) {
        bool made = work->check->repair && mkdirat(work->account->dir_fd, path, 0700) == 0;
        check_problem(work, made, 1, "%.*s: the folder %s is missing", SLICE_ARG(mailbox->name), path);
    }
    arena_free(&arena);
    return err;
}

static bool has_files(struct checking *work, const char *cur)
{
    int fd = openat(work->account->dir_fd, cur, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry = NULL;
    while (directory && (entry = readdir(directory)) && entry->d_name[0] == '.') {}
    if (directory) {
        closedir(directory);
    }
    return entry != NULL;
}

static const char *difference(const struct checked_mailbox *mailbox,
                              const struct mailbox_descriptor *descriptor)
{
    if (descriptor->id != mailbox->id) {
        return "another identifier";
    }
    if (descriptor->uidvalidity != mailbox->uidvalidity) {
        return "another UIDVALIDITY";
    }
    if (descriptor->uidnext < mailbox->uidnext) {
        return "a lower UIDNEXT";
    }
    if (!slice_eq(descriptor->name, mailbox->name)) {
        return "another name";
    }
    if (!slice_eq(descriptor->special_use, mailbox->special_use)) {
        return "another special use";
    }
    if (!slice_eq(slice_of(descriptor->guid, GUID_SIZE), mailbox->guid)) {
        return "another MAILBOXID";
    }
    return NULL;
}

/* NULL: it is as it should be. */
static const char *fault_of(struct checking *work, struct arena *arena, const struct checked_mailbox *mailbox,
                            struct mailbox_descriptor *descriptor)
{
    const char *path = arena_printf(arena, "%s/%.*s", work->account->path, SLICE_ARG(mailbox->dir));
    *descriptor = (struct mailbox_descriptor){.name = SLICE_EMPTY};
    enum err err = mailbox_descriptor_read(path, arena, descriptor);
    return err ? err_text(err) : difference(mailbox, descriptor);
}

#define MAILBOX_NOW                                                                                  \
    "SELECT name, dir, special, guid, uidvalidity, max(uidnext, uidreserved), EXISTS(SELECT 1 FROM " \
    "subscription WHERE subscription.name=mailbox.name) FROM mailbox WHERE id=?1"

/* As it stands now, under the lock. */
static enum err read_again(struct change *change, struct checked_mailbox *mailbox, uint32_t *uidnext_r)
{
    sqlite3_stmt *statement = db_statement(change->db, MAILBOX_NOW);
    db_bind_int(statement, 1, mailbox->id);
    enum err err = row_found(db_step(change->db, statement));
    if (!err) {
        mailbox->name = db_column_text(statement, 0, &change->arena);
        mailbox->dir = db_column_text(statement, 1, &change->arena);
        mailbox->special_use = db_column_text(statement, 2, &change->arena);
        mailbox->guid = db_column_text(statement, 3, &change->arena);
        mailbox->uidvalidity = (uint32_t)sqlite3_column_int64(statement, 4);
        *uidnext_r = (uint32_t)MIN_OF(sqlite3_column_int64(statement, 5), (int64_t)UINT32_MAX);
        mailbox->subscribed = sqlite3_column_int(statement, 6) != 0;
        sqlite3_reset(statement);
    }
    return err;
}

static enum err write_descriptor(struct checking *work, struct change *change,
                                 const struct checked_mailbox *mailbox, struct mailbox_descriptor *descriptor,
                                 uint32_t uidnext)
{
    /* What the row does not tell stays as it could be read. */
    descriptor->id = mailbox->id;
    descriptor->uidvalidity = mailbox->uidvalidity;
    descriptor->uidnext = MAX_OF(descriptor->uidnext, uidnext);
    descriptor->subscribed = mailbox->subscribed;
    descriptor->special_use = mailbox->special_use;
    descriptor->name = mailbox->name;
    memcpy(descriptor->guid, mailbox->guid.data, MIN_OF(mailbox->guid.len, (size_t)GUID_SIZE));
    return mailbox_descriptor_write(
        arena_printf(&change->arena, "%s/%.*s", work->account->path, SLICE_ARG(mailbox->dir)), descriptor);
}

/* Under the lock: who renames a mailbox writes row and descriptor one after the other. */
static enum err look_again(struct checking *work, const struct checked_mailbox *seen)
{
    struct checked_mailbox mailbox = *seen;
    struct mailbox_descriptor descriptor;
    struct change change;
    uint32_t uidnext = 0;
    enum err err = change_begin(work->account, &change);
    if (err) {
        return err;
    }
    err = read_again(&change, &mailbox, &uidnext);
    const char *fault = err ? NULL : fault_of(work, &change.arena, &mailbox, &descriptor);
    if (fault) {
        bool mended = work->check->repair && !write_descriptor(work, &change, &mailbox, &descriptor, uidnext);
        check_problem(work, mended, 1, "%.*s: the descriptor %.*s/.mbox: %s", SLICE_ARG(mailbox.name),
                      SLICE_ARG(mailbox.dir), fault);
    }
    change_abort(&change);
    change_free(&change);
    return err == ERR_NOT_FOUND ? ERR_OK : err; /* deleted meanwhile */
}

#define IS_STILL_THERE "SELECT messages FROM mailbox WHERE id=?1 AND dir=?2"

/* Under the lock, as the mailbox may have been deleted or renamed meanwhile. */
static enum err still_lacks_files(struct checking *work, const struct checked_mailbox *mailbox,
                                  const char *cur, bool *lacks_r)
{
    struct change change;
    enum err err = change_begin(work->account, &change);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(change.db, IS_STILL_THERE);
    db_bind_int(statement, 1, mailbox->id);
    db_bind_text(statement, 2, mailbox->dir);
    int step = db_step(change.db, statement);
    *lacks_r = step == 1 && (!is_folder(work->account->dir_fd, cur) ||
                             (sqlite3_column_int64(statement, 0) > 0 && !has_files(work, cur)));
    change_abort(&change);
    change_free(&change);
    return db_step_err(step);
}

enum err check_folder(struct checking *work, const struct checked_mailbox *mailbox, bool *usable_r)
{
    struct arena arena = {0};
    struct mailbox_descriptor descriptor;
    const char *cur = arena_printf(&arena, "%.*s/cur", SLICE_ARG(mailbox->dir));
    bool lacks = !has_files(work, cur);
    enum err err = lacks ? still_lacks_files(work, mailbox, cur, &lacks) : ERR_OK;
    if (!err && lacks) {
        check_problem(work, false, 1, "%.*s: the folder %s is missing or empty; put it back from a backup",
                      SLICE_ARG(mailbox->name), cur);
    }
    if (!err && !lacks && is_folder(work->account->dir_fd, cur)) {
        *usable_r = true;
        err = check_sub_folder(work, mailbox, "new");
        err = err ? err : check_sub_folder(work, mailbox, "tmp");
        if (!err && fault_of(work, &arena, mailbox, &descriptor)) {
            err = look_again(work, mailbox);
        }
    }
    arena_free(&arena);
    return err;
}

/* ---- folders without mailbox ---- */

static bool is_known(const struct checked_mailbox *list, size_t count, struct slice dir)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(list[i].dir, dir)) {
            return true;
        }
    }
    return false;
}

static enum err has_mailbox(struct change *change, struct slice dir, bool *has_r)
{
    sqlite3_stmt *statement = db_statement(change->db, "SELECT 1 FROM mailbox WHERE dir=?1");
    db_bind_text(statement, 1, dir);
    int step = db_step(change->db, statement);
    *has_r = step == 1;
    sqlite3_reset(statement);
    return db_step_err(step);
}

/* With the UIDs that its files tell. */
static enum err take_in(struct change *change, struct slice dir)
{
    int64_t id = 0;
    size_t mailbox;
    enum err err = index_add_folder(change, dir, &id);
    if (!err) {
        err = change_mailbox_by_id(change, id, &mailbox);
    }
    return err ? err : reconcile_cur(change, mailbox, true);
}

static enum err look_at_unknown(struct checking *work, struct slice dir)
{
    struct change change;
    struct arena arena = {0};
    bool has = false;
    enum err err = change_begin(work->account, &change);
    if (err) {
        return err;
    }
    err = has_mailbox(&change, dir, &has);
    const char *cur = arena_printf(&arena, "%.*s/cur", SLICE_ARG(dir));
    bool unknown = !err && !has && is_folder(work->account->dir_fd, cur); /* else: deleted meanwhile */
    if (unknown && work->check->repair) {
        err = take_in(&change, dir);
        err = change_finish(&change, err);
    } else {
        change_abort(&change);
        change_free(&change);
    }
    if (unknown) {
        check_problem(work, work->check->repair && !err, 1, "the folder %.*s belongs to no mailbox",
                      SLICE_ARG(dir));
    }
    arena_free(&arena);
    return err;
}

enum err check_unknown_folders(struct checking *work, const struct checked_mailbox *list, size_t count)
{
    struct account *account = work->account;
    struct arena arena = {0};
    int fd = openat(account->dir_fd, INBOX_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    enum err err = ERR_OK;
    while (directory && !err && (entry = readdir(directory))) {
        struct slice dir = slice_from(arena_printf(&arena, INBOX_FOLDER "/%s", entry->d_name));
        if (index_is_mailbox_folder(fd, entry->d_name) && !is_known(list, count, dir)) {
            err = look_at_unknown(work, dir);
        }
    }
    if (directory) {
        closedir(directory);
    }
    arena_free(&arena);
    return err;
}
