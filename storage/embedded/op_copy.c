/* SPDX-License-Identifier: ISC */
/*
 * COPY and MOVE. A message in another place is another row and another name for the same file: a hard link
 * (blob_link.c copies where there is none). Both places share the row in `body`, and so the guid: RFC 8474
 * section 5.1 wants the EMAILID of a copy to be that of its source, also within one mailbox.
 *
 * A MOVE makes the new names first and takes the old ones away after the commit, as EXPUNGE does.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "file_find.h"
#include "intents.h"
#include "operations.h"
#include "vanished.h"
#include "viewers.h"

#define PAGE_ROWS 256

struct copied_row {
    uint32_t uid, flags;
    int64_t body, keywords, idate, size;
    unsigned char guid[GUID_SIZE];
    struct slice file, suffix;
};

struct copying {
    struct batch_work *work;
    struct change *change;
    size_t source, target; /* in change->mailboxes */
    bool move;
    uint32_t dropped; /* flags that the copies lack */
    bool drops_keywords;
    struct slice unseen_by; /* the viewer who is to have seen none of the copies; empty: nobody */
    int64_t saved_us;
    uint32_t next_uid;
    struct arena arena; /* of the page */
    struct copied_row *rows;
    size_t count;
    struct folder_names names; /* of the source */
    struct mailbox_delta added, removed;
    struct vanished_writer vanished;
    struct intent_writer unlinks;
    struct uid_set_writer *copied; /* NULL: not wanted */
    struct viewers_copy viewers;
};

static struct change_mailbox *mailbox_of(struct copying *copying, size_t index)
{
    return &copying->change->mailboxes[index];
}

static void take_row(void *data, sqlite3_stmt *statement)
{
    struct copying *copying = data;
    struct copied_row *row = &copying->rows[copying->count++];
    *row = (struct copied_row){
        .uid = (uint32_t)sqlite3_column_int64(statement, 0),
        .flags = (uint32_t)sqlite3_column_int64(statement, 1),
        .body = sqlite3_column_int64(statement, 2),
        .keywords = sqlite3_column_int64(statement, 3),
        .idate = sqlite3_column_int64(statement, 4),
        .size = sqlite3_column_int64(statement, 5),
        .file = db_column_text(statement, 6, &copying->arena),
        .suffix = db_column_text(statement, 7, &copying->arena),
    };
    if (sqlite3_column_bytes(statement, 8) == GUID_SIZE) {
        memcpy(row->guid, sqlite3_column_blob(statement, 8), GUID_SIZE);
    }
}

/* ---- the file ---- */

/* The name that the source has now: *name_r is NULL when it is gone. */
static const char *source_name(struct copying *copying, const struct copied_row *row, struct stat *info)
{
    int cur_fd = mailbox_of(copying, copying->source)->cur_fd;
    const char *name =
        arena_printf(&copying->arena, "%.*s:2,%.*s", SLICE_ARG(row->file), SLICE_ARG(row->suffix));
    if (fstatat(cur_fd, name, info, AT_SYMLINK_NOFOLLOW) == 0) {
        return name;
    }
    name = errno == ENOENT ? folder_names_find(&copying->names, row->file) : NULL;
    return name && fstatat(cur_fd, name, info, AT_SYMLINK_NOFOLLOW) == 0 ? name : NULL;
}

static const char *target_base(struct copying *copying, const struct copied_row *row, uint64_t file_size)
{
    struct buf base;
    buf_init(&base, 512);
    message_base(copying->change, &base,
                 &(struct mail_file_identity){.time_us = row->idate,
                                              .file_size = file_size,
                                              .wire_size = (uint64_t)row->size,
                                              .uid = copying->next_uid,
                                              .guid = row->guid});
    const char *text = arena_cstr(&copying->arena, buf_slice(&base));
    buf_free(&base);
    return text;
}

