/* SPDX-License-Identifier: ISC */
#include "receive.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "deliver.h"
#include "envelope.h"
#include "header_filter.h"
#include "mail/date.h"
#include "mail/summary.h"
#include "mail/trace.h"
#include "newline.h"
#include "policy.h"
#include "session.h"
#include "storage/blob.h"

enum {
    STRETCH = 64 * 1024,
    PENDING_LIMIT = 4 * STRETCH,
    TRACE_LIMIT = 16 * 1024,
    /* What the parser may keep of one message, so that a connection stays under 1 MiB with everything. */
    KEPT_LIMIT = 256 * 1024,
    PARTS_LIMIT = 1000,
    FLOOD_FACTOR = 2 /* times the size limit: so much is read away for the sake of a proper 552 */
};

struct receive {
    struct session *session;
    struct arena arena; /* what the parser makes; grown on worker threads */
    struct mime_parser *parser;
    struct blob *blob;
    struct buf pending;      /* waits for a worker */
    size_t trace_size;       /* bytes of our fields on top */
    size_t return_path_size; /* of the first of them, which is for mailboxes here only */

    bool chunked, editing, begun;
    struct newline_filter newline;
    struct header_filter filter;
    char last_bytes[2]; /* of the message, to see whether it ends in CRLF */
    uint64_t size;      /* of the message as it came */
    enum reply refusal;
};

/* RFC 3848 and RFC 6531 section 4.3: what the message came by. */
static void append_protocol(struct buf *out, const struct session *session)
{
    if (session->transaction.smtputf8)
        buf_append(out, session->service == SERVICE_LMTP ? S("UTF8LMTP") : S("UTF8SMTP"));
    else if (session->service == SERVICE_LMTP)
        buf_append(out, S("LMTP"));
    else
        buf_append(out, session->hello == HELLO_HELO ? S("SMTP") : S("ESMTP"));
    if (session->hello == HELLO_HELO)
        return;
    if (conn_is_tls(session->conn))
        buf_append_char(out, 'S');
    if (session_is_authenticated(session))
        buf_append_char(out, 'A');
}

/* RFC 5321 section 4.4: Return-Path, for the final delivery, and Received. */
static void append_trace(struct receive *receive, struct buf *out, int64_t now)
{
    const struct session *session = receive->session;
    const struct transaction *transaction = &session->transaction;
    struct buf protocol, tls;
    buf_init(&protocol, 32);
    buf_init(&tls, 128);
    append_protocol(&protocol, session);
    if (conn_is_tls(session->conn))
        buf_printf(&tls, "%s %s", conn_tls_version(session->conn), conn_tls_cipher(session->conn));
    const char *peer = conn_peer_address(session->conn);
    bool one = transaction->recipient_count == 1;
    const struct trace_received received = {
        .helo = buf_slice(&session->hello_name),
        .client_address = session->service == SERVICE_LMTP ? SLICE_EMPTY : slice_from(peer),
        .hide_client = session_is_submission(session),
        .host = slice_from(session->conf->hostname),
        .protocol = buf_slice(&protocol),
        .id = slice_from(transaction->id),
        .tls = buf_slice(&tls),
        .recipient = one ? transaction->recipients[0].address : SLICE_EMPTY,
        .seconds = now,
        .zone_minutes = date_local_zone(now)};
    trace_append_return_path(out, &transaction->sender);
    receive->return_path_size = out->len;
    trace_append_received(out, &received);
    buf_free(&protocol);
    buf_free(&tls);
}

/* The fields that a submitted message gets when it lacks them (RFC 6409 section 8). */
static void prepare_editing(struct receive *receive, int64_t now)
{
    const struct session *session = receive->session;
    const struct transaction *transaction = &session->transaction;
    struct slice from =
        transaction->sender_text.len > 0 ? transaction->sender_text : buf_slice(&session->login);
    struct buf text;
    header_filter_init(&receive->filter);

    buf_init(&text, 2048);
    buf_append(&text, S("From: "));
    buf_append(&text, from);
    buf_append(&text, S("\r\n"));
    receive->filter.from = arena_copy(&receive->arena, buf_slice(&text));

    buf_clear(&text);
    buf_append(&text, S("Date: "));
    date_format(&text, now, date_local_zone(now));
    buf_append(&text, S("\r\n"));
    receive->filter.date = arena_copy(&receive->arena, buf_slice(&text));

    buf_clear(&text);
    buf_append(&text, S("Message-ID: "));
    trace_append_message_id(&text, slice_from(session->conf->hostname), now);
    buf_append(&text, S("\r\n"));
    receive->filter.message_id = arena_copy(&receive->arena, buf_slice(&text));
    buf_free(&text);
}

