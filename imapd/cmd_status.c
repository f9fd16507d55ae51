/* SPDX-License-Identifier: ISC */
/*
 * STATUS (RFC 9051 section 6.3.11): counters of a mailbox that need not be selected.
 *
 *     status          = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"
 */
#include "access.h"
#include "mailboxes.h"
#include "status.h"

struct status_job {
    struct imap_session *session;
    struct slice name;
    unsigned items;
    struct mailbox_entry mailbox;
    struct status_values values;
};

/* What is \Recent in the open mailbox is so for this session: nobody else counts it. What EXAMINE and a guest
 * see as \Recent belongs to nobody and is counted already. */
static enum err add_own_recent(struct status_job *job, const struct imap_access *access)
{
    struct selected *selected = job->session->selected;
    if (!(job->items & STATUS_RECENT) || !selected || !selected_takes_recent(selected) ||
        selected->mailbox_id != job->mailbox.status.id ||
        !slice_eq(account_login(selected->account), access->owner))
        return ERR_OK;
    struct uid_set recent = {selected->recent.ranges, selected->recent.count};
    enum err err = recent.count > 0 ? selected_load(selected) : ERR_OK;
    if (!err)
        recent = view_intersect(&selected->view, &recent, &job->session->arena);
    if (!err)
        job->values.recent += uid_set_size(&recent);
    return err;
}

static enum err read_mailbox(struct status_job *job, const struct imap_access *access)
{
    struct snapshot *snapshot = NULL;
    struct mailbox_status status;
    enum err err = mailbox_status(access->account, access->mailbox, &status);
    if (!err)
        err = mailbox_refresh(access->account, status.id);
    if (!err)
        err = snapshot_open(access->account, &snapshot);
    if (!err)
        err = snapshot_mailbox(snapshot, mailbox_numbered(status.id), &job->session->arena, &job->mailbox);
    job->values.mailbox = &job->mailbox;
    if (!err)
        err = status_read(snapshot, job->items, access->viewer, &job->values);
    snapshot_close(snapshot);
    return err;
}

static enum err read_status(void *arg)
{
    struct status_job *job = arg;
    struct imap_access access;
    enum err err = imap_access(job->session, job->name, RIGHT_READ, &access);
    if (!err)
        err = read_mailbox(job, &access);
    if (!err)
        err = add_own_recent(job, &access);
    imap_access_end(&access);
    return err;
}

void imap_status(struct imap_session *session, struct parser *parser)
{
    struct status_job job = {.session = session,
                             .values = {.append_limit = (uint64_t)session->conf->message_size_limit}};
    if (!parse_mailbox_argument(parser, &job.name) || !parse_space(parser) ||
        !parse_status_items(parser, &job.items) || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (job.items & STATUS_HIGHESTMODSEQ) /* RFC 7162 section 3.1 */
        session->enabled |= ENABLED_CONDSTORE;
    enum err err = imap_on_thread(session, read_status, &job);
    if (err) {
        imap_no_err(session, err);
        return;
    }
    struct buf out;
    buf_init(&out, INPUT_TEXT_MAX);
    /* The name as the client wrote it: it may look for that. */
    respond_status(&out, job.name, job.items, &job.values, imap_utf8(session));
    conn_write(session->conn, buf_slice(&out));
    buf_free(&out);
    imap_ok(session, NULL, "that is its status");
}
