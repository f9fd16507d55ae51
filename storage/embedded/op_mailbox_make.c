/* SPDX-License-Identifier: ISC */
/*
 * Making a mailbox. Its folder comes before the commit, as messages of the same batch may go into it. The
 * journal names it first, durably, so that no crash leaves a mailbox that nobody was told of.
 */
#include "op_mailbox.h"

#include <string.h>

#include <sodium.h>

#include "intents.h"
#include "mailbox_dir.h"

/* How far INBOX's descriptor runs ahead with the identifiers of mailboxes. */
#define ID_RESERVATION 100

/* An identifier is never given again, also when the index was lost and the mailbox deleted before. */
static enum err next_id(struct change *change, int64_t *id_r)
{
    struct mailbox_descriptor inbox;
    const char *path = arena_printf(&change->arena, "%s/" INBOX_FOLDER, change->account->path);
    int64_t id = ++change->counters.mailbox;
    enum err err = mailbox_descriptor_read(path, &change->arena, &inbox);
    if (!err && inbox.last_mailbox < id) {
        inbox.last_mailbox = id + ID_RESERVATION - 1;
        err = mailbox_descriptor_write(path, &inbox);
    }
    *id_r = id;
    return err == ERR_NOT_FOUND ? ERR_UNAVAILABLE : err;
}

static enum err choose_guid(struct change *change, struct mailbox_row *row)
{
    bool taken = sodium_is_zero(row->guid, GUID_SIZE);
    enum err err = taken ? ERR_OK : mailbox_guid_is_taken(change, row->guid, &taken);
    if (taken) {
        randombytes_buf(row->guid, GUID_SIZE);
    }
    return err;
}

static enum err make_folder(struct batch_work *work, const struct mailbox_row *row, const char *dir)
{
    struct account *account = work->change->account;
    struct mailbox_descriptor descriptor = {
        .id = row->id,
        .uidvalidity = row->uidvalidity,
        .uidnext = row->uidreserved,
        .special_use = row->special_use,
        .name = row->name,
    };
    memcpy(descriptor.guid, row->guid, GUID_SIZE);
    enum err err = work_plan_folder(work, dir);
    if (!err) {
        err = mailbox_folder_create(arena_printf(&work->change->arena, "%s/%s", account->path, dir),
                                    &descriptor);
    }
    return err ? err : account_sync_maildir(account);
}

/* A folder that had to take another name because something else is about to leave the right one. */
static enum err put_in_place_later(struct change *change, const struct mailbox_row *row)
{
    const char *best = mailbox_dir_of_name(&change->arena, row->name);
    return best && !slice_eq(slice_from(best), row->dir)
               ? intent_put(change, INTENT_FOLDER, row->id, SLICE_EMPTY)
               : ERR_OK;
}

/* The new folder is known to be empty: nobody has to look. */
static enum err record_folder(struct change *change, int64_t id)
{
    size_t index = 0;
    enum err err = change_mailbox_by_id(change, id, &index);
    if (!err) {
        change->mailboxes[index].mtime_known = true;
        change->mailboxes[index].record = true;
    }
    return err;
}

static enum err check_room(struct change *change, struct slice name)
{
    struct mailbox_row other;
    uint64_t count = 0;
    enum err err = mailbox_row_by_name(change, name, &other);
    if (err != ERR_NOT_FOUND) {
        return err ? err : ERR_EXISTS;
    }
    err = mailbox_rows_count(change, &count);
    return err ? err : count < MAILBOXES_MAX ? ERR_OK : ERR_LIMIT;
}

enum err work_make_mailbox(struct batch_work *work, struct mailbox_row *row)
{
    struct change *change = work->change;
    const char *dir = NULL;
    work->mailboxes_changed = true;
    enum err err = check_room(change, row->name);
    if (!err) {
        err = next_id(change, &row->id);
    }
    if (!err) {
        err = mailbox_choose_validity(change, row->name, &row->uidvalidity, &row->uidnext);
    }
    if (!err) {
        err = choose_guid(change, row);
    }
    if (!err) {
        err = mailbox_dir_choose(change->account, &change->arena, row->id, row->name, &dir);
    }
    if (!err) {
        row->dir = slice_from(dir);
        row->uidreserved = row->uidnext;
        err = make_folder(work, row, dir);
    }
    if (!err) {
        err = mailbox_row_insert(change, row, work_modseq(work));
    }
    if (!err) {
        err = put_in_place_later(change, row);
    }
    return err ? err : record_folder(change, row->id);
}

enum err work_make_levels_above(struct batch_work *work, struct slice name)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < name.len && !err; i++) {
        if (name.data[i] == '/') {
            struct mailbox_row row = {.name = slice_take(name, i), .special_use = SLICE_EMPTY};
            err = work_make_mailbox(work, &row);
            err = err == ERR_EXISTS ? ERR_OK : err;
        }
    }
    return err;
}
