/* SPDX-License-Identifier: ISC */
/*
 * IDLE (RFC 2177, RFC 9051 section 6.3.13): the client waits, and hears of what happens at once.
 *
 *     idle            = "IDLE" CRLF "DONE"
 *
 * Nothing is said to keep the connection warm: TCP does that, and a phone that is woken every two minutes has
 * an empty battery in the evening.
 */
#include <string.h>

#include "net/loop.h"
#include "net/task.h"

#include "session.h"

#define REFRESH_MS 60000 /* between looks at the folder for mail of other programs */

/* Everything that waits may be told now. */
static enum err tell(struct imap_session *session)
{
    if (session->selected)
        session->selected->is_held = false;
    enum err err = imap_tell(session, UPDATE_ALL | UPDATE_REFRESH);
    return err ? err : conn_flush(session->conn);
}

/* Until the client says something, or time is up. */
static enum err wait_for_client(struct imap_session *session)
{
    int64_t end = loop_now(conn_loop(session->conn)) + session->conf->imap_timeout;
    while (true) {
        enum err err = imap_wake(session) ? tell(session) : ERR_UNAVAILABLE;
        bool failed = imap_may_pass(session, err);
        if (err && !failed)
            return err;
        imap_forget(session);
        arena_free(&session->arena); /* it may be a long time */
        int64_t look = loop_now(conn_loop(session->conn)) + (failed ? IMAP_RETRY_MS : REFRESH_MS);
        size_t which = 0;
        err = imap_wait(session, failed ? NULL : imap_news(session), look, end, &which);
        if (err == ERR_TIMEOUT && loop_now(conn_loop(session->conn)) < end)
            continue;
        if (err || which == 0)
            return err;
    }
}

void imap_idle(struct imap_session *session, struct parser *parser)
{
    if (!parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    /* The tag must outlive the arena, which is given back while nothing happens. */
    char tag[TAG_MAX];
    size_t tag_len = session->tag.len;
    memcpy(tag, session->tag.data, tag_len);
    imap_invite(session, "idling");
    struct slice line;
    enum err err = wait_for_client(session);
    if (!err)
        err = conn_read_line(session->conn, INPUT_LINE_MAX_STRANGER, &line);
    if ((!err || err == ERR_TOO_LONG) && !imap_wake(session))
        return;
    session->tag = arena_copy(&session->arena, slice_of(tag, tag_len));
    if (err == ERR_NOT_FOUND)
        event_raise(&session->member.changed); /* the mailbox is gone: the end of the command says so */
    else if (err && err != ERR_TOO_LONG)
        session->input.error = err;
    else if (err || !slice_eq_nocase(slice_trim_right(line), S("DONE")))
        imap_bad(session, "expected DONE");
    else
        imap_ok(session, NULL, "done waiting");
}
