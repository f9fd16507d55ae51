/* SPDX-License-Identifier: ISC */
/*
 * What was delivered and is not settled yet: <data>/queue/delivered, sixteen bytes for each recipient, one
 * behind the other. A note is one write() that waits for nobody, where a settlement may wait for the syncs of
 * those who add mail; who is killed between the two finds it when he begins again. It is not synced, as
 * settlements are not.
 *
 * The file is emptied when nothing in it is needed any more. A note that is left over does no harm: numbers
 * of messages are never used again, and a recipient who is not taken is passed over.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue_private.h"

#define NOTES_NAME  "../delivered" /* from the folder of bodies, whose descriptor we hold */
#define NOTES_MARK  0x44454c56u
#define NOTES_LARGE ((off_t)256 * 1024)
#define AT_ONCE     256 /* notes of one write */

struct note {
    int64_t message;
    uint32_t number, mark;
};
_Static_assert(sizeof(struct note) == 16, "as it stands in the file");

static int notes_fd(struct queue *queue)
{
    if (queue->notes.fd < 0) {
        queue->notes.fd =
            openat(queue->messages_fd, NOTES_NAME, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    return queue->notes.fd;
}

void queue_note(struct store *store, int64_t message, const uint32_t *numbers, size_t count)
{
    struct queue *queue;
    struct note notes[AT_ONCE];
    if (count == 0 || queue_of(store, &queue)) {
        return;
    }
    pthread_mutex_lock(&queue->notes.mutex);
    enum err err = notes_fd(queue) < 0 ? err_from_errno(errno) : ERR_OK;
    for (size_t done = 0; done < count && !err;) {
        size_t part = MIN_OF(count - done, (size_t)AT_ONCE);
        for (size_t i = 0; i < part; i++) {
            notes[i] = (struct note){message, numbers[done + i], NOTES_MARK};
        }
        err = fs_write_all(queue->notes.fd, slice_of((const char *)notes, part * sizeof(notes[0])));
        queue->notes.open += part;
        done += part;
    }
    pthread_mutex_unlock(&queue->notes.mutex);
    if (err) {
        log_warning("queue.note_failed", log_err(err));
    }
}

void queue_notes_settled(struct queue *queue, size_t count)
{
    pthread_mutex_lock(&queue->notes.mutex);
    queue->notes.open -= MIN_OF(queue->notes.open, count);
    if (queue->notes.open == 0 && queue->notes.fd >= 0 &&
        lseek(queue->notes.fd, 0, SEEK_END) >= NOTES_LARGE && ftruncate(queue->notes.fd, 0) != 0) {
        log_warning("queue.note_failed", log_errno(errno));
    }
    pthread_mutex_unlock(&queue->notes.mutex);
}

/* --- after the death of who delivered --- */

#define SETTLE                                                                                             \
    "UPDATE recipient SET state=4, attempts=attempts+1, changed=?3, code=250,"                             \
    " text='delivered; the reply was lost when the delivering process died', host='', theirs=0, owner=''," \
    " lease=0 WHERE message=?1 AND n=?2 AND state=1"
_Static_assert(QUEUE_DELIVERED == 4 && QUEUE_TAKEN == 1, "the statement knows them");

static enum err settle_one(struct db *db, const struct note *note, int64_t now_us, size_t *settled)
{
    sqlite3_stmt *statement = db_statement(db, SETTLE);
    db_bind_int(statement, 1, note->message);
    db_bind_int(statement, 2, note->number);
    db_bind_int(statement, 3, now_us);
    enum err err = db_run(db, statement);
    if (err || sqlite3_changes(db_handle(db)) == 0) {
        return err;
    }
    ++*settled;
    return queue_message_changed(db, note->message, now_us);
}

static enum err settle_all(struct queue *queue, int64_t now_us, size_t *settled)
{
    struct note notes[AT_ONCE];
    off_t at = 0;
    ssize_t got;
    enum err err = ERR_OK;
    while (!err && (got = pread(queue->notes.fd, notes, sizeof(notes), at)) >= (ssize_t)sizeof(notes[0])) {
        size_t count = (size_t)got / sizeof(notes[0]);
        for (size_t i = 0; i < count && !err; i++) {
            if (notes[i].mark == NOTES_MARK) {
                err = settle_one(queue->db, &notes[i], now_us, settled);
            }
        }
        at += (off_t)(count * sizeof(notes[0]));
    }
    return err;
}

enum err queue_notes_recover(struct queue *queue, int64_t now_us)
{
    size_t settled = 0;
    pthread_mutex_lock(&queue->notes.mutex);
    enum err err = notes_fd(queue) < 0 ? err_from_errno(errno) : db_begin(queue->db);
    if (!err) {
        err = queue_end(queue, settle_all(queue, now_us, &settled));
    }
    if (!err && ftruncate(queue->notes.fd, 0) != 0) {
        err = err_from_errno(errno);
    }
    queue->notes.open = 0;
    pthread_mutex_unlock(&queue->notes.mutex);
    if (settled > 0) {
        log_info("queue.deliveries_found", log_number("count", settled));
    }
    return err;
}
