/* SPDX-License-Identifier: ISC */
/*
 * GENURLAUTH, URLFETCH, RESETKEY (RFC 4467 section 9):
 *
 *     genurlauth      = "GENURLAUTH" 1*(SP url-rump SP mechanism)      url-rump: astring
 *     genurlauth-data = "*" SP "GENURLAUTH" 1*(SP url-full)
 *     urlfetch        = "URLFETCH" 1*(SP url-full)
 *     urlfetch-data   = "*" SP "URLFETCH" 1*(SP url-full SP nstring)
 *     resetkey        = "RESETKEY" [SP mailbox *(SP mechanism)]
 */
#include "message_part.h"
#include "respond.h"
#include "urlauth.h"

#define URLS_MAX    100
#define WINDOW_SIZE ((uint64_t)1024 * 1024) /* of a part at one visit */

static bool parse_internal(struct parser *parser)
{
    return parse_word(parser, S("INTERNAL")) || parser_expected(parser, "the mechanism INTERNAL");
}

/* --- GENURLAUTH --- */

struct make_job {
    struct imap_session *session;
    struct imapurl url;
    char token[URLAUTH_TOKEN_MAX];
};

static enum err make(void *arg)
{
    struct make_job *job = arg;
    return urlauth_make(job->session, &job->url, job->token);
}

static enum err append_url(struct imap_session *session, struct slice rump, struct buf *line)
{
    struct make_job job = {.session = session};
    if (!imapurl_parse(&session->arena, rump, &job.url) || job.url.token.len > 0)
        return ERR_SYNTAX;
    enum err err = imap_on_thread(session, make, &job);
    if (err)
        return err;
    buf_append_char(line, ' ');
    respond_string(
        line,
        slice_from(arena_printf(&session->arena, "%.*s:internal:%s", (int)rump.len, rump.data, job.token)),
        imap_utf8(session));
    return ERR_OK;
}

void imap_genurlauth(struct imap_session *session, struct parser *parser)
{
    struct buf line;
    struct slice rump;
    enum err err = ERR_OK;
    size_t count = 0;
    bool good = true;
    buf_init(&line, SIZE_MAX / 2);
    buf_append(&line, S("* GENURLAUTH"));
    while (good && !err && count < URLS_MAX && parse_space(parser)) {
        good = parse_astring(parser, &rump) && parse_space(parser) && parse_internal(parser);
        if (good)
            err = append_url(session, rump, &line);
        count++;
    }
    buf_append(&line, S("\r\n"));
    if (err == ERR_SYNTAX || (!err && (!good || count == 0 || !parse_end(parser)))) {
        if (err)
            imap_bad(session, "expected the URL of a message, ending in ;URLAUTH= and who may use it");
        else
            imap_bad_syntax(session, parser);
    } else if (err) {
        imap_no_err(session, err);
    } else {
        conn_write(session->conn, buf_slice(&line));
        imap_ok(session, NULL, "made");
    }
    buf_free(&line);
}

/* --- URLFETCH --- */

struct read_job {
    struct imap_session *session;
    struct imapurl url;
    struct account *account; /* opened by the first visit */
    bool counts;             /* only the size is wanted */
    uint64_t size;
    struct buf out;
};

static enum err take(void *data, struct slice octets)
{
    struct read_job *job = data;
    job->size += octets.len;
    if (!job->counts)
        buf_append(&job->out, octets);
    return ERR_OK;
}

static enum err visit(void *arg)
{
    struct read_job *job = arg;
    enum err err = job->account ? ERR_OK : urlauth_open(job->session, &job->url, &job->account);
    return err ? err : message_part_read_in(job->account, &job->session->arena, &job->url, take, job);
}

static void close_account(void *arg)
{
    account_close(arg);
}

/* The octets in windows, each with a visit of its own, behind the size that was counted. */
static enum err send_octets(struct imap_session *session, struct read_job *job)
{
    uint64_t total = job->size, offset = job->url.is_partial ? job->url.offset : 0, sent = 0;
    enum err err = conn_printf(session->conn, " {%llu}\r\n", (unsigned long long)total);
    job->counts = false;
    job->url.is_partial = true;
    while (!err && sent < total) {
        job->url.offset = offset + sent;
        job->url.length = MIN_OF(WINDOW_SIZE, total - sent);
        buf_clear(&job->out);
        err = imap_on_thread(session, visit, job);
        if (!err && job->out.len != job->url.length)
            err = ERR_IO;
        if (!err)
            err = conn_write(session->conn, buf_slice(&job->out));
        sent += job->out.len;
    }
    if (err) /* the client was promised more */
        session->ended = err_text(err);
    return err;
}

static void answer_url(struct imap_session *session, struct slice text)
{
    struct read_job job = {.session = session, .counts = true};
    struct buf name;
    buf_init(&name, INPUT_TEXT_MAX * 2);
    buf_init(&job.out, SIZE_MAX / 2);
    buf_append_char(&name, ' ');
    respond_string(&name, text, imap_utf8(session));
    conn_write(session->conn, buf_slice(&name));
    buf_free(&name);
    if (!imapurl_parse(&session->arena, text, &job.url) || imap_on_thread(session, visit, &job))
        conn_write(session->conn, S(" NIL"));
    else
        send_octets(session, &job);
    buf_free(&job.out);
    if (job.account)
        imap_on_thread_surely(session, close_account, job.account);
}

void imap_urlfetch(struct imap_session *session, struct parser *parser)
{
    struct slice urls[URLS_MAX];
    size_t count = 0;
    while (count < URLS_MAX && parse_space(parser) && parse_astring(parser, &urls[count]))
        count++;
    if (count == 0 || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    conn_write(session->conn, S("* URLFETCH"));
    for (size_t i = 0; i < count && !session->ended; i++)
        answer_url(session, urls[i]);
    if (session->ended) /* within a literal: whatever came next would be taken for its octets */
        return;
    conn_write(session->conn, S("\r\n"));
    imap_ok(session, NULL, "fetched");
}

/* --- RESETKEY --- */

struct reset_job {
    struct imap_session *session;
    struct slice mailbox;
};

static enum err reset(void *arg)
{
    struct reset_job *job = arg;
    return urlauth_reset(job->session, job->mailbox);
}

void imap_resetkey(struct imap_session *session, struct parser *parser)
{
    struct reset_job job = {.session = session};
    bool good = true;
    if (parse_space(parser)) {
        good = parse_mailbox(parser, &job.mailbox) && job.mailbox.len > 0;
        while (good && parse_space(parser))
            good = parse_internal(parser);
    }
    if (!good || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    enum err err = imap_on_thread(session, reset, &job);
    if (err)
        imap_no_err(session, err);
    else
        imap_ok(session, "URLMECH INTERNAL", "URLs made before are worth nothing any more");
}
