/* SPDX-License-Identifier: ISC */
/*
 * Answers LIST. One snapshot shows all mailboxes with their counters and all subscriptions; they become a
 * tree, the tree is compared with the patterns, and what is to be shown is written a piece at a visit to a
 * worker thread, so that neither an account with many mailboxes nor a slow client needs much memory.
 */
#include "base/buf.h"
#include "base/clock.h"

#include "access.h"
#include "list.h"
#include "list_tree.h"
#include "progress.h"
#include "respond.h"
#include "status.h"

/* How long one visit may take; at least one mailbox is written, or one account opened. */
#define VISIT_MS 30

/* A mailbox of one's own (no owner), or of somebody who shares it. */
struct listed {
    struct slice owner;
    struct mailbox_entry entry; /* entry.name: in the owner's account */
    unsigned rights;
};

/* What is open while a visit lasts: the account whose mailboxes are written just now. */
struct list_source {
    struct slice owner;
    struct account *account;
    struct snapshot *snapshot;
};

/* What the tree is made of. */
struct found_names {
    struct mailbox_entry *own;
    struct slice *subscriptions;
    size_t own_count, subscription_count;
    struct shared_list shared;
};

struct list_job {
    struct imap_session *session;
    const struct list_request *request;
    struct arena *arena;
    bool has_names, has_tree;
    struct found_names found;
    struct list_tree tree;
    size_t next; /* node to be written */
    struct buf out;
};

/* --- reading --- */

static bool lists_subscriptions(const struct list_request *request)
{
    return request->verb == VERB_LSUB || request->select & SELECT_SUBSCRIBED;
}

static bool needs_subscriptions(const struct list_request *request)
{
    return lists_subscriptions(request) || request->returns & RETURN_SUBSCRIBED;
}

/* Whether a pattern can match a name that is not one's own: most LISTs of a single mailbox cannot. */
static bool may_be_shared(const struct list_request *request)
{
    for (size_t i = 0; i < request->pattern_count; i++)
        if (list_pattern_may_begin(&request->patterns[i], S(SHARED_LEVEL)))
            return true;
    return false;
}

static enum err find_own_names(struct list_job *job, struct snapshot *snapshot)
{
    struct found_names *found = &job->found;
    enum err err = snapshot_mailboxes(snapshot, job->arena, &found->own, &found->own_count);
    if (!err && needs_subscriptions(job->request))
        err = snapshot_subscriptions(snapshot, job->arena, &found->subscriptions, &found->subscription_count);
    return err;
}

/* The names of one's own, and whose else are to be asked for. */
static enum err find_names(struct list_job *job)
{
    struct snapshot *snapshot = NULL;
    enum err err = mailbox_refresh(job->session->account, 0);
    if (!err)
        err = snapshot_open(job->session->account, &snapshot);
    if (!err)
        err = find_own_names(job, snapshot);
    snapshot_close(snapshot);
    if (!err && may_be_shared(job->request))
        err = shared_list_begin(job->session, job->arena, &job->found.shared);
    job->has_names = !err;
    return err;
}

static struct list_tree make_tree(struct arena *arena, const struct found_names *found)
{
    size_t count = 0, mailbox_count = found->own_count + found->shared.count;
    struct listed *listed = arena_array(arena, struct listed, mailbox_count);
    struct list_name *names = arena_array(arena, struct list_name, mailbox_count + found->subscription_count);
    for (size_t i = 0; i < found->own_count; i++, count++) {
        listed[count] = (struct listed){.entry = found->own[i], .rights = RIGHTS_ALL};
        names[count] = (struct list_name){.name = found->own[i].name, .mailbox = &listed[count]};
    }
    for (size_t i = 0; i < found->shared.count; i++, count++) {
        const struct shared_mailbox *shared = &found->shared.mailboxes[i];
        listed[count] =
            (struct listed){.owner = shared->owner, .entry = shared->entry, .rights = shared->rights};
        names[count] = (struct list_name){.name = shared->name, .mailbox = &listed[count]};
    }
    for (size_t i = 0; i < found->subscription_count; i++, count++)
        names[count] = (struct list_name){.name = found->subscriptions[i], .subscribed = true};
    return list_tree_of(arena, names, count);
}

/* A client wants to know where to put its own drafts, so the uses of others' mailboxes are not for it. */
static struct slice special_use_of(const struct list_node *node)
{
    const struct listed *listed = node->mailbox;
    return listed && listed->owner.len == 0 ? listed->entry.special_use : SLICE_EMPTY;
}

static bool meets_options(const struct list_request *request, const struct list_node *node)
{
    if (request->select & SELECT_SPECIAL_USE && special_use_of(node).len == 0)
        return false;
    return lists_subscriptions(request) ? node->subscribed : node->mailbox != NULL;
}

