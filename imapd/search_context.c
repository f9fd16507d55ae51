/* SPDX-License-Identifier: ISC */
/*
 * RFC 5267 section 5:
 *
 *     ret-data-addto      = "ADDTO" SP "(" context-position SP sequence-set
 *                           *(SP context-position SP sequence-set) ")"
 *     ret-data-removefrom = "REMOVEFROM" SP "(" … ")"
 *     command-select      =/ "CANCELUPDATE" 1*(SP quoted)
 *
 * A search in mailbox order says position 0; one that is sorted says where in the result each message goes or
 * was, one after the other.
 */
#include "search_context.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#include "context_order.h"
#include "row_reader.h"
#include "sort_load.h"

struct context {
    struct arena arena; /* holds the program */
    struct slice tag;
    bool by_uid, is_sorted;
    struct search_program program;
    struct sort_criteria criteria;
    struct uid_set_writer found; /* the result; of a sorted one in `order`, too */
    struct context_order order;
    uint64_t modseq; /* changes up to here are told */
};

struct search_contexts {
    struct context list[CONTEXTS_MAX];
    size_t count;
};

/* --- which there are --- */

static void end_context(struct context *context)
{
    uid_set_drop(&context->found);
    context_order_free(&context->order);
    arena_free(&context->arena);
}

static void remove_context(struct search_contexts *contexts, struct context *context)
{
    end_context(context);
    struct context *last = &contexts->list[--contexts->count];
    memmove(context, context + 1, (size_t)((char *)last - (char *)context));
}

void search_contexts_free(struct search_contexts *contexts)
{
    for (size_t i = 0; contexts && i < contexts->count; i++)
        end_context(&contexts->list[i]);
    mem_free(contexts);
}

static struct context *find_context(const struct selected *selected, struct slice tag)
{
    struct search_contexts *contexts = selected->contexts;
    for (size_t i = 0; contexts && i < contexts->count; i++)
        if (slice_eq(contexts->list[i].tag, tag))
            return &contexts->list[i];
    return NULL;
}

bool search_context_runs(const struct selected *selected, struct slice tag)
{
    return find_context(selected, tag) != NULL;
}

static struct uid_set found_of(const struct context *context)
{
    return (struct uid_set){context->found.ranges, context->found.count};
}

static void set_found(struct context *context, const struct uid_set *uids)
{
    uid_set_drop(&context->found);
    for (size_t i = 0; i < uids->count; i++)
        uid_set_add_range(&context->found, uids->ranges[i]);
}

/* A result in another order costs more, and one by relevancy changes with every message. */
static bool is_refused(const struct selected *selected, const struct search_result *result,
                       const struct sort_criteria *criteria)
{
    const struct search_contexts *contexts = selected->contexts;
    size_t sorted = 0, memory = 0;
    uint64_t remembered = criteria ? uid_set_size(&result->uids) : result->uids.count;
    for (size_t i = 0; contexts && i < contexts->count; i++) {
        sorted += contexts->list[i].is_sorted;
        memory += contexts->list[i].arena.used;
        remembered += contexts->list[i].found.count + contexts->list[i].order.count;
    }
    return (contexts && contexts->count == CONTEXTS_MAX) || remembered > CONTEXT_RESULTS_MAX ||
           memory > CONTEXT_MEMORY_MAX ||
           (criteria && (sorted == SORTED_CONTEXTS_MAX || sort_has(criteria, SORT_RELEVANCY)));
}

static void tell_refusal(struct imap_session *session, struct slice tag, const char *why)
{
    imap_say(session, ANSWER_NO, arena_printf(&session->arena, "NOUPDATE \"%.*s\"", SLICE_ARG(tag)), why);
}

void search_context_begin(struct search_command *command, const struct search_result *result,
                          const struct sort_criteria *criteria)
{
    struct imap_session *session = command->session;
    struct selected *selected = session->selected;
    if (!(command->wanted.options & RETURN_UPDATE))
        return;
    if (command->lowest > 0) {
        tell_refusal(session, session->tag, "not all messages were searched");
        return;
    }
    if (is_refused(selected, result, criteria)) {
        tell_refusal(session, session->tag, "too many contexts");
        return;
    }
    if (!selected->contexts)
        selected->contexts = mem_new(struct search_contexts);
    struct context *context = &selected->contexts->list[selected->contexts->count++];
    *context = (struct context){
        .by_uid = session->by_uid, .is_sorted = criteria != NULL, .modseq = selected->changes_known};
    context->tag = arena_copy(&context->arena, session->tag);
    search_program_copy(&command->program, &context->arena, &context->program);
    set_found(context, &result->uids);
    if (criteria) {
        context->criteria = *criteria;
        context_order_set(&context->order, result->sorted, (size_t)uid_set_size(&result->uids));
    }
}

