/* SPDX-License-Identifier: ISC */
/*
 * Looking after a store in memory: there are no files that could differ from the index, nothing is worked out
 * late, and nothing can be lost while it lives. What can be wrong is this engine itself: so a check counts
 * everything anew.
 */
#include "storage/care.h"

#include <stdarg.h>

#include "memory_store.h"

struct checking {
    const struct check *check;
    struct check_report report;
};

static void problem(struct checking *checking, const char *format, ...) PRINTF_LIKE(2, 3);
static void problem(struct checking *checking, const char *format, ...)
{
    struct buf text;
    va_list args;
    checking->report.problems++;
    if (!checking->check->problem) {
        return;
    }
    buf_init(&text, 4096);
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    checking->check->problem(checking->check->data, buf_cstr(&text));
    buf_free(&text);
}

static void check_keywords(struct checking *checking, const struct state *state, const struct row *row)
{
    size_t known = state->keywords->count;
    bool wrong = (row->keywords & KEYWORD_OTHERS) || (known < 63 && row->keywords >> known);
    for (size_t i = 0; row->others && i < row->others->count; i++) {
        wrong = wrong || row->others->numbers[i] < 63 || row->others->numbers[i] >= known;
    }
    if (wrong) {
        problem(checking, "UID %u has a keyword that does not exist", row->uid);
    }
}

/* Adds the row to the sums, of which `uidnext` is one more than the last UID. */
static void check_row(struct checking *checking, const struct state *state, const struct mailbox *mailbox,
                      const struct row *row, struct mailbox_status *sum)
{
    if (row->uid < sum->uidnext || row->modseq == 0 || row->modseq > mailbox->status.highestmodseq) {
        problem(checking, "UID %u with MODSEQ %llu is out of order", row->uid,
                (unsigned long long)row->modseq);
    }
    if (row->body->content->len != row->body->summary.file_size) {
        problem(checking, "UID %u has a body of another size", row->uid);
    }
    check_keywords(checking, state, row);
    sum->uidnext = row->uid + 1;
    sum->messages++;
    sum->unseen += !(row->flags & MESSAGE_SEEN);
    sum->deleted += (row->flags & MESSAGE_DELETED) != 0;
    sum->bytes += row->body->summary.size;
}

static void check_mailbox(struct checking *checking, const struct state *state, const struct mailbox *mailbox)
{
    const struct mailbox_status *status = &mailbox->status;
    struct mailbox_status sum = {0};
    struct place place = {0};
    for (const struct row *row; (row = mailbox_row(mailbox, place)); place = mailbox_next(mailbox, place)) {
        check_row(checking, state, mailbox, row, &sum);
    }
    if (sum.messages != status->messages || sum.unseen != status->unseen || sum.deleted != status->deleted ||
        sum.bytes != status->bytes) {
        problem(checking, "the counters of %.*s are wrong", SLICE_ARG(text_slice(mailbox->name)));
    }
    if (sum.uidnext > status->uidnext || status->first_recent > status->uidnext ||
        status->highestmodseq > state->modseq || status->uidvalidity > state->last_uidvalidity ||
        status->id > state->last_mailbox) {
        problem(checking, "%.*s is ahead of its account", SLICE_ARG(text_slice(mailbox->name)));
    }
    checking->report.mailboxes++;
    checking->report.messages += sum.messages;
    checking->report.bytes += sum.bytes;
}

enum err account_check(struct account *account, const struct check *check, struct check_report *report_r)
{
    struct checking checking = {.check = check};
    struct state *state = account_state(account);
    enum err err = ERR_OK;
    for (size_t i = 0; i < state->mailbox_count && !err; i++) {
        check_mailbox(&checking, state, state->mailboxes[i]);
        if (check->progress && !check->progress(check->data, &checking.report)) {
            err = ERR_CANCELED;
        }
    }
    if (!err &&
        (state->quota.messages != checking.report.messages || state->quota.bytes != checking.report.bytes)) {
        problem(&checking, "the quota counts other messages than there are");
    }
    state_release(state);
    *report_r = checking.report;
    return err;
}

/* Nothing here was built from anything else: what there is stays. */
enum err account_rebuild(struct store *store, struct slice login, const struct check *progress,
                         uint64_t *messages_r)
{
    struct account *account = NULL;
    struct check_report report;
    enum err err = account_open(store, login, &account);
    if (!err) {
        err = account_check(account, progress, &report);
        account_close(account);
    }
    if (!err) {
        *messages_r = report.messages;
    }
    return err;
}

/* There is no index: every search looks at the messages. */
enum err account_rebuild_search(struct account *account, const struct check *progress)
{
    (void)progress;
    return atomic_load(&account->removed) ? ERR_UNAVAILABLE : ERR_OK;
}

enum err account_stats(struct account *account, struct account_stats *stats_r)
{
    struct state *state = account_state(account);
    *stats_r = (struct account_stats){
        .mailboxes = state->mailbox_count,
        .messages = state->quota.messages,
        .bodies = state->quota.messages,
        .bytes = state->quota.bytes,
        .keywords = state->keywords->count,
    };
    for (size_t i = 0; i < state->mailbox_count; i++) {
        const struct vanished *vanished = state->mailboxes[i]->vanished;
        stats_r->vanished_ranges += vanished ? vanished->count : 0;
    }
    state_release(state);
    return ERR_OK;
}

/* Nothing waits to be done. */
enum err store_maintenance_start(struct store *store)
{
    (void)store;
    return ERR_OK;
}

enum err account_maintain(struct account *account)
{
    return atomic_load(&account->removed) ? ERR_UNAVAILABLE : ERR_OK;
}
