/* SPDX-License-Identifier: ISC */
#include "flag_report.h"

#include "message_flags.h"

void flag_report_begin(struct flag_report *report, struct imap_session *session, struct uid_set uids,
                       uint64_t changed_since)
{
    *report = (struct flag_report){.session = session,
                                   .scan = {.mailbox_id = session->selected->mailbox_id,
                                            .uids = uids,
                                            .viewer = session->selected->viewer,
                                            .changed_since = changed_since,
                                            .done = uids.count == 0}};
    message_page_init(&report->page, SCAN_FLAGS);
}

void flag_report_end(struct flag_report *report)
{
    message_page_free(&report->page);
    arena_free(&report->arena);
}

/* A whole line or nothing. */
static enum err write_row(struct flag_report *report, struct snapshot *snapshot, size_t i,
                          const struct flag_source *source, struct buf *out)
{
    struct selected *selected = report->session->selected;
    unsigned enabled = report->session->enabled;
    uint32_t uid = report->page.uids[i], number = view_number(&selected->view, uid);
    struct message_flags flags = {0};
    if (number == 0 || (report->skips_own && selected_is_own(selected, report->page.modseqs[i])))
        return ERR_OK;
    enum err err = report->only_modseq
                       ? ERR_OK
                       : message_flags_of(selected, snapshot, &report->page, i, &report->arena, &flags);
    if (err)
        return err;
    if (!report->only_modseq)
        message_flags_announce(selected, &source->names, report->page.keywords[i], out);
    buf_append(out, S("* "));
    buf_append_number(out, enabled & ENABLED_UIDONLY ? uid : number, 1);
    buf_append(out, enabled & ENABLED_UIDONLY ? S(" UIDFETCH (") : S(" FETCH (UID "));
    if (!(enabled & ENABLED_UIDONLY)) {
        buf_append_number(out, uid, 1);
        buf_append_char(out, ' ');
    }
    if (!report->only_modseq) {
        buf_append(out, S("FLAGS "));
        respond_flags(out, &flags, &source->names);
    }
    if (enabled & ENABLED_CONDSTORE) {
        buf_append(out, report->only_modseq ? S("MODSEQ (") : S(" MODSEQ ("));
        buf_append_number(out, report->page.modseqs[i], 1);
        buf_append_char(out, ')');
    }
    buf_append(out, S(")\r\n"));
    return ERR_OK;
}

enum err flag_report_piece(struct flag_report *report, struct snapshot *snapshot, struct buf *out)
{
    struct flag_source source;
    enum err err = flag_source_read(&source, snapshot, &report->arena);
    while (!err && !report->scan.done && out->len < IMAP_PIECE_SIZE &&
           report->arena.used < MESSAGE_FLAGS_MUCH) {
        err = snapshot_scan(snapshot, &report->scan, &report->page);
        for (size_t i = 0; !err && i < report->page.count; i++) {
            err = write_row(report, snapshot, i, &source, out);
            report->found++;
            if (!err && out->len + report->arena.used >= MESSAGE_FLAGS_MUCH)
                message_scan_back(&report->scan, &report->page, i + 1);
        }
    }
    arena_reset(&report->arena);
    return err;
}

struct send_job {
    struct flag_report *report;
    struct buf out;
};

static enum err read_piece(void *arg)
{
    struct send_job *job = arg;
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(job->report->session->selected->account, &snapshot);
    if (!err)
        err = flag_report_piece(job->report, snapshot, &job->out);
    snapshot_close(snapshot);
    return err;
}

enum err flag_report_send(struct flag_report *report)
{
    struct send_job job = {.report = report};
    enum err err = ERR_OK;
    buf_init(&job.out, SIZE_MAX / 2);
    while (!err && !report->scan.done) {
        err = imap_on_thread(report->session, read_piece, &job);
        enum err sent = conn_write(report->session->conn, buf_slice(&job.out));
        err = err ? err : sent;
        buf_clear(&job.out);
    }
    buf_free(&job.out);
    return err;
}