struct receive *receive_new(struct session *session, bool chunked)
{
    struct receive *receive = mem_new(struct receive);
    int64_t now = clock_wall_us() / 1000000;
    receive->session = session;
    receive->chunked = chunked;
    receive->newline.repair = session->conf->listeners[session->service].bare_newline == BARE_NEWLINE_REPAIR;
    receive->editing = session_is_submission(session);
    if (receive->editing)
        prepare_editing(receive, now);

    struct mime_limits limits = mime_default_limits;
    limits.header_size = MAX_OF(limits.header_size, (size_t)session->conf->header_size_limit + TRACE_LIMIT);
    limits.kept_size = KEPT_LIMIT;
    limits.parts = PARTS_LIMIT;
    receive->parser = mime_parser_new(&receive->arena, &limits);
    buf_init(&receive->pending, PENDING_LIMIT);
    append_trace(receive, &receive->pending, now);
    receive->trace_size = receive->pending.len;
    return receive;
}

void receive_free(struct receive *receive)
{
    if (!receive)
        return;
    blob_free(receive->blob);
    buf_free(&receive->pending);
    if (receive->editing)
        header_filter_free(&receive->filter);
    arena_free(&receive->arena);
    mem_free(receive);
}

enum reply receive_refusal(const struct receive *receive)
{
    return receive->refusal;
}

/* What was stored so far is not needed any more, nor is anything that follows. */
void receive_refuse(struct receive *receive, enum reply refusal)
{
    if (receive->refusal)
        return;
    receive->refusal = refusal;
    blob_free(receive->blob);
    receive->blob = NULL;
    buf_free(&receive->pending);
}

static enum reply storage_refusal(enum err err)
{
    return err == ERR_NO_SPACE ? REPLY_NO_SPACE : REPLY_LOCAL_ERROR;
}

/* --- on a worker thread --- */

struct stretch_job {
    struct receive *receive;
    enum err err;
};

static enum err store_pending(struct receive *receive)
{
    struct slice bytes = buf_slice(&receive->pending);
    enum err err = receive->blob ? ERR_OK : blob_begin(receive->session->context->store, &receive->blob);
    mime_parser_feed(receive->parser, bytes);
    return err ? err : blob_write(receive->blob, bytes);
}

static void stretch_work(void *arg)
{
    struct stretch_job *job = arg;
    job->err = store_pending(job->receive);
}

/* --- the way in --- */

static void store(struct receive *receive, struct slice bytes)
{
    buf_append(&receive->pending, bytes);
    if (receive->pending.len < STRETCH)
        return;
    struct stretch_job job = {.receive = receive};
    enum err err = work_run(receive->session->context->work, 0, stretch_work, &job);
    if (!err)
        err = job.err;
    buf_truncate(&receive->pending, 0);
    if (err)
        receive_refuse(receive, storage_refusal(err));
}

static void edit(struct receive *receive, struct slice bytes)
{
    struct slice chunk;
    if (!receive->editing) {
        store(receive, bytes);
        return;
    }
    while (!receive->refusal && header_filter_next(&receive->filter, &bytes, &chunk))
        store(receive, chunk);
}

static void note_last_bytes(struct receive *receive, struct slice bytes)
{
    for (size_t i = bytes.len > 2 ? bytes.len - 2 : 0; i < bytes.len; i++) {
        receive->last_bytes[0] = receive->last_bytes[1];
        receive->last_bytes[1] = bytes.data[i];
    }
}

void receive_write(struct receive *receive, struct slice bytes)
{
    if (bytes.len == 0)
        return;
    receive->size += bytes.len;
    if (receive->size > (uint64_t)receive->session->conf->message_size_limit)
        receive_refuse(receive, REPLY_TOO_BIG);
    if (receive->refusal)
        return;
    /* A first line that continues "the field above" would continue our Received field. */
    if (!receive->begun && char_is_wsp(bytes.data[0])) {
        receive_refuse(receive, REPLY_BAD_START);
        return;
    }
    receive->begun = true;
    note_last_bytes(receive, bytes);
    if (!receive->chunked) {
        edit(receive, bytes);
        return;
    }
    struct slice chunk;
    while (!receive->refusal && newline_filter_next(&receive->newline, &bytes, &chunk))
        edit(receive, chunk);
}