static enum err make_file(struct copying *copying, const char *from, const char *base, const char *suffix)
{
    const char *name = NULL;
    struct store *store = copying->change->account->store;
    enum err err = work_plan_file(copying->work, copying->target, base, suffix, &name);
    if (!err) {
        err = file_link(store, mailbox_of(copying, copying->source)->cur_fd, from,
                        mailbox_of(copying, copying->target)->cur_fd, name);
    }
    if (err) {
        log_error("message.link_failed", log_cstr("account", copying->change->account->login),
                  log_cstr("file", from), log_err(err));
        return err;
    }
    work_made_file(copying->work, copying->target, name);
    return ERR_OK;
}

/* ---- the rows ---- */

#define INSERT_COPY                                                                                         \
    "INSERT INTO message(mailbox, uid, body, modseq, created_modseq, flags, kw, idate, saved, size, file, " \
    "suffix) VALUES(?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"

static enum err insert_row(struct copying *copying, const struct copied_row *row, const char *base,
                           const char *suffix)
{
    sqlite3_stmt *statement = db_statement(copying->change->db, INSERT_COPY);
    db_bind_int(statement, 1, mailbox_of(copying, copying->target)->id);
    db_bind_int(statement, 2, copying->next_uid);
    db_bind_int(statement, 3, row->body);
    db_bind_int(statement, 4, (int64_t)work_modseq(copying->work));
    db_bind_int(statement, 5, row->flags & ~copying->dropped);
    db_bind_int(statement, 6, copying->drops_keywords ? 0 : row->keywords);
    db_bind_int(statement, 7, row->idate);
    db_bind_int(statement, 8, copying->saved_us);
    db_bind_int(statement, 9, row->size);
    db_bind_text(statement, 10, slice_from(base));
    db_bind_text(statement, 11, slice_from(suffix));
    return db_run(copying->change->db, statement);
}

/* The source of a MOVE. */
static enum err remove_row(struct copying *copying, const struct copied_row *row, const char *name)
{
    struct change *change = copying->change;
    struct mail_file file;
    sqlite3_stmt *statement = db_statement(change->db, "DELETE FROM message WHERE mailbox=?1 AND uid=?2");
    db_bind_int(statement, 1, copying->vanished.mailbox);
    db_bind_int(statement, 2, row->uid);
    enum err err = db_run(change->db, statement);
    if (!err) {
        err = vanished_add(&copying->vanished, row->uid);
    }
    if (!err) {
        mail_file_parse(slice_from(name), &file);
        const char *line =
            arena_printf(&copying->arena, "%.*s\t%.*s", SLICE_ARG(file.base), SLICE_ARG(file.suffix));
        err = intent_add(&copying->unlinks, slice_from(line));
    }
    mailbox_delta_remove(&copying->removed, row->flags, row->size);
    return err;
}

static enum err enter_rows(struct copying *copying, const struct copied_row *row,
                           const struct keyword_set *keywords, const char *base, const char *suffix)
{
    static const struct keyword_set none;
    struct change *change = copying->change;
    enum err err = insert_row(copying, row, base, suffix);
    if (!err) {
        err = keywords_write(change, mailbox_of(copying, copying->target)->id, copying->next_uid, &none,
                             copying->drops_keywords ? &none : keywords);
    }
    if (!err && copying->move) {
        err = keywords_write(change, copying->vanished.mailbox, row->uid, keywords, &none);
    }
    return err;
}

