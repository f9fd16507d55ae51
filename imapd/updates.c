/* SPDX-License-Identifier: ISC */
/*
 * What a session is told of the open mailbox without having asked (RFC 9051 section 7.5, RFC 7162 section
 * 3.2): first what is gone, highest number first, then how many there are, then the flags that changed. A
 * short answer takes one visit to a worker thread; after many changes the flags come a piece at a visit, so
 * that a slow client holds neither memory nor a snapshot.
 */
#include "base/log.h"
#include "storage/batch.h"

#include "respond.h"
#include "session.h"

#define PIECE_SIZE 32768 /* enough flags for one visit */

struct update_job {
    struct imap_session *session;
    struct selected *selected;
    unsigned what;
    struct buf out;
    struct arena arena;
    bool is_open; /* what is gone and what is new was told: flags follow */
    bool done;
    uint64_t modseq;        /* of the first visit's snapshot: known when all is told */
    struct uid_range known; /* UIDs that the client was told of */
    struct message_scan changed;
    struct message_page page;
};

/* `* VANISHED 3:5` for those who know UIDs only, `* 5 EXPUNGE` and so on for the others. */
static void write_expunged(struct update_job *job, const struct uid_set *gone)
{
    struct selected *selected = job->selected;
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
    struct message_page page;
    enum err err = ERR_OK;
    message_page_init(&page, 0);
    while (!err && !scan.done) {
        err = snapshot_scan(snapshot, &scan, &page);
        for (size_t i = 0; !err && i < page.count; i++) {
            view_append(&selected->view, page.uids[i]);
            *any_r = true;
        }
    }
    message_page_free(&page);
    return err;
}

