/* SPDX-License-Identifier: ISC */
#include "selected.h"

#include <string.h>

#include "base/mem.h"
#include "storage/batch.h"

#include "search_context.h"

#include "rights.h"

/* New messages are ours from now on (RFC 3501 section 2.3.2). EXAMINE, and who reads in another's mailbox,
 * shows them as \Recent too, but takes them from nobody (section 6.3.2). */
static enum err claim_recent(struct selected *selected, const struct mailbox_status *status)
{
    if (status->first_recent >= status->uidnext)
        return ERR_OK;
    if (!selected_takes_recent(selected)) {
        uid_set_add_range(&selected->recent, (struct uid_range){status->first_recent, status->uidnext - 1});
        return ERR_OK;
    }
    struct batch_operation claim = {.kind = BATCH_CLAIM_RECENT,
                                    .mailbox = mailbox_numbered(selected->mailbox_id)};
    enum err err = batch_commit(selected->account, &claim, 1, NULL);
    if (!err && claim.result.uid < status->uidnext)
        uid_set_add_range(&selected->recent, (struct uid_range){claim.result.uid, status->uidnext - 1});
    /* A full disk is no reason to refuse reading: nobody gets the mark then. */
    return err == ERR_NO_SPACE || err == ERR_UNAVAILABLE ? ERR_OK : err;
}

/* How many messages are \Recent: a scan of those that came last. */
static enum err count_recent(struct snapshot *snapshot, const struct selected *selected, uint64_t *count_r)
{
    struct message_scan scan = {.mailbox_id = selected->mailbox_id,
                                .uids = {selected->recent.ranges, selected->recent.count},
                                .done = selected->recent.count == 0};
    struct message_page page;
    enum err err = ERR_OK;
    message_page_init(&page, 0);
    *count_r = 0;
    while (!err && !scan.done) {
        err = snapshot_scan(snapshot, &scan, &page);
        *count_r += err ? 0 : page.count;
    }
    message_page_free(&page);
    return err;
}

/* FLAGS will list the keywords of the mailbox: those among them that have bits. */
static enum err note_keywords(struct snapshot *snapshot, struct selected *selected, struct arena *arena,
                              const struct select_result *result)
{
    struct slice *names;
    size_t count;
    enum err err = snapshot_keywords(snapshot, arena, &names, &count);
    for (size_t bit = 0; !err && bit < count; bit++)
        for (size_t i = 0; i < result->keyword_count; i++)
            if (slice_eq_nocase(names[bit], result->keywords[i]))
                selected->keywords_told |= (uint64_t)1 << bit;
    return err;
}

static enum err read_mailbox(struct snapshot *snapshot, struct selected *selected, struct arena *arena,
                             struct select_result *result_r)
{
    struct select_result result = {.modseq = snapshot_modseq(snapshot)};
    enum err err = snapshot_mailbox(snapshot, mailbox_numbered(selected->mailbox_id), arena, &result.mailbox);
    if (!err)
        err = selected_first_unseen(snapshot, &result.mailbox.status, selected->viewer, &result.first_unseen);
    if (!err)
        err = count_recent(snapshot, selected, &result.recent);
    if (!err)
        err = snapshot_mailbox_keywords(snapshot, selected->mailbox_id, arena, &result.keywords,
                                        &result.keyword_count);
    if (!err)
        err = note_keywords(snapshot, selected, arena, &result);
    if (err)
        return err;
    selected->uidvalidity = result.mailbox.status.uidvalidity;
    selected->rights_known = result.mailbox.attr_modseq;
    memcpy(selected->guid, result.mailbox.guid, sizeof selected->guid);
    selected->uidnext = result.mailbox.status.uidnext;
    selected->exists = (uint32_t)result.mailbox.status.messages;
    selected->changes_known = selected->expunges_known = result.modseq;
    selected->highestmodseq = result.mailbox.status.highestmodseq;
    selected->name = mem_strdup(arena_cstr(arena, result.mailbox.name));
    *result_r = result;
    return ERR_OK;
}

static enum err open_at(const struct select_request *request, struct selected *selected, struct arena *arena,
                        struct select_result *result_r)
{
    struct mailbox_status status; /* after what other programs did to the folder was taken in */
    enum err err = mailbox_status(request->account, request->name, &status);
    if (err)
        return err;
    selected->mailbox_id = status.id;
    if (request->wants_recent)
        err = claim_recent(selected, &status);
    struct snapshot *snapshot = NULL;
    if (!err)
        err = snapshot_open(request->account, &snapshot);
    if (!err)
        err = read_mailbox(snapshot, selected, arena, result_r);
    snapshot_close(snapshot);
    return err;
}

/* Owned: the account whose login it is may be closed while the client is silent. */
static struct slice copy_text(struct slice text)
{
    char *copy = mem_alloc(text.len + 1);
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    return slice_of(copy, text.len);
}

enum err selected_open(const struct select_request *request, struct arena *arena,
                       struct selected **selected_r, struct select_result *result_r)
{
    struct selected *selected = mem_new(struct selected);
    enum err err =
        account_open(account_store(request->account), account_login(request->account), &selected->account);
    selected->read_only = request->read_only;
    selected->rights = request->rights;
    selected->viewer = copy_text(request->viewer);
    if (!err)
        err = open_at(request, selected, arena, result_r);
    if (err)
        selected_free(selected);
    else
        *selected_r = selected;
    return err;
}

void selected_free(struct selected *selected)
{
    if (!selected)
        return;
    if (selected->account)
        account_close(selected->account);
    view_free(&selected->view);
    uid_set_drop(&selected->recent);
    uid_set_drop(&selected->saved);
    mem_free((void *)selected->viewer.data);
    search_contexts_free(selected->contexts);
    mem_free(selected->name);
    mem_free(selected->owner);
    mem_free(selected);
}

uint64_t selected_modseq(const struct selected *selected)
{
    uint64_t known = MIN_OF(selected->changes_known, selected->expunges_known);
    return MAX_OF(MIN_OF(known, selected->highestmodseq), (uint64_t)1);
}

bool selected_may(const struct selected *selected, unsigned right)
{
    return !selected->read_only && (selected->rights & right) == right;
}

uint32_t selected_permanent_flags(const struct selected *selected)
{
    return selected->read_only ? 0 : rights_flags(selected->rights);
}

bool selected_takes_recent(const struct selected *selected)
{
    return !selected->read_only && selected->viewer.len == 0;
}

bool selected_is_recent(const struct selected *selected, uint32_t uid)
{
    struct uid_set recent = {selected->recent.ranges, selected->recent.count};
    return recent.count > 0 && uid_set_has(&recent, uid);
}

void selected_note_own(struct selected *selected, uint64_t modseq)
{
    if (selected->own_count < OWN_CHANGES_MAX)
        selected->own_changes[selected->own_count++] = modseq;
}

bool selected_is_own(const struct selected *selected, uint64_t modseq)
{
    for (size_t i = 0; i < selected->own_count; i++)
        if (selected->own_changes[i] == modseq)
            return true;
    return false;
}

void selected_hold(struct selected *selected, int64_t now)
{
    if (selected->held_since == 0)
        selected->held_since = now;
    selected->is_held = now - selected->held_since < HOLD_MAX_MS;
}

void selected_save(struct selected *selected, const struct uid_set *uids)
{
    uid_set_drop(&selected->saved);
    for (size_t i = 0; i < uids->count; i++)
        uid_set_add_range(&selected->saved, uids->ranges[i]);
}
