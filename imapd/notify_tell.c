/* SPDX-License-Identifier: ISC */
/*
 * What changed in the account, as the client wants to hear of it: STATUS for messages in mailboxes that are
 * not open, LIST for names and subscriptions, METADATA for annotations (RFC 5465 section 5).
 */
#include "base/mem.h"

#include "metadata.h"
#include "notify_known.h"
#include "respond.h"
#include "session.h"
#include "status.h"

static void forget_known(struct notify *notify)
{
    notify_known_free(notify->known);
    notify->known = NULL;
    if (notify->budget)
        budget_release(notify->budget, &notify->memory);
}

void notify_free(struct notify *notify)
{
    if (!notify)
        return;
    hub_leave(&notify->member);
    forget_known(notify);
    arena_free(&notify->arena);
    mem_free(notify);
}

void notify_end(struct imap_session *session)
{
    session->member.also = NULL;
    notify_free(session->notify);
    session->notify = NULL;
}

unsigned notify_update_mask(const struct notify *notify)
{
    unsigned mask = UPDATE_REFRESH, events = notify->request.selected_events;
    if (events & NOTIFY_MESSAGE_NEW)
        mask |= UPDATE_EXISTS;
    if (events & NOTIFY_MESSAGE_EXPUNGE)
        mask |= UPDATE_EXPUNGES;
    if (events & NOTIFY_FLAG_CHANGE)
        mask |= UPDATE_FLAGS;
    return mask;
}

struct tell_job {
    struct imap_session *session;
    struct notify *notify;
    const struct notify_known *before, *after;
    struct notify_known *fresh; /* read by the job, taken over by the notify */
    bool only_status;           /* NOTIFY SET STATUS: how things are */
    struct buf out;
};

/* Section 5.1 to 5.3. */
static unsigned status_items(const struct tell_job *job, unsigned what)
{
    bool condstore = job->session->enabled & ENABLED_CONDSTORE;
    unsigned items = STATUS_UIDVALIDITY | STATUS_UNSEEN;
    if (what & (NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE))
        items |= STATUS_MESSAGES | STATUS_UIDNEXT;
    return condstore ? items | STATUS_HIGHESTMODSEQ : items;
}

static void write_status(struct tell_job *job, const struct mailbox_entry *mailbox, unsigned items)
{
    struct status_values values = {.mailbox = mailbox, .unseen = mailbox->status.unseen};
    respond_status(&job->out, mailbox->name, items, &values, imap_utf8(job->session));
}

/* What happened to the messages of a mailbox, as events. */
static unsigned message_events(const struct mailbox_status *before, const struct mailbox_status *after)
{
    unsigned what = 0;
    if (after->highestmodseq == before->highestmodseq && after->uidvalidity == before->uidvalidity)
        return 0;
    if (after->uidnext != before->uidnext)
        what |= NOTIFY_MESSAGE_NEW;
    if (after->messages != before->messages + (after->uidnext - before->uidnext))
        what |= NOTIFY_MESSAGE_EXPUNGE;
    return what ? what : NOTIFY_FLAG_CHANGE;
}

/* `* LIST (\Subscribed) "/" "New" ("OLDNAME" ("Old"))`; attributes and old name may be missing. */
static void write_list(struct tell_job *job, struct slice name, const char *attributes, struct slice old_name)
{
    bool utf8 = imap_utf8(job->session);
    buf_printf(&job->out, "* LIST (%s) \"/\" ", attributes);
    respond_mailbox(&job->out, name, utf8);
    if (old_name.len > 0) {
        buf_append(&job->out, S(" (\"OLDNAME\" ("));
        respond_mailbox(&job->out, old_name, utf8);
        buf_append(&job->out, S("))"));
    }
    buf_append(&job->out, S("\r\n"));
}

