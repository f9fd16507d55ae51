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

#include "access.h"
#include "copy_across.h"
#include "message_limit.h"
#include "respond.h"

struct copy_job {
    struct imap_session *session;
    enum batch_kind kind;
    struct uid_set uids;
    struct slice name; /* of the target, as the client has it */
    struct imap_access target;
    bool is_across; /* the target is in another account */
    /* what came of it */
    struct uid_set source, copies;
    uint32_t uidvalidity;
    uint64_t modseq;
};

/* What whoever copies has no right to set, the copies do not get (RFC 4314 section 4). */
static enum err copy_within(struct copy_job *job)
{
    const struct selected *selected = job->session->selected;
    const struct imap_access *target = &job->target;
    struct batch_operation operation = {.kind = job->kind,
                                        .mailbox = mailbox_numbered(selected->mailbox_id),
                                        .copy = {.uids = job->uids,
                                                 .target = mailbox_named(target->mailbox),
                                                 .dropped = MESSAGE_FLAGS_ALL & ~rights_flags(target->rights),
                                                 .drops_keywords = !(target->rights & RIGHT_WRITE),
                                                 .viewer = target->viewer}};
    const struct batch_result *result = &operation.result;
    enum err err = batch_commit(selected->account, &operation, 1, &job->session->arena);
    if (err || result->affected == 0)
        return err;
    struct uid_range *copies = arena_new(&job->session->arena, struct uid_range);
    *copies = (struct uid_range){result->uid, result->uid + (uint32_t)result->affected - 1};
    job->source = result->source;
    job->copies = (struct uid_set){copies, 1};
    job->uidvalidity = result->uidvalidity;
    job->modseq = result->modseq;
    return ERR_OK;
}

static enum err begin(void *arg)
{
    struct copy_job *job = arg;
    enum err err = imap_access(job->session, job->name, RIGHT_INSERT, &job->target);
    job->is_across = !err && !slice_eq(job->target.owner, account_login(job->session->selected->account));
    if (job->is_across)
        return ERR_OK;
    if (!err)
        err = copy_within(job);
    imap_access_end(&job->target);
    return err;
}

static void end(void *arg)
{
    struct copy_job *job = arg;
    imap_access_end(&job->target);
}

static enum err copy_across(struct copy_job *job)
{
    struct copy_across across = {
        .session = job->session, .uids = job->uids, .target = &job->target, .move = job->kind == BATCH_MOVE};
    enum err err = imap_copy_across(&across);
    job->source = across.source;
    job->copies = across.copies;
    job->uidvalidity = across.uidvalidity;
    job->modseq = across.modseq;
    return err;
}

/* "COPYUID 38505 304,319:320 3956:3958"; NULL where it would tell too much. */
static const char *copyuid_code(const struct copy_job *job)
{
    if (!imap_access_tells_uids(&job->target))
        return NULL;
    struct buf code;
    buf_init(&code, SIZE_MAX / 2);
    buf_printf(&code, "COPYUID %u ", (unsigned)job->uidvalidity);
    respond_uid_set(&code, &job->source);
    buf_append_char(&code, ' ');
    respond_uid_set(&code, &job->copies);
    const char *text = arena_cstr(&job->session->arena, buf_slice(&code));
    buf_free(&code);
    return text;
}

static void answer_moved(const struct copy_job *job)
{
    struct imap_session *session = job->session;
    const char *code = copyuid_code(job);
    if (code)
        imap_say(session, ANSWER_OK, code, "moved");
    session->updates |= UPDATE_EXPUNGES;
    /* As for EXPUNGE (RFC 7162 section 3.2.7). */
    imap_ok(session,
            session->enabled & ENABLED_CONDSTORE
                ? arena_printf(&session->arena, "HIGHESTMODSEQ %llu", (unsigned long long)job->modseq)
                : NULL,
            "moved");
}

static void copy(struct imap_session *session, enum batch_kind kind, struct uid_set uids, struct slice target)
{
    uint32_t lowest = message_limit_lowest(session, &uids);
    if (kind == BATCH_COPY && lowest > 0) { /* RFC 9738 section 3.1: all or nothing */
        message_limit_refuse(session, lowest);
        return;
    }
    message_limit_cut(session, &uids);
    struct copy_job job = {.session = session, .kind = kind, .uids = uids, .name = target};
    enum err err = imap_on_thread(session, begin, &job);
    if (!err && job.is_across)
        err = copy_across(&job);
    if (job.is_across)
        imap_on_thread_surely(session, end, &job);
    if (err == ERR_NOT_FOUND)
        imap_no(session, "TRYCREATE", "there is no such mailbox, create it first");
    else if (err)
        imap_no_err(session, err);
    else if (job.copies.count == 0)
        imap_ok(session, NULL, "there was nothing to copy");
    else if (kind == BATCH_MOVE)
        answer_moved(&job);
    else
        imap_ok(session, copyuid_code(&job), "copied");
    if (!err)
        message_limit_tell(session, lowest);
    if (!err && job.copies.count > 0)
        event_raise(&session->member.changed);
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
    else if (kind == BATCH_MOVE && !selected_may(session->selected, RIGHT_DELETE_MESSAGES | RIGHT_EXPUNGE))
        imap_no_err(session, ERR_DENIED); /* RFC 6851 section 4.2: as for STORE and EXPUNGE */
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
