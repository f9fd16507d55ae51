/* SPDX-License-Identifier: ISC */
/*
 * Into the queue. A body that is a file has been sealed by its own session; what comes together is linked,
 * its folder synced and its rows committed once for all (group.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "blob_private.h"
#include "queue_private.h"
#include "queue_state.h"

struct addition {
    struct group_member member; /* first: the list is one of additions */
    const struct blob *blob;
    const struct queue_envelope *envelope;
    const struct queue_recipient *recipients;
    size_t count;
    bool prepared;
    int64_t message; /* 0: not there */
    enum err err;
};

static struct addition *next_of(struct addition *addition)
{
    return (struct addition *)addition->member.next;
}

static enum err insert_message(struct db *db, struct addition *addition)
{
    const struct queue_envelope *envelope = addition->envelope;
    sqlite3_stmt *statement = db_statement(
        db, "INSERT INTO message(name, sender, envid, login, msgid, subject, flags, received,"
            " expires, size, skip, top) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
            " ON CONFLICT DO NOTHING");
    db_bind_text(statement, 1, envelope->id);
    db_bind_text(statement, 2, envelope->sender);
    db_bind_text(statement, 3, envelope->envid);
    db_bind_text(statement, 4, envelope->login);
    db_bind_text(statement, 5, envelope->message_id);
    db_bind_text(statement, 6, envelope->subject);
    db_bind_int(statement, 7, envelope->flags);
    db_bind_int(statement, 8, envelope->received_us);
    db_bind_int(statement, 9, envelope->expires_us);
    db_bind_int(statement, 10, (int64_t)blob_size(addition->blob));
    db_bind_int(statement, 11, (int64_t)envelope->skip);
    db_bind_text(statement, 12, envelope->top);
    enum err err = db_run(db, statement);
    if (!err && sqlite3_changes(db_handle(db)) == 0) {
        err = ERR_EXISTS;
    }
    addition->message = err ? 0 : sqlite3_last_insert_rowid(db_handle(db));
    return err;
}

static enum err insert_recipient(struct db *db, const struct addition *addition, size_t n,
                                 int64_t destination)
{
    const struct queue_recipient *recipient = &addition->recipients[n];
    sqlite3_stmt *statement =
        db_statement(db, "INSERT INTO recipient(message, n, address, orcpt, notify, destination, state, due,"
                         " changed) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    db_bind_int(statement, 1, addition->message);
    db_bind_int(statement, 2, (int64_t)n);
    db_bind_text(statement, 3, recipient->address);
    db_bind_text(statement, 4, recipient->orcpt);
    db_bind_int(statement, 5, recipient->notify);
    db_bind_int(statement, 6, destination);
    db_bind_int(statement, 7, addition->prepared ? QUEUE_PREPARED : QUEUE_WAITING);
    db_bind_int(statement, 8, recipient->due_us);
    db_bind_int(statement, 9, addition->envelope->received_us);
    return db_run(db, statement);
}

static enum err lower_due(struct db *db, int64_t destination, int64_t due_us)
{
    sqlite3_stmt *statement =
        db_statement(db, "UPDATE destination SET due=?2 WHERE id=?1 AND (due IS NULL OR due>?2)");
    db_bind_int(statement, 1, destination);
    db_bind_int(statement, 2, due_us);
    return db_run(db, statement);
}

static enum err insert_recipients(struct db *db, const struct addition *addition)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < addition->count && !err; i++) {
        int64_t destination = 0;
        err = queue_destination(db, addition->recipients[i].destination, &destination);
        if (!err) {
            err = insert_recipient(db, addition, i, destination);
        }
        if (!err && !addition->prepared) {
            err = lower_due(db, destination, addition->recipients[i].due_us);
        }
    }
    return err;
}

/* The folder of the message, made when it is the first in it. What went into the one before is synced. Its
 * name is synced also when it is there: who made it may have died before he did so. */
