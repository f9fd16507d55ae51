/* SPDX-License-Identifier: ISC */
/*
 * Folders that have no mailbox get one: all of them when the index was lost, and while it is there those that
 * another program made, moved or copied.
 *
 *     its descriptor says                          it becomes
 *     a mailbox that the index does not have       that one, with identifier, UIDVALIDITY and UIDs
 *     one that the index has, whose folder is      that one: somebody renamed the folder, so the mailbox
 * takes the gone                                         name too one that the index has in another folder a
 * new one: somebody copied the folder nothing, or there is none                    a new one, named like the
 * folder
 *
 * A name that is taken gets a number behind it.
 */
#include "rebuild.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/log.h"
#include "base/utf8.h"
#include "intents.h"
#include "mailbox_dir.h"
#include "mailbox_rows.h"

/* How far ahead of the index an identifier may be: as far as an old index that was put in its place can be
 * behind its folders. */
#define IDS_AHEAD 1000000

struct adoption {
    struct change *change;
    bool subscribe; /* as the descriptor says */
    const char *dir;
    const char *path;
    bool described;
    struct mailbox_descriptor descriptor; /* as it was found */
    struct mailbox_row row;               /* what it becomes */
};

/* Programs that know Maildir only make what they need. */
static enum err make_missing_parts(const struct adoption *adoption)
{
    static const char *const parts[] = {"new", "tmp"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const char *part = arena_printf(&adoption->change->arena, "%s/%s", adoption->path, parts[i]);
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return err_from_errno(errno);
        }
    }
    return access(arena_printf(&adoption->change->arena, "%s/cur", adoption->path), R_OK | W_OK | X_OK) == 0
               ? ERR_OK
               : err_from_errno(errno);
}

/* Whether the descriptor's name is the one that the folder has, as far as it can have it. */
static bool is_named_by_descriptor(const struct adoption *adoption)
{
    struct arena *arena = &adoption->change->arena;
    const char *best = mailbox_dir_of_name(arena, adoption->descriptor.name);
    const char *fallback = mailbox_dir_fallback(arena, adoption->descriptor.id);
    return (best && strcmp(best, adoption->dir) == 0) ||
           slice_starts_with(slice_from(adoption->dir), slice_from(fallback));
}