/* Whether it only went along with the mailbox above, whose renaming is told (section 5.4). */
static bool went_along(const struct tell_job *job, struct slice before, struct slice after)
{
    size_t cut_before = slice_find_last(before, '/'), cut_after = slice_find_last(after, '/');
    if (cut_before == before.len || cut_after == after.len ||
        !slice_eq(slice_skip(before, cut_before), slice_skip(after, cut_after)))
        return false;
    struct slice above = slice_take(before, cut_before);
    for (size_t i = 0; i < job->before->count; i++) {
        const struct mailbox_entry *old = &job->before->mailboxes[i].entry;
        if (!slice_eq(old->name, above))
            continue;
        const struct notify_known_mailbox *now = notify_known_find(job->after, old->status.id);
        return now && slice_eq(now->entry.name, slice_take(after, cut_after));
    }
    return false;
}

static void tell_metadata(struct tell_job *job, struct slice name, const struct notify_known_mailbox *before,
                          const struct notify_known_mailbox *after)
{
    struct slice *names;
    size_t count;
    notify_changed_entries(before->annotations, before->annotation_count, after->annotations,
                           after->annotation_count, &job->fresh->arena, &names, &count);
    if (count == 0)
        return;
    buf_append(&job->out, S("* METADATA "));
    respond_mailbox(&job->out, name, imap_utf8(job->session));
    for (size_t i = 0; i < count; i++) {
        buf_append_char(&job->out, ' ');
        respond_metadata_entry(&job->out, names[i]);
    }
    buf_append(&job->out, S("\r\n"));
}

static bool is_selected(const struct tell_job *job, int64_t id)
{
    const struct selected *selected = job->session->selected;
    return selected && selected->mailbox_id == id &&
           slice_eq(account_login(selected->account), account_login(job->session->account));
}

/* Most are as they were: what the client asked for need not be looked through for them. */
static bool is_same(const struct mailbox_entry *old, const struct mailbox_entry *now)
{
    return old->attr_modseq == now->attr_modseq && old->status.highestmodseq == now->status.highestmodseq &&
           old->status.uidvalidity == now->status.uidvalidity && slice_eq(old->name, now->name);
}

/* A mailbox that was there and is there. */
static void tell_mailbox(struct tell_job *job, const struct notify_known_mailbox *before,
                         const struct notify_known_mailbox *after)
{
    const struct mailbox_entry *old = &before->entry, *now = &after->entry;
    unsigned wanted = notify_events_of(&job->notify->request, now->name, now->subscribed);
    unsigned what = message_events(&old->status, &now->status);
    if (wanted & NOTIFY_MAILBOX_NAME && !slice_eq(old->name, now->name) &&
        !went_along(job, old->name, now->name))
        write_list(job, now->name, now->subscribed ? "\\Subscribed" : "", old->name);
    else if (wanted & NOTIFY_SUBSCRIPTION_CHANGE && old->subscribed != now->subscribed)
        write_list(job, now->name, now->subscribed ? "\\Subscribed" : "", SLICE_EMPTY);
    if (wanted & what && !is_selected(job, now->status.id))
        write_status(job, now, status_items(job, what));
    if (wanted & NOTIFY_MAILBOX_METADATA)
        tell_metadata(job, now->name, before, after);
}

static void tell_new_mailbox(struct tell_job *job, const struct notify_known_mailbox *mailbox)
{
    const struct mailbox_entry *now = &mailbox->entry;
    unsigned wanted = notify_events_of(&job->notify->request, now->name, now->subscribed);
    if (wanted & NOTIFY_MAILBOX_NAME)
        write_list(job, now->name, now->subscribed ? "\\Subscribed" : "", SLICE_EMPTY);
    if (wanted & NOTIFY_MESSAGES && now->status.messages > 0)
        write_status(job, now, status_items(job, NOTIFY_MESSAGE_NEW));
}

static void tell_gone(struct tell_job *job)
{
    for (size_t i = 0; i < job->before->count; i++) {
        const struct mailbox_entry *old = &job->before->mailboxes[i].entry;
        bool subscribed = notify_known_is_subscribed(job->after, old->name);
        if (!notify_known_find(job->after, old->status.id) &&
            notify_events_of(&job->notify->request, old->name, subscribed) & NOTIFY_MAILBOX_NAME)
            write_list(job, old->name, subscribed ? "\\NonExistent \\Subscribed" : "\\NonExistent",
                       SLICE_EMPTY);
    }
}

