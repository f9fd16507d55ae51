/* SPDX-License-Identifier: ISC */
/*
 * Messages from elsewhere, a hundred for each commit. When a batch is refused because of one of them (its UID
 * was given away meanwhile, a keyword is none here), they go in one by one, and that one without what is
 * refused: a message is worth more than its number.
 */
#include "intake.h"

#include <string.h>

#include "base/encode.h"
#include "base/log.h"
#include "base/mem.h"
#include "key_set.h"

#define BATCH_MESSAGES 100
#define BATCH_MEMORY   ((size_t)16 << 20) /* of what the parsers found */

struct intake {
    struct account *account;
    bool anywhere;
    struct intake_counts counts;

    struct mailbox_status mailbox;
    bool keeps_uids;
    struct key_set uids;  /* taken ones of the mailbox */
    struct key_set guids; /* of the mailbox; with `anywhere` of the account */

    struct blob *blob; /* being written */
    struct mime_parser *parser;
    struct batch_operation operations[BATCH_MESSAGES];
    size_t count;
    struct arena arena;   /* of the batch */
    struct arena scratch; /* of the message that is being written */
};

static void key_of_uid(uint32_t uid, unsigned char key_r[KEY_SIZE])
{
    memset(key_r, 0, KEY_SIZE);
    memcpy(key_r, &uid, sizeof(uid));
}

static void note_row(struct intake *intake, const struct message_row *row)
{
    struct buf guid;
    buf_init(&guid, KEY_SIZE);
    if (!hex_decode(&guid, slice_from(row->guid)) && guid.len == KEY_SIZE) {
        key_set_add(&intake->guids, (const unsigned char *)guid.data);
    }
    buf_free(&guid);
}

static enum err note_mailbox(struct intake *intake, int64_t mailbox_id)
{
    struct message_row *rows = NULL;
    size_t count = 0;
    enum err err = mailbox_scan(intake->account, mailbox_id, &rows, &count);
    for (size_t i = 0; i < count && !err; i++) {
        note_row(intake, &rows[i]);
    }
    mem_free(rows);
    return err;
}

static enum err note_all_mailboxes(struct intake *intake)
{
    struct arena arena = {0};
    struct mailbox_entry *list;
    size_t count = 0;
    enum err err = mailbox_list(intake->account, &arena, &list, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = note_mailbox(intake, list[i].status.id);
    }
    arena_free(&arena);
    return err;
}

enum err intake_new(struct account *account, bool anywhere, struct intake **intake_r)
{
    struct intake *intake = mem_new(struct intake);
    intake->account = account;
    intake->anywhere = anywhere;
    enum err err = anywhere ? note_all_mailboxes(intake) : ERR_OK;
    if (err) {
        intake_free(intake);
        return err;
    }
    *intake_r = intake;
    return ERR_OK;
}

static void forget_batch(struct intake *intake)
{
    for (size_t i = 0; i < intake->count; i++) {
        blob_free(intake->operations[i].append.blob);
    }
    intake->count = 0;
    arena_reset(&intake->arena);
}

void intake_free(struct intake *intake)
{
    if (!intake) {
        return;
    }
    intake_cancel(intake);
    forget_batch(intake);
    arena_free(&intake->arena);
    arena_free(&intake->scratch);
    key_set_free(&intake->uids);
    key_set_free(&intake->guids);
    mem_free(intake);
}

const struct intake_counts *intake_counts(const struct intake *intake)
{
    return &intake->counts;
}

int64_t intake_mailbox_id(const struct intake *intake)
{
    return intake->mailbox.id;
}

/* ---- committing ---- */

