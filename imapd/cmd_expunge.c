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

#include "session.h"

static void expunge(struct imap_session *session, struct uid_set uids)
{
    struct selected *selected = session->selected;
    struct batch_operation operation = {.kind = BATCH_EXPUNGE,
                                        .mailbox = mailbox_numbered(selected->mailbox_id),
                                        .expunge = {.uids = uids, .deleted_only = true}};
    enum err err = imap_commit(session, selected->account, &operation);
    if (err) {
        imap_no_err(session, err);
        return;
    }
    /* RFC 7162 section 3.2.7. All up to this commit is told before the answer. */
    const char *code = NULL;
    if (operation.result.changed.count > 0) {
        event_set(&session->member.changed);
        if (session->enabled & ENABLED_CONDSTORE)
            code = arena_printf(&session->arena, "HIGHESTMODSEQ %llu",
                                (unsigned long long)operation.result.modseq);
    }
    imap_ok(session, code, "expunged");
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
