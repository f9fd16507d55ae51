/* SPDX-License-Identifier: ISC */
/*
 * SETMETADATA (RFC 5464 section 4.3): all of its entries are set or none is.
 *
 *     setmetadata        = "SETMETADATA" SP mailbox SP entry-values
 *     entry-values       = "(" entry-value *(SP entry-value) ")"
 *     entry-value        = entry SP value
 *     value              = nstring / literal8                                 NIL removes the entry
 *
 * On other users' mailboxes only shared entries can be set, by those who may change the mailbox ("w"): they
 * count as its owner's.
 */
#include "mailboxes.h"
#include "metadata.h"
#include "storage/batch.h"

#define ENTRIES_MAX 100

struct setmetadata_job {
    struct imap_session *session;
    struct slice name; /* empty: the server */
    struct annotation entries[ENTRIES_MAX];
    size_t count;
    const char *code; /* of a refusal that no error code of the store tells */
};

static bool parse_entry_value(struct parser *parser, struct setmetadata_job *job)
{
    if (job->count == ENTRIES_MAX)
        return parser_expected(parser, "at most 100 entries");
    struct annotation *entry = &job->entries[job->count++];
    return parse_metadata_entry(parser, &entry->entry) && parse_space(parser) &&
           parse_nstring(parser, &entry->value);
}

static bool parse_setmetadata(struct parser *parser, struct setmetadata_job *job)
{
    if (!parse_space(parser) || !parse_mailbox(parser, &job->name) || !parse_space(parser) ||
        !parse_char(parser, '('))
        return false;
    do
        if (!parse_entry_value(parser, job))
            return false;
    while (parse_space(parser));
    if (job->name.len > 1 && job->name.data[job->name.len - 1] == '/')
        job->name.len--;
    return parse_char(parser, ')') && parse_end(parser);
}

static enum err refuse(struct setmetadata_job *job, const char *code)
{
    job->code = code;
    return ERR_DENIED;
}

static bool is_shared(struct slice entry)
{
    return slice_starts_with_nocase(entry, S("/shared/"));
}

static enum err check(struct setmetadata_job *job, const struct imap_access *access)
{
    const char *too_long =
        arena_printf(&job->session->arena, "METADATA MAXSIZE %d", (int)ANNOTATION_VALUE_MAX);
    for (size_t i = 0; i < job->count; i++) {
        const struct annotation *entry = &job->entries[i];
        if (entry->value.len > ANNOTATION_VALUE_MAX)
            return refuse(job, too_long);
        if (job->name.len == 0 && is_shared(entry->entry))
            return refuse(job, "NOPERM"); /* what all users of the server see */
        if (!access->is_borrowed && !is_shared(entry->entry))
            return refuse(job, "METADATA NOPRIVATE");
    }
    return ERR_OK;
}

/* The operations of one batch. */
struct changes {
    struct batch_operation *list;
    size_t count;
};

/* RFC 6154 section 4: under the rules of CREATE. Who had the use until now loses it (section 5.4). */
static enum err add_special_use(struct setmetadata_job *job, const struct imap_access *access,
                                struct slice value, struct changes *changes)
{
    struct slice use = SLICE_EMPTY;
    struct mailbox_entry *list;
    size_t count;
    if (value.len > 0 && !imap_special_use(value, &use))
        return refuse(job, "USEATTR");
    enum err err = mailbox_list(access->account, &job->session->arena, &list, &count);
    size_t holder = 0; /* one at most */
    while (!err && holder < count && !slice_eq_nocase(list[holder].special_use, use))
        holder++;
    if (!err && use.len > 0 && holder < count)
        changes->list[changes->count++] = (struct batch_operation){
            .kind = BATCH_MAILBOX_SET, .mailbox = mailbox_numbered(list[holder].status.id)};
    changes->list[changes->count++] = (struct batch_operation){
        .kind = BATCH_MAILBOX_SET, .mailbox = mailbox_named(access->mailbox), .set = {.special_use = use}};
    return err;
}

static enum err add_change(struct setmetadata_job *job, const struct imap_access *access,
                           const struct annotation *entry, struct changes *changes)
{
    if (job->name.len > 0 && slice_eq_nocase(entry->entry, METADATA_SPECIAL_USE))
        return add_special_use(job, access, entry->value, changes);
    changes->list[changes->count++] = (struct batch_operation){
        .kind = BATCH_ANNOTATE,
        .mailbox = job->name.len > 0 ? mailbox_named(access->mailbox) : (struct mailbox_ref){0},
        .annotate = {.entry = entry->entry,
                     .value = entry->value.data ? entry->value : SLICE_EMPTY,
                     .remove = !entry->value.data}};
    return ERR_OK;
}

static enum err set_entries(struct setmetadata_job *job, const struct imap_access *access)
{
    struct changes changes = {.list =
                                  arena_array(&job->session->arena, struct batch_operation, 2 * job->count)};
    enum err err = check(job, access);
    for (size_t i = 0; !err && i < job->count; i++)
        err = add_change(job, access, &job->entries[i], &changes);
    if (!err)
        err = batch_commit(access->account, changes.list, changes.count, NULL);
    return err == ERR_LIMIT ? refuse(job, "METADATA TOOMANY") : err;
}

static enum err set_annotations(void *arg)
{
    struct setmetadata_job *job = arg;
    struct imap_access access = {.account = job->session->account, .is_borrowed = true};
    enum err err = ERR_OK;
    if (job->name.len > 0)
        err = imap_access(job->session, job->name, RIGHT_LOOKUP | RIGHT_WRITE, &access);
    if (!err)
        err = set_entries(job, &access);
    imap_access_end(&access);
    return err;
}

void imap_setmetadata(struct imap_session *session, struct parser *parser)
{
    struct setmetadata_job *job = arena_new(&session->arena, struct setmetadata_job);
    job->session = session;
    if (!parse_setmetadata(parser, job)) {
        imap_bad_syntax(session, parser);
        return;
    }
    enum err err = imap_on_thread(session, set_annotations, job);
    if (err && job->code)
        imap_no(session, job->code, "this cannot be set");
    else if (err)
        imap_no_err(session, err);
    else
        imap_ok(session, NULL, "set");
}
