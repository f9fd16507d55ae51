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

#include "sort_load.h"

struct context {
    struct arena arena; /* holds the program */
    struct slice tag;
    bool by_uid, is_sorted;
    struct search_program program;
    struct sort_criteria criteria;
    struct uid_set_writer found; /* the result; of a sorted one in `order`, too */
    uint32_t *order;
    size_t count, room;
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
    mem_free(context->order);
    arena_free(&context->arena);
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
    size_t sorted = 0;
    uint64_t remembered = criteria ? uid_set_size(&result->uids) : result->uids.count;
    for (size_t i = 0; contexts && i < contexts->count; i++) {
        sorted += contexts->list[i].is_sorted;
        remembered += contexts->list[i].found.count + contexts->list[i].count;
    }
    return (contexts && contexts->count == CONTEXTS_MAX) || remembered > CONTEXT_RESULTS_MAX ||
           (criteria && (sorted == SORTED_CONTEXTS_MAX || sort_has(criteria, SORT_RELEVANCY)));
}

void search_context_begin(struct search_command *command, const struct search_result *result,
                          const struct sort_criteria *criteria)
{
    struct imap_session *session = command->session;
    struct selected *selected = session->selected;
    if (!(command->wanted.options & RETURN_UPDATE))
        return;
    if (is_refused(selected, result, criteria)) {
        imap_untagged(session, "NO [NOUPDATE \"%.*s\"] too many contexts", SLICE_ARG(session->tag));
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
        context->count = context->room = (size_t)uid_set_size(&result->uids);
        context->order = mem_realloc_array(NULL, context->room + 1, sizeof(*context->order));
        if (context->count > 0)
            memcpy(context->order, result->sorted, context->count * sizeof(*context->order));
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
        end_context(context);
        struct context *last = &selected->contexts->list[--selected->contexts->count];
        memmove(context, context + 1, (size_t)((char *)last - (char *)context));
        any = true;
    }
    if (!any || !parse_end(parser))
        imap_bad_syntax(session, parser);
    else
        imap_ok(session, NULL, "no further updates");
}

/* --- telling --- */

static void begin_response(const struct context *context, struct buf *out)
{
    buf_printf(out, "* ESEARCH (TAG \"%.*s\")%s", SLICE_ARG(context->tag), context->by_uid ? " UID" : "");
}

/* One set, at this position. */
static void write_pair(const struct context *context, const struct view *view, uint64_t position,
                       const struct uid_set *uids, struct buf *out)
{
    struct search_writer writer = {.out = *out, .numbers = context->by_uid ? NULL : view};
    buf_append_number(&writer.out, position, 1);
    buf_append_char(&writer.out, ' ');
    search_write_uids(&writer, uids);
    *out = writer.out;
}

/* Takes these messages out of the order. Each is told by where it is when those before are gone: from the
 * end, nothing moves. */
static void remove_sorted(struct context *context, const struct view *view, const struct uid_set *gone,
                          struct buf *out)
{
    bool first = true;
    for (size_t i = context->count; i-- > 0;) {
        uint32_t uid = context->order[i];
        struct uid_range one = {uid, uid};
        if (!uid_set_has(gone, uid))
            continue;
        if (!first)
            buf_append_char(out, ' ');
        first = false;
        write_pair(context, view, i + 1, &(struct uid_set){&one, 1}, out);
        memmove(&context->order[i], &context->order[i + 1], (--context->count - i) * sizeof(uint32_t));
    }
}

static void tell_removed(struct context *context, const struct view *view, const struct uid_set *gone,
                         struct arena *arena, struct buf *out)
{
    struct uid_set found = found_of(context);
    found = uid_set_minus(arena, &found, gone);
    begin_response(context, out);
    buf_append(out, S(" REMOVEFROM ("));
    if (context->is_sorted)
        remove_sorted(context, view, gone, out);
    else
        write_pair(context, view, 0, gone, out);
    buf_append(out, S(")\r\n"));
    set_found(context, &found);
}

/* Puts new messages where the new order has them: behind the one that stands before them there. Messages that
 * are in the context and, expunged meanwhile, not in the new order stay where they are. */