static void grow_tree(struct list_job *job)
{
    const struct list_request *request = job->request;
    job->tree = make_tree(job->arena, &job->found);
    for (size_t i = 0; i < job->tree.count; i++)
        job->tree.nodes[i].is_chosen = meets_options(request, &job->tree.nodes[i]);
    list_tree_match(&job->tree, request->patterns, request->pattern_count);
    job->has_tree = true;
}

/* As far as there is time: each of those who share something has an account that is to be opened, while no
 * snapshot of another is held. */
static enum err read_names(struct list_job *job, int64_t end)
{
    struct shared_list *shared = &job->found.shared;
    enum err err = job->has_names ? ERR_OK : find_names(job);
    while (!err && shared->next_owner < shared->owner_count) {
        shared_list_next(job->session, job->arena, shared);
        if (clock_monotonic_ms() >= end)
            break;
    }
    if (!err && shared->next_owner == shared->owner_count)
        grow_tree(job);
    return err;
}

/* --- what is shown --- */

/* RFC 9051 section 6.3.9.3: a name that was not chosen is shown only because of something below it that is
 * not shown itself. */
static bool is_shown(const struct list_request *request, const struct list_node *node)
{
    if (!node->matches)
        return false;
    if (node->is_chosen)
        return true;
    if (request->verb == VERB_LSUB) /* RFC 3501 section 6.3.9 */
        return node->matches_as_level && node->has_subscriptions;
    if (request->select & SELECT_RECURSIVEMATCH)
        return node->has_unshown;
    if (request->select & (SELECT_SUBSCRIBED | SELECT_SPECIAL_USE))
        return false;
    return node->matches_as_level && node->has_children; /* a level without a mailbox */
}

struct attributes {
    struct buf *out;
    char before;
};

static void add_attribute(struct attributes *attributes, struct slice name)
{
    buf_append_char(attributes->out, attributes->before);
    buf_append(attributes->out, name);
    attributes->before = ' ';
}

/* XLIST has other names for some uses, and one for INBOX. */
static void add_special_use(struct attributes *attributes, const struct list_request *request,
                            const struct list_node *node)
{
    bool is_xlist = request->verb == VERB_XLIST;
    struct slice use = special_use_of(node);
    if (is_xlist && slice_eq(node->name, S("INBOX")))
        add_attribute(attributes, S("\\Inbox"));
    if (is_xlist && slice_eq_nocase(use, S("\\Junk")))
        use = S("\\Spam");
    if (use.len > 0)
        add_attribute(attributes, use);
}

/* RFC 9051 section 7.3.1; without the right to read, a mailbox cannot be selected (RFC 4314 section 4). */
static bool is_selectable(const struct list_node *node)
{
    const struct listed *listed = node->mailbox;
    return listed && listed->rights & RIGHT_READ;
}

static void write_attributes(struct list_job *job, const struct list_node *node)
{
    const struct list_request *request = job->request;
    struct attributes attributes = {&job->out, '('};
    if (!node->mailbox && request->is_extended)
        add_attribute(&attributes, S("\\NonExistent"));
    else if (!is_selectable(node) || (request->verb == VERB_LSUB && !node->is_chosen))
        add_attribute(&attributes, S("\\Noselect"));
    if (node->subscribed && request->verb == VERB_LIST && needs_subscriptions(request))
        add_attribute(&attributes, S("\\Subscribed"));
    if (node->has_children)
        add_attribute(&attributes, S("\\HasChildren"));
    else if (node->mailbox)
        add_attribute(&attributes, S("\\HasNoChildren"));
    add_special_use(&attributes, request, node);
    if (attributes.before == '(')
        buf_append_char(&job->out, '(');
    buf_append_char(&job->out, ')');
}

/* RFC 9051 section 6.3.9.6: which options something below this name meets. */
static void write_childinfo(struct list_job *job, const struct list_node *node)
{
    unsigned select = job->request->select;
    if (!(select & SELECT_RECURSIVEMATCH) || !node->has_chosen)
        return;
    buf_append(&job->out, S(" (\"CHILDINFO\" ("));
    if (select & SELECT_SUBSCRIBED)
        buf_append(&job->out, S("\"SUBSCRIBED\""));
    if (select & SELECT_SPECIAL_USE)
        buf_append(&job->out, select & SELECT_SUBSCRIBED ? S(" \"SPECIAL-USE\"") : S("\"SPECIAL-USE\""));
    buf_append(&job->out, S("))"));
}

static void close_source(struct list_job *job, struct list_source *source)
{
    snapshot_close(source->snapshot);
    if (source->account && source->account != job->session->account)
        account_close(source->account);
    *source = (struct list_source){0};
}

/* What is listed of one owner comes in a row, so each account is opened once. */
static enum err open_source(struct list_job *job, struct slice owner, struct list_source *source)
{
    enum err err = ERR_OK;
    if (source->snapshot && slice_eq(source->owner, owner))
        return ERR_OK;
    close_source(job, source);
    source->owner = owner;
    if (owner.len == 0)
        source->account = job->session->account;
    else
        err = account_open(job->session->context->store, owner, &source->account);
    return err ? err : snapshot_open(source->account, &source->snapshot);
}

