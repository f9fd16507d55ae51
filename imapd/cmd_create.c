/* SPDX-License-Identifier: ISC */
/*
 * CREATE (RFC 9051 section 6.3.4), with a special use (RFC 6154 section 3):
 *
 *     create          = "CREATE" SP mailbox [create-params]
 *     create-params   = SP "(" create-param *(SP create-param) ")"           RFC 4466
 *     create-param    = "USE" SP "(" [use-attr *(SP use-attr)] ")"
 */
#include "base/encode.h"
#include "storage/batch.h"

#include "access.h"
#include "mailboxes.h"

struct create_arguments {
    struct slice name, special_use;
    bool use_is_possible;
};

/* A mailbox has one use here; nothing is created unless it can have all that were asked for. */
static void want_use(struct create_arguments *arguments, struct slice name)
{
    struct slice use;
    if (!imap_special_use(name, &use) ||
        (arguments->special_use.len > 0 && !slice_eq(arguments->special_use, use)))
        arguments->use_is_possible = false;
    else
        arguments->special_use = use;
}

static bool parse_use(struct parser *parser, struct create_arguments *arguments)
{
    struct slice use;
    if (!parse_word(parser, S("USE")) || !parse_space(parser) || !parse_char(parser, '('))
        return false;
    if (parse_char(parser, ')'))
        return true;
    do {
        if (!parse_flag(parser, &use))
            return false;
        want_use(arguments, use);
    } while (parse_space(parser));
    return parse_char(parser, ')');
}

static bool parse_arguments(struct parser *parser, struct create_arguments *arguments)
{
    if (!parse_mailbox_argument(parser, &arguments->name))
        return false;
    if (!parse_space(parser))
        return parse_end(parser);
    if (!parse_char(parser, '('))
        return parse_end(parser);
    do
        if (!parse_use(parser, arguments))
            return false;
    while (parse_space(parser));
    return parse_char(parser, ')') && parse_end(parser);
}

struct create_job {
    struct imap_session *session;
    const struct create_arguments *arguments;
    struct batch_result result;
    struct slice name; /* as it is kept */
    bool use_is_taken;
};

/* The mailbox, and the rights that it inherits (RFC 4314 section 4). */
static enum err make(struct create_job *job, const struct imap_access *access)
{
    struct arena *arena = &job->session->arena;
    size_t count = 1 + access->list_count;
    struct batch_operation *operations = arena_array(arena, struct batch_operation, count);
    struct mailbox_ref mailbox = mailbox_named(access->mailbox);
    operations[0] = (struct batch_operation){.kind = BATCH_MAILBOX_CREATE,
                                             .mailbox = mailbox,
                                             .create = {.special_use = job->arguments->special_use}};
    for (size_t i = 1; i < count; i++)
        operations[i] = (struct batch_operation){
            .kind = BATCH_SET_RIGHTS,
            .mailbox = mailbox,
            .rights = {.identifier = access->list[i - 1].identifier, .rights = access->list[i - 1].rights}};
    enum err err = batch_commit(access->account, operations, count, NULL);
    job->result = operations[0].result;
    return err;
}

static enum err create(void *arg)
{
    struct create_job *job = arg;
    struct imap_access access;
    struct mailbox_status status;
    enum err err = imap_access_new(job->session, job->arguments->name, &access);
    job->use_is_taken = !err && !access.is_borrowed && job->arguments->special_use.len > 0;
    if (job->use_is_taken)
        err = ERR_EXISTS; /* the uses of another's mailboxes are for him to choose */
    if (!err) {
        err = imap_access_made(job->session, &access, make(job, &access));
        job->name = imap_access_name(job->session, &access);
        /* Either the name or the use has a mailbox already. */
        if (err == ERR_EXISTS && job->arguments->special_use.len > 0)
            job->use_is_taken = mailbox_status(access.account, access.mailbox, &status) == ERR_NOT_FOUND;
    }
    imap_access_end(&access);
    return err;
}

/* RFC 8474 section 4.1 */
static const char *mailbox_id_code(struct imap_session *session, const unsigned char guid[16])
{
    struct buf code;
    buf_init(&code, 100);
    buf_append(&code, S("MAILBOXID (F"));
    hex_encode(&code, slice_of(guid, 16));
    buf_append_char(&code, ')');
    const char *text = arena_cstr(&session->arena, buf_slice(&code));
    buf_free(&code);
    return text;
}

void imap_create(struct imap_session *session, struct parser *parser)
{
    struct create_arguments arguments = {.use_is_possible = true};
    if (!parse_arguments(parser, &arguments)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (!arguments.use_is_possible) {
        imap_no(session, "USEATTR", "no mailbox can have this special use");
        return;
    }
    struct create_job job = {.session = session, .arguments = &arguments};
    enum err err = imap_on_thread(session, create, &job);
    if (err == ERR_EXISTS && job.use_is_taken) {
        imap_no(session, "USEATTR", "another mailbox has this special use");
    } else if (err) {
        imap_no_err(session, err);
    } else {
        imap_tell_name(session, "", arguments.name, job.name, arguments.name);
        imap_ok(session, mailbox_id_code(session, job.result.guid), "created");
    }
}
