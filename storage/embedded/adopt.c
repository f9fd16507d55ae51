/* SPDX-License-Identifier: ISC */
/*
 * Files that came without us: from a delivery program that wrote into new/, a mail reader that moved a file
 * into cur/, a backup, or the files of an index that was lost. The message is read and parsed as at delivery.
 * A file with bare LF line ends stays as it is; its sizes are counted as the CRLF text that is served.
 */
#include "recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "guid.h"
#include "message_rows.h"
#include "rebuild.h"

#define READ_CHUNK (64 * 1024)

struct file_content {
    unsigned char hash[BLOB_HASH_SIZE];
    struct message_summary summary;
};

static enum err read_content(int fd, struct arena *arena, struct file_content *content_r)
{
    struct mime_parser *parser = mime_parser_new(arena, NULL);
    char *chunk = arena_alloc(arena, READ_CHUNK);
    crypto_generichash_state state;
    ssize_t got;
    crypto_generichash_init(&state, NULL, 0, BLOB_HASH_SIZE);
    while ((got = read(fd, chunk, READ_CHUNK)) != 0) {
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ERR_IO;
        }
        crypto_generichash_update(&state, (const unsigned char *)chunk, (size_t)got);
        mime_parser_feed(parser, slice_of(chunk, (size_t)got));
    }
    mime_parser_finish(parser);
    summary_build(arena, parser, &content_r->summary);
    crypto_generichash_final(&state, content_r->hash, BLOB_HASH_SIZE);
    return ERR_OK;
}

static enum err uid_is_free(struct change *change, size_t mailbox, uint32_t uid, bool keep_uids, bool *free_r)
{
    if (!keep_uids) {
        *free_r = uid >= change->mailboxes[mailbox].counters.uidnext;
        return ERR_OK;
    }
    sqlite3_stmt *statement =
        db_statement(change->db, "SELECT NOT EXISTS(SELECT 1 FROM message WHERE mailbox=?1 AND uid=?2)");
    db_bind_int(statement, 1, change->mailboxes[mailbox].id);
    db_bind_int(statement, 2, uid);
    enum err err = row_found(db_step(change->db, statement));
    if (!err) {
        *free_r = sqlite3_column_int(statement, 0) != 0;
        sqlite3_reset(statement);
    }
    return err;
}

/* Opens what may be a message: ERR_NOT_FOUND when it is gone, or is no file. */
static enum err open_message_file(struct change *change, const char *path, int *fd_r, int64_t *mtime_us_r)
{
    struct stat info;
    int fd = openat(change->account->dir_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        /* A lack of ours, not a fault of the file: the whole recovery is to be tried again. */
        return errno == ELOOP ? ERR_NOT_FOUND : process_lacks(errno) ? ERR_LIMIT : err_from_errno(errno);
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return ERR_NOT_FOUND;
    }
    *mtime_us_r = (int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000;
    *fd_r = fd;
    return ERR_OK;
}

static enum err enter(struct change *change, size_t mailbox, const char *path, const char *name,
                      uint64_t modseq, bool rebuilding, struct new_message *message)
{
    struct change_mailbox *folder = &change->mailboxes[mailbox];
    enum err err = message_insert(change, mailbox, modseq, message);
    if (err) {
        return err;
    }
    const char *target = arena_printf(&change->arena, "%s:2,%s", message->base, message->suffix);
    const char *target_path = arena_printf(&change->arena, "%.*s/cur/%s", SLICE_ARG(folder->dir), target);
    folder->sync = true;
    if (renameat(change->account->dir_fd, path, change->account->dir_fd, target_path) != 0) {
        return err_from_errno(errno);
    }
    if (rebuilding) { /* no line for each of a hundred thousand */
        return rebuild_note_progress(message->summary->size);
    }
    log_info("message.adopted", log_cstr("account", change->account->login),
             log_text("mailbox", folder->name), log_cstr("file", name), log_number("uid", message->uid));
    return ERR_OK;
}

static enum err choose_uid(struct change *change, size_t mailbox, const struct mail_file *file,
                           bool keep_uids, struct new_message *message)
{
    bool free = false;
    enum err err = file->has_uid ? uid_is_free(change, mailbox, file->uid, keep_uids, &free) : ERR_OK;
    message->wanted_uid = !err && free ? file->uid : 0;
    return err;
}

/* Opens and reads. */
static enum err read_message_file(struct change *change, const char *path, struct arena *arena,
                                  struct file_content *content_r, int64_t *mtime_us_r)
{
    int fd = -1;
    enum err err = open_message_file(change, path, &fd, mtime_us_r);
    if (!err) {
        err = read_content(fd, arena, content_r);
        close(fd);
    }
    return err;
}

static enum err adopt(struct change *change, size_t mailbox, const char *path, const char *name,
                      bool from_new, uint64_t modseq, bool keep_uids, const struct file_content *content,
                      int64_t mtime_us)
{
    struct mail_file file;
    mail_file_parse(slice_from(name), &file);
    struct new_message message = {
        .hash = content->hash,
        .summary = &content->summary,
        .flags = file.letters.flags,
        .passed = file.letters.passed,
        .internal_date_us = file.has_time && file.has_guid ? file.time_us : mtime_us,
        .adopted = true,
        .file = from_new ? NULL : &file,
        .guid_is_known = file.has_guid,
    };
    if (file.has_guid) {
        memcpy(message.guid, file.guid, GUID_SIZE);
    } else {
        guid_make(message.guid);
    }
    enum err err = choose_uid(change, mailbox, &file, keep_uids, &message);
    if (!err) {
        err = keywords_of_letters(change, mailbox, file.letters.keywords, &message.keywords);
    }
    return err ? err : enter(change, mailbox, path, name, modseq, keep_uids, &message);
}

enum err adopt_file(struct change *change, size_t mailbox, bool from_new, const char *name, uint64_t modseq,
                    bool keep_uids)
{
    struct arena arena = {0};
    struct file_content content;
    int64_t mtime_us = 0;
    const char *path = arena_printf(&arena, "%.*s/%s/%s", SLICE_ARG(change->mailboxes[mailbox].dir),
                                    from_new ? "new" : "cur", name);
    enum err err = read_message_file(change, path, &arena, &content, &mtime_us);
    if (!err) {
        err = adopt(change, mailbox, path, name, from_new, modseq, keep_uids, &content, mtime_us);
    } else if (err == ERR_LIMIT) {
        err = ERR_IO;
    } else {
        if (err !=
            ERR_NOT_FOUND) { /* unreadable for us, or on a bad block: the other mail must not wait for it */
            log_error("message.not_adopted", log_cstr("account", change->account->login),
                      log_cstr("file", path), log_err(err));
        }
        err = ERR_OK;
    }
    arena_free(&arena);
    return err;
}
