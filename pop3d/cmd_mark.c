/* SPDX-License-Identifier: ISC */
/*
 * Deleting: DELE marks, RSET takes the marks back, QUIT removes (RFC 1939 sections 5 and 6). And NOOP.
 */
#include "base/log.h"

#include "session.h"

void pop3_dele(struct pop3_session *session, struct slice arguments)
{
    size_t index;
    bool deleted;
    if (drop_message(&session->drop, slice_trim(arguments), &index, &deleted)) {
        drop_mark(&session->drop, index);
        pop3_ok(session, TEXT_MARKED);
    } else {
        pop3_error(session, NULL, deleted ? TEXT_MESSAGE_DELETED : TEXT_NO_MESSAGE);
    }
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
    struct drop *drop;
    struct drop_policy policy;
    enum err err;
};

static void update(void *arg)
{
    struct update_job *job = arg;
    job->err = drop_update(job->drop, job->policy);
}

void pop3_quit(struct pop3_session *session, struct slice arguments)
{
    (void)arguments;
    session->ended = true;
    if (session->state == POP3_AUTHORIZATION) {
        pop3_ok(session, TEXT_BYE);
        return;
    }
    struct update_job job = {.drop = &session->drop,
                             .policy = {session->conf->pop3_login_delay, session->conf->pop3_expire}};
    if (work_run(session->context->work, work_key(session->login.data, session->login.len), update, &job))
        job.err = ERR_UNAVAILABLE;
    if (job.err) {
        log_error("pop3.update", log_text("login", buf_slice(&session->login)), log_err(job.err));
        pop3_error(session, "SYS/TEMP", TEXT_NOT_REMOVED);
        return;
    }
    if (session->drop.deleted_count > 0)
        log_info("pop3.deleted", log_text("login", buf_slice(&session->login)),
                 log_number("messages", session->drop.deleted_count));
    pop3_ok(session, TEXT_BYE);
}
