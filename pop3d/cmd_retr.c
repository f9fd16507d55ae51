/* SPDX-License-Identifier: ISC */
/*
 * Messages out: RETR (RFC 1939 section 5) and TOP (section 7). The body flows from the file to the connection
 * in pieces: a message of any size takes one buffer. A small message costs one visit to a worker thread,
 * which opens, reads and closes it.
 *
 *     RETR msg
 *     TOP msg n          the header, the empty line, and n lines of the body
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/dot.h"
#include "net/task.h"

#include "session.h"

#define PIECE_SIZE 65536

struct piece_job {
    struct drop *drop;
    const struct message_row *row;
    struct blob_reader reader;
    bool is_open;
    uint64_t offset;
    char *buffer;
    size_t room;   /* of the buffer */
    size_t filled; /* by the last read */
    enum err err;
};

/* Reads the next piece; opens the file before the first and closes it behind the last. */
static void read_piece(void *arg)
{
    struct piece_job *job = arg;
    job->filled = 0;
    if (!job->is_open) {
        job->err = message_open(job->drop->account, job->drop->inbox.id, job->row->uid, &job->reader);
        if (job->err)
            return;
        job->is_open = true;
    }
    while (job->filled < job->room) {
        ssize_t n = pread(job->reader.fd, job->buffer + job->filled, job->room - job->filled,
                          (off_t)(job->offset + job->filled));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            job->err = err_from_errno(errno);
        if (n <= 0)
            break;
        job->filled += (size_t)n;
    }
    job->offset += job->filled;
    if (job->err || job->offset >= job->reader.size || job->filled == 0) {
        blob_reader_close(&job->reader);
        job->is_open = false;
    }
}

/* How much of a message TOP still wants. */
struct top_limit {
    bool active;
    bool in_body;
    bool line_empty; /* nothing of the current line was seen yet but perhaps its CR */
    uint64_t lines_left;
};

/* The part of the piece that is still wanted; the limit is spent when it is shorter than the piece or in_body
 * with no lines. */
static struct slice top_take(struct top_limit *limit, struct slice piece)
{
    for (size_t i = 0; i < piece.len; i++) {
        if (limit->in_body && limit->lines_left == 0)
            return slice_take(piece, i);
        if (piece.data[i] == '\n') {
            if (limit->in_body)
                limit->lines_left--;
            else if (limit->line_empty)
                limit->in_body = true;
            limit->line_empty = true;
        } else if (piece.data[i] != '\r') {
            limit->line_empty = false;
        }
    }
    return piece;
}

static bool top_is_spent(const struct top_limit *limit)
{
    return limit->active && limit->in_body && limit->lines_left == 0;
}

static void send_piece(struct pop3_session *session, struct dot_encoder *encoder, struct slice piece)
{
    struct slice chunk;
    while (dot_encode(encoder, &piece, &chunk))
        if (conn_write(session->conn, chunk))
            return;
}

/* The message's body after the first piece was read into the job. False when the disk failed on the way: the
 * client must not take what it got for the whole message, so the connection has to break. */
static bool send_body(struct pop3_session *session, struct piece_job *job, struct top_limit *limit)
{
    struct dot_encoder encoder = {0};
    while (true) {
        struct slice piece = slice_of(job->buffer, job->filled);
        if (limit->active)
            piece = top_take(limit, piece);
        send_piece(session, &encoder, piece);
        if (conn_error(session->conn) || task_is_canceled())
            return true;
        if (!job->is_open || top_is_spent(limit))
            break;
        if (work_run(session->context->work, 0, read_piece, job) || job->err)
            return false;
    }
    conn_write(session->conn, dot_encode_end(&encoder));
    return true;
}

static void send_message(struct pop3_session *session, const struct message_row *row, enum pop3_text title,
                         struct top_limit limit)
{
    struct piece_job job = {
        .drop = &session->drop, .row = row, .room = MIN_OF(row->size + 1, (uint64_t)PIECE_SIZE)};
    job.buffer = mem_alloc(job.room);
    if (work_run(session->context->work, 0, read_piece, &job))
        job.err = ERR_UNAVAILABLE;
    if (job.err == ERR_NOT_FOUND) {
        pop3_error(session, NULL, TEXT_MESSAGE_GONE);
    } else if (job.err) {
        log_error("pop3.read", log_text("login", buf_slice(&session->login)), log_number("uid", row->uid),
                  log_err(job.err));
        pop3_error(session, "SYS/TEMP", TEXT_MESSAGE_UNREADABLE);
    } else {
        pop3_ok(session, title);
        if (!send_body(session, &job, &limit)) {
            log_error("pop3.read", log_text("login", buf_slice(&session->login)), log_number("uid", row->uid),
                      log_err(job.err));
            session->ended = true;
        }
    }
    if (job.is_open)
        blob_reader_close(&job.reader);
    mem_free(job.buffer);
}

void pop3_retr(struct pop3_session *session, struct slice arguments)
{
    size_t index;
    bool deleted;
    const struct message_row *row = drop_message(&session->drop, slice_trim(arguments), &index, &deleted);
    if (!row) {
        pop3_error(session, NULL, deleted ? TEXT_MESSAGE_DELETED : TEXT_NO_MESSAGE);
        return;
    }
    send_message(session, row, TEXT_MESSAGE_FOLLOWS, (struct top_limit){0});
    if (!conn_error(session->conn) && !session->ended)
        session->drop.retrieved[index] = true;
}

void pop3_top(struct pop3_session *session, struct slice arguments)
{
    struct slice rest = slice_trim(arguments);
    struct slice number = slice_split(&rest, ' ');
    uint64_t lines;
    size_t index;
    bool deleted;
    if (!slice_to_u64(slice_trim(rest), UINT64_MAX, &lines)) {
        pop3_error(session, NULL, TEXT_ARGUMENTS);
        return;
    }
    const struct message_row *row = drop_message(&session->drop, number, &index, &deleted);
    if (row)
        send_message(session, row, TEXT_TOP_FOLLOWS,
                     (struct top_limit){.active = true, .line_empty = true, .lines_left = lines});
    else
        pop3_error(session, NULL, deleted ? TEXT_MESSAGE_DELETED : TEXT_NO_MESSAGE);
}