static enum err unique_name(struct change *change, struct slice name, struct slice *name_r)
{
    struct mailbox_row other;
    struct slice start = utf8_cut(name, MAILBOX_NAME_MAX - 12);
    enum err err = mailbox_row_by_name(change, name, &other);
    for (unsigned i = 2; !err; i++) {
        name = slice_from(arena_printf(&change->arena, "%.*s-%u", SLICE_ARG(start), i));
        err = mailbox_row_by_name(change, name, &other);
    }
    *name_r = name;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* By a person's hand, or of an older version: the rules are those of today. */
static struct slice described_name(const struct adoption *adoption)
{
    struct slice name;
    struct arena *arena = &adoption->change->arena;
    return mailbox_name_check(arena, adoption->descriptor.name, &name)
               ? mailbox_name_of_dir(arena, slice_from(adoption->dir))
               : name;
}

static enum err gone_validity(struct change *change, int64_t id, uint32_t *uidvalidity_r)
{
    sqlite3_stmt *statement = db_statement(change->db, "SELECT uidvalidity FROM mailbox_gone WHERE id=?1");
    db_bind_int(statement, 1, id);
    int step = db_step(change->db, statement);
    *uidvalidity_r = step == 1 ? (uint32_t)sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return db_step_err(step);
}

/* The identifier in the descriptor, unless it was another mailbox's or makes no sense. */
static enum err choose_id(struct adoption *adoption)
{
    struct change *change = adoption->change;
    int64_t id = adoption->described ? adoption->descriptor.id : 0;
    uint32_t gone = 0;
    enum err err = id ? gone_validity(change, id, &gone) : ERR_OK;
    if (err) {
        return err;
    }
    bool usable = id > 0 && id <= change->counters.mailbox + IDS_AHEAD &&
                  (gone == 0 || gone == adoption->descriptor.uidvalidity);
    adoption->row.id = usable ? id : ++change->counters.mailbox;
    change->counters.mailbox = MAX_OF(change->counters.mailbox, adoption->row.id);
    return ERR_OK;
}

static enum err take_special_use(struct adoption *adoption)
{
    struct slice use = adoption->descriptor.special_use;
    if (!adoption->described || !special_use_is_valid(use)) {
        return ERR_OK;
    }
    enum err err = special_use_is_free(adoption->change, use, 0);
    if (!err) {
        adoption->row.special_use = use;
    }
    return err == ERR_EXISTS ? ERR_OK : err;
}

static enum err choose_guid(struct adoption *adoption)
{
    bool taken = !adoption->described || sodium_is_zero(adoption->descriptor.guid, GUID_SIZE);
    enum err err =
        taken ? ERR_OK : mailbox_guid_is_taken(adoption->change, adoption->descriptor.guid, &taken);
    if (taken) {
        randombytes_buf(adoption->row.guid, GUID_SIZE);
    } else {
        memcpy(adoption->row.guid, adoption->descriptor.guid, GUID_SIZE);
    }
    return err;
}

/* What it becomes, in adoption->row. */
static enum err decide(struct adoption *adoption)
{
    struct change *change = adoption->change;
    struct mailbox_row *row = &adoption->row;
    const struct mailbox_descriptor *descriptor = &adoption->descriptor;
    bool inbox = strcmp(adoption->dir, INBOX_FOLDER) == 0;
    struct slice name = adoption->described ? described_name(adoption)
                                            : mailbox_name_of_dir(&change->arena, slice_from(adoption->dir));
    *row = (struct mailbox_row){
        .dir = slice_from(adoption->dir),
        .special_use = SLICE_EMPTY,
        .uidvalidity = adoption->described ? descriptor->uidvalidity : 0,
        .uidnext = adoption->described ? descriptor->uidnext : 1,
    };
    enum err err = unique_name(change, inbox ? S("INBOX") : name, &row->name);
    if (!err && inbox && !adoption->described) {
        row->id = 1;
    } else if (!err) {
        err = choose_id(adoption);
    }
    if (!err) {
        err = mailbox_choose_validity(change, row->name, &row->uidvalidity, &row->uidnext);
    }
    row->uidreserved = row->uidnext;
    if (!err) {
        err = choose_guid(adoption);
    }
    return err ? err : take_special_use(adoption);
}

static enum err describe(const struct adoption *adoption)
{
    const struct mailbox_row *row = &adoption->row;
    struct mailbox_descriptor descriptor = adoption->descriptor;
    descriptor.id = row->id;
    descriptor.uidvalidity = row->uidvalidity;
    descriptor.uidnext = row->uidnext;
    descriptor.name = row->name;
    descriptor.special_use = row->special_use;
    memcpy(descriptor.guid, row->guid, GUID_SIZE);
    if (adoption->described && descriptor.id == adoption->descriptor.id &&
        descriptor.uidvalidity == adoption->descriptor.uidvalidity &&
        descriptor.uidnext == adoption->descriptor.uidnext &&
        slice_eq(descriptor.name, adoption->descriptor.name) &&
        slice_eq(descriptor.special_use, adoption->descriptor.special_use) &&
        memcmp(descriptor.guid, adoption->descriptor.guid, GUID_SIZE) == 0) {
        return ERR_OK;
    }
    descriptor.subscribed |= !adoption->described;
    log_warning("mailbox.adopted", log_cstr("account", adoption->change->account->login),
                log_cstr("folder", adoption->dir), log_text("name", row->name));
    return mailbox_descriptor_write(adoption->path, &descriptor);
}

/* Which of the messages that it had were expunged is not known. */
static enum err forget_history(struct change *change, int64_t id)
{
    sqlite3_stmt *statement =
        db_statement(change->db, "UPDATE mailbox SET vanished_floor=highestmodseq WHERE id=?1");
    db_bind_int(statement, 1, id);
    return db_run(change->db, statement);
}

/* A folder that others made is meant to be seen. */
static enum err subscribe(const struct adoption *adoption)
{
    struct change *change = adoption->change;
    if (adoption->described && !(adoption->subscribe && adoption->descriptor.subscribed)) {
        return ERR_OK;
    }
    sqlite3_stmt *statement = db_statement(change->db, "INSERT OR IGNORE INTO subscription VALUES(?1)");
    db_bind_text(statement, 1, adoption->row.name);
    enum err err = db_run(change->db, statement);
    /* While an index is built without a copy of the settings, others may still know more of them. */
    return err || adoption->subscribe ? err : intent_put(change, INTENT_SETTINGS, 0, SLICE_EMPTY);
}

static enum err add_new(struct adoption *adoption)
{
    struct change *change = adoption->change;
    enum err err = decide(adoption);
    if (!err) {
        err = describe(adoption);
    }
    if (!err) {
        err = mailbox_row_insert(change, &adoption->row, change_next_modseq(change));
    }
    if (!err && adoption->row.uidnext > 1) {
        err = forget_history(change, adoption->row.id);
    }
    return err ? err : subscribe(adoption);
}

/* The folder of a mailbox was renamed by another program. */
static enum err follow(struct adoption *adoption, const struct mailbox_row *known)
{
    struct change *change = adoption->change;
    struct slice name = is_named_by_descriptor(adoption)
                            ? described_name(adoption)
                            : mailbox_name_of_dir(&change->arena, slice_from(adoption->dir));
    enum err err = ERR_OK;
    adoption->row = *known;
    log_warning("mailbox.folder_moved", log_cstr("account", change->account->login),
                log_text("mailbox", known->name), log_cstr("folder", adoption->dir));
    if (!slice_eq(name, known->name)) {
        uint64_t modseq = change_next_modseq(change);
        err = unique_name(change, name, &name);
        if (!err) {
            err = mailbox_name_given_up(change, known, modseq);
        }
        if (!err) {
            err = mailbox_row_rename(change, known, name, modseq);
        }
    }
    if (!err) {
        err = mailbox_row_set_dir(change, known->id, slice_from(adoption->dir));
    }
    return err ? err : intent_put(change, INTENT_FOLDER, known->id, SLICE_EMPTY);
}

static enum err add(struct adoption *adoption)
{
    struct change *change = adoption->change;
    struct mailbox_row known;
    enum err err =
        adoption->described ? mailbox_row_by_id(change, adoption->descriptor.id, &known) : ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND) {
        return add_new(adoption);
    }
    if (err) {
        return err;
    }
    if (memcmp(known.guid, adoption->descriptor.guid, GUID_SIZE) == 0 &&
        !mailbox_dir_exists(change->account, arena_cstr(&change->arena, known.dir))) {
        return follow(adoption, &known);
    }
    adoption->described = false; /* a copy */
    return add_new(adoption);
}

enum err index_add_folder_with(struct change *change, struct slice dir, bool subscribe, int64_t *id_r)
{
    struct adoption adoption = {
        .change = change, .subscribe = subscribe, .dir = arena_cstr(&change->arena, dir)};
    adoption.path = arena_printf(&change->arena, "%s/%s", change->account->path, adoption.dir);
    enum err err = make_missing_parts(&adoption);
    if (!err) {
        err = mailbox_descriptor_read(adoption.path, &change->arena, &adoption.descriptor);
        adoption.described = !err;
    }
    if (!err || err == ERR_NOT_FOUND || err == ERR_CORRUPT) {
        err = add(&adoption);
    }
    if (!err) {
        *id_r = adoption.row.id;
    }
    return err;
}

enum err index_add_folder(struct change *change, struct slice dir, int64_t *id_r)
{
    return index_add_folder_with(change, dir, false, id_r);
}
