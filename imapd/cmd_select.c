/* SPDX-License-Identifier: ISC */
/*
 * Opening and closing a mailbox (RFC 9051 sections 6.3.2, 6.3.3, 6.4.1, 6.4.2):
 *
 *     select          = "SELECT" SP mailbox [SP "(" select-param *(SP select-param) ")"]
 *     examine         = "EXAMINE" SP mailbox [select-params]
 *     select-param    = "CONDSTORE" / "QRESYNC" …                      RFC 7162, see resync.c
 *
 *     resp-text-code  =/ "MAILBOXID" SP "(" objectid ")"               RFC 8474 section 4.2
 *
 *     CLOSE           removes what has \Deleted, silently; UNSELECT does not
 */
#include "storage/batch.h"

#include "access.h"
#include "mailboxes.h"
#include "respond.h"
#include "resync.h"
#include "session.h"

static void free_selected(void *arg)
{
    selected_free(arg);
}

/* What is left is to be freed where blocking is allowed. */
static struct selected *leave(struct imap_session *session)
{
    struct selected *selected = session->selected;
    hub_leave(&session->member);
    session->selected = NULL;
    session->state = IMAP_AUTHENTICATED;
    return selected;
}

void imap_leave_mailbox(struct imap_session *session)
{
    struct selected *selected = leave(session);
    if (selected)
        imap_on_thread_surely(session, free_selected, selected);
}

struct select_parameters {
    bool condstore;
    struct resync resync;
};

static bool parse_select_parameters(struct parser *parser, struct select_parameters *parameters)
{
    if (!parse_space(parser))
        return true;
    if (!parse_char(parser, '('))
        return parse_end(parser);
    do {
        if (parse_word(parser, S("CONDSTORE")))
            parameters->condstore = true;
        else if (!parse_word(parser, S("QRESYNC")))
            return parser_expected(parser, "a parameter of SELECT");
        else if (!parse_resync(parser, &parameters->resync))
            return false;
    } while (parse_space(parser));
    return parse_char(parser, ')');
}

static void write_flag_lists(struct imap_session *session, const struct select_result *result,
                             struct buf *out)
{
    const struct selected *selected = session->selected;
    struct message_flags flags = {
        .flags = MESSAGE_FLAGS_ALL, .others = result->keywords, .other_count = result->keyword_count};
    struct flag_names names = {0};
    buf_append(out, S("* FLAGS "));
    respond_flags(out, &flags, &names);
    buf_append(out, S("\r\n"));
    bool any_keyword = selected_may(selected, RIGHT_WRITE);
    flags.flags = selected_permanent_flags(selected);
    flags.other_count = any_keyword ? result->keyword_count : 0;
    respond_permanent_flags(out, &flags, any_keyword, session->language);
}

struct open_job {
    struct imap_session *session;
    struct selected *former; /* the mailbox that was open before; NULL: none, or it is freed */
    struct slice said, name; /* as the client wrote it, and as it is right */
    struct select_request request;
    struct selected *selected;
    struct select_result result;
};

static void write_counts(struct imap_session *session, const struct open_job *job, struct buf *out)
{
    const struct selected *selected = session->selected;
    const struct select_result *result = &job->result;
    const struct mailbox_status *status = &result->mailbox.status;
    bool rev2 = session->enabled & ENABLED_REV2;
    buf_printf(out, "* %u EXISTS\r\n", (unsigned)selected->exists);
    if (!rev2)
        buf_printf(out, "* %llu RECENT\r\n", (unsigned long long)result->recent);
    if (result->first_unseen > 0 && !rev2 && !(session->enabled & ENABLED_UIDONLY))
        buf_printf(out, "* OK [UNSEEN %u] %s\r\n", (unsigned)result->first_unseen,
                   imap_words(session, "first unseen message"));
    buf_printf(out, "* OK [UIDVALIDITY %u] %s\r\n", (unsigned)status->uidvalidity,
               imap_words(session, "UIDs are valid"));
    buf_printf(out, "* OK [UIDNEXT %u] %s\r\n", (unsigned)status->uidnext,
               imap_words(session, "predicted next UID"));
    buf_printf(out, "* OK [HIGHESTMODSEQ %llu] %s\r\n",
               (unsigned long long)MAX_OF(status->highestmodseq, (uint64_t)1),
               imap_words(session, "highest mod-sequence"));
    buf_printf(out, "* OK [MAILBOXID (F%s)] %s\r\n", result->mailbox.guid,
               imap_words(session, "identifier of the mailbox"));
    if (rev2) /* RFC 9051 section 6.3.2: which mailbox it is, by its right name */
        respond_renamed(out, "", job->name, job->said);
}

