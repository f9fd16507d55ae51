/* SPDX-License-Identifier: ISC */
/*
 * STORE (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3):
 *
 *     store           = "STORE" SP sequence-set [SP store-modifiers] SP store-att-flags
 *     store-modifiers = "(" "UNCHANGEDSINCE" SP mod-sequence-valzer ")"
 *     store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
 */
#include "storage/batch.h"

#include "flag_report.h"
#include "flags.h"
#include "message_limit.h"
#include "row_reader.h"

struct store_request {
    struct sequence_set set;
    bool conditional;
    uint64_t unchanged_since;
    enum batch_flag_change change;
    bool silent;
    bool tells_gone; /* see answer() */
    struct flag_list list;
};

static bool parse_modifiers(struct parser *parser, struct store_request *request)
{
    if (!parse_char(parser, '('))
        return true;
    if (!parse_word(parser, S("UNCHANGEDSINCE")) || !parse_space(parser) ||
        !parse_number64(parser, &request->unchanged_since) || !parse_char(parser, ')') ||
        !parse_space(parser))
        return false;
    request->conditional = true;
    return true;
}

static bool parse_item(struct parser *parser, struct store_request *request)
{
    request->change = parse_char(parser, '+')   ? FLAGS_ADD
                      : parse_char(parser, '-') ? FLAGS_REMOVE
                                                : FLAGS_REPLACE;
    request->silent = parse_word(parser, S("FLAGS.SILENT"));
    return (request->silent || parse_word(parser, S("FLAGS"))) && parse_space(parser) &&
           parse_flags_or_list(parser, &request->list);
}

struct store_job {
    struct imap_session *session;
    struct batch_operation operation;
    bool silent;
    bool some_gone;         /* of one that is not silent: not all of its messages are there */
    struct uid_set foreign; /* of a silent one: what others changed, which the client was not told of */
};

/* What others changed among these messages since the client was told; and the MODSEQ up to which that is
 * known. */
static enum err find_foreign(struct store_job *job, uint64_t *modseq_r)
{
    const struct selected *selected = job->session->selected;
    struct message_scan scan = {.mailbox_id = selected->mailbox_id,
                                .uids = job->operation.flags.uids,
                                .changed_since = selected->changes_known};
    struct uid_set_writer writer = {0};
    struct row_reader rows;
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(selected->account, &snapshot);
    if (err)
        return err;
    row_reader_begin(&rows, snapshot, &scan, 0);
    while (row_reader_next(&rows))
        if (!selected_is_own(selected, rows.page.modseqs[rows.row]))
            uid_set_add(&writer, rows.page.uids[rows.row]);
    err = row_reader_end(&rows);
    *modseq_r = snapshot_modseq(snapshot);
    snapshot_close(snapshot);
    job->foreign = uid_set_take(&writer, &job->session->arena);
    return err;
}

static enum err commit(void *arg)
{
    struct store_job *job = arg;
    uint64_t known = 0;
    enum err err = job->silent ? find_foreign(job, &known) : ERR_OK;
    if (!err)
        err = batch_commit(job->session->selected->account, &job->operation, 1, &job->session->arena);
    /* Somebody came in between: what he changed cannot be told from what this client did. */
    if (!err && job->silent && job->operation.result.changed.count > 0 &&
        job->operation.result.modseq != known + 1)
        job->foreign = job->operation.result.changed;
    return err;
}

/* RFC 7162 section 3.1.3: [MODIFIED …] names what was left alone, in the numbers of the command. */
static const char *modified_code(struct imap_session *session, const struct uid_set *failed)
{
    struct buf code;
    buf_init(&code, SIZE_MAX / 2);
    buf_append(&code, S("MODIFIED "));
    if (session->by_uid) {
        respond_uid_set(&code, failed);
    } else {
        struct uid_set_writer numbers = {0};
        for (size_t i = 0; i < failed->count; i++) { /* UIDs of one range are all there: so are the numbers */
            struct uid_range uids = failed->ranges[i];
            uint32_t first = view_number(&session->selected->view, uids.first);
            uid_set_add_range(&numbers, (struct uid_range){first, first + (uids.last - uids.first)});
        }
        struct uid_set set = uid_set_take(&numbers, &session->arena);
        respond_uid_set(&code, &set);
    }
    const char *text = arena_cstr(&session->arena, buf_slice(&code));
    buf_free(&code);
    return text;
}

static enum err report(struct imap_session *session, struct uid_set uids, bool only_modseq, uint64_t *found_r)
{
    struct flag_report report;
    flag_report_begin(&report, session, uids, 0);
    report.only_modseq = only_modseq;
    enum err err = flag_report_send(&report);
    *found_r = report.found;
    flag_report_end(&report);
    return err;
}

/* Whose new MODSEQ a silent command tells: of what it changed, and of a conditional one all that it was done
 * to (RFC 7162 section 3.1.3: "An untagged FETCH response MUST be sent, even if the .SILENT suffix is
 * specified"), also when the flags had been so before. */
static struct uid_set silently_told(struct imap_session *session, const struct store_job *job)
{
    const struct batch_operation *operation = &job->operation;
    bool conditional = operation->flags.never || operation->flags.unchanged_since > 0;
    struct uid_set done = operation->result.changed;
    if (conditional)
        done = uid_set_minus(&session->arena, &operation->flags.uids, &operation->result.failed);
    return uid_set_minus(&session->arena, &done, &job->foreign);
}

