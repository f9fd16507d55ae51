/* SPDX-License-Identifier: ISC */
/*
 * Folders follow the rows of their mailboxes. A mailbox is renamed or deleted by a commit; then its folder
 * is, by an intent that can be done again whatever a crash left:
 *
 *     row                  folder                                  what is done
 *     new name, old dir    in the old place                        descriptor written, renamed, row's dir set
 *     new name, old dir    in the new place, its descriptor says   row's dir set
 *                          who it is
 *     gone                 in its place                            moved to the trash
 *
 * Between commit and intent everybody finds the mailbox: the row says where its folder is, whatever its name
 * should be. Who comes in the moment between the renaming and the commit of the new place waits for the lock
 * and looks again.
 */
#include "intents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "mailbox_dir.h"
#include "mailbox_rows.h"
#include "trash.h"

static const char *path_of(struct change *change, const char *dir)
{
    return arena_printf(&change->arena, "%s/%s", change->account->path, dir);
}

static bool belongs_to(struct change *change, const char *dir, int64_t id)
{
    struct mailbox_descriptor descriptor;
    return mailbox_dir_exists(change->account, dir) &&
           !mailbox_descriptor_read(path_of(change, dir), &change->arena, &descriptor) && descriptor.id == id;
}

enum err mailbox_folder_find(struct change *change, int64_t id, struct slice name, struct slice *dir_r)
{
    const char *dir = mailbox_dir_of_name(&change->arena, name);
    if (!dir || !belongs_to(change, dir, id)) {
        dir = mailbox_dir_fallback(&change->arena, id);
        if (!belongs_to(change, dir, id)) {
            return ERR_NOT_FOUND;
        }
    }
    *dir_r = slice_from(dir);
    return mailbox_row_set_dir(change, id, *dir_r);
}

static bool same_descriptor(const struct mailbox_descriptor *a, const struct mailbox_descriptor *b)
{
    return a->id == b->id && a->uidvalidity == b->uidvalidity && a->uidnext == b->uidnext &&
           memcmp(a->guid, b->guid, GUID_SIZE) == 0 && slice_eq(a->special_use, b->special_use) &&
           slice_eq(a->name, b->name) && a->last_mailbox == b->last_mailbox;
}

/* Makes the descriptor say what the row says. UIDs that it reserves stay reserved. */
static enum err write_descriptor(struct change *change, const struct mailbox_row *row, const char *dir)
{
    struct mailbox_descriptor old = {0};
    const char *path = path_of(change, dir);
    enum err err = mailbox_descriptor_read(path, &change->arena, &old);
    if (err && err != ERR_NOT_FOUND && err != ERR_CORRUPT) {
        return err;
    }
    bool same_uids = !err && old.uidvalidity == row->uidvalidity;
    struct mailbox_descriptor descriptor = {
        .id = row->id,
        .uidvalidity = row->uidvalidity,
        .uidnext = MAX_OF(MAX_OF(row->uidnext, row->uidreserved), same_uids ? old.uidnext : 1U),
        .subscribed = !err && old.subscribed,
        .special_use = row->special_use,
        .name = row->name,
        .last_mailbox = err ? 0 : old.last_mailbox,
    };
    memcpy(descriptor.keywords, old.keywords, sizeof(descriptor.keywords));
    memcpy(descriptor.guid, row->guid, GUID_SIZE);
    return !err && same_descriptor(&old, &descriptor) ? ERR_OK : mailbox_descriptor_write(path, &descriptor);
}

static enum err rename_folder(struct change *change, const struct mailbox_row *row)
{
    struct account *account = change->account;
    const char *from = arena_cstr(&change->arena, row->dir);
    const char *best = mailbox_dir_of_name(&change->arena, row->name);
    const char *to = NULL;
    if ((best && strcmp(best, from) == 0) || slice_eq(row->name, S("INBOX"))) {
        return ERR_OK;
    }
    enum err err = mailbox_dir_choose(account, &change->arena, row->id, row->name, &to);
    if (err || (strcmp(from, mailbox_dir_fallback(&change->arena, row->id)) == 0 &&
                (!best || strcmp(to, best) != 0))) {
        return err; /* the best is still taken, and this is the second best */
    }
    if (renameat(account->dir_fd, from, account->dir_fd, to) != 0) {
        return err_from_errno(errno);
    }
    err = account_sync_maildir(account);
    return err ? err : mailbox_row_set_dir(change, row->id, slice_from(to));
}

enum err intent_folder(struct change *change, int64_t mailbox)
{
    struct mailbox_row row;
    enum err err = mailbox_row_by_id(change, mailbox, &row);
    if (err == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    if (!err && !mailbox_dir_exists(change->account, arena_cstr(&change->arena, row.dir))) {
        err = mailbox_folder_find(change, row.id, row.name, &row.dir);
        if (err == ERR_NOT_FOUND) {
            log_error("mailbox.folder_missing", log_cstr("account", change->account->login),
                      log_text("mailbox", row.name));
            return ERR_OK; /* nothing to rename */
        }
    }
    if (!err) {
        err = write_descriptor(change, &row, arena_cstr(&change->arena, row.dir));
    }
    return err ? err : rename_folder(change, &row);
}

/* The folder of a new mailbox may stand in its place already. */
enum err intent_remove(struct change *change, int64_t mailbox, struct slice dir)
{
    struct mailbox_descriptor descriptor;
    const char *path = arena_cstr(&change->arena, dir);
    enum err err = mailbox_descriptor_read(path_of(change, path), &change->arena, &descriptor);
    if (!err && descriptor.id != mailbox) {
        return ERR_OK;
    }
    err = trash_take(change->account, path, mailbox);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}
