/* SPDX-License-Identifier: ISC */
#include "flag_report.h"

#define PIECE_SIZE 32768 /* enough for one visit to the thread */

void flag_report_begin(struct flag_report *report, struct imap_session *session, struct uid_set uids,
                       uint64_t changed_since)
{
    *report = (struct flag_report){.session = session,
                                   .scan = {.mailbox_id = session->selected->mailbox_id,
                                            .uids = uids,
                                            .changed_since = changed_since,
                                            .done = uids.count == 0}};
    message_page_init(&report->page, SCAN_FLAGS);
}

void flag_report_end(struct flag_report *report)
{
    message_page_free(&report->page);
    arena_free(&report->arena);
}

/* RFC 9051 section 7.3.5: a flag is listed before a message is said to have it. */
static void tell_keywords(struct selected *selected, const struct flag_names *names, uint64_t used,
                          struct buf *out)
{
    used &= ~KEYWORD_OTHERS;
    if ((used & ~selected->keywords_told) == 0)
        return;
    selected->keywords_told |= used;
    struct message_flags all = {.flags = MESSAGE_FLAGS_ALL, .keywords = selected->keywords_told};
    buf_append(out, S("* FLAGS "));
    respond_flags(out, &all, names);
    buf_append(out, S("\r\n"));
}

static enum err append_flags(struct flag_report *report, struct snapshot *snapshot, size_t i,
                             const struct flag_names *names, struct buf *out)
{
    struct selected *selected = report->session->selected;
    uint32_t uid = report->page.uids[i];
    struct message_flags flags = {.flags = report->page.flags[i],
                                  .keywords = report->page.keywords[i],
                                  .recent = selected_is_recent(selected, uid)};
    struct slice *all;
    enum err err = ERR_OK;
    if (flags.keywords & KEYWORD_OTHERS &&
        !(err = snapshot_message_keywords(snapshot, selected->mailbox_id, uid, &report->arena, &all,
                                          &flags.other_count))) {
        flags.keywords = 0;
        flags.others = all;
    }
    buf_append(out, S("FLAGS "));
    respond_flags(out, &flags, names);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err write_row(struct flag_report *report, struct snapshot *snapshot, size_t i,
                          const struct flag_names *names, struct buf *out)
{
    struct selected *selected = report->session->selected;
    unsigned enabled = report->session->enabled;
    uint32_t uid = report->page.uids[i], number = view_number(&selected->view, uid);
    enum err err = ERR_OK;
    if (number == 0 || (report->skips_own && selected_is_own(selected, report->page.modseqs[i])))
        return ERR_OK;
    if (!report->only_modseq)
        tell_keywords(selected, names, report->page.keywords[i], out);
    buf_append(out, S("* "));
    buf_append_number(out, enabled & ENABLED_UIDONLY ? uid : number, 1);
    buf_append(out, enabled & ENABLED_UIDONLY ? S(" UIDFETCH (") : S(" FETCH (UID "));
    if (!(enabled & ENABLED_UIDONLY)) {
        buf_append_number(out, uid, 1);
        buf_append_char(out, ' ');
    }
    if (!report->only_modseq)
        err = append_flags(report, snapshot, i, names, out);
    if (enabled & ENABLED_CONDSTORE) {
        buf_append(out, report->only_modseq ? S("MODSEQ (") : S(" MODSEQ ("));
        buf_append_number(out, report->page.modseqs[i], 1);
        buf_append_char(out, ')');
    }
    buf_append(out, S(")\r\n"));
    return err;
}

enum err flag_report_piece(struct flag_report *report, struct snapshot *snapshot, struct buf *out)
{
    struct slice *keywords;
    size_t keyword_count;
    enum err err = snapshot_keywords(snapshot, &report->arena, &keywords, &keyword_count);
    struct flag_names names = {keywords, keyword_count};
    while (!err && !report->scan.done && out->len < PIECE_SIZE) {
        err = snapshot_scan(snapshot, &report->scan, &report->page);
        for (size_t i = 0; !err && i < report->page.count; i++)
            err = write_row(report, snapshot, i, &names, out);
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
        if (!err)
            err = conn_write(report->session->conn, buf_slice(&job.out));
        buf_clear(&job.out);
    }
    buf_free(&job.out);
    return err;
}
