/* SPDX-License-Identifier: ISC */
/* Reads one account in pages, and feeds the intake of the other. */
#include "account_copy.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "transfer_private.h"

#define CHUNK (128 * 1024)

struct copying {
    const struct account_copy_plan *plan;
    struct intake *intake;
    int64_t mailbox_id; /* of the source */
    bool found;         /* the message that is asked for */
    char *chunk;
};

static enum err report(struct copying *copying)
{
    const struct account_copy_plan *plan = copying->plan;
    return !plan->progress || plan->progress(plan->data, intake_counts(copying->intake)) ? ERR_OK
                                                                                         : ERR_CANCELED;
}

static enum err copy_body(struct copying *copying, const struct blob_reader *reader)
{
    uint64_t done = 0;
    enum err err = intake_begin(copying->intake);
    while (!err && done < reader->size) {
        ssize_t got = pread(reader->fd, copying->chunk, CHUNK, (off_t)done);
        if (got <= 0) {
            err = got < 0 ? err_from_errno(errno) : ERR_CORRUPT; /* shorter than it was said to be */
        } else {
            done += (uint64_t)got;
            err = intake_write(copying->intake, slice_of(copying->chunk, (size_t)got));
        }
    }
    return err;
}

static enum err copy_message(struct copying *copying, const struct walked_message *walked)
{
    const struct intake_message message = {
        .uid = walked->uid,
        .guid = walked->guid,
        .flags = walked->flags,
        .keywords = walked->keywords,
        .keyword_count = walked->keyword_count,
        .internal_date_us = walked->internal_date_us,
    };
    struct blob_reader reader;
    enum err err = message_open(copying->plan->from, copying->mailbox_id, walked->uid, &reader);
    if (err) {
        return err == ERR_NOT_FOUND ? ERR_OK : err; /* expunged meanwhile */
    }
    err = copy_body(copying, &reader);
    blob_reader_close(&reader);
    if (err) {
        intake_cancel(copying->intake);
        return err;
    }
    return intake_end(copying->intake, &message);
}

static enum err on_message(void *data, const struct walked_message *message)
{
    struct copying *copying = data;
    if (copying->plan->uid && copying->plan->uid != message->uid) {
        return ERR_OK;
    }
    copying->found = true;
    enum err err = intake_has(copying->intake, message->guid) ? ERR_OK : copy_message(copying, message);
    return err ? err : report(copying);
}

static enum err copy_mailbox(struct copying *copying, const struct mailbox_entry *entry)
{
    struct intake_mailbox mailbox = {
        .name = entry->name,
        .special_use = entry->special_use,
        .subscribed = entry->subscribed,
        .uidvalidity = entry->status.uidvalidity,
        .uidnext = entry->status.uidnext,
    };
    unsigned char guid[INTAKE_GUID_SIZE];
    mailbox.guid = guid_parse(slice_from(entry->guid), guid) ? guid : NULL;
    copying->mailbox_id = entry->status.id;
    enum err err = intake_mailbox(copying->intake, &mailbox);
    return err ? err : account_walk(copying->plan->from, entry->status.id, on_message, copying);
}

static enum err copy_mailboxes(struct copying *copying, const struct mailbox_entry *list, size_t count)
{
    struct arena arena = {0};
    struct slice wanted = mailbox_name_canonical(&arena, copying->plan->mailbox);
    bool found = wanted.len == 0;
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        if (wanted.len == 0 || slice_eq(list[i].name, wanted)) {
            found = true;
            err = copy_mailbox(copying, &list[i]);
        }
    }
    arena_free(&arena);
    bool complete = found && (copying->found || copying->plan->uid == 0);
    return err ? err : complete ? intake_finish(copying->intake) : ERR_NOT_FOUND;
}

static enum err copy_settings(const struct account_copy_plan *plan)
{
    struct settings settings = {0};
    enum err err = settings_read_account(plan->from, &settings);
    if (!err) {
        err = settings_apply(plan->to, &settings);
    }
    settings_free(&settings);
    return err;
}

enum err account_copy(const struct account_copy_plan *plan, struct intake_counts *counts_r)
{
    struct copying copying = {.plan = plan, .chunk = mem_alloc(CHUNK)};
    struct arena arena = {0};
    struct mailbox_entry *list = NULL;
    size_t count = 0;
    enum err err = intake_new(plan->to, plan->mailbox.len == 0, &copying.intake);
    if (!err) {
        err = mailbox_list(plan->from, &arena, &list, &count);
    }
    if (!err) {
        err = copy_mailboxes(&copying, list, count);
    }
    if (!err && plan->mailbox.len == 0) {
        err = copy_settings(plan);
    }
    if (!err) {
        *counts_r = *intake_counts(copying.intake);
    }
    intake_free(copying.intake);
    mem_free(copying.chunk);
    arena_free(&arena);
    return err;
}
