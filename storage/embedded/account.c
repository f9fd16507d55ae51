/* SPDX-License-Identifier: ISC */
/* What can be asked about an account: its mailboxes, their messages, the quota. */
#include "account_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "change.h"
#include "recovery.h"
#include "registry.h"

enum err account_open(struct store *store, struct slice login, struct account **account_r)
{
    return registry_acquire(store, login, account_r);
}

void account_close(struct account *account)
{
    if (account) {
        registry_release(account);
    }
}

struct slice account_login(const struct account *account)
{
    return slice_from(account->login);
}

struct store *account_store(const struct account *account)
{
    return account->store;
}

struct slice mailbox_canonical_name(struct slice name)
{
    return slice_eq_nocase(name, S("INBOX")) ? S("INBOX") : name;
}

enum err row_found(int step)
{
    return step == 1 ? ERR_OK : step == 0 ? ERR_NOT_FOUND : db_step_err(step);
}

int64_t folder_mtime(int dir_fd, const char *path)
{
    struct stat info;
    if (fstatat(dir_fd, path, &info, 0) != 0) {
        return 0;
    }
    return (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
}

#define STATUS_COLUMNS "id, uidvalidity, uidnext, highestmodseq, messages, unseen, bytes"

static void read_status(sqlite3_stmt *statement, struct mailbox_status *status)
{
    *status = (struct mailbox_status){
        .id = sqlite3_column_int64(statement, 0),
        .uidvalidity = (uint32_t)sqlite3_column_int64(statement, 1),
        .uidnext = (uint32_t)sqlite3_column_int64(statement, 2),
        .highestmodseq = (uint64_t)sqlite3_column_int64(statement, 3),
        .messages = (uint64_t)sqlite3_column_int64(statement, 4),
        .unseen = (uint64_t)sqlite3_column_int64(statement, 5),
        .bytes = (uint64_t)sqlite3_column_int64(statement, 6),
    };
}

/* In a read transaction of the caller's. */
static enum err find_status(struct account *account, struct slice name, struct mailbox_status *status_r)
{
    sqlite3_stmt *statement =
        db_statement(account->db, "SELECT " STATUS_COLUMNS " FROM mailbox WHERE parent=0 AND name=?1");
    db_bind_text(statement, 1, mailbox_canonical_name(name));
    enum err err = row_found(db_step(account->db, statement));
    if (!err) {
        read_status(statement, status_r);
        sqlite3_reset(statement);
    }
    return err;
}

/* Looks the mailbox up, by name when there is one; ends the read when that fails. */
static enum err find_mailbox(struct account *account, const struct slice *name, struct mailbox_status *status)
{
    enum err err = name ? find_status(account, *name, status) : ERR_OK;
    if (err) {
        db_end_read(account->db);
    }
    return err;
}

/* Begins a read in which the mailbox agrees with its folder: mail that another program left in new/ is to be
 * seen. The mailbox is found by its name and *status set, or without a name by status->id. */
static enum err begin_current_read(struct account *account, const struct slice *name,
                                   struct mailbox_status *status)
{
    bool differs = false;
    enum err err = db_begin_read(account->db);
    if (!err) {
        err = find_mailbox(account, name, status);
    }
    if (err) {
        return err;
    }
    err = account_differs(account, status->id, &differs);
    if (!err && !differs) {
        return ERR_OK;
    }
    db_end_read(account->db);
    err = err ? account_note_error(account, err) : account_recover(account);
    if (!err) {
        err = db_begin_read(account->db);
    }
    return err ? err : find_mailbox(account, name, status);
}

enum err mailbox_refresh(struct account *account, int64_t mailbox_id)
{
    struct mailbox_status status = {.id = mailbox_id};
    enum err err = begin_current_read(account, NULL, &status);
    if (!err) {
        db_end_read(account->db);
    }
    return err;
}

enum err mailbox_status(struct account *account, struct slice name, struct mailbox_status *status_r)
{
    struct mailbox_status status;
    enum err err = begin_current_read(account, &name, &status);
    if (!err) {
        *status_r = status;
        db_end_read(account->db);
    }
    return err;
}

enum err mailbox_list(struct account *account, struct arena *arena, struct mailbox_entry **list_r,
                      size_t *count_r)
{
    struct mailbox_entry *list = NULL;
    size_t count = 0;
    int more;
    enum err err = db_begin_read(account->db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(
        account->db, "SELECT " STATUS_COLUMNS ", name, special, EXISTS(SELECT 1 FROM subscription WHERE"
                     " subscription.name=mailbox.name) FROM mailbox ORDER BY id<>1, name");
    while ((more = db_step(account->db, statement)) == 1) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        struct mailbox_entry *entry = &list[count++];
        read_status(statement, &entry->status);
        entry->name = db_column_text(statement, 7, arena);
        entry->special_use = db_column_text(statement, 8, arena);
        entry->subscribed = sqlite3_column_int(statement, 9) != 0;
    }
    db_end_read(account->db);
    if (more != 0) {
        mem_free(list);
        return db_step_err(more);
    }
    *list_r = arena_take_array(arena, list, count, sizeof(*list));
    *count_r = count;
    return ERR_OK;
}

/* Lower-case hex and a NUL. By hand: this runs once per message of a mailbox. */
static void write_guid(char out[33], sqlite3_stmt *statement, int column)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = sqlite3_column_blob(statement, column);
    int length = MIN_OF(sqlite3_column_bytes(statement, column), 16);
    for (int i = 0; i < length; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * length] = '\0';
}