/* One message on its own, as it is or with less. */
static enum err commit_one(struct intake *intake, struct batch_operation *operation)
{
    struct batch_append *append = &operation->append;
    enum err err = batch_commit(intake->account, operation, 1, NULL);
    if ((err == ERR_LIMIT || err == ERR_SYNTAX) && append->keyword_count) {
        append->keyword_count = 0;
        intake->counts.keywords_lost++;
        err = batch_commit(intake->account, operation, 1, NULL);
    }
    if (err == ERR_EXISTS && append->wanted_uid) {
        append->wanted_uid = 0;
        intake->counts.renumbered++;
        err = batch_commit(intake->account, operation, 1, NULL);
    }
    if (err == ERR_EXISTS && append->wanted_guid) { /* another message has it, with other bytes */
        append->wanted_guid = NULL;
        err = batch_commit(intake->account, operation, 1, NULL);
    }
    return err;
}

static enum err commit_each(struct intake *intake)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < intake->count && !err; i++) {
        err = commit_one(intake, &intake->operations[i]);
        intake->counts.added += !err;
    }
    return err;
}

static enum err flush(struct intake *intake)
{
    if (intake->count == 0) {
        return ERR_OK;
    }
    enum err err = batch_commit(intake->account, intake->operations, intake->count, NULL);
    if (!err) {
        intake->counts.added += intake->count;
    } else if (err == ERR_EXISTS || err == ERR_LIMIT || err == ERR_SYNTAX || err == ERR_OVER_QUOTA) {
        err = commit_each(intake);
    }
    forget_batch(intake);
    return err;
}

enum err intake_finish(struct intake *intake)
{
    return flush(intake);
}

/* ---- mailboxes ---- */

static enum err create_mailbox(struct intake *intake, const struct intake_mailbox *mailbox)
{
    struct batch_operation operation = {
        .kind = BATCH_MAILBOX_CREATE,
        .mailbox = mailbox_named(mailbox->name),
        .create = {.special_use = mailbox->special_use,
                   .subscribed = mailbox->subscribed,
                   .wanted_uidvalidity = mailbox->uidvalidity,
                   .wanted_uidnext = mailbox->uidnext,
                   .wanted_guid = mailbox->guid},
    };
    enum err err = batch_commit(intake->account, &operation, 1, NULL);
    if (err == ERR_EXISTS || err == ERR_SYNTAX) { /* another one has this use, or this guid */
        operation.create.special_use = SLICE_EMPTY;
        operation.create.wanted_guid = NULL;
        err = batch_commit(intake->account, &operation, 1, NULL);
    }
    return err;
}

/* The mailboxes that every account is born with take the numbers of the source as long as they are unused. */
static enum err adopt_numbers(struct intake *intake, const struct intake_mailbox *mailbox)
{
    struct arena arena = {0};
    struct mailbox_entry *list;
    size_t count = 0;
    enum err err = mailbox_list(intake->account, &arena, &list, &count);
    for (size_t i = 0; i < count && !err; i++) {
        if (list[i].status.id != intake->mailbox.id) {
            continue;
        }
        struct batch_operation operation = {
            .kind = BATCH_MAILBOX_SET,
            .mailbox = mailbox_numbered(intake->mailbox.id),
            .set = {.special_use = list[i].special_use,
                    .wanted_uidvalidity = mailbox->uidvalidity,
                    .wanted_uidnext = mailbox->uidnext},
        };
        err = batch_commit(intake->account, &operation, 1, NULL);
        err = err == ERR_CONFLICT ? ERR_OK : err; /* somebody was faster: new numbers then */
    }
    arena_free(&arena);
    return err;
}

static enum err find_mailbox(struct intake *intake, const struct intake_mailbox *mailbox)
{
    enum err err = mailbox_status(intake->account, mailbox->name, &intake->mailbox);
    if (err == ERR_NOT_FOUND) {
        err = create_mailbox(intake, mailbox);
    } else if (!err && mailbox->uidvalidity && intake->mailbox.uidvalidity != mailbox->uidvalidity &&
               intake->mailbox.messages == 0 && intake->mailbox.uidnext == 1) {
        err = adopt_numbers(intake, mailbox);
    }
    return err;
}