bool receive_is_flooded(const struct receive *receive)
{
    return receive->size / FLOOD_FACTOR > (uint64_t)receive->session->conf->message_size_limit + STRETCH;
}

/* --- the end --- */

/* A message that came by BDAT need not end in CRLF; one in a mailbox does, whatever serves it later. */
static void write_ends(struct receive *receive)
{
    if (receive->chunked) {
        struct slice end = newline_filter_end(&receive->newline);
        if (end.len > 0) {
            edit(receive, end);
            note_last_bytes(receive, end);
        }
        if (receive->size > 0 && !(receive->last_bytes[0] == '\r' && receive->last_bytes[1] == '\n'))
            edit(receive, S("\r\n"));
        if (receive->newline.bare && !receive->newline.repair)
            receive_refuse(receive, REPLY_BARE_NEWLINE);
    }
    if (receive->editing && !receive->refusal)
        store(receive, header_filter_end(&receive->filter));
}

/* What the parser found, against the limits. Still on the worker: asking the directory for the From addresses
 * blocks. */
static enum reply check_message(struct receive *receive)
{
    const struct session *session = receive->session;
    const struct conf *conf = session->conf;
    const struct mime_counts *counts = mime_parser_counts(receive->parser);
    if (counts->has_nul)
        return REPLY_HAS_NUL;
    if (counts->header_too_large ||
        counts->header_size > (uint64_t)conf->header_size_limit + receive->trace_size)
        return REPLY_HEADER_TOO_BIG;
    if (counts->received_fields - 1 > (uint64_t)conf->hop_limit) /* without our own */
        return REPLY_LOOP;
    if (!receive->editing)
        return REPLY_NONE;
    return policy_check_from(session->context->store, buf_slice(&session->login), conf->recipient_delimiter,
                             receive->parser);
}

struct finish_job {
    struct receive *receive;
    struct delivery *delivery;
    enum reply refusal;
};

/* That of a small message is still in memory as a whole. */
static struct slice header_at_hand(const struct receive *receive, const struct message_summary *summary)
{
    const struct mime_counts *counts = mime_parser_counts(receive->parser);
    if (receive->pending.len < counts->size)
        return summary->headers;
    return slice_skip(slice_take(buf_slice(&receive->pending), counts->header_size),
                      receive->return_path_size);
}

static void describe_and_deliver(struct receive *receive, struct delivery *delivery)
{
    struct message_summary summary;
    summary_build(&receive->arena, receive->parser, &summary);
    delivery->envelope =
        envelope_of(receive->session, receive->parser, &summary, receive->return_path_size, &receive->arena);
    delivery->header = header_at_hand(receive, &summary);
    deliver_message(receive->session->context->store, delivery, receive->blob, &summary);
}

/* All that is left to do is done in one go: of a small message this is the only trip to a worker thread. */
static void finish_work(void *arg)
{
    struct finish_job *job = arg;
    struct receive *receive = job->receive;
    enum err err = store_pending(receive);
    mime_parser_finish(receive->parser);
    job->refusal = check_message(receive);
    if (!job->refusal && err)
        job->refusal = storage_refusal(err);
    if (!job->refusal)
        describe_and_deliver(receive, job->delivery);
    blob_free(receive->blob);
    receive->blob = NULL;
}

void receive_finish(struct receive *receive)
{
    struct session *session = receive->session;
    struct delivery delivery;
    delivery_init(&delivery, session);
    if (!receive->refusal)
        write_ends(receive);
    if (!receive->refusal) {
        struct finish_job job = {.receive = receive, .delivery = &delivery};
        enum err err = work_run(session->context->work, 0, finish_work, &job);
        receive->refusal = err ? REPLY_LOCAL_ERROR : job.refusal;
    }
    if (receive->refusal)
        delivery_refuse(&delivery, receive->refusal);
    delivery_answer(&delivery, session, receive->size);
    delivery_free(&delivery);
}
