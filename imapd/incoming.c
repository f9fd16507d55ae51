/* SPDX-License-Identifier: ISC */
#include "incoming.h"

#include "session.h"

/* What the parser may keep of one message. */
#define KEPT_MAX  ((size_t)256 * 1024)
#define PARTS_MAX 1000

enum err incoming_begin(struct imap_session *session, struct incoming *incoming)
{
    struct mime_limits limits = mime_default_limits;
    limits.kept_size = KEPT_MAX;
    limits.parts = PARTS_MAX;
    incoming->parser = mime_parser_new(&incoming->parser_arena, &limits);
    return blob_begin(session->context->store, &incoming->blob);
}

enum err incoming_write_blocking(struct imap_session *session, struct incoming *incoming, struct slice bytes)
{
    if (blob_size(incoming->blob) + bytes.len > (uint64_t)session->conf->message_size_limit)
        return ERR_TOO_LONG;
    mime_parser_feed(incoming->parser, bytes);
    return blob_write(incoming->blob, bytes);
}

struct write_job {
    struct imap_session *session;
    struct incoming *incoming;
    struct slice bytes;
};

static enum err write_on_thread(void *arg)
{
    struct write_job *job = arg;
    return incoming_write_blocking(job->session, job->incoming, job->bytes);
}

enum err incoming_write(struct imap_session *session, struct incoming *incoming, struct slice bytes)
{
    struct write_job job = {session, incoming, bytes};
    return blob_write_blocks(incoming->blob, bytes.len) ? imap_on_thread(session, write_on_thread, &job)
                                                        : write_on_thread(&job);
}

enum err incoming_literal(struct imap_session *session, struct incoming *incoming, struct parser *parser,
                          const struct literal *literal)
{
    incoming->binary |= literal->binary;
    if (literal->size > (uint64_t)session->conf->message_size_limit)
        return ERR_TOO_LONG;
    struct slice piece;
    enum err err = input_literal_begin(session);
    while (!err && !(err = input_literal_next(session, &piece)) && piece.len > 0)
        err = incoming_write(session, incoming, piece);
    return err ? err : input_literal_end(session, parser);
}

enum err incoming_end(struct imap_session *session, struct incoming *incoming)
{
    const struct mime_counts *counts = mime_parser_counts(incoming->parser);
    mime_parser_finish(incoming->parser);
    if (counts->size == 0 || (counts->has_nul && !incoming->binary))
        return ERR_SYNTAX;
    summary_build(&session->arena, incoming->parser, &incoming->summary);
    arena_free(&incoming->parser_arena);
    return ERR_OK;
}

void incoming_free(struct incoming *incoming)
{
    blob_free(incoming->blob);
    incoming->blob = NULL;
    arena_free(&incoming->parser_arena);
}

struct batch_operation incoming_operation(const struct incoming *incoming, struct mailbox_ref mailbox)
{
    return (struct batch_operation){.kind = BATCH_APPEND,
                                    .mailbox = mailbox,
                                    .append = {.blob = incoming->blob,
                                               .summary = &incoming->summary,
                                               .flags = incoming->flags.flags,
                                               .keywords = incoming->flags.keywords,
                                               .keyword_count = incoming->flags.keyword_count,
                                               .internal_date_us = incoming->internal_date_us}};
}