/* RFC 5819 */
static enum err write_status(struct list_job *job, const struct list_node *node, struct snapshot *snapshot)
{
    const struct listed *listed = node->mailbox;
    struct slice viewer = listed->owner.len > 0 ? buf_slice(&job->session->login) : SLICE_EMPTY;
    struct status_values values = {.mailbox = &listed->entry,
                                   .append_limit = (uint64_t)job->session->conf->message_size_limit};
    enum err err = status_read(snapshot, job->request->status_items, viewer, &values);
    if (!err)
        respond_status(&job->out, node->name, job->request->status_items, &values, imap_utf8(job->session));
    return err;
}

/* RFC 8440 */
static void write_rights(struct list_job *job, const struct list_node *node)
{
    const struct listed *listed = node->mailbox;
    char rights[RIGHTS_TEXT_MAX];
    rights_format_for_client(listed->rights, rights);
    buf_append(&job->out, S("* MYRIGHTS "));
    respond_mailbox(&job->out, node->name, imap_utf8(job->session));
    buf_printf(&job->out, " %s\r\n", rights);
}

/* RFC 9590 */
static enum err write_metadata(struct list_job *job, const struct list_node *node, struct snapshot *snapshot)
{
    const struct listed *listed = node->mailbox;
    struct arena arena = {0};
    struct annotation *list;
    size_t count;
    uint64_t longest;
    enum err err =
        metadata_read(job->session, snapshot, &listed->entry, listed->owner.len == 0, &arena, &list, &count);
    if (!err)
        respond_metadata(&job->out, node->name, &job->request->metadata, list, count, imap_utf8(job->session),
                         &longest);
    arena_free(&arena);
    return err;
}

/* What was asked for beside the name, of mailboxes that meet the options themselves. */
static enum err write_details(struct list_job *job, const struct list_node *node, struct list_source *source)
{
    const struct listed *listed = node->mailbox;
    unsigned returns = job->request->returns;
    bool wants_status = returns & RETURN_STATUS && is_selectable(node);
    bool wants_metadata = returns & RETURN_METADATA && metadata_may_read(listed->rights);
    enum err err = ERR_OK;
    if (wants_status || wants_metadata)
        err = open_source(job, listed->owner, source);
    if (!err && wants_status)
        err = write_status(job, node, source->snapshot);
    if (returns & RETURN_MYRIGHTS)
        write_rights(job, node);
    if (!err && wants_metadata)
        err = write_metadata(job, node, source->snapshot);
    /* Trouble with another's account: what follows is to be listed all the same. */
    return listed->owner.len > 0 ? ERR_OK : err;
}

static enum err write_node(struct list_job *job, const struct list_node *node, struct list_source *source)
{
    static const struct slice words[] = {{"* LIST ", 7}, {"* LSUB ", 7}, {"* XLIST ", 8}};
    buf_append(&job->out, words[job->request->verb]);
    write_attributes(job, node);
    buf_append(&job->out, S(" \"/\" "));
    respond_mailbox(&job->out, node->name, imap_utf8(job->session));
    write_childinfo(job, node);
    buf_append(&job->out, S("\r\n"));
    return node->mailbox && node->is_chosen ? write_details(job, node, source) : ERR_OK;
}

static enum err visit(void *arg)
{
    struct list_job *job = arg;
    struct list_source source = {0};
    int64_t end = clock_monotonic_ms() + VISIT_MS;
    enum err err = job->has_tree ? ERR_OK : read_names(job, end);
    while (!err && job->next < job->tree.count && job->out.len < IMAP_PIECE_SIZE) {
        const struct list_node *node = &job->tree.nodes[job->next++];
        if (!is_shown(job->request, node))
            continue;
        err = write_node(job, node, &source);
        if (clock_monotonic_ms() >= end) /* DELETED-STORAGE, say, reads whole mailboxes */
            break;
    }
    close_source(job, &source);
    return err;
}

enum err imap_list(struct imap_session *session, const struct list_request *request)
{
    struct list_job job = {.session = session, .request = request, .arena = &session->arena};
    struct progress progress = {0};
    enum err err = ERR_OK;
    if (request->status_items & STATUS_HIGHESTMODSEQ) /* RFC 7162 section 3.1 */
        session->enabled |= ENABLED_CONDSTORE;
    buf_init(&job.out, SIZE_MAX / 2);
    do {
        err = imap_on_thread(session, visit, &job);
        if (!err)
            err = conn_write(session->conn, buf_slice(&job.out));
        if (!err)
            err = imap_tell_progress(session, &progress, job.next, job.tree.count);
        buf_clear(&job.out);
    } while (!err && (!job.has_tree || job.next < job.tree.count));
    shared_list_free(&job.found.shared);
    buf_free(&job.out);
    return err;
}