/* The new flags of all that the command named. Of a silent one only the new MODSEQs, for those who keep them,
 * and the flags where somebody else had his hand in (RFC 9051 section 6.4.6): the client cannot know those by
 * itself. */
static enum err answer_flags(struct imap_session *session, struct store_job *job)
{
    const struct uid_set *uids = &job->operation.flags.uids;
    uint64_t found;
    enum err err = report(session, job->silent ? job->foreign : *uids, false, &found);
    job->some_gone = !job->silent && !err && found < uid_set_size(uids);
    if (err || !job->silent || !(session->enabled & ENABLED_CONDSTORE))
        return err;
    return report(session, silently_told(session, job), true, &found);
}

/* Of message numbers that have no message any more the client learns by NO (RFC 2180 sections 4.2.2
 * and 4.2.3, RFC 5530), unless it wants silence (section 4.2.1) or named them by UID. */
static void answer(struct imap_session *session, const struct store_request *request,
                   const struct store_job *job)
{
    const struct uid_set *failed = &job->operation.result.failed;
    const char *modified = failed->count > 0 ? modified_code(session, failed) : NULL;
    if (request->tells_gone && job->some_gone)
        imap_no(session, modified ? modified : "EXPUNGEISSUED", "some of the messages were expunged");
    else
        imap_ok(session, modified, modified ? "some were changed meanwhile" : "stored");
}

static void store(struct imap_session *session, const struct store_request *request, struct uid_set uids)
{
    uint32_t lowest = message_limit_cut(session, &uids);
    const struct selected *selected = session->selected;
    struct store_job job = {
        .session = session,
        .silent = request->silent,
        .operation = {.kind = BATCH_FLAGS,
                      .mailbox = mailbox_numbered(selected->mailbox_id),
                      .flags = {.uids = uids,
                                .change = request->change,
                                .flags = request->list.flags,
                                .keywords = request->list.keywords,
                                .keyword_count = request->list.keyword_count,
                                .viewer = selected->viewer,
                                .kept = MESSAGE_FLAGS_ALL & ~selected_permanent_flags(selected),
                                .keeps_keywords = !selected_may(selected, RIGHT_WRITE),
                                .unchanged_since = request->unchanged_since,
                                .never = request->conditional && request->unchanged_since == 0}}};
    enum err err = imap_on_thread(session, commit, &job);
    /* What was stored stays so when it cannot be read back now: then it is told as if another had done it. */
    if (!err && answer_flags(session, &job))
        event_raise(&session->member.changed);
    else if (!err && job.operation.result.changed.count > 0)
        selected_note_own(session->selected, job.operation.result.modseq);
    if (err)
        imap_no_err(session, err);
    else
        answer(session, request, &job);
    if (!err)
        message_limit_tell(session, lowest);
}

/* How much of a STORE the user has the right to (RFC 4314 section 4): it fails only when there is nothing
 * that he may change, "as the tagged NO response to a STORE command is not handled very well by deployed
 * clients".
 */
enum permission { PERMITTED, PERMITTED_IN_PART, NOT_PERMITTED };

static enum permission permission(const struct selected *selected, const struct store_request *request)
{
    uint32_t may = selected_permanent_flags(selected);
    bool may_keywords = selected_may(selected, RIGHT_WRITE);
    uint32_t flags = request->list.flags;
    bool keywords = request->list.keyword_count > 0;
    if (may == MESSAGE_FLAGS_ALL ||
        (request->change != FLAGS_REPLACE && !(flags & ~may) && (may_keywords || !keywords)))
        return PERMITTED;
    bool names_none = flags == 0 && !keywords;
    bool some = (flags & may) || (keywords && may_keywords) || (names_none && may);
    return some ? PERMITTED_IN_PART : NOT_PERMITTED;
}

void imap_store(struct imap_session *session, struct parser *parser)
{
    struct store_request request = {0};
    struct uid_set uids;
    uint64_t known = session->selected->changes_known;
    if (!parse_space(parser) || !parse_sequence_set(parser, &request.set) || !parse_space(parser) ||
        !parse_modifiers(parser, &request) || !parse_item(parser, &request) || !parse_end(parser))
        return imap_bad_syntax(session, parser);
    if (request.conditional) /* RFC 7162 section 3.1: it was issued, whatever becomes of it */
        session->enabled |= ENABLED_CONDSTORE;
    if (session->selected->read_only)
        imap_no(session, "READ-ONLY", "the mailbox was opened for reading");
    else if (permission(session->selected, &request) == NOT_PERMITTED)
        imap_no_err(session, ERR_DENIED);
    else if (imap_resolve(session, &request.set, &uids)) {
        request.tells_gone = !request.silent && !session->by_uid;
        /* What was left out the client has to be told. */
        if (permission(session->selected, &request) == PERMITTED_IN_PART)
            request.silent = false;
        /* The flags of before were told on the way: the client must not take them for the last word. */
        request.silent = request.silent && known == session->selected->changes_known;
        store(session, &request, uids);
    }
}
