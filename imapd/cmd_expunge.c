/* SPDX-License-Identifier: ISC */
/*
 * EXPUNGE (RFC 9051 section 6.4.3) and UID EXPUNGE (section 6.4.9, RFC 4315 section 2.1):
 *
 *     expunge         = "EXPUNGE"
 *     uid-expunge     = "UID" SP "EXPUNGE" SP sequence-set
 *
 * What the client was not told of yet stays, even when it has \Deleted.
 */
#include "storage/batch.h"

#include "message_limit.h"
#include "row_reader.h"

struct deleted_job {
    struct imap_session *session;
    struct uid_set *uids;
};

/* Leaves those that have \Deleted. */
static enum err find_deleted(void *arg)
{
    struct deleted_job *job = arg;
    struct selected *selected = job->session->selected;
    struct message_scan scan = {.mailbox_id = selected->mailbox_id, .uids = *job->uids};
    struct uid_set_writer deleted = {0};
    struct row_reader rows;
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(selected->account, &snapshot);
    if (err)
        return err;
    row_reader_begin(&rows, snapshot, &scan, SCAN_FLAGS);
    while (row_reader_next(&rows))
        if (rows.page.flags[rows.row] & MESSAGE_DELETED)
            uid_set_add(&deleted, rows.page.uids[rows.row]);
    err = row_reader_end(&rows);
    snapshot_close(snapshot);
    *job->uids = uid_set_take(&deleted, &job->session->arena);
    return err;
}

/* RFC 9738 section 3.1: UID EXPUNGE has a limit, which counts what it would remove; EXPUNGE has none. */
static enum err limit_messages(struct imap_session *session, struct uid_set *uids, uint32_t *lowest_r)
{
    struct deleted_job job = {session, uids};
    *lowest_r = 0;
    if (!session->by_uid || message_limit_lowest(session, uids) == 0)
        return ERR_OK;
    enum err err = imap_on_thread(session, find_deleted, &job);
    if (!err)
        *lowest_r = message_limit_cut(session, uids);
    return err;
}

static void expunge(struct imap_session *session, struct uid_set uids)
{
    struct selected *selected = session->selected;
    struct batch_operation operation = {.kind = BATCH_EXPUNGE,
                                        .mailbox = mailbox_numbered(selected->mailbox_id)};
    uint32_t lowest;
    enum err err = limit_messages(session, &uids, &lowest);
    operation.expunge.uids = uids;
    operation.expunge.deleted_only = true;
    if (!err)
        err = imap_commit(session, selected->account, &operation);
    if (err) {
        imap_no_err(session, err);
        return;
    }
    /* RFC 7162 section 3.2.7. All up to this commit is told before the answer. */
    const char *code = NULL;
    if (operation.result.changed.count > 0) {
        event_raise(&session->member.changed);
        if (session->enabled & ENABLED_CONDSTORE)
            code = arena_printf(&session->arena, "HIGHESTMODSEQ %llu",
                                (unsigned long long)operation.result.modseq);
    }
    imap_ok(session, code, "expunged");
    message_limit_tell(session, lowest);
}

void imap_expunge(struct imap_session *session, struct parser *parser)
{
    struct selected *selected = session->selected;
    struct sequence_set set;
    struct uid_set uids = {0};
    if (session->by_uid ? !parse_space(parser) || !parse_sequence_set(parser, &set) || !parse_end(parser)
                        : !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (selected->read_only) {
        imap_no(session, "READ-ONLY", "the mailbox was opened for reading");
        return;
    }
    if (!selected_may(selected, RIGHT_EXPUNGE)) {
        imap_no_err(session, ERR_DENIED);
        return;
    }
    if (!session->by_uid && selected->view.count > 0)
        uids = view_slice(&selected->view, 1, selected->view.count, &session->arena);
    else if (session->by_uid && !imap_resolve(session, &set, &uids))
        return;
    expunge(session, uids);
}
