/* SPDX-License-Identifier: ISC */
/* A message comes into the index. */
#include "message_rows.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "guid.h"
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
    if (over && !message->adopted) {
        return ERR_OVER_QUOTA;
    }
    counters->bytes = bytes;
    counters->messages = messages;
    return ERR_OK;
}

enum err mailbox_reserve_uids(struct change *change, size_t mailbox, uint32_t uid)
{
    struct mailbox_descriptor descriptor;
    struct change_mailbox *folder = &change->mailboxes[mailbox];
    if (uid < folder->counters.uidreserved) {
        return ERR_OK;
    }
    const char *path = arena_printf(&change->arena, "%s/%.*s", change->account->path, SLICE_ARG(folder->dir));
    enum err err = mailbox_descriptor_read(path, &change->arena, &descriptor);
    if (err) {
        return err == ERR_NOT_FOUND ? ERR_UNAVAILABLE : err;
    }
    descriptor.uidnext = uid > UINT32_MAX - UID_RESERVATION ? UINT32_MAX : uid + UID_RESERVATION;
    err = mailbox_descriptor_write(path, &descriptor);
    if (err) {
        return err;
    }
    folder->counters.uidreserved = descriptor.uidnext;
    return ERR_OK;
}

enum err message_exists(struct change *change, size_t mailbox, uint32_t uid, bool *exists_r)
{
    sqlite3_stmt *statement = db_statement(change->db, "SELECT 1 FROM message WHERE mailbox=?1 AND uid=?2");
    db_bind_int(statement, 1, change->mailboxes[mailbox].id);
    db_bind_int(statement, 2, uid);
    int step = db_step(change->db, statement);
    *exists_r = step == 1;
    sqlite3_reset(statement);
    return db_step_err(step);
}

void mailbox_delta_add(struct mailbox_delta *delta, uint32_t flags, int64_t size)
{
    delta->messages++;
    delta->unseen += (flags & MESSAGE_SEEN) == 0;
    delta->deleted += (flags & MESSAGE_DELETED) != 0;
    delta->bytes += size;
}

void mailbox_delta_remove(struct mailbox_delta *delta, uint32_t flags, int64_t size)
{
    delta->messages--;
    delta->unseen -= (flags & MESSAGE_SEEN) == 0;
    delta->deleted -= (flags & MESSAGE_DELETED) != 0;
    delta->bytes -= size;
}

void mailbox_count(struct change *change, size_t mailbox, uint64_t modseq, const struct mailbox_delta *delta)
{
    struct mailbox_counters *counters = &change->mailboxes[mailbox].counters;
    counters->highestmodseq = modseq;
    counters->messages += delta->messages;
    counters->unseen += delta->unseen;
    counters->deleted += delta->deleted;
    counters->bytes += delta->bytes;
}

static enum err take_uid(struct change *change, size_t mailbox, uint64_t modseq, struct new_message *message)
{
    struct mailbox_counters *counters = &change->mailboxes[mailbox].counters;
    struct mailbox_delta delta = {0};
    int64_t uid = message->wanted_uid ? message->wanted_uid : counters->uidnext;
    if (uid > UID_MAX) {
        return ERR_LIMIT;
    }
    counters->uidnext = MAX_OF(counters->uidnext, uid + 1);
    mailbox_delta_add(&delta, message->flags, (int64_t)message->summary->size);
    mailbox_count(change, mailbox, modseq, &delta);
    message->uid = (uint32_t)uid;
    return mailbox_reserve_uids(change, mailbox, message->uid);
}

#define INSERT_BODY                                                                                          \
    "INSERT INTO body(id, guid, hash, size, hdrsize, lines, refs, sent, msgid, envelope, bodystruct, hdrs, " \
    "parts)"                                                                                                 \
    " VALUES(?12, ?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8, ?9, ?10, ?11)"

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

/* The body that has the message's guid already: *body_r is 0 when there is none. */
static enum err find_body(struct change *change, const struct new_message *message, int64_t *body_r,
                          bool *same_bytes_r)
{
    sqlite3_stmt *statement = db_statement(change->db, "SELECT id, hash=?2 FROM body WHERE guid=?1");
    db_bind_blob(statement, 1, slice_of(message->guid, GUID_SIZE));
    db_bind_blob(statement, 2, slice_of(message->hash, BLOB_HASH_SIZE));
    int step = db_step(change->db, statement);
    *body_r = step == 1 ? sqlite3_column_int64(statement, 0) : 0;
    *same_bytes_r = step == 1 && sqlite3_column_int(statement, 1) != 0;
    sqlite3_reset(statement);
    return db_step_err(step);
}

