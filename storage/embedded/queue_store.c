/* SPDX-License-Identifier: ISC */
/* The tables of queue.db, and what the files of the queue share. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue_private.h"

/*
 * `destination.due` is when the first of its waiting recipients is due: who looks for work reads as many rows
 * as there are destinations with work, however many recipients each of them has.
 */
static const char *const steps[] = {
    "CREATE TABLE message("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT," /* never used again: files are named by it */
    "  name TEXT NOT NULL UNIQUE,"            /* the trace id */
    "  sender TEXT NOT NULL,"
    "  envid TEXT NOT NULL,"
    "  login TEXT NOT NULL,"
    "  msgid TEXT NOT NULL,"
    "  subject TEXT NOT NULL,"
    "  flags INTEGER NOT NULL,"
    "  received INTEGER NOT NULL," /* µs, as all times */
    "  expires INTEGER NOT NULL,"
    "  size INTEGER NOT NULL,"
    "  skip INTEGER NOT NULL,"
    "  top TEXT NOT NULL,"
    "  over INTEGER) STRICT;"                     /* when the last recipient was over; NULL: not yet */
    "CREATE INDEX message_over ON message(over);" /* those that are not over yet by their number */
    "CREATE TABLE body(message INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;" /* of those without file */
    "CREATE TABLE destination(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, due INTEGER) STRICT;"
    "CREATE INDEX destination_due ON destination(due) WHERE due IS NOT NULL;"
    "CREATE TABLE recipient("
    "  message INTEGER NOT NULL,"
    "  n INTEGER NOT NULL,"
    "  address TEXT NOT NULL,"
    "  orcpt TEXT NOT NULL,"
    "  notify INTEGER NOT NULL,"
    "  destination INTEGER NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  due INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL DEFAULT 0,"
    "  delay_told INTEGER NOT NULL DEFAULT 0,"
    "  lease INTEGER NOT NULL DEFAULT 0,"
    "  owner TEXT NOT NULL DEFAULT '',"
    "  changed INTEGER NOT NULL,"
    "  code INTEGER NOT NULL DEFAULT 0,"
    "  text TEXT NOT NULL DEFAULT '',"
    "  host TEXT NOT NULL DEFAULT '',"
    "  theirs INTEGER NOT NULL DEFAULT 0,"
    "  PRIMARY KEY(message, n)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX recipient_due ON recipient(destination, due) WHERE state=0;"
    "CREATE INDEX recipient_taken ON recipient(lease) WHERE state=1;"
    "CREATE INDEX recipient_prepared ON recipient(changed) WHERE state=3;"
    "CREATE INDEX recipient_destination ON recipient(destination);"
    "CREATE TABLE suppression("
    "  address TEXT PRIMARY KEY," /* lookup form */
    "  code INTEGER NOT NULL,"
    "  text TEXT NOT NULL,"
    "  host TEXT NOT NULL,"
    "  theirs INTEGER NOT NULL,"
    "  since INTEGER NOT NULL,"
    "  until INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX suppression_until ON suppression(until);",
};

static const struct db_schema schema = {steps, ARRAY_LEN(steps), 0};

/* The names of the folders, from the data directory down. Also when they were there already: who made them
 * may have died before he did this. */
