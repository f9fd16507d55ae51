/* SPDX-License-Identifier: ISC */
/*
 * APPEND (RFC 9051 section 6.3.12), of several messages at once too (RFC 3502):
 *
 *     append          = "APPEND" SP mailbox 1*append-message           see append_parse.h
 *
 * All of them or none: one commit.
 */
#include "append_parse.h"
#include "append_twin.h"
#include "message_limit.h"
#include "respond.h"
#include "session.h"

#define MESSAGES_MAX 1000
#define MEMORY_MAX   ((size_t)64 * 1024 * 1024) /* of what the parsers found in them */

struct append_job {
    struct imap_session *session;
    struct imap_access target;
    struct incoming *first; /* each with `next` */
    size_t count;
    uint64_t size, room; /* of all; that the quota has */
    uint32_t uidvalidity;
    struct uid_set uids;
};

static enum err commit(struct append_job *job)
{
    struct arena *arena = &job->session->arena;
    struct batch_operation *operations = arena_array(arena, struct batch_operation, job->count);
    size_t count = 0;
    enum err err = ERR_OK;
    for (struct incoming *message = job->first; !err && message; message = message->next) {
        operations[count++] = append_operation(message, &job->target);
        err = blob_seal(message->blob);
    }
    if (!err)
        err = batch_commit(job->target.account, operations, count, arena);
    if (err)
        return err;
    struct uid_set_writer uids = {0};
    for (size_t i = 0; i < count; i++)
        uid_set_add(&uids, operations[i].result.uid);
    job->uids = uid_set_take(&uids, arena);
    job->uidvalidity = operations[0].result.uidvalidity;
    return ERR_OK;
}

static enum err add(void *arg)
{
    struct append_job *job = arg;
    uint32_t twin = 0;
    enum err err = job->count == 1 ? append_twin_find(job->target.account, mailbox_named(job->target.mailbox),
                                                      &job->first->summary, &twin, &job->uidvalidity)
                                   : ERR_OK;
    if (err || twin == 0)
        return err ? err : commit(job);
    struct uid_range *range = arena_new(&job->session->arena, struct uid_range);
    *range = (struct uid_range){twin, twin};
    job->uids = (struct uid_set){range, 1};
    return ERR_OK;
}

static void finish(struct imap_session *session, struct append_job *job)
{
    enum err err = imap_on_thread(session, add, job);
    if (err) {
        append_refuse(session, err);
        return;
    }
    if (!imap_access_tells_uids(&job->target)) {
        imap_ok(session, NULL, "appended");
        return;
    }
    struct buf code;
    buf_init(&code, SIZE_MAX / 2);
    buf_printf(&code, "APPENDUID %u ", (unsigned)job->uidvalidity);
    respond_uid_set(&code, &job->uids);
    imap_ok(session, arena_cstr(&session->arena, buf_slice(&code)), "appended");
    buf_free(&code);
}

static enum err seal(void *arg)
{
    return blob_seal(arg);
}

/* One message after the other, until the command ends. None is taken in that the quota has no room for; and
 * of those that are complete no file is open. */
static void take_all(struct imap_session *session, struct parser *parser, struct append_job *job)
{
    struct incoming **end = &job->first, *last = NULL;
    do {
        enum err err = last ? imap_on_thread(session, seal, last->blob) : ERR_OK;
        if (!err && job->size > job->room)
            err = ERR_OVER_QUOTA;
        if (err) {
            append_refuse(session, err);
            return;
        }
        if (message_limit_exceeded(session, job->count + 1)) {
            message_limit_refuse(session, 0);
            return;
        }
        if (job->count++ == MESSAGES_MAX || session->arena.used > MEMORY_MAX || imap_hold(session, 0)) {
            imap_no(session, "LIMIT", "too many messages at once");
            return;
        }
        *end = last = arena_new(&session->arena, struct incoming);
        if (!append_take(session, parser, last))
            return;
        job->size += last->summary.size;
        end = &last->next;
    } while (slice_trim(parser->rest).len > 0);
    finish(session, job);
}

void imap_append(struct imap_session *session, struct parser *parser)
{
    struct slice name;
    if (!parse_space(parser) || !parse_mailbox(parser, &name)) {
        imap_bad_syntax(session, parser);
        return;
    }
    struct append_job job = {.session = session};
    if (append_begin(session, name, &job.room, &job.target))
        take_all(session, parser, &job);
    append_end(session, &job.target);
    for (struct incoming *message = job.first; message; message = message->next)
        incoming_free(message);
}
