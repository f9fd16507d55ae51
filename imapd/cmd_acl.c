/* SPDX-License-Identifier: ISC */
/*
 * Who may do what with a mailbox (RFC 4314 section 3):
 *
 *     setacl          = "SETACL" SP mailbox SP identifier SP mod-rights
 *     deleteacl       = "DELETEACL" SP mailbox SP identifier
 *     getacl          = "GETACL" SP mailbox
 *     listrights      = "LISTRIGHTS" SP mailbox SP identifier
 *     myrights        = "MYRIGHTS" SP mailbox
 *     mod-rights      = astring        +rights to add, -rights to remove, rights to replace
 *
 * An identifier is a user's login as he types it, "anyone", "authenticated", or one of these behind a minus.
 * The owner of the account always has all rights, so the list names him first, and nobody changes that.
 */
#include "storage/batch.h"
#include "storage/directory.h"

#include "access.h"
#include "mailboxes.h"
#include "respond.h"

enum refusal { REFUSED_NOT, REFUSED_OWNER, REFUSED_UNKNOWN };

struct acl_job {
    struct imap_session *session;
    struct slice name;       /* as the client has it; then as it is right */
    struct slice identifier; /* likewise */
    enum rights_change change;
    unsigned rights;
    bool is_unknown; /* no user has the identifier's name */
    enum refusal refusal;
    struct slice owner; /* of the mailbox */
    struct rights_entry *list;
    size_t list_count;
};

/* --- identifiers --- */

static bool means_everybody(struct slice identifier, struct slice *canonical_r)
{
    static const struct slice words[] = {{RIGHTS_ANYONE, sizeof(RIGHTS_ANYONE) - 1},
                                         {RIGHTS_AUTHENTICATED, sizeof(RIGHTS_AUTHENTICATED) - 1}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_nocase(identifier, words[i])) {
            *canonical_r = words[i];
            return true;
        }
    return false;
}

/* The login of whom the client means; what no user is called stays as it was said, for entries that outlived
 * theirs. */
static enum err find_identifier(struct acl_job *job)
{
    struct arena *arena = &job->session->arena;
    bool is_negative = job->identifier.data[0] == '-';
    struct slice who = slice_skip(job->identifier, is_negative ? 1 : 0);
    struct directory_user user;
    enum err err = ERR_OK;
    if (!means_everybody(who, &who)) {
        err = directory_login(job->session->context->store, arena, who, &user);
        job->is_unknown = err == ERR_NOT_FOUND;
        who = err ? who : user.login;
    }
    job->identifier = slice_from(arena_printf(arena, "%s%.*s", is_negative ? "-" : "", SLICE_ARG(who)));
    return job->is_unknown ? ERR_OK : err;
}

/* RFC 4314 section 3: an identifier that cannot be one is a mistake of the client. */
static bool parse_identifier(struct parser *parser, struct slice *identifier_r)
{
    if (!parse_space(parser) || !parse_astring(parser, identifier_r))
        return false;
    bool good = identifier_r->len > 0 && identifier_r->len <= RIGHTS_IDENTIFIER_MAX &&
                !slice_eq(*identifier_r, S("-"));
    for (size_t i = 0; i < identifier_r->len && good; i++)
        good = !char_is_ctl(identifier_r->data[i]);
    return good || parser_expected(parser, "an identifier");
}

/* --- access --- */

/* The mailbox and its entries; `needed` of these rights. */
static enum err open_mailbox(struct acl_job *job, unsigned needed, struct imap_access *access)
{
    enum err err = imap_access(job->session, job->name, needed, access);
    if (!err)
        err = imap_access_read(job->session, access);
    if (err)
        return err;
    job->name = imap_access_name(job->session, access);
    job->owner = access->owner;
    job->list = access->list;
    job->list_count = access->list_count;
    return ERR_OK;
}

/* Section 6: who may not list a mailbox learns nothing of it by these commands. */
#define TO_ADMINISTER (RIGHT_ADMINISTER | RIGHT_LOOKUP)

static enum err read_list(void *arg)
{
    struct acl_job *job = arg;
    struct imap_access access;
    enum err err = open_mailbox(job, TO_ADMINISTER, &access);
    imap_access_end(&access);
    return err || job->identifier.len == 0 ? err : find_identifier(job);
}

/* --- reading --- */

static void write_entry(struct imap_session *session, struct buf *out, struct slice identifier,
                        unsigned rights)
{
    char text[RIGHTS_TEXT_MAX];
    rights_format_for_client(rights, text);
    buf_append_char(out, ' ');
    respond_string(out, identifier, imap_utf8(session));
    buf_printf(out, " %s", rights ? text : "\"\"");
}

/* `* ACL "Work"`, of what was read. False: that failed, which is answered. */
static bool begin_answer(struct acl_job *job, enum err (*read)(void *arg), struct slice label,
                         struct buf *out)
{
    enum err err = imap_on_thread(job->session, read, job);
    if (err) {
        imap_no_err(job->session, err);
        return false;
    }
    buf_init(out, SIZE_MAX / 2);
    buf_append(out, label);
    respond_mailbox(out, job->name, imap_utf8(job->session));
    return true;
}

static void end_answer(struct imap_session *session, struct buf *out, const char *text)
{
    buf_append(out, S("\r\n"));
    conn_write(session->conn, buf_slice(out));
    buf_free(out);
    imap_ok(session, NULL, text);
}

