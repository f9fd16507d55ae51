/* SPDX-License-Identifier: ISC */
#include "search_command.h"

#include "base/clock.h"

#include "message_limit.h"
#include "search_context.h"

/* So many ranges are kept as "$" at most: 2 MB. */
#define SAVED_RANGES_MAX 250000

/* --- filters (RFC 5466 section 3.1) --- */

struct filter_job {
    struct imap_session *session;
    struct slice name, text;
    bool found;
};

static enum err find_filter(void *arg)
{
    static const char *const roots[] = {"/private/filters/values/", "/shared/filters/values/"};
    struct filter_job *job = arg;
    struct arena all = {0}, *arena = &all; /* annotations may be long, and of one account so are all */
    struct snapshot *snapshot = NULL;
    struct annotation *list = NULL;
    size_t count = 0;
    enum err err = snapshot_open(job->session->account, &snapshot);
    if (!err)
        err = snapshot_annotations(snapshot, 0, arena, &list, &count);
    snapshot_close(snapshot);
    for (size_t r = 0; r < ARRAY_LEN(roots) && !err && !job->found; r++) {
        struct slice entry = slice_from(arena_printf(arena, "%s%.*s", roots[r], SLICE_ARG(job->name)));
        for (size_t i = 0; i < count && !job->found; i++) {
            job->found = slice_eq_nocase(list[i].entry, entry);
            job->text = list[i].value;
        }
    }
    job->text = job->found ? arena_copy(&job->session->arena, job->text) : SLICE_EMPTY;
    arena_free(&all);
    return err;
}

static bool filter_text(void *data, struct slice name, struct slice *text_r)
{
    struct filter_job job = {.session = data, .name = name};
    if (imap_on_thread(job.session, find_filter, &job) || !job.found)
        return false;
    *text_r = job.text;
    return true;
}

/* --- the command --- */

/* "A SEARCH command with the SAVE result option that caused the server to return the NO tagged response sets
 * the value of the search result variable to the empty sequence" (RFC 9051 section 6.4.4.1). */
static void forget_saved(struct search_command *command)
{
    if (command->wanted.options & RETURN_SAVE && command->session->selected)
        selected_save(command->session->selected, &(struct uid_set){0});
}

static void refuse(struct search_command *command, const char *code, const char *text)
{
    forget_saved(command);
    imap_no(command->session, code, text);
}

#define BAD_CHARSET "BADCHARSET (UTF-8 US-ASCII)"

bool search_command_parse(struct search_command *command, struct parser *parser, enum err charset)
{
    struct imap_session *session = command->session;
    struct search_source source = {.charset = command->charset, .filter = filter_text, .data = session};
    bool unknown_charset = charset == ERR_NOT_FOUND;
    enum err err = unknown_charset ? ERR_OK : charset;
    if (!err) /* also in an unknown charset, so that the literals are read */
        err = parse_search_keys(parser, &source, &command->program);
    switch (err) {
    case ERR_OK:
        break;
    case ERR_LIMIT:
        refuse(command, "LIMIT", "too many search keys, or too deep");
        return false;
    case ERR_NOT_FOUND:
        refuse(command,
               arena_printf(&session->arena, "UNDEFINED-FILTER %.*s", SLICE_ARG(source.undefined_filter)),
               "there is no such filter");
        return false;
    case ERR_CONFLICT: /* RFC 5466 section 3.1 */
        imap_bad(session, "filters are in UTF-8, so the other keys must be, too");
        session->answer.code = BAD_CHARSET;
        return false;
    default:
        imap_bad_syntax(session, parser);
        return false;
    }
    if (unknown_charset)
        refuse(command, BAD_CHARSET, "this charset is not known here");
    return !unknown_charset;
}

bool search_command_check(struct search_command *command)
{
    struct imap_session *session = command->session;
    if (session->enabled & ENABLED_UIDONLY && (!session->by_uid || command->program.has_numbers)) {
        imap_bad(session, "message numbers are not used any more"); /* RFC 9586 section 3 */
        session->answer.code = "UIDREQUIRED";
        return false;
    }
    /* RFC 6203 section 4: "MUST NOT be used unless a FUZZY search key is also given" */
    if (command->wanted.options & RETURN_UPDATE && search_context_runs(session->selected, session->tag)) {
        imap_bad(session, "tag reuse: a search of this tag is kept up to date"); /* RFC 5267 section 4.3 */
        return false;
    }
    command->wants_scores |= (command->wanted.options & RETURN_RELEVANCY) != 0;
    if (command->wants_scores && !command->program.has_fuzzy) {
        imap_bad(session, "RELEVANCY needs a FUZZY search key");
        return false;
    }
    if (command->program.has_modseq)
        session->enabled |= ENABLED_CONDSTORE; /* RFC 7162 section 3.1 */
    return true;
}

enum err search_command_visit(void *data, enum err (*fn)(void *arg), void *arg)
{
    struct search_command *command = data;
    struct imap_session *session = command->session;
    const struct arena *arena = command->job.arena;
    enum err err = imap_on_thread(session, fn, arg);
    if (!err)
        err = imap_hold(session, arena && arena != &session->arena ? arena->used : 0);
    if (err)
        return err;
    err = imap_tell_progress(session, &command->progress, command->job.looked_at, command->goal);
    if (err)
        session->input.error = err; /* the session ends, not just the command */
    return err;
}

