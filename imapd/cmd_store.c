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

struct store_request {
    struct sequence_set set;
    bool conditional;
    uint64_t unchanged_since;
    enum batch_flag_change change;
    bool silent;
    struct flag_list list;
};

static bool parse_modifiers(struct imap_session *session, struct parser *parser,
                            struct store_request *request)
{
    if (!parse_char(parser, '('))
        return true;
    if (!parse_word(parser, S("UNCHANGEDSINCE")) || !parse_space(parser) ||
        !parse_number64(parser, &request->unchanged_since) || !parse_char(parser, ')') ||
        !parse_space(parser))
        return false;
    request->conditional = true;
    session->enabled |= ENABLED_CONDSTORE;
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
};

static enum err commit(void *arg)
{
    struct store_job *job = arg;
    return batch_commit(job->session->selected->account, &job->operation, 1, &job->session->arena);
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
        for (size_t i = 0; i < failed->count; i++)
            for (uint64_t uid = failed->ranges[i].first; uid <= failed->ranges[i].last; uid++)
                uid_set_add(&numbers, view_number(&session->selected->view, (uint32_t)uid));
        struct uid_set set = uid_set_take(&numbers, &session->arena);
        respond_uid_set(&code, &set);
    }
    const char *text = arena_cstr(&session->arena, buf_slice(&code));
    buf_free(&code);
    return text;
}

/* The new flags of all that the command named; of a silent one only the new MODSEQs, for those who keep
 * them. */
static enum err answer_flags(struct imap_session *session, const struct store_request *request,
                             struct uid_set uids, const struct batch_result *result)
{
    struct flag_report report;
    if (request->silent && !(session->enabled & ENABLED_CONDSTORE))
        return ERR_OK;
    flag_report_begin(&report, session, request->silent ? result->changed : uids, 0);
    report.only_modseq = request->silent;
    enum err err = flag_report_send(&report);
    flag_report_end(&report);
    return err;
}

static void store(struct imap_session *session, const struct store_request *request, struct uid_set uids)
{
    struct store_job job = {
        .session = session,
        .operation = {.kind = BATCH_FLAGS,
                      .mailbox = mailbox_numbered(session->selected->mailbox_id),
                      .flags = {.uids = uids,
                                .change = request->change,
                                .flags = request->list.flags,
                                .keywords = request->list.keywords,
                                .keyword_count = request->list.keyword_count,
                                .unchanged_since = request->unchanged_since,
                                .never = request->conditional && request->unchanged_since == 0}}};
    enum err err = imap_on_thread(session, commit, &job);
    if (!err) {
        if (job.operation.result.changed.count > 0)
            selected_note_own(session->selected, job.operation.result.modseq);
        err = answer_flags(session, request, uids, &job.operation.result);
    }
    if (err)
        imap_no_err(session, err);
    else if (job.operation.result.failed.count > 0)
        imap_ok(session, modified_code(session, &job.operation.result.failed), "some were changed meanwhile");
    else
        imap_ok(session, NULL, "stored");
}

void imap_store(struct imap_session *session, struct parser *parser)
{
    struct store_request request = {0};
    struct uid_set uids;
    if (!parse_space(parser) || !parse_sequence_set(parser, &request.set) || !parse_space(parser) ||
        !parse_modifiers(session, parser, &request) || !parse_item(parser, &request) || !parse_end(parser))
        imap_bad_syntax(session, parser);
    else if (session->selected->read_only)
        imap_no(session, "READ-ONLY", "the mailbox was opened for reading");
    else if (imap_resolve(session, &request.set, &uids))
        store(session, &request, uids);
}