static void insert_sorted(struct context *context, const struct view *view, const struct uid_set *added,
                          const uint32_t *sorted, size_t sorted_count, struct buf *out)
{
    size_t at = 0; /* where the next one would go */
    bool first = true;
    for (size_t i = 0; i < sorted_count; i++) {
        struct uid_range one = {sorted[i], sorted[i]};
        if (!uid_set_has(added, sorted[i])) {
            while (at < context->count && context->order[at] != sorted[i])
                at++;
            at++;
            continue;
        }
        if (context->count == context->room) {
            context->room = context->room * 2 + 16;
            context->order = mem_realloc_array(context->order, context->room + 1, sizeof(*context->order));
        }
        at = MIN_OF(at, context->count);
        memmove(&context->order[at + 1], &context->order[at], (context->count - at) * sizeof(uint32_t));
        context->order[at++] = sorted[i];
        context->count++;
        if (!first)
            buf_append_char(out, ' ');
        first = false;
        write_pair(context, view, at, &(struct uid_set){&one, 1}, out);
    }
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

static enum err visit(void *data, enum err (*fn)(void *arg), void *arg)
{
    return imap_on_thread(data, fn, arg);
}

struct change_job {
    struct selected *selected;
    struct arena *arena;
    uint64_t since;
    struct uid_set changed;
};

static enum err read_changed(void *arg)
{
    struct change_job *job = arg;
    struct snapshot *snapshot = NULL;
    struct uid_set_writer changed = {0};
    struct message_scan scan = {
        .mailbox_id = job->selected->mailbox_id, .uids = uid_set_all, .changed_since = job->since};
    struct message_page page;
    message_page_init(&page, 0);
    enum err err = snapshot_open(job->selected->account, &snapshot);
    while (!err && !scan.done) {
        err = snapshot_scan(snapshot, &scan, &page);
        for (size_t row = 0; row < page.count && !err; row++)
            uid_set_add(&changed, page.uids[row]);
    }
    snapshot_close(snapshot);
    message_page_free(&page);
    struct uid_set uids = uid_set_take(&changed, job->arena);
    job->changed = view_intersect(&job->selected->view, &uids, job->arena);
    return err;
}

static enum err tell_added(struct context *context, struct search_job *job, const struct uid_set *added,
                           struct buf *out)
{
    struct uid_set found = found_of(context);
    struct search_result result = {.uids = uid_set_union(job->arena, &found, added)};
    struct uid_set all = result.uids;
    enum err err = context->is_sorted ? sort_result(job, &context->criteria, &result) : ERR_OK;
    if (err)
        return err;
    set_found(context, &all);
    begin_response(context, out);
    buf_append(out, S(" ADDTO ("));
    if (result.sorted)
        insert_sorted(context, job->view, added, result.sorted, (size_t)uid_set_size(&result.uids), out);
    else
        write_pair(context, job->view, 0, added, out);
    buf_append(out, S(")\r\n"));
    return ERR_OK;
}

static enum err tell_context(struct imap_session *session, struct context *context, uint64_t modseq,
                             struct arena *arena, struct buf *out)
{
    struct selected *selected = session->selected;
    struct change_job changes = {.selected = selected, .arena = arena, .since = context->modseq};
    struct search_job job = {.account = selected->account,
                             .mailbox_id = selected->mailbox_id,
                             .view = &selected->view,
                             .recent = {selected->recent.ranges, selected->recent.count},
                             .viewer = selected->viewer,
                             .program = &context->program,
                             .is_bound = true,
                             .now_us = clock_wall_us(),
                             .arena = arena,
                             .visit = visit,
                             .data = session};
    struct uid_set matching = {0}, found = found_of(context);
    enum err err = imap_on_thread(session, read_changed, &changes);
    search_bind(&job);
    if (!err)
        err = search_evaluate(&job, &changes.changed, &matching);
    if (err)
        return err;
    struct uid_set before = uid_set_common(arena, &found, &changes.changed);
    struct uid_set removed = uid_set_minus(arena, &before, &matching);
    struct uid_set added = uid_set_minus(arena, &matching, &before);
    if (removed.count > 0)
        tell_removed(context, &selected->view, &removed, arena, out);
    if (added.count > 0)
        err = tell_added(context, &job, &added, out);
    if (!err)
        context->modseq = modseq;
    return err;
}

enum err search_contexts_changed(struct imap_session *session, uint64_t modseq)
{
    struct search_contexts *contexts = session->selected->contexts;
    enum err err = ERR_OK;
    for (size_t i = 0; contexts && i < contexts->count && !err; i++) {
        struct arena arena = {0};
        struct buf out;
        buf_init(&out, SIZE_MAX / 2);
        err = tell_context(session, &contexts->list[i], modseq, &arena, &out);
        enum err sending = conn_write(session->conn, buf_slice(&out)); /* what was taken out is out */
        err = err ? err : sending;
        buf_free(&out);
        arena_free(&arena);
    }
    return err;
}
