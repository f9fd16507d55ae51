/* SPDX-License-Identifier: ISC */
/*
 * What a session is told of the open mailbox without having asked (RFC 9051 section 7.5, RFC 7162 section
 * 3.2): first what is gone, highest number first, then how many there are, then the flags that changed. A
 * short answer takes one visit to a worker thread; after many changes the flags come a piece at a visit, so
 * that a slow client holds neither memory nor a snapshot.
 */
#include "base/log.h"
#include "storage/batch.h"

#include "flag_report.h"
#include "respond.h"
#include "row_reader.h"
#include "search_context.h"
#include "session.h"

struct update_job {
    struct imap_session *session;
    struct selected *selected;
    unsigned what;
    struct buf out;
    struct arena arena;
    bool is_open; /* what is gone and what is new was told: flags follow */
    bool done;
    uint64_t modseq;        /* of the first visit's snapshot: known when all is told */
    uint32_t first_recent;  /* messages from here on belong to no session yet */
    struct uid_range known; /* UIDs that the client was told of */
    struct flag_report flags;
    bool tells_flags;
};

/* `* VANISHED 3:5` for those who know UIDs only, `* 5 EXPUNGE` and so on for the others. */
static void write_expunged(struct update_job *job, const struct uid_set *gone)
{
    struct selected *selected = job->selected;
    search_contexts_expunged(selected, gone, &job->out);
    if (job->session->enabled & (ENABLED_QRESYNC | ENABLED_UIDONLY)) {
        buf_append(&job->out, S("* VANISHED "));
        respond_uid_set(&job->out, gone);
        buf_append(&job->out, S("\r\n"));
    } else {
        for (size_t i = gone->count; i-- > 0;)
            for (uint32_t uid = gone->ranges[i].last; uid >= gone->ranges[i].first; uid--) {
                buf_append(&job->out, S("* "));
                buf_append_number(&job->out, view_number(&selected->view, uid), 1);
                buf_append(&job->out, S(" EXPUNGE\r\n"));
            }
    }
    view_remove(&selected->view, gone);
}

/* Also where they may not be told it is looked whether there are any. */
static enum err tell_expunges(struct update_job *job, struct snapshot *snapshot)
{
    struct selected *selected = job->selected;
    struct uid_set vanished;
    bool complete;
    enum err err = snapshot_vanished(snapshot, selected->mailbox_id, selected->expunges_known, &job->arena,
                                     &vanished, &complete);
    if (err)
        return err;
    struct uid_set gone = view_intersect(&selected->view, &vanished, &job->arena);
    selected->holds_expunges = gone.count > 0 && !(job->what & UPDATE_EXPUNGES);
    if (selected->holds_expunges)
        return ERR_OK;
    if (gone.count > 0)
        write_expunged(job, &gone);
    selected->expunges_known = job->modseq;
    return ERR_OK;
}

/* How many messages of the view are \Recent. */
static uint64_t count_recent(const struct selected *selected, struct arena *arena)
{
    struct uid_set recent = {selected->recent.ranges, selected->recent.count};
    struct uid_set there = view_intersect(&selected->view, &recent, arena);
    return uid_set_size(&there);
}

static enum err read_new(struct update_job *job, struct snapshot *snapshot, bool *any_r)
{
    struct selected *selected = job->selected;
    struct uid_range from = {selected->uidnext, UINT32_MAX};
    struct message_scan scan = {.mailbox_id = selected->mailbox_id, .uids = {&from, 1}};
    struct row_reader rows;
    struct uid_set_writer found = {0};
    row_reader_begin(&rows, snapshot, &scan, 0);
    while (row_reader_next(&rows))
        uid_set_add(&found, rows.page.uids[rows.row]);
    enum err err = row_reader_end(&rows);
    /* All of them or none: what is read twice must not be in the view twice. */
    for (size_t i = 0; !err && i < found.count; i++)
        view_append_range(&selected->view, found.ranges[i].first, found.ranges[i].last);
    *any_r = !err && found.count > 0;
    uid_set_drop(&found);
    return err;
}

/* New messages are this session's, if it is the first to hear of them (RFC 3501 section 2.3.2). */
static enum err claim_recent(struct update_job *job, uint32_t from)
{
    struct selected *selected = job->selected;
    struct batch_operation claim = {.kind = BATCH_CLAIM_RECENT,
                                    .mailbox = mailbox_numbered(selected->mailbox_id)};
    enum err err = ERR_OK;
    if (job->session->enabled & ENABLED_REV2)
        return ERR_OK;
    /* EXAMINE shows them as \Recent too, but takes them from nobody (RFC 3501 section 6.3.2). */
    claim.result.uid = job->first_recent;
    if (selected_takes_recent(selected))
        err = batch_commit(selected->account, &claim, 1, NULL);
    uint32_t first = MAX_OF(claim.result.uid, from);
    if (!err && first < selected->uidnext)
        uid_set_add_range(&selected->recent, (struct uid_range){first, selected->uidnext - 1});
    /* A store that cannot write is no reason to hide new mail: it is in the view already. */
    return err == ERR_NOT_FOUND ? err : ERR_OK;
}

static enum err tell_new(struct update_job *job, uint32_t from)
{
    enum err err = claim_recent(job, from);
    if (err)
        return err;
    buf_printf(&job->out, "* %u EXISTS\r\n", (unsigned)job->selected->view.count);
    if (!(job->session->enabled & ENABLED_REV2))
        buf_printf(&job->out, "* %llu RECENT\r\n",
                   (unsigned long long)count_recent(job->selected, &job->arena));
    return ERR_OK;
}