void imap_cancelupdate(struct imap_session *session, struct parser *parser)
{
    struct slice tag;
    struct selected *selected = session->selected;
    bool any = false;
    while (parse_space(parser) && parse_astring(parser, &tag)) {
        struct context *context = find_context(selected, tag);
        if (!context) {
            imap_bad(session, "no search of this tag is kept up to date");
            return;
        }
        remove_context(selected->contexts, context);
        any = true;
    }
    if (!any || !parse_end(parser))
        imap_bad_syntax(session, parser);
    else
        imap_ok(session, NULL, "no further updates");
}

/* --- telling --- */

/* One response under way. */
struct told {
    const struct context *context;
    const struct view *view;
    struct buf *out;
    bool any;
};

/* `* ESEARCH (TAG "x") UID ADDTO (` */
static struct told begin_response(const struct context *context, const struct view *view, struct buf *out,
                                  const char *what)
{
    buf_printf(out, "* ESEARCH (TAG \"%.*s\")%s %s (", SLICE_ARG(context->tag), context->by_uid ? " UID" : "",
               what);
    return (struct told){context, view, out, false};
}

static void end_response(struct told *told)
{
    buf_append(told->out, S(")\r\n"));
}

/* One set, at this position. */
static void write_pair(struct told *told, size_t position, const struct uid_set *uids)
{
    struct search_writer writer = {.out = *told->out, .numbers = told->context->by_uid ? NULL : told->view};
    if (told->any)
        buf_append_char(&writer.out, ' ');
    told->any = true;
    buf_append_number(&writer.out, position, 1);
    buf_append_char(&writer.out, ' ');
    search_write_uids(&writer, uids);
    *told->out = writer.out;
}

static void tell_one(void *data, size_t position, uint32_t uid)
{
    struct uid_range one = {uid, uid};
    write_pair(data, position, &(struct uid_set){&one, 1});
}

static void tell_removed(struct context *context, const struct view *view, const struct uid_set *gone,
                         struct arena *arena, struct buf *out)
{
    struct uid_set found = found_of(context);
    found = uid_set_minus(arena, &found, gone);
    struct told told = begin_response(context, view, out, "REMOVEFROM");
    if (context->is_sorted)
        context_order_remove(&context->order, gone, tell_one, &told);
    else
        write_pair(&told, 0, gone);
    end_response(&told);
    set_found(context, &found);
}

static void tell_added(struct context *context, const struct view *view, const struct uid_set *added,
                       const struct search_result *all, struct buf *out)
{
    struct told told = begin_response(context, view, out, "ADDTO");
    if (context->is_sorted)
        context_order_insert(&context->order, added, all->sorted, (size_t)uid_set_size(&all->uids), tell_one,
                             &told);
    else
        write_pair(&told, 0, added);
    end_response(&told);
}

void search_contexts_expunged(struct selected *selected, const struct uid_set *gone, struct buf *out)
{
    struct search_contexts *contexts = selected->contexts;
    struct arena arena = {0};
    for (size_t i = 0; contexts && i < contexts->count; i++) {
        struct uid_set found = found_of(&contexts->list[i]);
        struct uid_set removed = uid_set_common(&arena, &found, gone);
        if (removed.count > 0)
            tell_removed(&contexts->list[i], &selected->view, &removed, &arena, out);
    }
    arena_free(&arena);
}

/* --- what changed --- */

/* A look at what changed, of one context. All that is more than a few instructions is done on a thread:
 * changes and results may be a hundred thousand. */
struct change_job {
    struct imap_session *session;
    struct selected *selected;
    struct context *context;
    struct search_job search;
    struct uid_set changed, matching; /* of the view */
    struct uid_set added;
    struct search_result all; /* what is found now: with those that were added */
    struct buf *out;
};

