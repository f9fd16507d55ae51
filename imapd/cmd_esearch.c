/* SPDX-License-Identifier: ISC */
/*
 * ESEARCH, in several mailboxes (RFC 7377):
 *
 *     esearch         = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program
 *     search-correlator = SP "(" one-correlator *(SP one-correlator) ")"
 *     one-correlator  = ("TAG" SP tag-string) / ("MAILBOX" SP astring) / ("UIDVALIDITY" SP nz-number)
 *
 * Each mailbox with matches gets one response, always in UIDs. Those that the user may not read are passed
 * over, as are names without mailbox.
 */
#include "base/clock.h"

#include "access.h"
#include "message_limit.h"
#include "respond.h"
#include "search_command.h"
#include "search_context.h"
#include "search_mailboxes.h"

/* One mailbox that is not open. */
struct place_job {
    struct search_command *command;
    struct slice name;
    struct imap_access access;
    struct mailbox_entry entry;
    struct view view;
    struct arena arena;
};

static enum err read_view(struct snapshot *snapshot, struct place_job *job)
{
    struct uid_set uids;
    enum err err = snapshot_uids(snapshot, job->entry.status.id, &job->arena, &uids);
    for (size_t i = 0; !err && i < uids.count; i++)
        view_append_range(&job->view, uids.ranges[i].first, uids.ranges[i].last);
    return err;
}

static enum err open_place(void *arg)
{
    struct place_job *job = arg;
    struct snapshot *snapshot = NULL;
    struct mailbox_status status;
    enum err err = imap_access(job->command->session, job->name, RIGHT_READ, &job->access);
    if (!err)
        err = mailbox_status(job->access.account, job->access.mailbox, &status);
    if (!err)
        err = mailbox_refresh(job->access.account, status.id);
    if (!err)
        err = snapshot_open(job->access.account, &snapshot);
    if (!err)
        err = snapshot_mailbox(snapshot, mailbox_numbered(status.id), &job->arena, &job->entry);
    if (!err)
        err = read_view(snapshot, job);
    snapshot_close(snapshot);
    return err;
}

static void end_place(void *arg)
{
    struct place_job *job = arg;
    imap_access_end(&job->access);
}

static void write_place(struct search_command *command, struct slice name, uint32_t uidvalidity,
                        const struct search_result *result)
{
    struct imap_session *session = command->session;
    struct search_writer writer = search_command_writer(command);
    writer.numbers = NULL;
    if (result->uids.count > 0 && command->wanted.options & RETURN_ITEMS) {
        buf_printf(&writer.out, "* ESEARCH (TAG \"%.*s\" MAILBOX ", SLICE_ARG(session->tag));
        respond_mailbox(&writer.out, name, imap_utf8(session));
        buf_printf(&writer.out, " UIDVALIDITY %u)", (unsigned)uidvalidity);
        search_write_items(&writer, &command->wanted, result);
        buf_append(&writer.out, S("\r\n"));
    }
    search_write_end(&writer);
}

static enum err search_place(struct place_job *place)
{
    struct search_command *command = place->command;
    struct search_result result;
    uint64_t looked_at = command->job.looked_at;
    command->job = (struct search_job){.account = place->access.account,
                                       .mailbox_id = place->entry.status.id,
                                       .view = &place->view,
                                       .viewer = place->access.viewer,
                                       .program = &command->program,
                                       .now_us = clock_wall_us(),
                                       .arena = &place->arena,
                                       .visit = search_command_visit,
                                       .data = command,
                                       .looked_at = looked_at};
    enum err err = search_bind(&command->job);
    if (!err)
        err = search_command_find(command, &result);
    if (!err)
        write_place(command, place->name, place->entry.status.uidvalidity, &result);
    return err;
}

static enum err search_mailbox(struct search_command *command, struct slice name)
{
    struct place_job place = {.command = command, .name = name};
    enum err err = search_command_visit(command, open_place, &place);
    if (!err)
        err = search_place(&place);
    imap_on_thread_surely(command->session, end_place, &place);
    view_free(&place.view);
    arena_free(&place.arena);
    return err == ERR_NOT_FOUND || err == ERR_DENIED ? ERR_OK : err;
}

/* What the client calls the open mailbox. */
static struct slice selected_name(struct imap_session *session)
{
    struct selected *selected = session->selected;
    struct slice name = slice_from(selected->name);
    return selected->viewer.len == 0
               ? name
               : imap_shared_name(&session->arena, account_login(selected->account), name);
}

struct list_job {
    struct imap_session *session;
    const struct search_places *places;
    struct slice *names;
    size_t count;
};

static enum err list_places(void *arg)
{
    struct list_job *job = arg;
    return search_places_list(job->session, job->places, &job->names, &job->count);
}

/* False when the failure is answered. */
static bool search_open_mailbox(struct search_command *command)
{
    struct search_result result;
    if (!search_command_begin(command) || !search_command_run(command, &result) ||
        !search_command_save(command, &result))
        return false;
    write_place(command, selected_name(command->session), command->session->selected->uidvalidity, &result);
    search_context_begin(command, &result, NULL);
    return true;
}

static void search_places(struct search_command *command, const struct search_places *places)
{
    struct imap_session *session = command->session;
    struct list_job list = {.session = session, .places = places};
    enum err err = ERR_OK;
    /* Of several mailboxes nobody could tell whose UID it is. */
    command->limit = places->group_count > 0 ? SEARCH_ALL : SEARCH_THE_LAST;
    if (places->selected && !search_open_mailbox(command))
        return;
    if (places->group_count > 0)
        err = imap_on_thread(session, list_places, &list);
    for (size_t i = 0; i < list.count && !err; i++)
        if (!places->selected || !slice_eq(list.names[i], selected_name(session)))
            err = search_mailbox(command, list.names[i]);
    if (err)
        search_command_fail(command, err);
    else
        imap_ok(session, NULL, "searched");
    if (!err)
        message_limit_tell(session, command->lowest);
}

/* RFC 7377 section 2.2: what makes sense for the open mailbox only. */
static bool check_places(struct imap_session *session, const struct search_command *command,
                         const struct search_places *places)
{
    const unsigned selected_only = RETURN_SAVE | RETURN_UPDATE;
    if (places->selected && !session->selected)
        imap_bad(session, "no mailbox is selected");
    else if (command->wanted.options & selected_only && (!places->selected || places->group_count > 0))
        imap_bad(session, "SAVE and UPDATE are for the selected mailbox alone");
    else
        return true;
    return false;
}

void imap_esearch(struct imap_session *session, struct parser *parser)
{
    struct search_command command = {.session = session};
    struct search_places places;
    session->by_uid = true;
    if (!parse_search_places(parser, &places) || !parse_search_return(parser, &command.wanted)) {
        imap_bad_syntax(session, parser);
        return;
    }
    command.wanted.extended = true;
    enum err charset = parse_search_charset(parser, &command.charset);
    if (check_places(session, &command, &places) && search_command_parse(&command, parser, charset) &&
        search_command_check(&command))
        search_places(&command, &places);
}