/* The flags of what the client knows; new messages it will fetch. */
static void begin_flags(struct update_job *job)
{
    struct selected *selected = job->selected;
    job->known = (struct uid_range){1, selected->uidnext - 1};
    struct uid_set known = {&job->known, selected->uidnext > 1};
    flag_report_begin(&job->flags, job->session, known, selected->changes_known);
    job->flags.skips_own = true;
    job->tells_flags = true;
}

/* Rights that were changed meanwhile (RFC 4314 section 5.1.1). Who may not read any more is told no more. */
static enum err look_at_rights(struct update_job *job, struct snapshot *snapshot,
                               const struct mailbox_entry *mailbox)
{
    struct selected *selected = job->selected;
    struct rights_entry *list;
    size_t count;
    if (!(selected->rights & RIGHT_READ)) /* found before */
        return ERR_NOT_FOUND;
    if (selected->viewer.len == 0 || mailbox->attr_modseq == selected->rights_known)
        return ERR_OK;
    enum err err = snapshot_rights(snapshot, selected->mailbox_id, &job->arena, &list, &count);
    if (err)
        return err;
    uint32_t before = selected_permanent_flags(selected);
    selected->rights = rights_of_user(list, count, selected->viewer);
    selected->rights_known = mailbox->attr_modseq;
    if (!(selected->rights & RIGHT_READ))
        return ERR_NOT_FOUND;
    struct message_flags flags = {.flags = selected_permanent_flags(selected)};
    if (flags.flags != before)
        respond_permanent_flags(&job->out, &flags, selected_may(selected, RIGHT_WRITE),
                                job->session->language);
    return ERR_OK;
}

/* What is gone and what is new, from one snapshot. *any_new_r: messages came. */
static enum err read_changes(struct update_job *job, struct snapshot *snapshot, bool *any_new_r)
{
    struct selected *selected = job->selected;
    struct mailbox_entry mailbox;
    job->modseq = snapshot_modseq(snapshot);
    enum err err = snapshot_mailbox(snapshot, mailbox_numbered(selected->mailbox_id), &job->arena, &mailbox);
    job->first_recent = err ? 0 : mailbox.status.first_recent;
    if (!err)
        err = look_at_rights(job, snapshot, &mailbox);
    /* New mail that had to wait is older than what was told since. */
    bool changed =
        !err && (mailbox.status.highestmodseq > MIN_OF(selected->changes_known, selected->expunges_known) ||
                 mailbox.status.uidnext > selected->uidnext);
    if (changed)
        err = selected_load(selected);
    if (!err)
        selected->highestmodseq = mailbox.status.highestmodseq;
    if (!err && changed && job->what & UPDATE_FLAGS)
        begin_flags(job);
    if (!err && changed && job->what & UPDATE_ALL)
        err = tell_expunges(job, snapshot);
    if (!err && changed && job->what & UPDATE_EXISTS && mailbox.status.uidnext > selected->uidnext) {
        err = read_new(job, snapshot, any_new_r);
        if (!err)
            selected->uidnext = mailbox.status.uidnext;
    }
    return err;
}

static enum err begin_visit(struct update_job *job)
{
    struct selected *selected = job->selected;
    struct snapshot *snapshot = NULL;
    uint32_t from = selected->uidnext;
    bool any_new = false;
    enum err err = ERR_OK;
    if (job->what & UPDATE_REFRESH)
        err = mailbox_refresh(selected->account, selected->mailbox_id);
    if (!err)
        err = snapshot_open(selected->account, &snapshot);
    if (!err)
        err = read_changes(job, snapshot, &any_new);
    snapshot_close(snapshot);
    if (any_new) {
        enum err told = tell_new(job, from);
        err = err ? err : told;
    }
    job->is_open = true;
    return err;
}

static enum err visit(void *arg)
{
    struct update_job *job = arg;
    struct snapshot *snapshot = NULL;
    enum err err = job->is_open ? ERR_OK : begin_visit(job);
    if (!err && job->tells_flags) {
        err = snapshot_open(job->selected->account, &snapshot);
        if (!err)
            err = flag_report_piece(&job->flags, snapshot, &job->out);
        snapshot_close(snapshot);
    }
    return err;
}

enum err imap_send_updates(struct imap_session *session, unsigned what)
{
    struct selected *selected = session->selected;
    struct update_job job = {.session = session, .selected = selected, .what = what};
    enum err err = ERR_OK;
    buf_init(&job.out, SIZE_MAX / 2);
    event_clear(&session->member.changed);
    do {
        err = imap_on_thread(session, visit, &job);
        /* Also when it failed: what is written there the view has already. */
        enum err sent = conn_write(session->conn, buf_slice(&job.out));
        err = err ? err : sent;
        buf_clear(&job.out);
    } while (!err && job.tells_flags && !job.flags.scan.done);
    if (!err && what & UPDATE_FLAGS) {
        selected->changes_known = MAX_OF(selected->changes_known, job.modseq);
        selected->own_count = 0;
    }
    if (job.tells_flags)
        flag_report_end(&job.flags);
    buf_free(&job.out);
    arena_free(&job.arena);
    /* Of new mail that has to wait the searches must not hear either. */
    return err || !(what & UPDATE_EXISTS) ? err : search_contexts_changed(session, job.modseq);
}
