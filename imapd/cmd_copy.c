/* SPDX-License-Identifier: ISC */
/*
 * COPY (RFC 9051 section 6.4.7) and MOVE (section 6.4.8, RFC 6851):
 *
 *     copy            = "COPY" SP sequence-set SP mailbox
 *     move            = "MOVE" SP sequence-set SP mailbox
 *
 * COPYUID (RFC 4315 section 3) comes with the answer of COPY, and before the EXPUNGEs of MOVE.
 */
#include "storage/batch.h"

#include "respond.h"
#include "session.h"

struct copy_job {
    struct imap_session *session;
    struct batch_operation operation;
};

static enum err commit(void *arg)
{
    struct copy_job *job = arg;
    return batch_commit(job->session->selected->account, &job->operation, 1, &job->session->arena);
}

/* "COPYUID 38505 304,319:320 3956:3958" */
static const char *copyuid_code(struct imap_session *session, const struct batch_result *result)
{
    struct uid_range copies = {result->uid, result->uid + (uint32_t)result->affected - 1};
    struct uid_set target = {&copies, 1};
    struct buf code;
    buf_init(&code, SIZE_MAX / 2);
    buf_printf(&code, "COPYUID %u ", (unsigned)result->uidvalidity);
    respond_uid_set(&code, &result->source);
    buf_append_char(&code, ' ');
    respond_uid_set(&code, &target);
    const char *text = arena_cstr(&session->arena, buf_slice(&code));
    buf_free(&code);
    return text;
}

static void copy(struct imap_session *session, enum batch_kind kind, struct uid_set uids, struct slice target)
{
    struct copy_job job = {
        .session = session,
        .operation = {.kind = kind,
                      .mailbox = mailbox_numbered(session->selected->mailbox_id),
                      .copy = {.uids = uids,
                               .target = mailbox_named(mailbox_name_canonical(&session->arena, target))}}};
    const struct batch_result *result = &job.operation.result;
    enum err err = imap_on_thread(session, commit, &job);
    if (err == ERR_NOT_FOUND)
        imap_no(session, "TRYCREATE", "there is no such mailbox, create it first");
    else if (err)
        imap_no_err(session, err);
    else if (result->affected == 0)
        imap_ok(session, NULL, "there was nothing to copy");
    else if (kind == BATCH_COPY)
        imap_ok(session, copyuid_code(session, result), "copied");
    if (err || result->affected == 0)
        return;
    if (kind == BATCH_MOVE) {
        imap_untagged(session, "OK [%s] moved", copyuid_code(session, result));
        session->updates |= UPDATE_EXPUNGES;
        /* As for EXPUNGE (RFC 7162 section 3.2.7). */
        imap_ok(session,
                session->enabled & ENABLED_CONDSTORE
                    ? arena_printf(&session->arena, "HIGHESTMODSEQ %llu", (unsigned long long)result->modseq)
                    : NULL,
                "moved");
    }
    event_set(&session->member.changed);
}

static void copy_or_move(struct imap_session *session, struct parser *parser, enum batch_kind kind)
{
    struct sequence_set set;
    struct slice target;
    struct uid_set uids;
    if (!parse_space(parser) || !parse_sequence_set(parser, &set) || !parse_space(parser) ||
        !parse_mailbox(parser, &target) || !parse_end(parser))
        imap_bad_syntax(session, parser);
    else if (kind == BATCH_MOVE && session->selected->read_only)
        imap_no(session, "READ-ONLY", "the mailbox was opened for reading");
    else if (imap_resolve(session, &set, &uids))
        copy(session, kind, uids, target);
}

void imap_copy(struct imap_session *session, struct parser *parser)
{
    copy_or_move(session, parser, BATCH_COPY);
}

void imap_move(struct imap_session *session, struct parser *parser)
{
    copy_or_move(session, parser, BATCH_MOVE);
}