static enum err enter_folder(struct queue *queue, int64_t message)
{
    int64_t folder = message >> QUEUE_FOLDER_SHIFT;
    char name[32];
    if (queue->folder_fd >= 0 && queue->folder == folder) {
        return ERR_OK;
    }
    enum err err = queue->folder_fd >= 0 ? store_sync(queue->store, queue->folder_fd, "queue") : ERR_OK;
    if (err) {
        return err;
    }
    if (queue->folder_fd >= 0) {
        close(queue->folder_fd);
        queue->folder_fd = -1;
    }
    snprintf(name, sizeof(name), "%" PRId64, folder);
    if (mkdirat(queue->messages_fd, name, 0700) != 0 && errno != EEXIST) {
        return err_from_errno(errno);
    }
    err = store_sync(queue->store, queue->messages_fd, "queue");
    if (err) {
        return err;
    }
    queue->folder = folder;
    queue->folder_fd = openat(queue->messages_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return queue->folder_fd < 0 ? err_from_errno(errno) : ERR_OK;
}

static enum err link_body(struct queue *queue, const struct addition *addition)
{
    char name[32];
    enum err err = enter_folder(queue, addition->message);
    snprintf(name, sizeof(name), "%" PRId64, addition->message);
    if (!err) {
        /* A file that is there was linked by somebody whose commit did not come to pass. */
        unlinkat(queue->folder_fd, name, 0);
        err = blob_link(addition->blob, queue->folder_fd, name);
    }
    return err;
}

static enum err insert_body(struct db *db, const struct addition *addition)
{
    sqlite3_stmt *statement = db_statement(db, "INSERT INTO body(message, bytes) VALUES(?1, ?2)");
    db_bind_int(statement, 1, addition->message);
    db_bind_blob(statement, 2, buf_slice(&addition->blob->memory));
    return db_run(db, statement);
}

static enum err add_one(struct queue *queue, struct addition *addition)
{
    enum err err = insert_message(queue->db, addition);
    if (!err) {
        err = insert_recipients(queue->db, addition);
    }
    if (err) {
        return err;
    }
    return addition->blob->sealed ? link_body(queue, addition) : insert_body(queue->db, addition);
}

static void take_away(struct queue *queue, struct addition *addition)
{
    if (addition->message) {
        if (addition->blob->sealed) {
            queue_remove_body(queue, addition->message);
        }
        addition->message = 0;
    }
}

/* Its own error is no other's, unless even going back fails. */
static enum err add_in_savepoint(struct queue *queue, struct addition *addition)
{
    enum err err = db_run(queue->db, db_statement(queue->db, "SAVEPOINT addition"));
    if (err) {
        return err;
    }
    addition->err = add_one(queue, addition);
    if (addition->err) {
        take_away(queue, addition);
        if (sqlite3_get_autocommit(db_handle(queue->db))) {
            return addition->err; /* a full disk or an I/O error ended the whole transaction */
        }
        err = db_run(queue->db, db_statement(queue->db, "ROLLBACK TO addition"));
    }
    return err ? err : db_run(queue->db, db_statement(queue->db, "RELEASE addition"));
}

static void serve(void *data, struct group_member *first)
{
    struct queue *queue = data;
    struct addition *additions = (struct addition *)first;
    enum err err = db_begin(queue->db);
    if (!err) {
        bool any = false; /* file */
        for (struct addition *addition = additions; addition && !err; addition = next_of(addition)) {
            err = add_in_savepoint(queue, addition);
            any = any || (!addition->err && addition->blob->sealed);
        }
        if (!err && any && queue->folder_fd >= 0) { /* else it was synced when it was left */
            err = store_sync(queue->store, queue->folder_fd, "queue");
        }
        err = queue_end(queue, err);
    }
    for (struct addition *addition = additions; addition && err; addition = next_of(addition)) {
        /* After another error than a full disk the transaction may come back with a restart: its bodies must
         * then be there. Else they are files without row. */
        if (err == ERR_NO_SPACE) {
            take_away(queue, addition);
        }
        addition->err = addition->err ? addition->err : err;
    }
}

/* Whether the blob can be a row: else it is made a file. */
static enum err settle_kind(struct blob *blob)
{
    bool in_memory = !blob->sealed && !blob->error && !blob->name[0];
    return in_memory ? ERR_OK : blob_seal(blob);
}

enum err queue_add(struct store *store, struct blob *blob, const struct queue_envelope *envelope,
                   const struct queue_recipient *recipients, size_t count, bool prepared)
{
    struct addition addition = {
        .blob = blob, .envelope = envelope, .recipients = recipients, .count = count, .prepared = prepared};
    struct queue *queue;
    if (!queue_is_complete(recipients, count)) {
        return ERR_SYNTAX;
    }
    enum err err = store_check_writable(store);
    if (!err) {
        err = settle_kind(blob);
    }
    if (!err) {
        err = queue_of(store, &queue);
    }
    if (err) {
        return err;
    }
    group_run(&queue->group, &addition.member, serve, queue);
    if (!addition.err && !prepared) {
        queue_ring(queue, QUEUE_RING_WORK);
    }
    return addition.err;
}

/* --- what was prepared --- */

static void bind_message(sqlite3_stmt *statement, const void *data)
{
    db_bind_int(statement, 1, *(const int64_t *)data);
}

static enum err confirm(struct db *db, struct slice id)
{
    int64_t message = 0;
    struct queue_update update = {
        .destinations = "SELECT DISTINCT destination FROM recipient WHERE message=?1 AND state=3",
        .update = "UPDATE recipient SET state=0 WHERE message=?1 AND state=3",
        .bind = bind_message,
        .data = &message};
    enum err err = queue_find(db, id, &message);
    if (!err) {
        err = queue_update_recipients(db, &update);
    }
    return !err && update.changed == 0 ? ERR_NOT_FOUND : err;
}

enum err queue_confirm(struct store *store, struct slice id)
{
    struct queue *queue;
    enum err err = queue_begin(store, &queue);
    if (!err) {
        err = queue_end(queue, confirm(queue->db, id));
    }
    if (!err) {
        queue_ring(queue, QUEUE_RING_WORK);
    }
    return err;
}

static enum err cancel(struct db *db, struct slice id, int64_t *message_r)
{
    enum err err = queue_find(db, id, message_r);
    if (err) {
        return err;
    }
    /* Also those who were removed meanwhile. */
    sqlite3_stmt *statement =
        db_statement(db, "DELETE FROM recipient WHERE message=?1 AND EXISTS(SELECT 1 FROM recipient AS other"
                         " WHERE other.message=?1 AND other.state=3)");
    db_bind_int(statement, 1, *message_r);
    err = db_run(db, statement);
    if (!err && sqlite3_changes(db_handle(db)) == 0) {
        err = ERR_NOT_FOUND;
    }
    return err ? err : queue_delete_message(db, *message_r);
}

enum err queue_cancel(struct store *store, struct slice id)
{
    struct queue *queue;
    int64_t message = 0;
    enum err err = queue_begin(store, &queue);
    if (!err) {
        err = queue_end(queue, cancel(queue->db, id, &message));
    }
    if (!err) {
        queue_remove_body(queue, message);
    }
    return err;
}
