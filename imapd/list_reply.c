/* SPDX-License-Identifier: ISC */
/*
 * Answers LIST. One snapshot shows all mailboxes with their counters and all subscriptions; they become a
 * tree, the tree is compared with the patterns, and what is to be shown is written a piece at a visit to a
 * worker thread, so that neither an account with many mailboxes nor a slow client needs much memory.
 */
#include "base/buf.h"

#include "list.h"
#include "list_tree.h"
#include "respond.h"
#include "status.h"

#define PIECE_SIZE 32768 /* enough lines for one visit */

struct list_job {
    struct imap_session *session;
    const struct list_request *request;
    struct arena *arena;
    bool is_read;
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

static enum err read_names(struct list_job *job, struct snapshot *snapshot, struct list_name **names_r,
                           size_t *count_r)
{
    struct mailbox_entry *mailboxes;
    struct slice *subscriptions = NULL;
    size_t mailbox_count, subscription_count = 0;
    enum err err = snapshot_mailboxes(snapshot, job->arena, &mailboxes, &mailbox_count);
    if (!err && needs_subscriptions(job->request))
        err = snapshot_subscriptions(snapshot, job->arena, &subscriptions, &subscription_count);
    if (err)
        return err;
    struct list_name *names = arena_array(job->arena, struct list_name, mailbox_count + subscription_count);
    for (size_t i = 0; i < mailbox_count; i++)
        names[i] = (struct list_name){.name = mailboxes[i].name, .mailbox = &mailboxes[i]};
    for (size_t i = 0; i < subscription_count; i++)
        names[mailbox_count + i] = (struct list_name){.name = subscriptions[i], .subscribed = true};
    *names_r = names;
    *count_r = mailbox_count + subscription_count;
    return ERR_OK;
}

static bool meets_options(const struct list_request *request, const struct list_node *node)
{
    const struct mailbox_entry *mailbox = node->mailbox;
    if (request->select & SELECT_SPECIAL_USE && !(mailbox && mailbox->special_use.len > 0))
        return false;
    return lists_subscriptions(request) ? node->subscribed : mailbox != NULL;
}

static enum err read_tree(struct list_job *job, struct snapshot *snapshot)
{
    struct list_name *names;
    size_t count;
    enum err err = read_names(job, snapshot, &names, &count);
    if (err)
        return err;
    const struct list_request *request = job->request;
    job->tree = list_tree_of(job->arena, names, count);
    for (size_t i = 0; i < job->tree.count; i++)
        job->tree.nodes[i].is_chosen = meets_options(request, &job->tree.nodes[i]);
    list_tree_match(&job->tree, request->patterns, request->pattern_count);
    job->is_read = true;
    return ERR_OK;
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
                            const struct mailbox_entry *mailbox)
{
    bool is_xlist = request->verb == VERB_XLIST;
    if (is_xlist && slice_eq(mailbox->name, S("INBOX")))
        add_attribute(attributes, S("\\Inbox"));
    if (is_xlist && slice_eq_nocase(mailbox->special_use, S("\\Junk")))
        add_attribute(attributes, S("\\Spam"));
    else if (mailbox->special_use.len > 0)
        add_attribute(attributes, mailbox->special_use);
}

static void write_attributes(struct list_job *job, const struct list_node *node)
{
    const struct list_request *request = job->request;
    struct attributes attributes = {&job->out, '('};
    if (!node->mailbox || (request->verb == VERB_LSUB && !node->is_chosen))
        add_attribute(&attributes, request->is_extended ? S("\\NonExistent") : S("\\Noselect"));
    if (node->subscribed && request->verb == VERB_LIST && needs_subscriptions(request))
        add_attribute(&attributes, S("\\Subscribed"));
    if (node->has_children)
        add_attribute(&attributes, S("\\HasChildren"));
    else if (node->mailbox)
        add_attribute(&attributes, S("\\HasNoChildren"));
    if (node->mailbox)
        add_special_use(&attributes, request, node->mailbox);
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

static enum err write_node(struct list_job *job, const struct list_node *node, struct snapshot *snapshot)
{
    static const struct slice words[] = {{"* LIST ", 7}, {"* LSUB ", 7}, {"* XLIST ", 8}};
    const struct list_request *request = job->request;
    bool utf8 = imap_utf8(job->session);
    buf_append(&job->out, words[request->verb]);
    write_attributes(job, node);
    buf_append(&job->out, S(" \"/\" "));
    respond_mailbox(&job->out, node->name, utf8);
    write_childinfo(job, node);
    buf_append(&job->out, S("\r\n"));
    if (!(request->returns & RETURN_STATUS) || !node->mailbox || !node->is_chosen)
        return ERR_OK;
    struct status_values values = {.mailbox = node->mailbox,
                                   .append_limit = (uint64_t)job->session->conf->message_size_limit};
    enum err err = status_read(snapshot, request->status_items, SLICE_EMPTY, &values);
    if (!err)
        respond_status(&job->out, node->name, request->status_items, &values, utf8);
    return err;
}

static enum err visit(void *arg)
{
    struct list_job *job = arg;
    struct account *account = job->session->account;
    struct snapshot *snapshot = NULL;
    enum err err = job->is_read ? ERR_OK : mailbox_refresh(account, 0);
    if (!err)
        err = snapshot_open(account, &snapshot);
    if (!err && !job->is_read)
        err = read_tree(job, snapshot);
    while (!err && job->next < job->tree.count && job->out.len < PIECE_SIZE) {
        const struct list_node *node = &job->tree.nodes[job->next++];
        if (is_shown(job->request, node))
            err = write_node(job, node, snapshot);
    }
    snapshot_close(snapshot);
    return err;
}

enum err imap_list(struct imap_session *session, const struct list_request *request)
{
    struct list_job job = {.session = session, .request = request, .arena = &session->arena};
    enum err err = ERR_OK;
    if (request->status_items & STATUS_HIGHESTMODSEQ) /* RFC 7162 section 3.1 */
        session->enabled |= ENABLED_CONDSTORE;
    buf_init(&job.out, SIZE_MAX / 2);
    do {
        err = imap_on_thread(session, visit, &job);
        if (!err)
            err = conn_write(session->conn, buf_slice(&job.out));
        buf_clear(&job.out);
    } while (!err && job.next < job.tree.count);
    buf_free(&job.out);
    return err;
}
