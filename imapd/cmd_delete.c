/* SPDX-License-Identifier: ISC */
/*
 * DELETE (RFC 9051 section 6.3.5): the mailbox with its messages. What is below it stays; a name that only
 * has something below it cannot be deleted.
 *
 *     delete          = "DELETE" SP mailbox
 */
#include "storage/batch.h"

#include "access.h"
#include "mailboxes.h"

struct delete_job {
    struct imap_session *session;
    struct slice said, kept; /* the name */
    bool is_inbox, is_selected, has_children;
};

static enum err look_below(struct delete_job *job, const struct imap_access *access)
{
    struct mailbox_entry *list;
    size_t count;
    enum err err = mailbox_list(access->account, &job->session->arena, &list, &count);
    for (size_t i = 0; !err && i < count; i++)
        job->has_children |= mailbox_name_is_below(list[i].name, access->mailbox);
    return err ? err : ERR_NOT_FOUND;
}

static enum err delete_it(struct delete_job *job, const struct imap_access *access)
{
    struct batch_operation operation = {.kind = BATCH_MAILBOX_DELETE,
                                        .mailbox = mailbox_named(access->mailbox)};
    job->is_inbox = slice_eq(access->mailbox, S("INBOX"));
    if (job->is_inbox)
        return ERR_DENIED;
    enum err err = batch_commit(access->account, &operation, 1, NULL);
    if (err == ERR_NOT_FOUND)
        return look_below(job, access);
    const struct selected *selected = job->session->selected;
    job->is_selected = selected && selected->mailbox_id == operation.result.mailbox_id &&
                       slice_eq(account_login(selected->account), account_login(access->account));
    job->kept = imap_access_name(job->session, access);
    return err;
}

static enum err delete_mailbox(void *arg)
{
    struct delete_job *job = arg;
    struct imap_access access;
    enum err err = imap_access(job->session, job->said, RIGHT_DELETE_MAILBOX, &access);
    if (!err)
        err = delete_it(job, &access);
    imap_access_end(&access);
    return err;
}

void imap_delete(struct imap_session *session, struct parser *parser)
{
    struct delete_job job = {.session = session};
    if (!parse_mailbox_argument(parser, &job.said) || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    enum err err = imap_on_thread(session, delete_mailbox, &job);
    if (err && job.is_inbox) {
        imap_no(session, "CANNOT", "INBOX is always there");
    } else if (err && job.has_children) {
        imap_no(session, "HASCHILDREN", "there are mailboxes below this name, but none has it");
    } else if (err) {
        imap_no_err(session, err);
    } else {
        if (job.is_selected) {
            imap_leave_mailbox(session);
            imap_say(session, ANSWER_OK, "CLOSED", "the selected mailbox is no more");
        }
        imap_tell_name(session, "\\NonExistent", job.said, job.kept, job.said);
        imap_ok(session, NULL, "deleted");
    }
}
