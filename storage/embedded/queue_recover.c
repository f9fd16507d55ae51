/* SPDX-License-Identifier: ISC */
/* What those who died left behind: leases, messages that nobody confirmed, bodies without row; and what is
 * over for long enough to be forgotten. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/scan.h"
#include "queue_private.h"

/* Messages that go in one transaction. */
#define FORGET_AT_ONCE 1000

static void bind_time(sqlite3_stmt *statement, const void *data)
{
    db_bind_int(statement, 1, *(const int64_t *)data);
}

#define ENDED " recipient INDEXED BY recipient_taken"

static enum err release_leases(struct db *db, int64_t now_us)
{
    struct queue_update update = {
        .destinations = "SELECT DISTINCT destination FROM" ENDED " WHERE state=1 AND lease<?1",
        .update = "UPDATE" ENDED " SET state=0, owner='', lease=0 WHERE state=1 AND lease<?1",
        .bind = bind_time,
        .data = &now_us};
    enum err err = queue_update_recipients(db, &update);
    if (!err && update.changed > 0) {
        log_info("queue.leases_ended", log_number("count", update.changed));
    }
    return err;
}

/* Messages found by a statement with two numbers bound to it, in a list of at most `limit`. */
static enum err find_messages(struct db *db, const char *sql, int64_t before_us, size_t limit, int64_t *list,
                              size_t *count_r)
{
    int more;
    *count_r = 0;
    sqlite3_stmt *statement = db_statement(db, sql);
    db_bind_int(statement, 1, before_us);
    db_bind_int(statement, 2, (int64_t)limit);
    while ((more = db_step(db, statement)) == 1) {
        list[(*count_r)++] = sqlite3_column_int64(statement, 0);
    }
    return db_step_err(more);
}

static enum err delete_messages(struct db *db, const int64_t *list, size_t count)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        sqlite3_stmt *statement = db_statement(db, "DELETE FROM recipient WHERE message=?1");
        db_bind_int(statement, 1, list[i]);
        err = db_run(db, statement);
        if (!err) {
            err = queue_delete_message(db, list[i]);
        }
    }
    return err;
}

/* Finds, deletes, and unlinks the bodies after the commit. */
static enum err remove_messages(struct store *store, const char *sql, int64_t before_us, size_t limit,
                                size_t *count_r)
{
    int64_t *list = mem_realloc_array(NULL, limit, sizeof(*list));
    size_t count = 0;
    struct queue *queue;
    enum err err = queue_begin(store, &queue);
    if (!err) {
        err = find_messages(queue->db, sql, before_us, limit, list, &count);
        if (!err) {
            err = delete_messages(queue->db, list, count);
        }
        err = queue_end(queue, err);
    }
    for (size_t i = 0; i < count && !err; i++) {
        queue_remove_body(queue, list[i]);
    }
    *count_r = err ? 0 : count;
    mem_free(list);
    return err;
}

#define PREPARED                                                                                         \
    "SELECT DISTINCT message FROM recipient INDEXED BY recipient_prepared WHERE state=3 AND changed<?1 " \
    "LIMIT ?2"

static enum err drop_prepared(struct store *store, int64_t before_us)
{
    size_t count = FORGET_AT_ONCE;
    enum err err = ERR_OK;
    while (!err && count == FORGET_AT_ONCE) {
        err = remove_messages(store, PREPARED, before_us, FORGET_AT_ONCE, &count);
    }
    return err;
}

/* --- bodies without row --- */

static enum err is_wanted(struct db *db, int64_t message, bool *wanted_r)
{
    sqlite3_stmt *statement = db_statement(db, "SELECT 1 FROM message WHERE id=?1");
    db_bind_int(statement, 1, message);
    int step = db_step(db, statement);
    *wanted_r = step == 1;
    sqlite3_reset(statement);
    return db_step_err(step);
}

struct leftovers {
    int folder_fd;
    int64_t *list;
    size_t count;
};

