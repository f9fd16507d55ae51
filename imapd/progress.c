/* SPDX-License-Identifier: ISC */
/*
 * RFC 9585 section 5:
 *
 *     resp-text-code  =/ "INPROGRESS" [SP "(" inprogress-tag SP inprogress-state ")"]
 *     inprogress-tag  = quoted / nil
 *     inprogress-state = inprogress-progress SP inprogress-goal
 */
#include "progress.h"

#include "net/task.h"

#define PROGRESS_MS 10000
#define HUNG_UP_MS  1000 /* where nothing more comes from the client */

enum err imap_tell_progress(struct imap_session *session, struct progress *progress, uint64_t done,
                            uint64_t goal)
{
    if (task_is_canceled())
        return ERR_CANCELED;
    int64_t now = loop_now(conn_loop(session->conn));
    enum err err = conn_error(session->conn);
    if (progress->told_ms == 0)
        progress->told_ms = now;
    /* A client may close its half and wait for the answers: only writing tells whether it is there. */
    if (err || now - progress->told_ms < (conn_has_hung_up(session->conn) ? HUNG_UP_MS : PROGRESS_MS))
        return err;
    progress->told_ms = now;
    conn_printf(session->conn, "* OK [INPROGRESS (\"%.*s\" ", SLICE_ARG(session->tag));
    if (done < goal) /* "the goal MUST be greater than the progress" */
        conn_printf(session->conn, "%llu %llu", (unsigned long long)done, (unsigned long long)goal);
    else
        conn_write(session->conn, S("NIL NIL"));
    conn_printf(session->conn, ")] %s\r\n", imap_words(session, "still working on this"));
    return conn_flush(session->conn);
}