/* RFC 9738 section 3.1 counts what is looked at, not what is found: the messages that the sets among the keys
 * leave. */
static enum err find_candidates(struct search_job *job, struct uid_set *uids_r)
{
    const struct search_node *nodes = job->program->nodes;
    enum err err = ERR_OK;
    *uids_r = view_slice(job->view, 1, job->view->count, job->arena);
    for (uint32_t i = nodes[0].child; i != 0 && !err; i = nodes[i].next)
        if (nodes[i].key == KEY_NUMBERS || nodes[i].key == KEY_UIDS)
            err = search_combine(job, uid_set_common, uids_r, &nodes[i].uids, uids_r);
    return err;
}

/* False when it is answered. */
static bool limit_messages(struct search_command *command)
{
    struct imap_session *session = command->session;
    struct search_job *job = &command->job;
    struct uid_set candidates;
    if (command->limit == SEARCH_ALL || !message_limit_exceeded(session, job->view->count))
        return true;
    enum err err = find_candidates(job, &candidates);
    if (err) {
        search_command_fail(command, err);
        return false;
    }
    uint32_t lowest = message_limit_lowest(session, &candidates);
    if (lowest > 0 && command->limit == SEARCH_REFUSED) {
        forget_saved(command);
        message_limit_refuse(session, 0);
        return false;
    }
    command->lowest = lowest;
    job->first_number = lowest > 0 ? view_number(job->view, lowest) : 0;
    return true;
}

bool search_command_begin(struct search_command *command)
{
    struct imap_session *session = command->session;
    struct selected *selected = session->selected;
    hub_look(session->context->hub);
    if (session->member.changed.is_set) {
        enum err err = imap_send_updates(session, UPDATE_NUMBERS_STAY);
        event_raise(&session->member.changed); /* there may be more to tell at the end */
        if (err) {
            search_command_fail(command, err);
            return false;
        }
    }
    command->job = (struct search_job){.account = selected->account,
                                       .mailbox_id = selected->mailbox_id,
                                       .view = &selected->view,
                                       .recent = {selected->recent.ranges, selected->recent.count},
                                       .saved = {selected->saved.ranges, selected->saved.count},
                                       .viewer = selected->viewer,
                                       .program = &command->program,
                                       .now_us = clock_wall_us(),
                                       .arena = &session->arena,
                                       .visit = search_command_visit,
                                       .data = command};
    command->goal = selected->view.count;
    enum err err = search_bind(&command->job);
    if (err) {
        search_command_fail(command, err);
        return false;
    }
    return limit_messages(command);
}

enum err search_command_find(struct search_command *command, struct search_result *result_r)
{
    struct search_result result = {0};
    struct search_job *job = &command->job;
    enum err err = search_run(job, search_return_demand(&command->wanted), &result.uids);
    if (!err && command->wants_scores)
        err = search_scores(job, &result.uids, &result.scores);
    if (!err && command->program.has_modseq) {
        struct uid_set named =
            command->wanted.sorted ? result.uids : search_return_named(&command->wanted, &result, job->arena);
        err = search_highest_modseq(job, &named, &result.modseq);
    }
    if (!err)
        *result_r = result;
    return err;
}

bool search_command_run(struct search_command *command, struct search_result *result_r)
{
    enum err err = search_command_find(command, result_r);
    if (err)
        search_command_fail(command, err);
    return !err;
}

void search_command_fail(struct search_command *command, enum err err)
{
    forget_saved(command);
    if (err == ERR_LIMIT)
        imap_no(command->session, "LIMIT", "this takes more memory than one user's searches may have");
    else if (!command->session->input.error) /* otherwise nobody is there to be told */
        imap_no_err(command->session, err);
}

bool search_command_save(struct search_command *command, const struct search_result *result)
{
    if (!(command->wanted.options & RETURN_SAVE))
        return true;
    struct uid_set named = search_return_named(&command->wanted, result, &command->session->arena);
    if (named.count > SAVED_RANGES_MAX) {
        refuse(command, "NOTSAVED", "too many messages to remember");
        return false;
    }
    selected_save(command->session->selected, &named);
    return true;
}

/* --- writing --- */

static void send_piece(void *data, struct slice piece)
{
    struct imap_session *session = data;
    conn_write(session->conn, piece);
}

struct search_writer search_command_writer(struct search_command *command)
{
    struct imap_session *session = command->session;
    struct search_writer writer = {.send = send_piece, .data = session};
    if (!session->by_uid)
        writer.numbers = &session->selected->view;
    buf_init(&writer.out, SIZE_MAX / 2);
    return writer;
}

void search_command_write(struct search_command *command, const struct search_result *result)
{
    struct search_writer writer = search_command_writer(command);
    /* RFC 9051 section 6.4.4: SAVE alone suppresses the response. */
    if (command->wanted.options & RETURN_ITEMS) {
        buf_printf(&writer.out, "* ESEARCH (TAG \"%.*s\")", SLICE_ARG(command->session->tag));
        search_write_items(&writer, &command->wanted, result);
        buf_append(&writer.out, S("\r\n"));
    }
    search_write_end(&writer);
}