static enum err copy_row(struct copying *copying, const struct copied_row *row)
{
    static const struct keyword_set none;
    struct stat info;
    struct keyword_set keywords;
    char suffix[MAIL_FILE_SUFFIX_MAX + 1];
    struct change *change = copying->change;
    const char *from = source_name(copying, row, &info);
    if (!from) { /* another program removed it: the next look at the folder will notice */
        log_warning("message.file_missing", log_cstr("account", change->account->login),
                    log_text("file", row->file));
        return ERR_OK;
    }
    enum err err = keywords_read(change, copying->vanished.mailbox, row->uid, row->keywords, &keywords);
    if (!err) {
        err = message_suffix(change, copying->target, row->flags & ~copying->dropped,
                             copying->drops_keywords ? &none : &keywords,
                             mail_letters_parse(row->suffix).passed, suffix);
    }
    if (err) {
        return err;
    }
    const char *base = target_base(copying, row, (uint64_t)info.st_size);
    err = enter_rows(copying, row, &keywords, base, suffix);
    if (!err) {
        err = make_file(copying, from, base, suffix);
    }
    if (!err && copying->move) {
        err = remove_row(copying, row, from);
    }
    if (!err && copying->copied) {
        uid_set_add(copying->copied, row->uid);
    }
    viewers_copy_note(&copying->viewers, row->uid, copying->next_uid);
    mailbox_delta_add(&copying->added, row->flags & ~copying->dropped, row->size);
    copying->next_uid++;
    return err;
}

/* ---- all of them ---- */

struct extent {
    int64_t messages, bytes;
};

/* Of what is going to be copied, before a file is touched. */
static enum err measure(struct change *change, int64_t mailbox, const struct uid_set *uids,
                        struct extent *extent_r)
{
    *extent_r = (struct extent){0};
    for (size_t i = 0; i < uids->count; i++) {
        sqlite3_stmt *statement =
            db_statement(change->db, "SELECT count(*), coalesce(sum(size), 0) FROM message WHERE mailbox=?1"
                                     " AND uid BETWEEN ?2 AND ?3");
        db_bind_int(statement, 1, mailbox);
        db_bind_int(statement, 2, uids->ranges[i].first);
        db_bind_int(statement, 3, uids->ranges[i].last);
        enum err err = row_found(db_step(change->db, statement));
        if (err) {
            return err;
        }
        extent_r->messages += sqlite3_column_int64(statement, 0);
        extent_r->bytes += sqlite3_column_int64(statement, 1);
        sqlite3_reset(statement);
    }
    return ERR_OK;
}

static bool has_room(const struct counters *counters, const struct extent *extent)
{
    return (counters->limit_bytes == 0 || counters->bytes + extent->bytes <= counters->limit_bytes) &&
           (counters->limit_messages == 0 ||
            counters->messages + extent->messages <= counters->limit_messages);
}

/* All UIDs at once, so that the descriptor is written at most once. */
static enum err reserve_uids(struct copying *copying, const struct extent *extent)
{
    int64_t uidnext = mailbox_of(copying, copying->target)->counters.uidnext;
    if (uidnext + extent->messages - 1 > UID_MAX) {
        return ERR_LIMIT;
    }
    copying->next_uid = (uint32_t)uidnext;
    return mailbox_reserve_uids(copying->change, copying->target, (uint32_t)(uidnext + extent->messages - 1));
}

#define READ_ROWS                                                                                    \
    "SELECT uid, flags, body, kw, idate, message.size, file, suffix, guid FROM message JOIN body ON" \
    " body.id=message.body WHERE mailbox=?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid LIMIT ?4"

static enum err copy_pages(struct copying *copying, const struct uid_set *uids)
{
    int64_t source = mailbox_of(copying, copying->source)->id;
    struct message_walk walk = {.uids = *uids};
    enum err err;
    if (copying->source == copying->target) { /* not the copies themselves */
        walk.last = copying->next_uid - 1;
    }
    do {
        arena_reset(&copying->arena);
        copying->count = 0;
        err = message_walk_page(copying->change, &walk, source, READ_ROWS, PAGE_ROWS, take_row, copying,
                                &copying->count);
        for (size_t i = 0; i < copying->count && !err; i++) {
            err = copy_row(copying, &copying->rows[i]);
        }
    } while (!err && copying->count);
    return err;
}

