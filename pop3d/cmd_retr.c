/* SPDX-License-Identifier: ISC */
/*
 * Messages out: RETR (RFC 1939 section 5) and TOP (section 7). The body flows from the file to the connection
 * in pieces, so a message of any size takes one buffer.
 *
 *     RETR msg
 *     TOP msg n          the header, the empty line, and n lines of the body
 */
#include "base/log.h"
#include "net/dot.h"
#include "net/task.h"

#include "session.h"
#include "top.h"

struct piece_job {
    struct pop3_session *session;
    size_t index, ahead;
    struct message_piece piece;
    enum err err;
};

static void open_message(void *arg)
{
    struct piece_job *job = arg;
    struct pop3_session *session = job->session;
    job->err = drop_reader_open(&session->reader, &session->drop, job->index, job->ahead, &job->piece);
}

static void read_on(void *arg)
{
    struct piece_job *job = arg;
    job->err = drop_reader_next(&job->session->reader, &job->piece);
}

static void on_thread(struct piece_job *job, void (*fn)(void *arg))
{
    if (work_run(job->session->context->work, 0, fn, job))
        job->err = ERR_UNAVAILABLE;
}

/* A client that takes the messages one after the other gets more and more of them read ahead. */
static size_t ahead_of(struct pop3_session *session, size_t index)
{
    bool in_order = index > 0 && session->last_retrieved == index - 1;
    session->last_retrieved = index;
    session->ahead = in_order ? MIN_OF(session->ahead * 2 + 1, (size_t)DROP_READER_AHEAD_MAX) : 0;
    return session->ahead;
}

static enum err send_piece(struct pop3_session *session, struct dot_encoder *encoder, struct slice piece)
{
    struct slice chunk;
    enum err err = ERR_OK;
    while (!err && dot_encode(encoder, &piece, &chunk))
        err = conn_write(session->conn, chunk);
    return err;
}

/* All pieces from the one in the job on. An error means that the client must not take what it got for the
 * whole message: the answer has no end then, and the connection breaks. */
static enum err send_pieces(struct piece_job *job, struct top *top)
{
    struct pop3_session *session = job->session;
    struct dot_encoder encoder = {0};
    while (true) {
        bool done = job->piece.is_last;
        struct slice bytes = job->piece.bytes;
        if (top) {
            bool has_enough;
            bytes = top_take(top, bytes, &has_enough);
            done |= has_enough;
        }
        enum err err = send_piece(session, &encoder, bytes);
        if (err)
            return err;
        if (done)
            return conn_write(session->conn, dot_encode_end(&encoder));
        on_thread(job, read_on);
        if (job->err)
            return job->err;
    }
}

static void refuse_message(const struct piece_job *job)
{
    struct pop3_session *session = job->session;
    if (job->err == ERR_NOT_FOUND) {
        pop3_refuse(session, NULL, TEXT_MESSAGE_GONE);
        return;
    }
    if (!task_is_canceled())
        log_error("pop3.read", log_text("login", buf_slice(&session->login)),
                  log_number("uid", session->drop.rows[job->index].uid), log_err(job->err));
    pop3_refuse(session, "SYS/TEMP", TEXT_MESSAGE_UNREADABLE);
}

/* `top` is NULL for the whole message. False when the client did not get all that it wanted. */
static bool send_message(struct pop3_session *session, size_t index, size_t ahead, struct top *top)
{
    struct piece_job job = {.session = session, .index = index, .ahead = ahead};
    if (drop_reader_has(&session->reader, index))
        open_message(&job);
    else
        on_thread(&job, open_message);
    if (job.err) {
        refuse_message(&job);
        drop_reader_done(&session->reader);
        return false;
    }
    pop3_ok(session, top ? TEXT_TOP_FOLLOWS : TEXT_MESSAGE_FOLLOWS);
    enum err err = send_pieces(&job, top);
    drop_reader_done(&session->reader);
    if (err) {
        session->ended = err_text(err);
        if (job.err && !task_is_canceled())
            log_error("pop3.read", log_text("login", buf_slice(&session->login)),
                      log_number("uid", session->drop.rows[index].uid), log_err(err));
    }
    return !err;
}

void pop3_retr(struct pop3_session *session, struct slice arguments)
{
    size_t index;
    if (!pop3_find_message_argument(session, arguments, &index) ||
        !send_message(session, index, ahead_of(session, index), NULL))
        return;
    session->drop.retrieved[index] = true;
    session->counts.retrieved++;
}

void pop3_top(struct pop3_session *session, struct slice arguments)
{
    struct top_arguments wanted;
    size_t index;
    if (top_arguments_parse(arguments, &wanted)) {
        pop3_error(session, NULL, TEXT_ARGUMENTS);
    } else if (pop3_find_message(session, wanted.number, &index)) {
        struct top top = {.lines_left = wanted.lines};
        send_message(session, index, 0, &top);
    }
}