static enum err insert_new_body(struct change *change, struct new_message *message, int64_t *body_r)
{
    enum err err;
    while ((err = try_insert_body(change, message)) == ERR_EXISTS) { /* other bytes have the guid */
        if (message->guid_is_known && !message->adopted) {
            return ERR_EXISTS;
        }
        guid_make(message->guid);
    }
    if (!err) {
        *body_r = ++change->counters.body;
    }
    return err;
}

static enum err insert_body(struct change *change, struct new_message *message, int64_t *body_r)
{
    bool same_bytes = false;
    enum err err = message->guid_is_known ? find_body(change, message, body_r, &same_bytes) : ERR_OK;
    return err || same_bytes ? err : insert_new_body(change, message, body_r);
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

static bool keeps_its_base(const struct new_message *message)
{
    const struct mail_file *file = message->file;
    return file && file->has_uid && file->uid == message->uid && file->has_guid &&
           memcmp(file->guid, message->guid, GUID_SIZE) == 0 && name_is_plain(file->base);
}

void message_base(struct change *change, struct buf *out, const struct mail_file_identity *identity)
{
    struct store *store = change->account->store;
    struct mail_file_identity complete = *identity;
    complete.pid = (unsigned)getpid();
    complete.sequence = atomic_fetch_add(&store->sequence, 1);
    complete.host = store->host;
    mail_file_format(out, &complete);
}

enum err message_suffix(struct change *change, size_t mailbox, uint32_t flags,
                        const struct keyword_set *keywords, bool passed,
                        char suffix_r[MAIL_FILE_SUFFIX_MAX + 1])
{
    struct mail_letters letters = {.flags = flags, .passed = passed};
    enum err err = keyword_letters(change, mailbox, keywords, &letters.keywords);
    if (!err) {
        mail_letters_format(letters, suffix_r);
    }
    return err;
}

static enum err name_file(struct change *change, size_t mailbox, struct new_message *message)
{
    char suffix[MAIL_FILE_SUFFIX_MAX + 1];
    struct buf base;
    enum err err =
        message_suffix(change, mailbox, message->flags, &message->keywords, message->passed, suffix);
    if (err) {
        return err;
    }
    buf_init(&base, 512);
    if (keeps_its_base(message)) {
        buf_append(&base, message->file->base);
    } else {
        message_base(change, &base,
                     &(struct mail_file_identity){.time_us = message->internal_date_us,
                                                  .file_size = message->summary->file_size,
                                                  .wire_size = message->summary->size,
                                                  .uid = message->uid,
                                                  .guid = message->guid});
    }
    message->base = arena_cstr(&change->arena, buf_slice(&base));
    message->suffix = arena_cstr(&change->arena, slice_from(suffix));
    buf_free(&base);
    return ERR_OK;
}

#define INSERT_MESSAGE                                                                                      \
    "INSERT INTO message(mailbox, uid, body, modseq, created_modseq, flags, kw, idate, saved, size, file, " \
    "suffix)"                                                                                               \
    " VALUES(?1, ?2, ?3, ?4, ?4, ?5, ?11, ?6, ?7, ?8, ?9, ?10)"

static enum err insert_message(struct change *change, int64_t mailbox, uint64_t modseq, int64_t body,
                               const struct new_message *message)
{
    static const struct keyword_set none;
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
    db_bind_int(statement, 11, keyword_set_column(&message->keywords));
    enum err err = db_run(change->db, statement);
    return err ? err : keywords_write(change, mailbox, message->uid, &none, &message->keywords);
}

enum err message_insert(struct change *change, size_t mailbox, uint64_t modseq, struct new_message *message)
{
    int64_t body = 0;
    enum err err = charge_quota(change, message);
    if (!err) {
        err = take_uid(change, mailbox, modseq, message);
    }
    if (!err) {
        err = insert_body(change, message, &body);
    }
    if (!err) {
        err = name_file(change, mailbox, message);
    }
    return err ? err : insert_message(change, change->mailboxes[mailbox].id, modseq, body, message);
}