static enum err open_mailbox(void *arg)
{
    struct open_job *job = arg;
    struct imap_access access;
    selected_free(job->former);
    job->former = NULL;
    enum err err = imap_access(job->session, job->said, RIGHT_READ, &access);
    job->request.account = access.account;
    job->request.name = access.mailbox;
    job->request.rights = access.rights;
    job->request.viewer = access.viewer;
    if (!err) {
        job->name = imap_access_name(job->session, &access);
        err = selected_open(&job->request, &job->session->arena, &job->selected, &job->result);
    }
    imap_access_end(&access);
    return err;
}

/* RFC 4314 section 5.2 */
static bool is_read_write(const struct selected *selected)
{
    return !selected->read_only && (selected->rights & RIGHTS_READ_WRITE);
}

static void open_for(struct imap_session *session, struct parser *parser, bool read_only)
{
    struct open_job job = {.session = session, .request = {.read_only = read_only}};
    struct select_parameters parameters = {0};
    if (!parse_mailbox_argument(parser, &job.said) || !parse_select_parameters(parser, &parameters) ||
        !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (parameters.resync.match_numbers.count > 0 && session->enabled & ENABLED_UIDONLY) {
        imap_bad(session, "message numbers are not used any more"); /* RFC 9586 */
        session->answer.code = "UIDREQUIRED";
        return;
    }
    if (parameters.resync.wanted && !(session->enabled & ENABLED_QRESYNC)) {
        imap_bad(session, "ENABLE QRESYNC comes first"); /* RFC 7162 section 3.2.5 */
        return;
    }
    if (parameters.condstore)
        session->enabled |= ENABLED_CONDSTORE;
    /* RFC 9051 section 6.3.2: also a SELECT that fails leaves the former mailbox. */
    if (session->selected) {
        job.former = leave(session);
        imap_say(session, ANSWER_OK, "CLOSED", "the former mailbox is closed");
    }
    job.request.wants_recent = !(session->enabled & ENABLED_REV2);
    enum err err = imap_on_thread(session, open_mailbox, &job);
    if (job.former) /* no thread was to be had */
        imap_on_thread_surely(session, free_selected, job.former);
    if (err) {
        imap_no_err(session, err);
        return;
    }
    session->selected = job.selected;
    session->state = IMAP_SELECTED;
    session->selected->knows_modseq = session->enabled & ENABLED_CONDSTORE;
    hub_join(session->context->hub, &session->member, account_login(job.selected->account),
             job.selected->mailbox_id, job.result.modseq);
    struct buf out;
    buf_init(&out, SIZE_MAX / 2);
    write_flag_lists(session, &job.result, &out);
    write_counts(session, &job, &out);
    conn_write(session->conn, buf_slice(&out));
    buf_free(&out);
    err = parameters.resync.wanted ? imap_send_resync(session, &parameters.resync) : ERR_OK;
    if (err) {
        imap_leave_mailbox(session); /* RFC 9051 section 6.3.2: after NO none is open */
        imap_no_err(session, err);
        return;
    }
    imap_ok(session, is_read_write(session->selected) ? "READ-WRITE" : "READ-ONLY",
            read_only ? "examined" : "selected");
}

void imap_select(struct imap_session *session, struct parser *parser)
{
    open_for(session, parser, false);
}

void imap_examine(struct imap_session *session, struct parser *parser)
{
    open_for(session, parser, true);
}

void imap_close(struct imap_session *session, struct parser *parser)
{
    if (!parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    const struct selected *selected = session->selected;
    struct batch_operation expunge = {.kind = BATCH_EXPUNGE,
                                      .mailbox = mailbox_numbered(selected->mailbox_id),
                                      .expunge = {.uids = uid_set_all, .deleted_only = true}};
    enum err err = ERR_OK;
    if (selected_may(selected, RIGHT_EXPUNGE)) /* without it nothing is said (RFC 4314 section 4) */
        err = imap_commit(session, selected->account, &expunge);
    imap_leave_mailbox(session);
    if (err && err != ERR_NOT_FOUND)
        imap_no_err(session, err);
    else
        imap_ok(session, NULL, "closed");
}

void imap_unselect(struct imap_session *session, struct parser *parser)
{
    if (!parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    imap_leave_mailbox(session);
    imap_ok(session, NULL, "closed, nothing was removed");
}
