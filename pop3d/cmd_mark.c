/* SPDX-License-Identifier: ISC */
/*
 * Deleting: DELE marks, RSET takes the marks back, QUIT removes (RFC 1939 sections 5 and 6). And NOOP.
 */
#include "base/log.h"

#include "session.h"

void pop3_dele(struct pop3_session *session, struct slice arguments)
{
    size_t index;
    if (!pop3_find_message_argument(session, arguments, &index))
        return;
    drop_mark(&session->drop, index);
    pop3_ok(session, TEXT_MARKED);
}

void pop3_rset(struct pop3_session *session, struct slice arguments)
{
    (void)arguments;
    drop_unmark_all(&session->drop);
    pop3_ok(session, TEXT_UNMARKED);
}

void pop3_noop(struct pop3_session *session, struct slice arguments)
{
    (void)arguments;
    pop3_ok(session, TEXT_NOTHING_DONE);
}

struct update_job {
    struct pop3_session *session;
    enum err err;
};

/* "Whether the removal was successful or not, the server then releases any exclusive-access lock" (section
 * 6): before the answer, so that a client may come back at once. */
static void update_and_close(void *arg)
{
    struct update_job *job = arg;
    struct pop3_session *session = job->session;
    struct drop_policy policy = {session->conf->pop3_login_delay, session->conf->pop3_expire};
    job->err = drop_update(&session->drop, policy);
    session->counts.deleted = job->err ? 0 : session->drop.deleted_count;
    drop_reader_free(&session->reader);
    drop_close(&session->drop);
}

void pop3_quit(struct pop3_session *session, struct slice arguments)
{
    (void)arguments;
    session->ended = "quit";
    if (session->state == POP3_AUTHORIZATION) {
        pop3_ok(session, TEXT_BYE);
        return;
    }
    /* A client may send QUIT before it has read the messages. If it is gone by now, they stay. */
    enum err err = conn_flush(session->conn);
    if (err) {
        session->ended = err_text(err);
        return;
    }
    session->state = POP3_UPDATE;
    struct update_job job = {.session = session};
    if (work_run(session->context->work, work_key(session->login.data, session->login.len), update_and_close,
                 &job))
        job.err = ERR_UNAVAILABLE;
    if (job.err) {
        log_error("pop3.update", log_text("login", buf_slice(&session->login)), log_err(job.err));
        pop3_refuse(session, "SYS/TEMP", TEXT_NOT_REMOVED);
        return;
    }
    pop3_ok(session, TEXT_BYE);
}