/* The lines for all that is different. */
static void compare(struct tell_job *job)
{
    tell_gone(job);
    for (size_t i = 0; i < job->after->count; i++) {
        const struct notify_known_mailbox *now = &job->after->mailboxes[i];
        const struct notify_known_mailbox *old = notify_known_find(job->before, now->entry.status.id);
        if (!old)
            tell_new_mailbox(job, now);
        else if (!is_same(&old->entry, &now->entry))
            tell_mailbox(job, old, now);
    }
    if (notify_all_events(&job->notify->request) & NOTIFY_SERVER_METADATA) {
        struct notify_known_mailbox old = {.annotations = job->before->annotations,
                                           .annotation_count = job->before->annotation_count};
        struct notify_known_mailbox now = {.annotations = job->after->annotations,
                                           .annotation_count = job->after->annotation_count};
        tell_metadata(job, SLICE_EMPTY, &old, &now);
    }
}

/* Section 3.1. For FlagChange there is HIGHESTMODSEQ if the server knows CONDSTORE, enabled or not. */
static void list_status(struct tell_job *job)
{
    for (size_t i = 0; i < job->after->count; i++) {
        const struct mailbox_entry *now = &job->after->mailboxes[i].entry;
        unsigned wanted = notify_events_of(&job->notify->request, now->name, now->subscribed);
        unsigned items = status_items(job, NOTIFY_MESSAGE_NEW);
        if (wanted & NOTIFY_FLAG_CHANGE)
            items |= STATUS_HIGHESTMODSEQ;
        if (wanted & NOTIFY_MESSAGES && !is_selected(job, now->status.id))
            write_status(job, now, items);
    }
}

static enum err read_and_compare(void *arg)
{
    struct tell_job *job = arg;
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(job->session->account, &snapshot);
    if (!err)
        err = notify_known_read(snapshot, notify_all_events(&job->notify->request), &job->fresh);
    snapshot_close(snapshot);
    if (err)
        return err;
    job->after = job->fresh;
    if (job->before)
        compare(job);
    else if (job->only_status)
        list_status(job);
    return ERR_OK;
}

static enum err remember(struct tell_job *job)
{
    struct notify *notify = job->notify;
    forget_known(notify);
    notify->known = job->fresh;
    notify->budget = job->session->context->budget;
    return budget_hold(notify->budget, &notify->memory, buf_slice(&job->session->login),
                       notify->known->arena.used);
}

static enum err run(struct tell_job *job)
{
    struct notify *notify = job->notify;
    buf_init(&job->out, SIZE_MAX / 2);
    event_clear(&notify->member.changed);
    enum err err = imap_on_thread(job->session, read_and_compare, job);
    if (!err)
        err = remember(job);
    if (!err)
        err = conn_write(job->session->conn, buf_slice(&job->out));
    buf_free(&job->out);
    return err;
}

/* Section 5.8: from now on it is as after NOTIFY NONE. */
static void overflow(struct imap_session *session)
{
    struct notify *notify = session->notify;
    imap_say(session, ANSWER_OK, "NOTIFICATIONOVERFLOW", "there is too much to be told");
    forget_known(notify);
    notify->request = (struct notify_request){.none = true};
}

enum err notify_begin(struct imap_session *session)
{
    struct notify *notify = session->notify;
    struct tell_job job = {.session = session, .notify = notify, .only_status = notify->request.wants_status};
    hub_join(session->context->hub, &notify->member, account_login(session->account), 0, 0);
    return run(&job);
}

enum err notify_tell(struct imap_session *session)
{
    struct notify *notify = session->notify;
    struct tell_job job = {.session = session, .notify = notify, .before = notify->known};
    if (notify->request.group_count == 0) {
        event_clear(&notify->member.changed);
        return ERR_OK;
    }
    enum err err = run(&job);
    if (err == ERR_LIMIT)
        overflow(session);
    return err == ERR_LIMIT ? ERR_OK : err;
}
