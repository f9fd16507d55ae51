/* SPDX-License-Identifier: ISC */
/*
 * GETMETADATA (RFC 5464 section 4.2):
 *
 *     getmetadata        = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries
 *     getmetadata-option = "MAXSIZE" SP number / "DEPTH" SP ("0" / "1" / "infinity")
 *
 * The examples of the RFC have the options behind the mailbox; both places are fine. An empty mailbox name
 * means the server.
 */
#include "mailboxes.h"
#include "metadata.h"

struct getmetadata_job {
    struct imap_session *session;
    struct slice name;
    struct metadata_request request;
    struct buf out;
    uint64_t longest;
};

static bool parse_depth(struct parser *parser, uint32_t *depth_r)
{
    if (parse_word(parser, S("infinity"))) {
        *depth_r = METADATA_DEPTH_INFINITY;
        return true;
    }
    return (parse_number(parser, depth_r) && *depth_r <= 1) || parser_expected(parser, "0, 1 or infinity");
}

static bool parse_option(struct parser *parser, struct metadata_request *request)
{
    if (parse_word(parser, S("MAXSIZE"))) {
        request->has_max_size = true;
        return parse_space(parser) && parse_number64(parser, &request->max_size);
    }
    if (parse_word(parser, S("DEPTH")))
        return parse_space(parser) && parse_depth(parser, &request->depth);
    return parser_expected(parser, "MAXSIZE or DEPTH");
}

/* With the space behind them. A list that begins with a path is no list of options. */
static bool parse_options(struct parser *parser, struct metadata_request *request)
{
    struct slice inside = slice_skip(parser->rest, 1);
    if (parser_peek(parser) != '(' || inside.len == 0 || !char_is_alpha(inside.data[0]))
        return true;
    parse_char(parser, '(');
    do
        if (!parse_option(parser, request))
            return false;
    while (parse_space(parser));
    return parse_char(parser, ')') && parse_space(parser);
}

static enum err find_mailbox(struct getmetadata_job *job, struct imap_access *access)
{
    enum err err = imap_access(job->session, job->name, RIGHT_LOOKUP, access);
    return !err && !metadata_may_read(access->rights) ? ERR_DENIED : err;
}

static enum err read_from(struct getmetadata_job *job, const struct imap_access *access)
{
    struct imap_session *session = job->session;
    struct snapshot *snapshot = NULL;
    struct mailbox_entry mailbox;
    struct annotation *list;
    size_t count;
    bool is_server = job->name.len == 0;
    enum err err = snapshot_open(access->account, &snapshot);
    if (!err && !is_server)
        err = snapshot_mailbox(snapshot, mailbox_named(access->mailbox), &session->arena, &mailbox);
    if (!err)
        err = metadata_read(session, snapshot, is_server ? NULL : &mailbox, access->is_borrowed,
                            &session->arena, &list, &count);
    if (!err)
        respond_metadata(&job->out, job->name, &job->request, list, count, imap_utf8(session), &job->longest);
    snapshot_close(snapshot);
    return err;
}

static enum err read_annotations(void *arg)
{
    struct getmetadata_job *job = arg;
    struct imap_access access = {.account = job->session->account, .is_borrowed = true};
    enum err err = job->name.len > 0 ? find_mailbox(job, &access) : ERR_OK;
    if (!err)
        err = read_from(job, &access);
    imap_access_end(&access);
    return err;
}

static bool parse_getmetadata(struct parser *parser, struct getmetadata_job *job)
{
    struct slice last;
    if (!parse_space(parser) || !parse_options(parser, &job->request) || !parse_mailbox(parser, &job->name) ||
        !parse_space(parser) || !parse_options(parser, &job->request) ||
        !parse_metadata_entries(parser, &job->request) || !parse_end(parser))
        return false;
    last = slice_skip(job->name, job->name.len > 0 ? job->name.len - 1 : 0);
    if (job->name.len > 1 && slice_eq(last, S("/")))
        job->name.len--;
    return true;
}

void imap_getmetadata(struct imap_session *session, struct parser *parser)
{
    struct getmetadata_job job = {.session = session};
    if (!parse_getmetadata(parser, &job)) {
        imap_bad_syntax(session, parser);
        return;
    }
    buf_init(&job.out, SIZE_MAX / 2);
    enum err err = imap_on_thread(session, read_annotations, &job);
    if (!err)
        err = conn_write(session->conn, buf_slice(&job.out));
    buf_free(&job.out);
    if (err)
        imap_no_err(session, err);
    else
        imap_ok(session,
                job.longest > 0 ? arena_printf(&session->arena, "METADATA LONGENTRIES %llu",
                                               (unsigned long long)job.longest)
                                : NULL,
                "that is all");
}
