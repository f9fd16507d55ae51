/* SPDX-License-Identifier: ISC */
/* What is due, and who takes it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsio.h"

#include "queue_private.h"

#define DUE "SELECT name, due FROM destination INDEXED BY destination_due WHERE due IS NOT NULL ORDER BY due"

/* Rows come by the time they are due; false: no further one is wanted. */
struct due_list {
    int64_t now_us;
    size_t limit, count;
    struct slice *names;
    int64_t next_us;
};

static bool take_due(struct due_list *list, struct arena *arena, struct slice name, int64_t due_us)
{
    if (due_us > list->now_us || list->count == list->limit) {
        list->next_us = due_us;
        return false;
    }
    list->names[list->count++] = arena_copy(arena, name);
    return true;
}

enum err queue_due(struct store *store, int64_t now_us, size_t limit,
                   bool (*skips)(void *data, struct slice destination), void *data, struct arena *arena,
                   struct slice **destinations_r, size_t *count_r, int64_t *next_us_r)
{
    struct due_list list = {.now_us = now_us, .limit = limit, .next_us = INT64_MAX};
    struct queue *queue;
    enum err err = queue_of(store, &queue);
    if (!err) {
        err = db_begin_read(queue->db);
    }
    if (err) {
        return err;
    }
    list.names = arena_array(arena, struct slice, limit);
    sqlite3_stmt *statement = db_statement(queue->db, DUE);
    int more;
    bool wants_more = true;
    while (wants_more && (more = db_step(queue->db, statement)) == 1) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        struct slice name = slice_of(text, (size_t)sqlite3_column_bytes(statement, 0));
        if (!skips || !skips(data, name)) {
            wants_more = take_due(&list, arena, name, sqlite3_column_int64(statement, 1));
        }
    }
    sqlite3_reset(statement);
    db_end_read(queue->db);
    err = db_step_err(more);
    if (!err) {
        *destinations_r = list.names;
        *count_r = list.count;
        *next_us_r = list.next_us;
    }
    return err;
}

/* --- claiming --- */

#define CLAIM                                                                                           \
    "SELECT " QUEUE_ENVELOPE_COLUMNS ", " QUEUE_RECIPIENT_COLUMNS                                       \
    " FROM recipient INDEXED BY recipient_due JOIN destination ON destination.id=recipient.destination" \
    " JOIN message ON message.id=recipient.message"                                                     \
    " WHERE recipient.destination=?1 AND recipient.state=0 AND recipient.due<=?2"                       \
    " ORDER BY recipient.due, recipient.message, recipient.n LIMIT ?3"

struct claims {
    struct queue_claim *list;
    size_t count;
    struct queue_taken_recipient *recipients; /* of all of them, in a row */
    size_t recipient_count;
    size_t messages; /* at most */
};

/* False: it belongs to a message too many. */
static bool take_row(struct claims *claims, sqlite3_stmt *statement, struct arena *arena)
{
    int64_t message = sqlite3_column_int64(statement, 0);
    struct queue_claim *claim = claims->count > 0 ? &claims->list[claims->count - 1] : NULL;
    if ((!claim || claim->message != message) && claims->count == claims->messages) {
        return false;
    }
    struct queue_taken_recipient *recipient = &claims->recipients[claims->recipient_count++];
    if (!claim || claim->message != message) {
        claim = &claims->list[claims->count++];
        *claim = (struct queue_claim){.message = message, .recipients = recipient};
        queue_read_envelope(statement, 0, arena, &claim->envelope);
    }
    queue_read_recipient(statement, QUEUE_ENVELOPE_COLUMN_COUNT, arena, recipient);
    claim->count++;
    return true;
}

static enum err read_claims(struct db *db, int64_t destination, int64_t now_us, size_t limit,
                            struct arena *arena, struct claims *claims)
{
    sqlite3_stmt *statement = db_statement(db, CLAIM);
    int more;
    db_bind_int(statement, 1, destination);
    db_bind_int(statement, 2, now_us);
    db_bind_int(statement, 3, (int64_t)limit);
    while ((more = db_step(db, statement)) == 1 && take_row(claims, statement, arena)) {}
    sqlite3_reset(statement);
    return db_step_err(more);
}