#define SCAN_MAILBOX                                                                        \
    "SELECT uid, flags, modseq, message.size, idate, body, guid FROM message JOIN body ON " \
    "body.id=message.body"                                                                  \
    " WHERE mailbox=?1 ORDER BY uid"

struct row_list {
    struct message_row *rows;
    size_t count, size;
};

static void add_row(struct row_list *list, sqlite3_stmt *statement)
{
    if (list->count == list->size) {
        list->size = list->size ? list->size * 2 : 64;
        list->rows = mem_realloc_array(list->rows, list->size, sizeof(*list->rows));
    }
    struct message_row *row = &list->rows[list->count++];
    *row = (struct message_row){
        .uid = (uint32_t)sqlite3_column_int64(statement, 0),
        .flags = (uint32_t)sqlite3_column_int64(statement, 1),
        .modseq = (uint64_t)sqlite3_column_int64(statement, 2),
        .size = (uint64_t)sqlite3_column_int64(statement, 3),
        .internal_date_us = sqlite3_column_int64(statement, 4),
    };
    write_guid(row->guid, statement, 6);
}

/* In a read transaction of the caller's. */
static enum err read_rows(struct account *account, int64_t mailbox_id, struct message_row **rows_r,
                          size_t *count_r)
{
    struct row_list list = {0};
    int more;
    sqlite3_stmt *statement = db_statement(account->db, SCAN_MAILBOX);
    db_bind_int(statement, 1, mailbox_id);
    while ((more = db_step(account->db, statement)) == 1) {
        add_row(&list, statement);
    }
    if (more < 0) {
        mem_free(list.rows);
        return account_note_error(account, db_step_err(more));
    }
    *rows_r = list.count ? mem_realloc_array(list.rows, list.count, sizeof(*list.rows)) : NULL;
    *count_r = list.count;
    return ERR_OK;
}

enum err mailbox_scan(struct account *account, int64_t mailbox_id, struct message_row **rows_r,
                      size_t *count_r)
{
    struct mailbox_status status = {.id = mailbox_id};
    enum err err = begin_current_read(account, NULL, &status);
    if (!err) {
        err = read_rows(account, mailbox_id, rows_r, count_r);
        db_end_read(account->db);
    }
    return err;
}

enum err mailbox_read(struct account *account, struct slice name, struct mailbox_status *status_r,
                      struct message_row **rows_r, size_t *count_r)
{
    struct mailbox_status status;
    enum err err = begin_current_read(account, &name, &status);
    if (!err) {
        err = read_rows(account, status.id, rows_r, count_r);
        db_end_read(account->db);
    }
    if (!err) {
        *status_r = status;
    }
    return err;
}

enum err account_set_quota(struct account *account, uint64_t bytes)
{
    struct change change;
    enum err err = change_begin(account, &change);
    if (err) {
        return err;
    }
    change.counters.limit_bytes = (int64_t)bytes;
    err = change_prepare(&change);
    if (err) {
        change_abort(&change);
    } else {
        err = change_commit(&change);
    }
    change_free(&change);
    return err;
}
