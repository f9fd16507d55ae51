/* SPDX-License-Identifier: ISC */
#include "append_parse.h"

#include "catenate.h"
#include "session.h"
#include "storage/snapshot.h"

struct begin_job {
    struct imap_session *session;
    struct slice name;
    uint64_t *room; /* NULL: nothing grows */
    struct imap_access *target;
};

static enum err look(void *arg)
{
    struct begin_job *job = arg;
    struct imap_session *session = job->session;
    struct snapshot *snapshot = NULL;
    struct mailbox_entry entry;
    struct quota_state quota;
    enum err err = imap_access(session, job->name, RIGHT_INSERT, job->target);
    if (!err)
        err = snapshot_open(job->target->account, &snapshot);
    if (!err)
        err = snapshot_mailbox(snapshot, mailbox_named(job->target->mailbox), &session->arena, &entry);
    if (!err)
        err = snapshot_quota(snapshot, &quota);
    snapshot_close(snapshot);
    if (err || !job->room)
        return err;
    *job->room = quota.limit_bytes == 0            ? UINT64_MAX
                 : quota.bytes < quota.limit_bytes ? quota.limit_bytes - quota.bytes
                                                   : 0;
    bool is_full = quota.limit_messages > 0 && quota.messages >= quota.limit_messages;
    return is_full || *job->room == 0 ? ERR_OVER_QUOTA : ERR_OK;
}

void append_refuse(struct imap_session *session, enum err err)
{
    if (err == ERR_NOT_FOUND)
        imap_no(session, "TRYCREATE", "there is no such mailbox, create it first");
    else if (err == ERR_TOO_LONG)
        imap_no(session, "TOOBIG", "the message is larger than this server takes");
    else
        imap_no_err(session, err);
}

bool append_begin(struct imap_session *session, struct slice name, uint64_t *room_r,
                  struct imap_access *target_r)
{
    struct begin_job job = {session, name, room_r, target_r};
    *target_r = (struct imap_access){0};
    enum err err = imap_on_thread(session, look, &job);
    if (err)
        append_refuse(session, err);
    return !err;
}

static void end(void *arg)
{
    imap_access_end(arg);
}

void append_end(struct imap_session *session, struct imap_access *target)
{
    if (target->account && !target->is_borrowed)
        imap_on_thread_surely(session, end, target);
}

struct batch_operation append_operation(const struct incoming *incoming, const struct imap_access *target)
{
    struct batch_operation operation = incoming_operation(incoming, mailbox_named(target->mailbox));
    operation.append.flags &= rights_flags(target->rights);
    operation.append.viewer = target->viewer;
    if (!(target->rights & RIGHT_WRITE))
        operation.append.keyword_count = 0;
    return operation;
}

static bool parse_attributes(struct parser *parser, struct incoming *incoming)
{
    if (!parse_space(parser))
        return false;
    if (parser_peek(parser) == '(' && (!parse_flag_list(parser, &incoming->flags) || !parse_space(parser)))
        return false;
    return parser_peek(parser) != '"' ||
           (parse_date_time(parser, &incoming->internal_date_us) && parse_space(parser));
}

/* The literal at hand, whole; *good_r: what is around it was well-formed. */
static enum err take_data(struct imap_session *session, struct parser *parser, struct incoming *incoming,
                          bool *good_r)
{
    struct literal literal;
    if (parse_word(parser, S("CATENATE")))
        return catenate_take(session, parser, incoming, good_r);
    bool utf8 = parse_word(parser, S("UTF8"));
    *good_r = (!utf8 || (parse_space(parser) && parse_char(parser, '('))) &&
              parse_pending_literal(parser, &literal);
    if (!*good_r)
        return ERR_OK;
    enum err err = incoming_begin(session, incoming);
    if (!err)
        err = incoming_literal(session, incoming, parser, &literal);
    *good_r = !err && (!utf8 || parse_char(parser, ')'));
    return err;
}

bool append_take(struct imap_session *session, struct parser *parser, struct incoming *incoming)
{
    bool good = parse_attributes(parser, incoming);
    enum err err = good ? take_data(session, parser, incoming, &good) : ERR_OK;
    if (session->input.error == ERR_TOO_LONG) /* of the line behind a literal */
        imap_bad(session, "line too long");
    if (session->input.error)
        return false;
    if (err) {
        if (session->answer.condition == ANSWER_NONE)
            append_refuse(session, err);
        return false;
    }
    if (!good) {
        imap_bad_syntax(session, parser);
        return false;
    }
    err = incoming_end(session, incoming);
    if (err == ERR_SYNTAX) /* RFC 3502 section 6.3.11: an empty literal gives up the whole command */
        imap_no(session, "CANNOT", "a message must not be empty, nor have NUL unless it is a literal8");
    else if (err)
        append_refuse(session, err);
    return !err;
}