static enum err copy_all(struct copying *copying, const struct uid_set *uids, const struct extent *extent)
{
    struct counters *counters = &copying->change->counters;
    uint64_t modseq = work_modseq(copying->work);
    enum err err = reserve_uids(copying, extent);
    if (!err) {
        copying->vanished.modseq = modseq;
        err = viewers_copy_begin(&copying->viewers, copying->change, copying->vanished.mailbox,
                                 copying->unseen_by);
    }
    if (!err) {
        err = copy_pages(copying, uids);
    }
    err =
        viewers_copy_finish(&copying->viewers, mailbox_of(copying, copying->target)->id, copying->move, err);
    if (!err) {
        err = vanished_finish(&copying->vanished);
    }
    mailbox_of(copying, copying->target)->counters.uidnext = copying->next_uid;
    mailbox_count(copying->change, copying->target, modseq, &copying->added);
    if (copying->move) {
        mailbox_count(copying->change, copying->source, modseq, &copying->removed);
    }
    counters->bytes += copying->added.bytes + copying->removed.bytes;
    counters->messages += copying->added.messages + copying->removed.messages;
    return err;
}

static enum err run(struct copying *copying, const struct uid_set *uids, struct batch_result *result)
{
    struct extent extent;
    struct change *change = copying->change;
    enum err err = measure(change, copying->vanished.mailbox, uids, &extent);
    if (err || extent.messages == 0) {
        return err;
    }
    if (!copying->move && !has_room(&change->counters, &extent)) {
        return ERR_OVER_QUOTA;
    }
    err = copy_all(copying, uids, &extent);
    result->affected = (size_t)copying->added.messages;
    result->uid = result->affected ? copying->next_uid - (uint32_t)result->affected : 0;
    return err;
}

/* The messages of `copy` appear in the target; with `move` they leave the source. Sets all but mailbox_id and
 * uidvalidity of the result. */
static enum err messages_copy(struct batch_work *work, size_t source, size_t target,
                              const struct batch_copy *copy, bool move, struct batch_result *result)
{
    int64_t source_id = work->change->mailboxes[source].id;
    struct uid_set_writer copied = {0};
    struct copying copying = {
        .work = work,
        .change = work->change,
        .source = source,
        .target = target,
        .move = move,
        .dropped = copy->dropped,
        .drops_keywords = copy->drops_keywords,
        .saved_us = clock_wall_us(),
        .rows = mem_realloc_array(NULL, PAGE_ROWS, sizeof(struct copied_row)),
        .names = {.dir_fd = work->change->mailboxes[source].cur_fd},
        .vanished = {.change = work->change, .mailbox = source_id},
        .unlinks = intent_writer(work->change, INTENT_UNLINK, source_id),
        .copied = work->results ? &copied : NULL,
    };
    enum err err = viewer_of(work->change, copy->viewer, &copying.unseen_by);
    if (copying.unseen_by.len == 0 || !(copy->dropped & MESSAGE_SEEN)) {
        copying.unseen_by = SLICE_EMPTY;
    } else { /* his \Seen is meant, not the owner's */
        copying.dropped &= ~(uint32_t)MESSAGE_SEEN;
    }
    if (!err) {
        err = run(&copying, &copy->uids, result);
    }
    err = intent_finish(&copying.unlinks, err);
    if (!err && work->results) {
        result->source = uid_set_take(&copied, work->results);
    }
    uid_set_drop(&copied);
    result->modseq = work->modseq;
    folder_names_free(&copying.names);
    arena_free(&copying.arena);
    mem_free(copying.rows);
    return err;
}

static enum err copy_or_move(struct batch_work *work, struct batch_operation *operation, bool move)
{
    const struct batch_copy *copy = &operation->copy;
    struct batch_result *result = &operation->result;
    size_t source = 0, target = 0;
    enum err err = work_mailbox(work, operation->mailbox, result, &source);
    if (!err) {
        err = work_mailbox(work, copy->target, result, &target);
    }
    return err ? err : messages_copy(work, source, target, copy, move, result);
}

enum err run_copy(struct batch_work *work, struct batch_operation *operation)
{
    return copy_or_move(work, operation, false);
}

enum err run_move(struct batch_work *work, struct batch_operation *operation)
{
    return copy_or_move(work, operation, true);
}
