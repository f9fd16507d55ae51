/* SPDX-License-Identifier: ISC */
#include "copy_across.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "storage/batch.h"

#include "incoming.h"
#include "progress.h"
#include "row_reader.h"

#define CHUNK      65536
#define MEMORY_MAX ((size_t)64 * 1024 * 1024) /* of what the parsers found in them */

struct across_message {
    uint32_t uid;
    struct incoming incoming;
    bool is_there; /* it was read; else it was expunged meanwhile */
};

struct across_run {
    struct copy_across *copy;
    struct across_message *messages;
    size_t count, next;
};

/* ---- what there is to copy ---- */

/* Flags as this user has them, as far as he may set them in the target (RFC 4314 section 4). */
static enum err describe(struct across_run *run, struct snapshot *snapshot, const struct message_page *page,
                         size_t row, struct across_message *message)
{
    const struct copy_across *copy = run->copy;
    const struct selected *selected = copy->session->selected;
    struct flag_list *flags = &message->incoming.flags;
    enum err err = ERR_OK;
    *message = (struct across_message){.uid = page->uids[row]};
    message->incoming.internal_date_us = page->internal_dates_us[row];
    message->incoming.binary = true;
    flags->flags = page->flags[row] & rights_flags(copy->target->rights);
    if (page->keywords[row] && (copy->target->rights & RIGHT_WRITE))
        err = snapshot_message_keywords(snapshot, selected->mailbox_id, page->uids[row],
                                        &copy->session->arena, &flags->keywords, &flags->keyword_count);
    return err;
}

static enum err read_rows(struct across_run *run, struct snapshot *snapshot)
{
    const struct copy_across *copy = run->copy;
    const struct selected *selected = copy->session->selected;
    struct message_scan scan = {.mailbox_id = selected->mailbox_id,
                                .uids = copy->uids,
                                .viewer = selected->viewer,
                                .done = copy->uids.count == 0};
    struct row_reader rows;
    enum err err = ERR_OK;
    row_reader_begin(&rows, snapshot, &scan, SCAN_FLAGS | SCAN_DATES);
    while (!err && row_reader_next(&rows))
        err = run->count == COPY_ACROSS_MAX || copy->session->arena.used > MEMORY_MAX
                  ? ERR_LIMIT
                  : describe(run, snapshot, &rows.page, rows.row, &run->messages[run->count++]);
    enum err reading = row_reader_end(&rows);
    return err ? err : reading;
}

static enum err begin(void *arg)
{
    struct across_run *run = arg;
    struct snapshot *snapshot = NULL;
    size_t most = (size_t)MIN_OF(uid_set_size(&run->copy->uids), (uint64_t)COPY_ACROSS_MAX);
    run->messages = mem_realloc_array(NULL, most + 1, sizeof(*run->messages));
    enum err err = snapshot_open(run->copy->session->selected->account, &snapshot);
    if (!err)
        err = read_rows(run, snapshot);
    snapshot_close(snapshot);
    return err;
}

/* ---- a message ---- */

static enum err read_body(struct across_run *run, struct blob_reader *reader, struct incoming *incoming)
{
    char *chunk = mem_alloc(CHUNK);
    uint64_t done = 0;
    enum err err = ERR_OK;
    while (!err && done < reader->size) {
        ssize_t got = pread(reader->fd, chunk, CHUNK, (off_t)done);
        if (got > 0) {
            done += (uint64_t)got;
            err = incoming_write_blocking(run->copy->session, incoming, slice_of(chunk, (size_t)got));
        } else {
            err = got < 0 ? err_from_errno(errno) : ERR_CORRUPT;
        }
    }
    mem_free(chunk);
    return err;
}

static enum err read_message(void *arg)
{
    struct across_run *run = arg;
    struct imap_session *session = run->copy->session;
    struct across_message *message = &run->messages[run->next];
    struct blob_reader reader;
    enum err err =
        message_open(session->selected->account, session->selected->mailbox_id, message->uid, &reader);
    if (err)
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    err = incoming_begin(session, &message->incoming);
    if (!err)
        err = read_body(run, &reader, &message->incoming);
    blob_reader_close(&reader);
    if (!err)
        err = incoming_end(session, &message->incoming);
    if (!err)
        err = blob_seal(message->incoming.blob);
    message->is_there = !err;
    return err;
}

/* ---- all of them ---- */

static enum err put_in(struct across_run *run, struct batch_operation *operations, size_t count)
{
    struct copy_across *copy = run->copy;
    struct arena *arena = &copy->session->arena;
    struct uid_set_writer source = {0}, copies = {0};
    enum err err = batch_commit(copy->target->account, operations, count, NULL);
    if (err)
        return err;
    for (size_t i = 0; i < count; i++)
        uid_set_add(&copies, operations[i].result.uid);
    for (size_t i = 0; i < run->count; i++)
        if (run->messages[i].is_there)
            uid_set_add(&source, run->messages[i].uid);
    copy->copies = uid_set_take(&copies, arena);
    copy->source = uid_set_take(&source, arena);
    copy->uidvalidity = operations[0].result.uidvalidity;
    return ERR_OK;
}

static enum err take_out(struct copy_across *copy)
{
    const struct selected *selected = copy->session->selected;
    struct batch_operation expunge = {.kind = BATCH_EXPUNGE,
                                      .mailbox = mailbox_numbered(selected->mailbox_id),
                                      .expunge = {.uids = copy->source}};
    enum err err = batch_commit(selected->account, &expunge, 1, NULL);
    copy->modseq = err ? 0 : expunge.result.modseq;
    return err;
}

static enum err commit(void *arg)
{
    struct across_run *run = arg;
    struct copy_across *copy = run->copy;
    struct batch_operation *operations =
        arena_array(&copy->session->arena, struct batch_operation, run->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < run->count; i++)
        if (run->messages[i].is_there) {
            operations[count] =
                incoming_operation(&run->messages[i].incoming, mailbox_named(copy->target->mailbox));
            operations[count++].append.viewer = copy->target->viewer;
        }
    enum err err = count > 0 ? put_in(run, operations, count) : ERR_OK;
    return !err && copy->move && count > 0 ? take_out(copy) : err;
}

static void free_messages(void *arg)
{
    struct across_run *run = arg;
    for (size_t i = 0; i < run->count; i++)
        incoming_free(&run->messages[i].incoming);
    mem_free(run->messages);
}

enum err imap_copy_across(struct copy_across *copy)
{
    struct across_run run = {.copy = copy};
    struct progress progress = {0};
    enum err err = imap_on_thread(copy->session, begin, &run);
    for (; !err && run.next < run.count; run.next++) {
        err = copy->session->arena.used > MEMORY_MAX ? ERR_LIMIT
                                                     : imap_on_thread(copy->session, read_message, &run);
        if (!err)
            err = imap_hold(copy->session, 0);
        if (!err)
            err = imap_tell_progress(copy->session, &progress, run.next + 1, run.count);
    }
    if (!err)
        err = imap_on_thread(copy->session, commit, &run);
    imap_on_thread_surely(copy->session, free_messages, &run);
    return err;
}
