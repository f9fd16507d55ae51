/* SPDX-License-Identifier: ISC */
/*
 * Quotas (RFC 9208). An account with limits is one quota root, named by its login; one without limits has
 * none. Limits are set by the administrator alone (QUOTASET is not offered).
 *
 *     getquota        = "GETQUOTA" SP quota-root-name                         an astring
 *     getquotaroot    = "GETQUOTAROOT" SP mailbox
 *     setquota        = "SETQUOTA" SP quota-root-name SP setquota-list
 *     setquota-list   = "(" [setquota-resource *(SP setquota-resource)] ")"
 *     quota-response  = "QUOTA" SP quota-root-name SP quota-list
 *     quota-resource  = resource-name SP resource-usage SP resource-limit     STORAGE counts KiB
 */
#include "access.h"
#include "mailboxes.h"
#include "respond.h"

struct quota_job {
    struct imap_session *session;
    struct slice name; /* of the mailbox; empty: the account's own quota is asked for */
    struct slice root;
    struct quota_state quota;
};

static enum err read_quota(struct account *account, struct quota_state *quota_r)
{
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    if (!err)
        err = snapshot_quota(snapshot, quota_r);
    snapshot_close(snapshot);
    return err;
}

/* The mailbox need not be there: a client may want to know before it creates it. */
static enum err find_quota(void *arg)
{
    struct quota_job *job = arg;
    struct imap_access access = {.account = job->session->account, .is_borrowed = true};
    access.owner = account_login(access.account);
    enum err err = job->name.len > 0 ? imap_access(job->session, job->name, RIGHT_READ, &access) : ERR_OK;
    if (!err)
        err = read_quota(access.account, &job->quota);
    if (!err)
        job->root = arena_copy(&job->session->arena, access.owner);
    imap_access_end(&access);
    return err;
}

static bool is_limited(const struct quota_state *quota)
{
    return quota->limit_bytes > 0 || quota->limit_messages > 0;
}

#define KIB 1024

/* What is used counts as begun units, so that nobody is over his quota unseen. */
static void write_quota(struct buf *out, const struct quota_job *job, bool utf8)
{
    const struct quota_state *quota = &job->quota;
    buf_append(out, S("* QUOTA "));
    respond_string(out, job->root, utf8);
    buf_append(out, S(" ("));
    if (quota->limit_bytes > 0)
        buf_printf(out, "STORAGE %llu %llu", (unsigned long long)((quota->bytes + KIB - 1) / KIB),
                   (unsigned long long)(quota->limit_bytes / KIB));
    if (quota->limit_messages > 0)
        buf_printf(out, "%sMESSAGE %llu %llu", quota->limit_bytes > 0 ? " " : "",
                   (unsigned long long)quota->messages, (unsigned long long)quota->limit_messages);
    buf_append(out, S(")\r\n"));
}

static void send_quota(struct imap_session *session, const struct quota_job *job, bool with_root)
{
    struct buf out;
    buf_init(&out, SIZE_MAX / 2);
    if (with_root) {
        buf_append(&out, S("* QUOTAROOT "));
        respond_mailbox(&out, job->name, imap_utf8(session));
        if (is_limited(&job->quota)) {
            buf_append_char(&out, ' ');
            respond_string(&out, job->root, imap_utf8(session));
        }
        buf_append(&out, S("\r\n"));
    }
    if (is_limited(&job->quota))
        write_quota(&out, job, imap_utf8(session));
    conn_write(session->conn, buf_slice(&out));
    buf_free(&out);
}

void imap_getquotaroot(struct imap_session *session, struct parser *parser)
{
    struct quota_job job = {.session = session};
    if (!parse_mailbox_argument(parser, &job.name) || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (job.name.len == 0) {
        imap_no(session, "CANNOT", "a mailbox has a name");
        return;
    }
    enum err err = imap_on_thread(session, find_quota, &job);
    if (err) {
        imap_no_err(session, err);
        return;
    }
    send_quota(session, &job, true);
    imap_ok(session, NULL, "that is its quota");
}

void imap_getquota(struct imap_session *session, struct parser *parser)
{
    struct quota_job job = {.session = session};
    struct slice root;
    if (!parse_space(parser) || !parse_astring(parser, &root) || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    bool is_own = root.len == 0 || slice_eq_nocase(root, buf_slice(&session->login));
    enum err err = is_own ? imap_on_thread(session, find_quota, &job) : ERR_OK;
    if (err) {
        imap_no_err(session, err);
    } else if (!is_own || !is_limited(&job.quota)) {
        imap_no(session, "NONEXISTENT", "no such quota root");
    } else {
        send_quota(session, &job, false);
        imap_ok(session, NULL, "that is the quota");
    }
}

static bool parse_limits(struct parser *parser)
{
    struct slice resource;
    uint64_t limit;
    if (!parse_char(parser, '('))
        return false;
    if (parse_char(parser, ')'))
        return true;
    do
        if (!parse_atom(parser, &resource) || !parse_space(parser) || !parse_number64(parser, &limit))
            return false;
    while (parse_space(parser));
    return parse_char(parser, ')');
}

void imap_setquota(struct imap_session *session, struct parser *parser)
{
    struct slice root;
    if (!parse_space(parser) || !parse_astring(parser, &root) || !parse_space(parser) ||
        !parse_limits(parser) || !parse_end(parser))
        imap_bad_syntax(session, parser);
    else
        imap_no(session, "NOPERM", "quotas are set by the administrator");
}
