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
    struct batch_operation operations[2];
};

static enum err commit(void *arg)
{
    struct replace_job *job = arg;
    enum err err = blob_seal(job->incoming->blob);
    return err ? err
               : batch_commit(job->session->selected->account, job->operations, 2, &job->session->arena);
}

static void replace(struct imap_session *session, struct uid_set old, struct slice mailbox,
                    struct incoming *incoming)
{
    struct replace_job job = {
        .session = session,
        .incoming = incoming,
        /* First the old one goes, so that the quota needs room for the difference only (section 3.4). */
        .operations = {{.kind = BATCH_EXPUNGE,
                        .mailbox = mailbox_numbered(session->selected->mailbox_id),
                        .expunge = {.uids = old}},
                       incoming_operation(incoming, mailbox_named(mailbox))}};
    enum err err = imap_on_thread(session, commit, &job);
    if (err) {
        append_refuse(session, err);
        return;
    }
    /* Section 4.3: before the EXPUNGE. */
    const struct batch_result *result = &job.operations[1].result;
    imap_untagged(session, "OK [APPENDUID %u %u] the new version is there", (unsigned)result->uidvalidity,
                  (unsigned)result->uid);
    event_set(&session->member.changed);
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
    if (!imap_resolve(session, &set, &old))
        return;
    if (old.count == 0) {
        imap_no(session, "NONEXISTENT", "there is no message with this UID");
        return;
    }
    name = mailbox_name_canonical(&session->arena, name);
    struct incoming incoming = {0};
    if (append_check(session, name, false) && append_take(session, parser, &incoming)) {
        if (parse_end(parser))
            replace(session, old, name, &incoming);
        else
            imap_bad_syntax(session, parser);
    }
    incoming_free(&incoming);
}