/* acl-data = "ACL" SP mailbox *(SP identifier SP rights) */
void imap_getacl(struct imap_session *session, struct parser *parser)
{
    struct acl_job job = {.session = session};
    struct buf out;
    if (!parse_mailbox_argument(parser, &job.name) || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (!begin_answer(&job, read_list, S("* ACL "), &out))
        return;
    write_entry(session, &out, job.owner, RIGHTS_ALL);
    for (size_t i = 0; i < job.list_count; i++)
        if (!slice_eq(job.list[i].identifier, job.owner))
            write_entry(session, &out, job.list[i].identifier,
                        rights_of_identifier(&job.list[i], 1, job.list[i].identifier));
    end_answer(session, &out, "these are the rights");
}

/* listrights-data = "LISTRIGHTS" SP mailbox SP identifier SP rights *(SP rights): what the identifier always
 * has, and what it can be given, each for itself. */
void imap_listrights(struct imap_session *session, struct parser *parser)
{
    struct acl_job job = {.session = session};
    struct buf out;
    if (!parse_mailbox_argument(parser, &job.name) || !parse_identifier(parser, &job.identifier) ||
        !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (!begin_answer(&job, read_list, S("* LISTRIGHTS "), &out))
        return;
    bool is_owner = slice_eq(job.identifier, job.owner);
    write_entry(session, &out, job.identifier, is_owner ? RIGHTS_ALL : 0);
    if (!is_owner)
        buf_append(&out, S(" l r s w i p k x t e a c d"));
    end_answer(session, &out, "these rights can be given");
}

static enum err read_my_rights(void *arg)
{
    struct acl_job *job = arg;
    struct imap_access access;
    enum err err = imap_access_any(job->session, job->name, RIGHTS_FOR_MYRIGHTS, &access);
    if (!err)
        err = imap_access_read(job->session, &access);
    if (!err) {
        job->name = imap_access_name(job->session, &access);
        job->rights = access.rights;
    }
    imap_access_end(&access);
    return err;
}

/* myrights-data = "MYRIGHTS" SP mailbox SP rights */
void imap_myrights(struct imap_session *session, struct parser *parser)
{
    struct acl_job job = {.session = session};
    struct buf out;
    char text[RIGHTS_TEXT_MAX];
    if (!parse_mailbox_argument(parser, &job.name) || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (!begin_answer(&job, read_my_rights, S("* MYRIGHTS "), &out))
        return;
    rights_format_for_client(job.rights, text);
    buf_printf(&out, " %s", text);
    end_answer(session, &out, "these are your rights");
}

/* --- changing --- */

static enum err set_rights(struct acl_job *job, const struct imap_access *access, unsigned rights)
{
    char text[RIGHTS_TEXT_MAX];
    rights_format(rights, text);
    struct batch_operation operation = {
        .kind = BATCH_SET_RIGHTS,
        .mailbox = mailbox_numbered(access->entry.status.id),
        .rights = {.identifier = job->identifier, .rights = slice_from(text)},
    };
    return batch_commit(access->account, &operation, 1, NULL);
}

static bool names_owner(const struct acl_job *job)
{
    bool is_negative = job->identifier.data[0] == '-';
    return slice_eq(slice_skip(job->identifier, is_negative ? 1 : 0), job->owner);
}

/* What is wrong about giving `after` to the identifier, that had `before`. */
static enum refusal refusal_of(const struct acl_job *job, unsigned before, unsigned after)
{
    if (names_owner(job))
        return REFUSED_OWNER;
    return job->is_unknown && (after & ~before) ? REFUSED_UNKNOWN : REFUSED_NOT;
}

static enum err change_rights(void *arg)
{
    struct acl_job *job = arg;
    struct imap_access access;
    enum err err = open_mailbox(job, TO_ADMINISTER, &access);
    if (!err)
        err = find_identifier(job);
    if (!err) {
        unsigned before = rights_of_identifier(job->list, job->list_count, job->identifier);
        unsigned after = rights_changed(before, job->change, job->rights);
        job->refusal = refusal_of(job, before, after);
        err = job->refusal ? ERR_OK : set_rights(job, &access, after);
    }
    imap_access_end(&access);
    return err;
}

static void answer_change(struct acl_job *job)
{
    struct imap_session *session = job->session;
    enum err err = imap_on_thread(session, change_rights, job);
    if (err)
        imap_no_err(session, err);
    else if (job->refusal == REFUSED_OWNER)
        imap_no(session, "CANNOT", "the owner has all rights, always");
    else if (job->refusal == REFUSED_UNKNOWN)
        imap_no(session, "CANNOT", "there is no such user");
    else
        imap_ok(session, NULL, "the rights are set");
}

void imap_setacl(struct imap_session *session, struct parser *parser)
{
    struct acl_job job = {.session = session};
    struct slice rights;
    char wrong = 0;
    if (!parse_mailbox_argument(parser, &job.name) || !parse_identifier(parser, &job.identifier) ||
        !parse_space(parser) || !parse_astring(parser, &rights) || !parse_end(parser))
        imap_bad_syntax(session, parser);
    else if (rights_parse_change(rights, &job.change, &job.rights, &wrong))
        answer_change(&job);
    else if (char_is_alnum(wrong))
        imap_bad(session,
                 arena_printf(&session->arena, imap_words(session, "there is no right \"%c\""), wrong));
    else
        imap_bad(session, "rights are small letters");
}

void imap_deleteacl(struct imap_session *session, struct parser *parser)
{
    struct acl_job job = {.session = session, .change = RIGHTS_REPLACE};
    if (!parse_mailbox_argument(parser, &job.name) || !parse_identifier(parser, &job.identifier) ||
        !parse_end(parser))
        imap_bad_syntax(session, parser);
    else
        answer_change(&job);
}
