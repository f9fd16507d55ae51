/* SPDX-License-Identifier: ISC */
/*
 * DELETE (RFC 9051 section 6.3.5): the mailbox with its messages. What is below it stays; a name that only
 * has something below it cannot be deleted.
 *
 *     delete          = "DELETE" SP mailbox
 */
#include "storage/batch.h"

#include "mailboxes.h"

struct delete_job {
    struct imap_session *session;
    struct slice name;
    int64_t mailbox_id;
    bool has_children;
};

static enum err look_below(struct delete_job *job)
{
    struct mailbox_entry *list;
    size_t count;
    enum err err = mailbox_list(job->session->account, &job->session->arena, &list, &count);
    for (size_t i = 0; !err && i < count; i++)
        job->has_children |= mailbox_name_is_below(list[i].name, job->name);
    return err;
}

static enum err delete_mailbox(void *arg)
{
    struct delete_job *job = arg;
    struct batch_operation operation = {.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(job->name)};
    enum err err = batch_commit(job->session->account, &operation, 1, NULL);
    job->mailbox_id = operation.result.mailbox_id;
    if (err != ERR_NOT_FOUND)
        return err;
    err = look_below(job);
    return err ? err : ERR_NOT_FOUND;
}

void imap_delete(struct imap_session *session, struct parser *parser)
{
    struct delete_job job = {.session = session};
    struct slice name;
    if (!parse_mailbox_argument(parser, &name) || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    job.name = mailbox_name_canonical(&session->arena, name);
    if (slice_eq(job.name, S("INBOX"))) {
        imap_no(session, "CANNOT", "INBOX is always there");
        return;
    }
    enum err err = imap_on_thread(session, delete_mailbox, &job);
    if (err == ERR_NOT_FOUND && job.has_children) {
        imap_no(session, "HASCHILDREN", "there are mailboxes below this name, and none of it");
    } else if (err) {
        imap_no_err(session, err);
    } else {
        struct selected *selected = session->selected;
        if (selected && selected->mailbox_id == job.mailbox_id &&
            slice_eq(account_login(selected->account), account_login(session->account))) {
            imap_leave_mailbox(session);
            imap_untagged(session, "OK [CLOSED] the selected mailbox is no more");
        }
        imap_tell_name(session, name, job.name, name);
        imap_ok(session, NULL, "deleted");
    }
}