static enum err mark_taken(struct db *db, const struct claims *claims, struct slice owner, int64_t now_us,
                           int64_t lease_us)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < claims->count && !err; i++) {
        const struct queue_claim *claim = &claims->list[i];
        for (size_t j = 0; j < claim->count && !err; j++) {
            sqlite3_stmt *statement =
                db_statement(db, "UPDATE recipient SET state=1, owner=?3, lease=?4, changed=?5"
                                 " WHERE message=?1 AND n=?2");
            db_bind_int(statement, 1, claim->message);
            db_bind_int(statement, 2, claim->recipients[j].number);
            db_bind_text(statement, 3, owner);
            db_bind_int(statement, 4, lease_us);
            db_bind_int(statement, 5, now_us);
            err = db_run(db, statement);
        }
    }
    return err;
}

static enum err claim(struct db *db, struct slice destination, struct slice owner, int64_t now_us,
                      int64_t lease_us, size_t limit, struct arena *arena, struct claims *claims)
{
    int64_t id = 0;
    sqlite3_stmt *statement = db_statement(db, "SELECT id FROM destination WHERE name=?1");
    db_bind_text(statement, 1, destination);
    int step = db_step(db, statement);
    if (step != 1) {
        return db_step_err(step);
    }
    id = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    enum err err = read_claims(db, id, now_us, limit, arena, claims);
    if (!err && claims->count > 0) {
        err = mark_taken(db, claims, owner, now_us, lease_us);
    }
    return err ? err : queue_destination_changed(db, id);
}

enum err queue_claim(struct store *store, struct slice destination, struct slice owner, int64_t now_us,
                     int64_t lease_us, size_t messages, size_t limit, struct arena *arena,
                     struct queue_claim **claims_r, size_t *count_r)
{
    struct claims claims = {.list = arena_array(arena, struct queue_claim, MIN_OF(messages, limit)),
                            .recipients = arena_array(arena, struct queue_taken_recipient, limit),
                            .messages = messages};
    struct queue *queue;
    /* Of what is delivered while nothing can be kept, a restart would know nothing. */
    enum err err = store_check_writable(store);
    if (!err) {
        err = queue_of(store, &queue);
    }
    if (!err) {
        err = db_begin_relaxed(queue->db);
    }
    if (!err) {
        err = queue_end(queue, claim(queue->db, destination, owner, now_us, lease_us, limit, arena, &claims));
    }
    if (!err) {
        *claims_r = claims.list;
        *count_r = claims.count;
    }
    return err;
}

/* --- bodies --- */

/* Readers want a descriptor: a body that is a row gets a file in memory. */
static enum err copy_to_memory(struct slice bytes, struct blob_reader *reader_r)
{
    int fd = memfd_create("body", MFD_CLOEXEC);
    enum err err = fd < 0 ? err_from_errno(errno) : fs_write_all(fd, bytes);
    if (err && fd >= 0) {
        close(fd);
    }
    if (!err) {
        *reader_r = (struct blob_reader){.fd = fd, .size = bytes.len};
    }
    return err;
}

/* ERR_NOT_FOUND: there is no such row. */
static enum err open_row(struct db *db, int64_t message, struct blob_reader *reader_r)
{
    enum err err = db_begin_read(db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, "SELECT bytes FROM body WHERE message=?1");
    db_bind_int(statement, 1, message);
    int step = db_step(db, statement);
    if (step == 1) {
        const char *bytes = sqlite3_column_blob(statement, 0);
        err = copy_to_memory(slice_of(bytes, (size_t)sqlite3_column_bytes(statement, 0)), reader_r);
    } else {
        err = step == 0 ? ERR_NOT_FOUND : db_step_err(step);
    }
    sqlite3_reset(statement);
    db_end_read(db);
    return err;
}

static enum err open_file(struct queue *queue, int64_t message, struct blob_reader *reader_r)
{
    char name[48];
    struct stat info;
    queue_body_name(message, name);
    int fd = openat(queue->messages_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        enum err err = err_from_errno(errno);
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    *reader_r = (struct blob_reader){.fd = fd, .size = (uint64_t)info.st_size};
    return ERR_OK;
}

enum err queue_open(struct store *store, int64_t message, struct blob_reader *reader_r)
{
    struct queue *queue;
    enum err err = queue_of(store, &queue);
    if (!err) {
        err = open_row(queue->db, message, reader_r);
    }
    return err == ERR_NOT_FOUND ? open_file(queue, message, reader_r) : err;
}
