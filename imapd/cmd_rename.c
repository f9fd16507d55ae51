/* SPDX-License-Identifier: ISC */
/*
 * RENAME (RFC 9051 section 6.3.6): what is below moves along, and so do subscriptions. From INBOX the
 * messages are moved away. A name without a mailbox of its own is renamed by renaming what is below it.
 *
 *     rename          = "RENAME" SP mailbox SP mailbox
 */
#include <stdlib.h>

#include "base/mem.h"
#include "storage/batch.h"

#include "access.h"
#include "mailboxes.h"

struct rename_job {
    struct imap_session *session;
    struct slice said_from, said_to; /* the names */
    struct slice kept_to;
    struct imap_access from, to;
};

static int compare_operations(const void *name, const void *operation)
{
    return slice_cmp(*(const struct slice *)name, ((const struct batch_operation *)operation)->mailbox.name);
}

/* Whether a mailbox above it is renamed, with all that is below. The names of the operations are sorted. */
static bool is_covered(struct slice name, size_t levels_from, const struct batch_operation *operations,
                       size_t count)
{
    for (size_t end = levels_from; end < name.len; end++) {
        struct slice above = slice_take(name, end);
        if (name.data[end] == '/' &&
            bsearch(&above, operations, count, sizeof(*operations), compare_operations))
            return true;
    }
    return false;
}

/* `list` is sorted by bytes, so a name stands somewhere behind those it is below. Trees are renamed whole:
 * only the uppermost names are needed. */
static size_t collect_below(struct rename_job *job, const struct mailbox_entry *list, size_t count,
                            struct batch_operation *operations)
{
    struct arena *arena = &job->session->arena;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        struct slice name = list[i].name;
        if (!mailbox_name_is_below(name, job->from.mailbox) ||
            is_covered(name, job->from.mailbox.len + 1, operations, used))
            continue;
        const char *to = arena_printf(arena, "%s%s", arena_cstr(arena, job->to.mailbox),
                                      arena_cstr(arena, slice_skip(name, job->from.mailbox.len)));
        operations[used++] = (struct batch_operation){.kind = BATCH_MAILBOX_RENAME,
                                                      .mailbox = mailbox_named(name),
                                                      .rename = {.new_name = slice_from(to)}};
    }
    return used;
}

static enum err rename_below(struct rename_job *job)
{
    struct account *account = job->from.account;
    struct arena *arena = &job->session->arena;
    struct mailbox_entry *list;
    size_t count;
    enum err err = mailbox_list(account, arena, &list, &count);
    if (err)
        return err;
    struct batch_operation *operations = arena_array(arena, struct batch_operation, count + 1);
    operations[0] = (struct batch_operation){
        .kind = BATCH_ASSERT, .mailbox = mailbox_named(job->to.mailbox), .expect = {.absent = true}};
    size_t used = collect_below(job, list, count, operations + 1);
    if (used == 0)
        return ERR_NOT_FOUND;
    err = batch_commit(account, operations, used + 1, NULL);
    return err == ERR_CONFLICT ? ERR_EXISTS : err;
}

static enum err rename_it(struct rename_job *job)
{
    struct batch_operation operation = {.kind = BATCH_MAILBOX_RENAME,
                                        .mailbox = mailbox_named(job->from.mailbox),
                                        .rename = {.new_name = job->to.mailbox}};
    if (!slice_eq(job->from.owner, job->to.owner)) /* messages would have to move */
        return ERR_SYNTAX;
    job->kept_to = imap_access_name(job->session, &job->to);
    enum err err = batch_commit(job->from.account, &operation, 1, NULL);
    return err == ERR_NOT_FOUND ? rename_below(job) : err;
}

/* The open mailbox stays open under its new name, which may have changed with one above it. */
static void rename_open_mailbox(struct rename_job *job)
{
    struct selected *selected = job->session->selected;
    struct snapshot *snapshot = NULL;
    struct mailbox_entry mailbox;
    if (!selected || !slice_eq(account_login(selected->account), job->from.owner))
        return;
    struct arena *arena = &job->session->arena;
    enum err err = snapshot_open(selected->account, &snapshot);
    if (!err)
        err = snapshot_mailbox(snapshot, mailbox_numbered(selected->mailbox_id), arena, &mailbox);
    if (!err) {
        mem_free(selected->name);
        selected->name = mem_strdup(arena_cstr(arena, mailbox.name));
    }
    snapshot_close(snapshot);
}

static enum err rename_mailbox(void *arg)
{
    struct rename_job *job = arg;
    enum err err = imap_access(job->session, job->said_from, RIGHT_DELETE_MAILBOX, &job->from);
    if (!err)
        err = imap_access_new(job->session, job->said_to, &job->to);
    if (!err)
        err = imap_access_made(job->session, &job->to, rename_it(job));
    if (!err)
        rename_open_mailbox(job);
    imap_access_end(&job->to);
    imap_access_end(&job->from);
    return err;
}

void imap_rename(struct imap_session *session, struct parser *parser)
{
    struct rename_job job = {.session = session};
    if (!parse_mailbox_argument(parser, &job.said_from) || !parse_mailbox_argument(parser, &job.said_to) ||
        !parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    enum err err = imap_on_thread(session, rename_mailbox, &job);
    if (err) {
        imap_no_err(session, err);
    } else {
        imap_tell_name(session, "", job.said_to, job.kept_to, job.said_from);
        imap_ok(session, NULL, "renamed");
    }
}