static enum err visit(void *data, enum err (*fn)(void *arg), void *arg)
{
    const struct change_job *job = data;
    enum err err = imap_on_thread(job->session, fn, arg);
    return err ? err : imap_hold(job->session, job->search.arena->used);
}

static enum err read_changed(void *arg)
{
    struct change_job *job = arg;
    struct snapshot *snapshot = NULL;
    struct uid_set_writer changed = {0};
    struct message_scan scan = {
        .mailbox_id = job->selected->mailbox_id, .uids = uid_set_all, .changed_since = job->context->modseq};
    struct row_reader rows;
    enum err err = snapshot_open(job->selected->account, &snapshot);
    if (err)
        return err;
    row_reader_begin(&rows, snapshot, &scan, 0);
    while (row_reader_next(&rows))
        uid_set_add(&changed, rows.page.uids[rows.row]);
    err = row_reader_end(&rows);
    snapshot_close(snapshot);
    struct uid_set uids = uid_set_take(&changed, job->search.arena);
    job->changed = view_intersect(&job->selected->view, &uids, job->search.arena);
    return err;
}

/* What went is told, and what is to be told as new is found out. */
static enum err compare(void *arg)
{
    struct change_job *job = arg;
    struct arena *arena = job->search.arena;
    struct uid_set found = found_of(job->context);
    struct uid_set before = uid_set_common(arena, &found, &job->changed);
    struct uid_set removed = uid_set_minus(arena, &before, &job->matching);
    job->added = uid_set_minus(arena, &job->matching, &before);
    if (removed.count > 0)
        tell_removed(job->context, &job->selected->view, &removed, arena, job->out);
    found = found_of(job->context);
    job->all.uids = uid_set_union(arena, &found, &job->added);
    return ERR_OK;
}

static enum err add(void *arg)
{
    struct change_job *job = arg;
    struct uid_set found = found_of(job->context);
    found = uid_set_union(job->search.arena, &found, &job->added);
    tell_added(job->context, &job->selected->view, &job->added, &job->all, job->out);
    set_found(job->context, &found);
    return ERR_OK;
}

static enum err tell_context(struct imap_session *session, struct context *context, struct arena *arena,
                             struct buf *out)
{
    struct selected *selected = session->selected;
    struct change_job job = {.session = session,
                             .selected = selected,
                             .context = context,
                             .search = {.account = selected->account,
                                        .mailbox_id = selected->mailbox_id,
                                        .view = &selected->view,
                                        .recent = {selected->recent.ranges, selected->recent.count},
                                        .viewer = selected->viewer,
                                        .program = &context->program,
                                        .is_bound = true,
                                        .now_us = clock_wall_us(),
                                        .arena = arena,
                                        .visit = visit,
                                        .data = &job},
                             .out = out};
    enum err err = imap_on_thread(session, read_changed, &job);
    if (!err && job.changed.count == 0)
        return ERR_OK;
    if (!err)
        err = search_bind(&job.search);
    if (!err)
        err = search_evaluate(&job.search, &job.changed, &job.matching);
    if (!err)
        err = imap_on_thread(session, compare, &job);
    if (err || job.added.count == 0)
        return err;
    if (context->is_sorted)
        err = sort_result(&job.search, &context->criteria, &job.all);
    return err ? err : imap_on_thread(session, add, &job);
}

/* ERR_LIMIT: this one cannot be kept up to date any longer. */
static enum err update_context(struct imap_session *session, struct context *context, uint64_t modseq)
{
    struct arena arena = {0};
    struct buf out;
    buf_init(&out, SIZE_MAX / 2);
    enum err err = tell_context(session, context, &arena, &out);
    enum err sending = conn_write(session->conn, buf_slice(&out)); /* what was taken out is out */
    err = err ? err : sending;
    if (!err)
        context->modseq = modseq;
    buf_free(&out);
    arena_free(&arena);
    return err;
}

enum err search_contexts_changed(struct imap_session *session, uint64_t modseq)
{
    struct search_contexts *contexts = session->selected->contexts;
    enum err err = ERR_OK;
    for (size_t i = 0; contexts && i < contexts->count && !err;) {
        struct context *context = &contexts->list[i];
        err = update_context(session, context, modseq);
        if (err == ERR_LIMIT) {
            tell_refusal(session, context->tag, "this takes too much memory");
            remove_context(contexts, context);
            err = ERR_OK;
        } else {
            i++;
        }
    }
    return err;
}
