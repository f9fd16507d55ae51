/* SPDX-License-Identifier: ISC */
#include "resync.h"

#include "flag_report.h"

/* RFC 7162 section 7:
 *     select-param        =/ "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids]
 *                            [SP seq-match-data] ")"
 *     seq-match-data      = "(" known-sequence-set SP known-uid-set ")"
 * Both sets are ascending and have equally many elements. */
static bool parse_match_data(struct parser *parser, struct resync *resync)
{
    if (!parse_char(parser, '(') || !parse_uid_set(parser, &resync->match_numbers) || !parse_space(parser) ||
        !parse_uid_set(parser, &resync->match_uids) || !parse_char(parser, ')'))
        return false;
    if (uid_set_size(&resync->match_numbers) != uid_set_size(&resync->match_uids))
        return parser_expected(parser, "as many UIDs as numbers");
    return true;
}

bool parse_resync(struct parser *parser, struct resync *resync_r)
{
    struct resync resync = {.wanted = true};
    if (!parse_space(parser) || !parse_char(parser, '(') || !parse_nonzero(parser, &resync.uidvalidity) ||
        !parse_space(parser) || !parse_number64(parser, &resync.modseq))
        return false;
    if (parser_peek(parser) == ' ' && parse_space(parser) && parser_peek(parser) != '(') {
        resync.has_known = true;
        if (!parse_uid_set(parser, &resync.known))
            return false;
        parse_space(parser);
    }
    if ((parser_peek(parser) == '(' && !parse_match_data(parser, &resync)) || !parse_char(parser, ')'))
        return false;
    *resync_r = resync;
    return true;
}

struct vanished_job {
    struct imap_session *session;
    const struct uid_set *known;
    uint64_t since;
    uint32_t floor; /* the client knows what went up to this UID */
    struct uid_set vanished;
};

/* The part of `set` that lies in `known`, above `floor`, and below what is yet to come. */
static struct uid_set restrict_to(const struct uid_set *set, const struct vanished_job *job,
                                  struct arena *arena)
{
    struct uid_set_writer writer = {0};
    uint64_t least = (uint64_t)job->floor + 1, most = job->session->selected->uidnext;
    for (size_t i = 0, k = 0; i < set->count && k < job->known->count;) {
        struct uid_range a = set->ranges[i], b = job->known->ranges[k];
        uint64_t first = MAX_OF(MAX_OF(a.first, b.first), least);
        uint64_t last = MIN_OF((uint64_t)MIN_OF(a.last, b.last), most - 1);
        if (first <= last)
            uid_set_add_range(&writer, (struct uid_range){(uint32_t)first, (uint32_t)last});
        if (a.last < b.last)
            i++;
        else
            k++;
    }
    return uid_set_take(&writer, arena);
}

static enum err read_vanished(void *arg)
{
    struct vanished_job *job = arg;
    struct selected *selected = job->session->selected;
    struct snapshot *snapshot = NULL;
    struct uid_set vanished;
    bool complete;
    enum err err = snapshot_open(selected->account, &snapshot);
    if (!err)
        err = snapshot_vanished(snapshot, selected->mailbox_id, job->since, &job->session->arena, &vanished,
                                &complete);
    snapshot_close(snapshot);
    if (err)
        return err;
    /* What the store remembers exactly needs no sample of the client's. */
    if (complete)
        job->floor = 0;
    vanished = restrict_to(&vanished, job, &job->session->arena);
    /* What the client still counts is told as everything that happens to an open mailbox: without EARLIER. */
    struct uid_set counted = view_intersect(&selected->view, &vanished, &job->session->arena);
    job->vanished = uid_set_minus(&job->session->arena, &vanished, &counted);
    return ERR_OK;
}

static enum err send_vanished(struct vanished_job *job)
{
    enum err err = imap_on_thread(job->session, read_vanished, job);
    if (err || job->vanished.count == 0)
        return err;
    struct buf line;
    buf_init(&line, SIZE_MAX / 2);
    buf_append(&line, S("* VANISHED (EARLIER) "));
    respond_uid_set(&line, &job->vanished);
    buf_append(&line, S("\r\n"));
    err = conn_write(job->session->conn, buf_slice(&line));
    buf_free(&line);
    return err;
}

enum err imap_send_vanished(struct imap_session *session, const struct uid_set *known, uint64_t modseq)
{
    struct vanished_job job = {.session = session, .known = known, .since = modseq};
    return send_vanished(&job);
}

/* Ranges are compared, as samples may name every message. */
uint32_t resync_matching_uid(const struct resync *resync, const struct view *view)
{
    uint32_t matching = 0;
    uint64_t number = 0, uid = 0; /* 0: at the beginning of the range */
    size_t i = 0, k = 0;
    while (i < resync->match_numbers.count && k < resync->match_uids.count) {
        struct uid_range numbers = resync->match_numbers.ranges[i], uids = resync->match_uids.ranges[k];
        uint32_t there = 0;
        number = number ? number : numbers.first;
        uid = uid ? uid : uids.first;
        uint64_t run = number > view->count ? 0 : view_run(view, (uint32_t)number, &there);
        if (run == 0 || there != uid)
            return matching;
        run = MIN_OF(run, MIN_OF(numbers.last - number, uids.last - uid) + 1);
        number += run;
        uid += run;
        matching = (uint32_t)(uid - 1);
        if (number > numbers.last)
            number = 0, i++;
        if (uid > uids.last)
            uid = 0, k++;
    }
    return matching;
}

enum err imap_send_resync(struct imap_session *session, const struct resync *resync)
{
    struct selected *selected = session->selected;
    if (resync->uidvalidity != selected->uidvalidity)
        return ERR_OK;
    enum err err = imap_load_view(session);
    if (err)
        return err;
    const struct uid_set *known = resync->has_known ? &resync->known : &uid_set_all;
    struct vanished_job job = {.session = session,
                               .known = known,
                               .since = resync->modseq,
                               .floor = resync_matching_uid(resync, &selected->view)};
    err = send_vanished(&job);
    if (err)
        return err;
    struct flag_report report;
    flag_report_begin(&report, session, view_intersect(&selected->view, known, &session->arena),
                      resync->modseq);
    err = flag_report_send(&report);
    flag_report_end(&report);
    return err;
}
