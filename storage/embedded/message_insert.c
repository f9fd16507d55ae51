/* SPDX-License-Identifier: ISC */
/* A message comes into the index. */
#include "message_rows.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "mailbox_folder.h"

/* How far the UIDNEXT of the descriptor runs ahead: it is rewritten, and synced, once in so many messages. */
#define UID_RESERVATION 1000

static enum err charge_quota(struct change *change, const struct new_message *message)
{
    struct counters *counters = &change->counters;
    int64_t bytes = counters->bytes + (int64_t)message->summary->size;
    int64_t messages = counters->messages + 1;
    bool over = (counters->limit_bytes && bytes > counters->limit_bytes) ||
                (counters->limit_messages && messages > counters->limit_messages);
    if (over && !message->unlimited) {
        return ERR_OVER_QUOTA;
    }
    counters->bytes = bytes;
    counters->messages = messages;
    return ERR_OK;
}

static enum err reserve_uids(struct change *change, struct change_mailbox *mailbox, uint32_t uid)
{
    struct mailbox_descriptor descriptor;
    const char *path =
        arena_printf(&change->arena, "%s/%.*s", change->account->path, SLICE_ARG(mailbox->dir));
    enum err err = mailbox_descriptor_read(path, &change->arena, &descriptor);
    if (err) {
        return err == ERR_NOT_FOUND ? ERR_UNAVAILABLE : err;
    }
    descriptor.uidnext = uid > UINT32_MAX - UID_RESERVATION ? UINT32_MAX : uid + UID_RESERVATION;
    err = mailbox_descriptor_write(path, &descriptor);
    if (err) {
        return err;
    }
    mailbox->counters.uidreserved = descriptor.uidnext;
    return ERR_OK;
}

static enum err take_uid(struct change *change, struct change_mailbox *mailbox, uint64_t modseq,
                         struct new_message *message)
{
    struct mailbox_counters *counters = &mailbox->counters;
    int64_t uid = message->wanted_uid ? message->wanted_uid : counters->uidnext;
    if (uid > UINT32_MAX) {
        return ERR_LIMIT;
    }
    counters->uidnext = MAX_OF(counters->uidnext, uid + 1);
    counters->highestmodseq = modseq;
    counters->messages++;
    counters->unseen += (message->flags & MESSAGE_SEEN) == 0;
    counters->deleted += (message->flags & MESSAGE_DELETED) != 0;
    counters->bytes += (int64_t)message->summary->size;
    message->uid = (uint32_t)uid;
    return uid >= counters->uidreserved ? reserve_uids(change, mailbox, message->uid) : ERR_OK;
}

#define INSERT_BODY                                                                                          \
    "INSERT INTO body(id, guid, hash, size, hdrsize, lines, refs, sent, msgid, envelope, bodystruct, hdrs, " \
    "parts)"                                                                                                 \
    " VALUES(?12, ?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9, ?10, ?11)"

static enum err try_insert_body(struct change *change, const struct new_message *message)
{
    const struct message_summary *summary = message->summary;
    sqlite3_stmt *statement = db_statement(change->db, INSERT_BODY);
    db_bind_blob(statement, 1, slice_of(message->guid, GUID_SIZE));
    db_bind_blob(statement, 2, slice_of(message->hash, BLOB_HASH_SIZE));
    db_bind_int(statement, 3, (int64_t)summary->size);
    db_bind_int(statement, 4, (int64_t)summary->header_size);
    db_bind_int(statement, 5, (int64_t)summary->lines);
    if (summary->has_sent) {
        db_bind_int(statement, 6, summary->sent);
    }
    db_bind_text(statement, 7, summary->message_id);
    db_bind_blob(statement, 8, summary->envelope);
    db_bind_blob(statement, 9, summary->bodystructure);
    if (summary->headers_complete) { /* else the message itself has to be asked */
        db_bind_blob(statement, 10, summary->headers);
    }
    db_bind_blob(statement, 11, summary->parts);
    db_bind_int(statement, 12, change->counters.body + 1);
    return db_run(change->db, statement);
}

static enum err insert_body(struct change *change, struct new_message *message, int64_t *body_r)
{
    enum err err;
    /* The same blob a second time in one account: a message of its own, which programs tell apart by the
     * identifier. */
    while ((err = try_insert_body(change, message)) == ERR_EXISTS) {
        randombytes_buf(message->guid, GUID_SIZE);
    }
    if (!err) {
        *body_r = ++change->counters.body;
    }
    return err;
}

/* Nothing in it that our own tables of names could stumble over. */
static bool name_is_plain(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (char_is_ctl(name.data[i])) {
            return false;
        }
    }
    return true;
}

static bool keeps_its_name(const struct new_message *message)
{
    const struct mail_file *file = message->file;
    return file && file->has_uid && file->uid == message->uid && file->has_guid &&
           memcmp(file->guid, message->guid, GUID_SIZE) == 0 && name_is_plain(file->base) &&
           name_is_plain(file->suffix);
}

static void name_file(struct change *change, struct new_message *message)
{
    struct store *store = change->account->store;
    char letters[MAIL_FILE_SUFFIX_MAX + 1];
    struct buf base;
    if (keeps_its_name(message)) {
        message->base = arena_cstr(&change->arena, message->file->base);
        message->suffix = arena_cstr(&change->arena, message->file->suffix);
        return;
    }
    buf_init(&base, 512);
    mail_file_format(&base, &(struct mail_file_identity){
                                .time_us = message->internal_date_us,
                                .pid = (unsigned)getpid(),
                                .sequence = atomic_fetch_add(&store->sequence, 1),
                                .host = store->host,
                                .file_size = message->summary->file_size,
                                .wire_size = message->summary->size,
                                .uid = message->uid,
                                .guid = message->guid,
                            });
    mail_file_suffix(message->flags, letters);
    message->base = arena_cstr(&change->arena, buf_slice(&base));
    message->suffix = arena_cstr(&change->arena, slice_from(letters));
    buf_free(&base);
}

#define INSERT_MESSAGE                                                                                  \
    "INSERT INTO message(mailbox, uid, body, modseq, created_modseq, flags, idate, saved, size, file, " \
    "suffix)"                                                                                           \
    " VALUES(?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"

static enum err insert_message(struct change *change, int64_t mailbox, uint64_t modseq, int64_t body,
                               const struct new_message *message)
{
    sqlite3_stmt *statement = db_statement(change->db, INSERT_MESSAGE);
    db_bind_int(statement, 1, mailbox);
    db_bind_int(statement, 2, message->uid);
    db_bind_int(statement, 3, body);
    db_bind_int(statement, 4, (int64_t)modseq);
    db_bind_int(statement, 5, message->flags);
    db_bind_int(statement, 6, message->internal_date_us);
    db_bind_int(statement, 7, clock_wall_us());
    db_bind_int(statement, 8, (int64_t)message->summary->size);
    db_bind_text(statement, 9, slice_from(message->base));
    db_bind_text(statement, 10, slice_from(message->suffix));
    return db_run(change->db, statement);
}

enum err message_insert(struct change *change, size_t mailbox, uint64_t modseq, struct new_message *message)
{
    struct change_mailbox *into = &change->mailboxes[mailbox];
    int64_t body = 0;
    enum err err = charge_quota(change, message);
    if (!err) {
        err = take_uid(change, into, modseq, message);
    }
    if (!err) {
        err = insert_body(change, message, &body);
    }
    if (!err) {
        name_file(change, message);
        err = insert_message(change, into->id, modseq, body, message);
    }
    return err;
}