/* New messages are this session's, if it is the first to hear of them (RFC 3501 section 2.3.2). */
static enum err claim_recent(struct update_job *job, uint32_t from)
{
    struct selected *selected = job->selected;
    struct batch_operation claim = {.kind = BATCH_CLAIM_RECENT,
                                    .mailbox = mailbox_numbered(selected->mailbox_id)};
    if (selected->read_only || job->session->enabled & ENABLED_REV2)
        return ERR_OK;
    enum err err = batch_commit(selected->account, &claim, 1, NULL);
    uint32_t first = MAX_OF(claim.result.uid, from);
    if (!err && first < selected->uidnext)
        uid_set_add_range(&selected->recent, (struct uid_range){first, selected->uidnext - 1});
    /* A full disk is no reason to hide new mail. */
    return err == ERR_NO_SPACE || err == ERR_UNAVAILABLE ? ERR_OK : err;
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

/* RFC 9051 section 7.3.5: a flag is listed before a message is said to have it. */
static void tell_keywords(struct update_job *job, const struct flag_names *names, uint64_t used)
{
    struct selected *selected = job->selected;
    used &= ~KEYWORD_OTHERS;
    if ((used & ~selected->keywords_told) == 0)
        return;
    selected->keywords_told |= used;
    struct message_flags all = {.flags = MESSAGE_FLAGS_ALL, .keywords = selected->keywords_told};
    buf_append(&job->out, S("* FLAGS "));
    respond_flags(&job->out, &all, names);
    buf_append(&job->out, S("\r\n"));
}

static enum err write_flags(struct update_job *job, struct snapshot *snapshot, size_t i,
                            const struct flag_names *names)
{
    struct selected *selected = job->selected;
    struct message_page *page = &job->page;
    uint32_t uid = page->uids[i], number = view_number(&selected->view, uid);
    unsigned enabled = job->session->enabled;
    if (number == 0 || selected_is_own(selected, page->modseqs[i]))
        return ERR_OK;
    struct message_flags flags = {
        .flags = page->flags[i], .keywords = page->keywords[i], .recent = selected_is_recent(selected, uid)};
    enum err err = ERR_OK;
    struct slice *all;
    if (flags.keywords & KEYWORD_OTHERS &&
        !(err = snapshot_message_keywords(snapshot, selected->mailbox_id, uid, &job->arena, &all,
                                          &flags.other_count))) {
        flags.keywords = 0;
        flags.others = all;
    }
    if (err)
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    tell_keywords(job, names, page->keywords[i]);
    if (enabled & ENABLED_UIDONLY)
        buf_printf(&job->out, "* %u UIDFETCH (", uid);
    else
        buf_printf(&job->out, "* %u FETCH (UID %u ", number, uid);
    buf_append(&job->out, S("FLAGS "));
    respond_flags(&job->out, &flags, names);
    if (enabled & ENABLED_CONDSTORE)
        buf_printf(&job->out, " MODSEQ (%llu)", (unsigned long long)page->modseqs[i]);
    buf_append(&job->out, S(")\r\n"));
    return ERR_OK;
}

/* A piece of the flags that changed; `done` when that was all. */
static enum err tell_flags(struct update_job *job, struct snapshot *snapshot)
{
    struct slice *keywords;
    size_t keyword_count;
    enum err err = snapshot_keywords(snapshot, &job->arena, &keywords, &keyword_count);
    struct flag_names names = {keywords, keyword_count};
    while (!err && !job->changed.done && job->out.len < PIECE_SIZE) {
        err = snapshot_scan(snapshot, &job->changed, &job->page);
        for (size_t i = 0; !err && i < job->page.count; i++)
            err = write_flags(job, snapshot, i, &names);
    }
    job->done = job->changed.done;
    return err;
}

/* The flags of what the client knows; new messages it will fetch. */
static void begin_flags(struct update_job *job)
{
    struct selected *selected = job->selected;
    job->known = (struct uid_range){1, selected->uidnext - 1};
    job->changed = (struct message_scan){.mailbox_id = selected->mailbox_id,
                                         .uids = {&job->known, 1},
                                         .changed_since = selected->changes_known};
    job->changed.done = selected->uidnext <= 1;
}

/* What is gone and what is new, from one snapshot. *any_new_r: messages came. */
static enum err read_changes(struct update_job *job, struct snapshot *snapshot, bool *any_new_r)
{
    struct selected *selected = job->selected;
    struct mailbox_entry mailbox;
    job->modseq = snapshot_modseq(snapshot);
    enum err err = snapshot_mailbox(snapshot, mailbox_numbered(selected->mailbox_id), &job->arena, &mailbox);
    bool changed =
        !err && mailbox.status.highestmodseq > MIN_OF(selected->changes_known, selected->expunges_known);
    job->done = !changed || !(job->what & UPDATE_FLAGS);
    if (!job->done)
        begin_flags(job);
    if (changed && job->what & UPDATE_EXPUNGES)
        err = tell_expunges(job, snapshot);
    if (!err && job->what & UPDATE_EXISTS && mailbox.status.uidnext > selected->uidnext) {
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
    if (!err && any_new)
        err = tell_new(job, from);
    job->is_open = true;
    return err;
}

static enum err visit(void *arg)
{
    struct update_job *job = arg;
    struct snapshot *snapshot = NULL;
    enum err err = job->is_open ? ERR_OK : begin_visit(job);
    if (!err && !job->done) {
        err = snapshot_open(job->selected->account, &snapshot);
        if (!err)
            err = tell_flags(job, snapshot);
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
    message_page_init(&job.page, SCAN_FLAGS);
    event_clear(&session->member.changed);
    while (!err && !job.done) {
        err = imap_on_thread(session, visit, &job);
        if (!err)
            err = conn_write(session->conn, buf_slice(&job.out));
        buf_clear(&job.out);
        arena_reset(&job.arena);
    }
    if (!err && what & UPDATE_FLAGS) {
        selected->changes_known = MAX_OF(selected->changes_known, job.modseq);
        selected->own_count = 0;
    }
    message_page_free(&job.page);
    buf_free(&job.out);
    arena_free(&job.arena);
    return err;
}