static enum err find_leftovers(struct db *db, DIR *directory, struct leftovers *leftovers)
{
    struct dirent *entry;
    enum err err = ERR_OK;
    while (!err && (entry = readdir(directory))) {
        struct scan scan = scan_of(slice_from(entry->d_name));
        uint64_t message;
        bool wanted = true;
        if (scan_number(&scan, INT64_MAX, &message) && scan_at_end(&scan)) {
            err = is_wanted(db, (int64_t)message, &wanted);
        }
        if (!err && !wanted) {
            leftovers->list =
                mem_realloc_array(leftovers->list, leftovers->count + 1, sizeof(*leftovers->list));
            leftovers->list[leftovers->count++] = (int64_t)message;
        }
    }
    return err;
}

static void remove_leftovers(void *data)
{
    const struct leftovers *leftovers = data;
    char name[32];
    for (size_t i = 0; i < leftovers->count; i++) {
        snprintf(name, sizeof(name), "%" PRId64, leftovers->list[i]);
        unlinkat(leftovers->folder_fd, name, 0);
    }
}

/* Who deleted the rows may have died before his commit was synced: a power cut brought them back, without
 * bodies. So something is committed first, which makes all that was before it durable; a change that changes
 * no byte would not be written. */
static enum err commit_and_remove(struct queue *queue, struct leftovers *leftovers)
{
    enum err err =
        db_run(queue->db, db_statement(queue->db, "INSERT INTO body(message, bytes) VALUES(0, x'')"));
    if (!err) {
        err = db_run(queue->db, db_statement(queue->db, "DELETE FROM body WHERE message=0"));
    }
    if (err) {
        db_rollback(queue->db);
        return err;
    }
    err = db_commit_then(queue->db, remove_leftovers, leftovers);
    store_note_commit_error(queue->store, err);
    if (!err) {
        log_info("queue.leftovers_removed", log_number("count", leftovers->count));
    }
    return err;
}

/* Under the lock: nobody is just about to commit the row. */
static enum err sweep_folder(struct store *store, DIR *directory)
{
    struct leftovers leftovers = {.folder_fd = dirfd(directory)};
    struct queue *queue;
    enum err err = queue_begin(store, &queue);
    if (err) {
        return err;
    }
    err = find_leftovers(queue->db, directory, &leftovers);
    if (err || leftovers.count == 0) {
        db_rollback(queue->db);
    } else {
        err = commit_and_remove(queue, &leftovers);
    }
    mem_free(leftovers.list);
    return err;
}

static DIR *open_folder(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory && fd >= 0) {
        close(fd);
    }
    return directory;
}

static enum err sweep(struct store *store, struct queue *queue)
{
    DIR *directory = open_folder(queue->messages_fd, ".");
    struct dirent *entry;
    enum err err = directory ? ERR_OK : ERR_IO;
    while (!err && (entry = readdir(directory))) {
        if (!char_is_digit(entry->d_name[0])) {
            continue;
        }
        DIR *folder = open_folder(queue->messages_fd, entry->d_name);
        if (!folder) {
            err = ERR_IO;
        } else {
            err = sweep_folder(store, folder);
            closedir(folder);
        }
    }
    if (directory) {
        closedir(directory);
    }
    return err;
}

enum err queue_recover(struct store *store, int64_t now_us, int64_t prepared_us)
{
    struct queue *queue;
    enum err err = store_check_writable(store);
    if (!err) {
        err = queue_of(store, &queue);
    }
    if (!err && now_us == INT64_MAX) {
        err = queue_notes_recover(queue, clock_wall_us());
    }
    if (!err) {
        err = db_begin(queue->db);
    }
    if (!err) {
        err = queue_end(queue, release_leases(queue->db, now_us));
    }
    if (!err) {
        err = drop_prepared(store, prepared_us);
    }
    return err ? err : sweep(store, queue);
}

#define OVER "SELECT id FROM message INDEXED BY message_over WHERE over<?1 ORDER BY over LIMIT ?2"

enum err queue_forget(struct store *store, int64_t before_us, size_t limit, size_t *count_r)
{
    return remove_messages(store, OVER, before_us, limit, count_r);
}
