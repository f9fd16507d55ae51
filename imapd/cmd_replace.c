/* SPDX-License-Identifier: ISC */
/*
 * REPLACE (RFC 8508): a new version of a message, in one step.
 *
 *     replace         = "REPLACE" SP seq-number SP mailbox append-message
 */
#include "append_parse.h"
#include "session.h"

struct replace_job {
    struct imap_session *session;
    struct incoming *incoming;
    const struct imap_access *target;
    struct batch_operation operations[2]; /* out, in */
};

/* Section 3.2: "can't remove specified message" is a NO, so nothing is added either. */
static enum err check_old(const struct replace_job *job)
{
    const struct batch_operation *expunge = &job->operations[0];
    struct message_scan scan = {.mailbox_id = expunge->mailbox.id, .uids = expunge->expunge.uids};
    struct message_page page;
    struct snapshot *snapshot = NULL;
    message_page_init(&page, 0);
    enum err err = snapshot_open(job->session->selected->account, &snapshot);
    if (!err)
        err = snapshot_scan(snapshot, &scan, &page);
    if (!err && page.count == 0)
        err = ERR_CONFLICT;
    snapshot_close(snapshot);
    message_page_free(&page);
    return err;
}

/* First the old one goes, so that the quota needs room for the difference only (section 3.4). Into another
 * user's account it is two commits, and the new one comes first: nothing is lost in between. */
static enum err commit(void *arg)
{
    struct replace_job *job = arg;
    struct arena *arena = &job->session->arena;
    struct account *from = job->session->selected->account;
    enum err err = blob_seal(job->incoming->blob);
    if (err)
        return err;
    if (slice_eq(account_login(from), job->target->owner))
        return batch_commit(from, job->operations, 2, arena);
    err = check_old(job);
    if (!err)
        err = batch_commit(job->target->account, &job->operations[1], 1, arena);
    job->operations[0].expunge.all_or_none = false; /* the new one is there */
    return err ? err : batch_commit(from, &job->operations[0], 1, arena);
}

static void replace(struct imap_session *session, struct uid_set old, const struct imap_access *target,
                    struct incoming *incoming)
{
    struct replace_job job = {.session = session,
                              .incoming = incoming,
                              .target = target,
                              .operations = {{.kind = BATCH_EXPUNGE,
                                              .mailbox = mailbox_numbered(session->selected->mailbox_id),
                                              .expunge = {.uids = old, .all_or_none = true}},
                                             append_operation(incoming, target)}};
    enum err err = imap_on_thread(session, commit, &job);
    if (err == ERR_CONFLICT) {
        imap_no(session, "EXPUNGEISSUED", "the message is gone, and was not replaced");
        return;
    }
    if (err) {
        append_refuse(session, err);
        return;
    }
    /* Section 4.3: before the EXPUNGE. */
    const struct batch_result *result = &job.operations[1].result;
    if (imap_access_tells_uids(target))
        imap_say(session, ANSWER_OK,
                 arena_printf(&session->arena, "APPENDUID %u %u", (unsigned)result->uidvalidity,
                              (unsigned)result->uid),
                 "the new version is there");
    event_raise(&session->member.changed);
    session->updates = UPDATE_ALL;
    imap_ok(session, NULL, "replaced");
}

void imap_replace(struct imap_session *session, struct parser *parser)
{
    struct sequence_range *number = arena_new(&session->arena, struct sequence_range);
    struct sequence_set set = {number, 1, false};
    struct slice name;
    struct uid_set old;
    if (!parse_space(parser) || !parse_nonzero(parser, &number->from) || !parse_space(parser) ||
        !parse_mailbox(parser, &name)) {
        imap_bad_syntax(session, parser);
        return;
    }
    number->to = number->from;
    if (session->selected->read_only) {
        imap_no(session, "READ-ONLY", "the mailbox was opened for reading");
        return;
    }
    if (!selected_may(session->selected, RIGHT_DELETE_MESSAGES | RIGHT_EXPUNGE)) {
        imap_no_err(session, ERR_DENIED);
        return;
    }
    if (!imap_resolve(session, &set, &old))
        return;
    if (old.count == 0) {
        imap_no(session, "NONEXISTENT", "there is no message with this UID");
        return;
    }
    struct incoming incoming = {0};
    struct imap_access target;
    if (append_begin(session, name, NULL, &target) && append_take(session, parser, &incoming)) {
        if (parse_end(parser))
            replace(session, old, &target, &incoming);
        else
            imap_bad_syntax(session, parser);
    }
    append_end(session, &target);
    incoming_free(&incoming);
}