static enum err sync_folders(struct store *store, struct queue *queue)
{
    enum err err = store_sync(store, queue->messages_fd, "queue");
    if (!err) {
        int fd = openat(queue->messages_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        err = fd < 0 ? err_from_errno(errno) : store_sync(store, fd, "queue");
        if (fd >= 0) {
            close(fd);
        }
    }
    return err ? err : store_sync(store, store->data_fd, "queue");
}

static enum err open_queue(struct store *store, struct queue *queue)
{
    struct arena arena = {0};
    const char *messages = arena_printf(&arena, "%s/queue/messages", store->data);
    enum err err = fs_make_directories(arena_printf(&arena, "%s/tmp", messages), 0700);
    if (!err) {
        err = db_open(arena_printf(&arena, "%s/queue/queue.db", store->data), &schema, &queue->db, NULL);
    }
    if (!err) {
        queue->messages_fd = open(messages, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        err = queue->messages_fd < 0 ? err_from_errno(errno) : sync_folders(store, queue);
    }
    if (err == ERR_NOT_FOUND) {
        /* A file that cannot be made: SQLite tries once more to open it for reading, and tells of that. To
         * our callers it would mean that there is no such message. */
        err = ERR_UNAVAILABLE;
    }
    if (err) {
        log_error("queue.open_failed", log_cstr("directory", store->data), log_err(err));
    }
    arena_free(&arena);
    return err;
}

enum err queue_of(struct store *store, struct queue **queue_r)
{
    enum err err = ERR_OK;
    pthread_mutex_lock(&store->queue_mutex);
    if (!store->queue) {
        struct queue *queue = mem_new(struct queue);
        queue->store = store;
        queue->messages_fd = queue->folder_fd = -1;
        atomic_init(&queue->ring_fd, -1);
        group_init(&queue->group);
        group_init(&queue->settlements);
        pthread_mutex_init(&queue->notes.mutex, NULL);
        queue->notes.fd = -1;
        err = open_queue(store, queue);
        if (err) {
            queue_close(queue);
        } else {
            store->queue = queue;
        }
    }
    *queue_r = store->queue;
    pthread_mutex_unlock(&store->queue_mutex);
    return err;
}

enum err queue_begin(struct store *store, struct queue **queue_r)
{
    enum err err = store_check_writable(store);
    if (!err) {
        err = queue_of(store, queue_r);
    }
    return err ? err : db_begin((*queue_r)->db);
}

void queue_close(struct queue *queue)
{
    if (!queue) {
        return;
    }
    db_close(queue->db);
    if (queue->messages_fd >= 0) {
        close(queue->messages_fd);
    }
    if (queue->folder_fd >= 0) {
        close(queue->folder_fd);
    }
    if (atomic_load(&queue->ring_fd) >= 0) {
        close(atomic_load(&queue->ring_fd));
    }
    group_free(&queue->group);
    group_free(&queue->settlements);
    pthread_mutex_destroy(&queue->notes.mutex);
    if (queue->notes.fd >= 0) {
        close(queue->notes.fd);
    }
    mem_free(queue);
}

void queue_body_name(int64_t message, char name[48])
{
    snprintf(name, 48, "%" PRId64 "/%" PRId64, message >> QUEUE_FOLDER_SHIFT, message);
}

void queue_remove_body(struct queue *queue, int64_t message)
{
    char name[48];
    queue_body_name(message, name);
    if (unlinkat(queue->messages_fd, name, 0) != 0 && errno != ENOENT) {
        log_warning("queue.unlink_failed", log_cstr("name", name), log_errno(errno));
    }
}

enum err queue_destination(struct db *db, struct slice name, int64_t *id_r)
{
    sqlite3_stmt *statement = db_statement(db, "SELECT id FROM destination WHERE name=?1");
    db_bind_text(statement, 1, name);
    int step = db_step(db, statement);
    if (step == 1) {
        *id_r = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        return ERR_OK;
    }
    if (step < 0) {
        return db_step_err(step);
    }
    statement = db_statement(db, "INSERT INTO destination(name) VALUES(?1)");
    db_bind_text(statement, 1, name);
    enum err err = db_run(db, statement);
    *id_r = sqlite3_last_insert_rowid(db_handle(db));
    return err;
}

enum err queue_destination_changed(struct db *db, int64_t id)
{
    sqlite3_stmt *statement =
        db_statement(db, "UPDATE destination SET due=(SELECT due FROM recipient INDEXED BY recipient_due"
                         " WHERE destination=?1 AND state=0 ORDER BY due LIMIT 1) WHERE id=?1");
    db_bind_int(statement, 1, id);
    return db_run(db, statement);
}

static enum err read_destinations(struct db *db, const struct queue_update *update, int64_t **list,
                                  size_t *count)
{
    size_t room = 0;
    int more;
    sqlite3_stmt *statement = db_statement(db, update->destinations);
    update->bind(statement, update->data);
    while ((more = db_step(db, statement)) == 1) {
        if (*count == room) {
            room = room ? 2 * room : 16;
            *list = mem_realloc_array(*list, room, sizeof(**list));
        }
        (*list)[(*count)++] = sqlite3_column_int64(statement, 0);
    }
    return db_step_err(more);
}

enum err queue_update_recipients(struct db *db, struct queue_update *update)
{
    int64_t *list = NULL;
    size_t count = 0;
    enum err err = read_destinations(db, update, &list, &count);
    if (!err) {
        sqlite3_stmt *statement = db_statement(db, update->update);
        update->bind(statement, update->data);
        err = db_run(db, statement);
        update->changed = err ? 0 : (uint64_t)sqlite3_changes64(db_handle(db));
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = queue_destination_changed(db, list[i]);
    }
    mem_free(list);
    return err;
}

enum err queue_delete_message(struct db *db, int64_t message)
{
    sqlite3_stmt *statement = db_statement(db, "DELETE FROM body WHERE message=?1");
    db_bind_int(statement, 1, message);
    enum err err = db_run(db, statement);
    if (!err) {
        statement = db_statement(db, "DELETE FROM message WHERE id=?1");
        db_bind_int(statement, 1, message);
        err = db_run(db, statement);
    }
    return err;
}

enum err queue_find(struct db *db, struct slice id, int64_t *message_r)
{
    sqlite3_stmt *statement = db_statement(db, "SELECT id FROM message WHERE name=?1");
    db_bind_text(statement, 1, id);
    int step = db_step(db, statement);
    if (step == 1) {
        *message_r = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return step == 0 ? ERR_NOT_FOUND : db_step_err(step);
}

enum err queue_message_changed(struct db *db, int64_t message, int64_t now_us)
{
    sqlite3_stmt *statement = db_statement(
        db, "UPDATE message SET over=?2 WHERE id=?1 AND over IS NULL AND NOT EXISTS(SELECT 1 FROM recipient"
            " WHERE message=?1 AND state IN " QUEUE_OPEN_STATES ")");
    db_bind_int(statement, 1, message);
    db_bind_int(statement, 2, now_us);
    return db_run(db, statement);
}

void queue_read_envelope(sqlite3_stmt *statement, int first, struct arena *arena,
                         struct queue_envelope *envelope_r)
{
    envelope_r->id = db_column_text(statement, first + 1, arena);
    envelope_r->sender = db_column_text(statement, first + 2, arena);
    envelope_r->envid = db_column_text(statement, first + 3, arena);
    envelope_r->login = db_column_text(statement, first + 4, arena);
    envelope_r->message_id = db_column_text(statement, first + 5, arena);
    envelope_r->subject = db_column_text(statement, first + 6, arena);
    envelope_r->flags = (unsigned)sqlite3_column_int64(statement, first + 7);
    envelope_r->received_us = sqlite3_column_int64(statement, first + 8);
    envelope_r->expires_us = sqlite3_column_int64(statement, first + 9);
    envelope_r->size = (uint64_t)sqlite3_column_int64(statement, first + 10);
    envelope_r->skip = (uint64_t)sqlite3_column_int64(statement, first + 11);
    envelope_r->top = db_column_text(statement, first + 12, arena);
}

void queue_read_recipient(sqlite3_stmt *statement, int first, struct arena *arena,
                          struct queue_taken_recipient *recipient_r)
{
    struct queue_recipient *recipient = &recipient_r->recipient;
    recipient_r->number = (uint32_t)sqlite3_column_int64(statement, first);
    recipient->address = db_column_text(statement, first + 1, arena);
    recipient->orcpt = db_column_text(statement, first + 2, arena);
    recipient->notify = (unsigned)sqlite3_column_int64(statement, first + 3);
    recipient->destination = db_column_text(statement, first + 4, arena);
    recipient->due_us = sqlite3_column_int64(statement, first + 5);
    recipient_r->attempts = (uint32_t)sqlite3_column_int64(statement, first + 6);
    recipient_r->delay_told = sqlite3_column_int(statement, first + 7) != 0;
    recipient_r->last.code = (unsigned)sqlite3_column_int(statement, first + 8);
    recipient_r->last.text = db_column_text(statement, first + 9, arena);
    recipient_r->last.host = db_column_text(statement, first + 10, arena);
    recipient_r->last.is_theirs = sqlite3_column_int(statement, first + 11) != 0;
}

enum err queue_end(struct queue *queue, enum err err)
{
    if (err) {
        db_rollback(queue->db);
        return err;
    }
    err = db_commit(queue->db);
    store_note_commit_error(queue->store, err);
    return err;
}