enum err intake_mailbox(struct intake *intake, const struct intake_mailbox *mailbox)
{
    struct message_row *rows = NULL;
    size_t count = 0;
    unsigned char key[KEY_SIZE];
    enum err err = flush(intake);
    if (!err) {
        err = find_mailbox(intake, mailbox);
    }
    if (!err) {
        err = mailbox_read(intake->account, mailbox->name, &intake->mailbox, &rows, &count);
    }
    if (err) {
        return err;
    }
    key_set_free(&intake->uids);
    if (!intake->anywhere) {
        key_set_free(&intake->guids);
    }
    for (size_t i = 0; i < count; i++) {
        key_of_uid(rows[i].uid, key);
        key_set_add(&intake->uids, key);
        note_row(intake, &rows[i]);
    }
    mem_free(rows);
    intake->keeps_uids = mailbox->uidvalidity && mailbox->uidvalidity == intake->mailbox.uidvalidity;
    return ERR_OK;
}

/* ---- messages ---- */

bool intake_has(struct intake *intake, const unsigned char guid[INTAKE_GUID_SIZE])
{
    bool has = key_set_has(&intake->guids, guid);
    intake->counts.present += has;
    return has;
}

enum err intake_begin(struct intake *intake)
{
    enum err err = blob_begin(account_store(intake->account), &intake->blob);
    if (!err) {
        intake->parser = mime_parser_new(&intake->scratch, NULL);
    }
    return err;
}

enum err intake_write(struct intake *intake, struct slice bytes)
{
    mime_parser_feed(intake->parser, bytes);
    return blob_write(intake->blob, bytes);
}

void intake_cancel(struct intake *intake)
{
    blob_free(intake->blob);
    intake->blob = NULL;
    intake->parser = NULL;
    arena_reset(&intake->scratch);
}

static const struct slice *copy_keywords(struct arena *arena, const struct intake_message *message)
{
    struct slice *keywords = arena_array(arena, struct slice, message->keyword_count + 1);
    for (size_t i = 0; i < message->keyword_count; i++) {
        keywords[i] = arena_copy(arena, message->keywords[i]);
    }
    return keywords;
}

/* The UID of the source when it can be had. */
static uint32_t choose_uid(struct intake *intake, uint32_t wanted)
{
    unsigned char key[KEY_SIZE];
    key_of_uid(wanted, key);
    if (wanted && intake->keeps_uids && key_set_add(&intake->uids, key)) {
        return wanted;
    }
    intake->counts.renumbered += wanted != 0;
    return 0;
}

static void add_operation(struct intake *intake, const struct intake_message *message)
{
    struct message_summary *summary = arena_new(&intake->arena, struct message_summary);
    unsigned char *guid = arena_alloc(&intake->arena, INTAKE_GUID_SIZE);
    mime_parser_finish(intake->parser);
    summary_build(&intake->arena, intake->parser, summary);
    memcpy(guid, message->guid, INTAKE_GUID_SIZE);
    intake->operations[intake->count++] = (struct batch_operation){
        .kind = BATCH_APPEND,
        .mailbox = mailbox_numbered(intake->mailbox.id),
        .append = {.blob = intake->blob,
                   .summary = summary,
                   .flags = message->flags,
                   .keywords = copy_keywords(&intake->arena, message),
                   .keyword_count = message->keyword_count,
                   .internal_date_us = message->internal_date_us,
                   .wanted_uid = choose_uid(intake, message->uid),
                   .wanted_guid = guid},
    };
    intake->counts.bytes += blob_size(intake->blob);
    intake->blob = NULL; /* belongs to the operation now */
    intake_cancel(intake);
}

enum err intake_end(struct intake *intake, const struct intake_message *message)
{
    if (!key_set_add(&intake->guids, message->guid)) {
        intake->counts.present++;
        intake_cancel(intake);
        return ERR_OK;
    }
    enum err err = blob_seal(intake->blob);
    if (err) {
        intake_cancel(intake);
        return err;
    }
    add_operation(intake, message);
    return intake->count == BATCH_MESSAGES || intake->arena.used > BATCH_MEMORY ? flush(intake) : ERR_OK;
}
