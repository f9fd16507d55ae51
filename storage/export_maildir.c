/* SPDX-License-Identifier: ISC */
/*
 * A mailbox as a Maildir++ folder: INBOX is the export's folder itself, the others are `.Name` in it.
 * Messages are written to tmp and renamed into cur; their names hold UID and guid, so one that is there with
 * the right size is not written again. Beside them lie Dovecot's own lists, so that it too keeps UIDs, UIDLs
 * and keywords:
 *
 *     dovecot-uidlist     3 V<uidvalidity> N<uidnext> G<guid>, then <uid> G<guid> P<UIDL> :<base name>
 *     dovecot-keywords    <number> <keyword>: the letters a, b, … of file names
 *     subscriptions       (of the account) one name for each line
 */
#include "transfer_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/encode.h"
#include "base/fsio.h"
#include "base/mem.h"
#include "mail/mutf7.h"
#include "mail_file.h"

#define FOLDER_NAME_MAX 240
#define LIST_MAX        ((size_t)1 << 30)
#define LETTERS         MAIL_FILE_KEYWORDS
#define COPY_CHUNK      (128 * 1024)

struct maildir_export {
    struct export_run *run;
    int64_t mailbox_id;
    int cur_fd, tmp_fd;
    struct slice *names; /* of the files that are there, sorted */
    size_t name_count;
    struct buf uidlist;
    struct slice letters[LETTERS];
    size_t letter_count;
};

/* INBOX is ".", "Work/Old.one" is ".Work.Old&AC4-one". */
const char *maildir_path_of(struct arena *arena, struct slice name)
{
    struct buf path;
    struct slice rest = name;
    bool good = true;
    if (slice_eq(name, S("INBOX"))) {
        return ".";
    }
    buf_init(&path, (size_t)8 * MAILBOX_NAME_MAX);
    while (rest.data) {
        buf_append_char(&path, '.');
        good = !mutf7_encode(&path, slice_split(&rest, '/'), S(".")) && good;
    }
    good = good && buf_ok(&path) && path.len <= FOLDER_NAME_MAX;
    if (!good) { /* longer than file systems allow: `postern-account` tells the name */
        unsigned char hash[INTAKE_GUID_SIZE];
        crypto_generichash(hash, sizeof(hash), (const unsigned char *)name.data, name.len, NULL, 0);
        buf_clear(&path);
        buf_append(&path, S(".long-name-"));
        hex_encode(&path, slice_of(hash, sizeof(hash)));
    }
    const char *text = arena_cstr(arena, buf_slice(&path));
    buf_free(&path);
    return text;
}

/* ---- what is there ---- */

static struct slice base_of(struct slice name)
{
    return slice_take(name, slice_find_text(name, S(":2,")));
}

static int compare_bases(const void *a, const void *b)
{
    return slice_cmp(base_of(*(const struct slice *)a), base_of(*(const struct slice *)b));
}

static enum err list_names(struct maildir_export *export)
{
    int fd = openat(export->cur_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!directory) {
        return err_from_errno(errno);
    }
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] != '.') {
            export->names = mem_realloc_array(export->names, export->name_count + 1, sizeof(struct slice));
            export->names[export->name_count++] = arena_copy(&export->run->arena, slice_from(entry->d_name));
        }
    }
    closedir(directory);
    if (export->name_count) {
        qsort(export->names, export->name_count, sizeof(struct slice), compare_bases);
    }
    return ERR_OK;
}

/* Whether the message is there whole; under other letters it is given the right ones. */
static bool is_there(struct maildir_export *export, const char *base, const char *name, uint64_t size)
{
    struct stat info;
    struct slice key = slice_from(base);
    struct slice *found = export->name_count ? bsearch(&key, export->names, export->name_count,
                                                       sizeof(struct slice), compare_bases)
                                             : NULL;
    if (!found || fstatat(export->cur_fd, found->data, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        (uint64_t)info.st_size != size) {
        return false;
    }
    return slice_eq(*found, slice_from(name)) ||
           renameat(export->cur_fd, found->data, export->cur_fd, name) == 0;
}

/* ---- a message ---- */

static enum err copy_body(const struct blob_reader *reader, int fd)
{
    char *chunk = mem_alloc(COPY_CHUNK);
    enum err err = ERR_OK;
    uint64_t done = 0;
    while (!err && done < reader->size) {
        ssize_t got = pread(reader->fd, chunk, COPY_CHUNK, (off_t)done);
        if (got <= 0) {
            err = got < 0 ? err_from_errno(errno) : ERR_CORRUPT; /* shorter than it was said to be */
        } else {
            done += (uint64_t)got;
            err = fs_write_all(fd, slice_of(chunk, (size_t)got));
        }
    }
    mem_free(chunk);
    return err;
}

static enum err write_message(struct maildir_export *export, const struct walked_message *message,
                              const struct blob_reader *reader, const char *name)
{
    const struct timespec times[2] = {
        {.tv_sec = message->internal_date_us / 1000000,
         .tv_nsec = message->internal_date_us % 1000000 * 1000},
        {.tv_sec = message->internal_date_us / 1000000,
         .tv_nsec = message->internal_date_us % 1000000 * 1000},
    };
    unlinkat(export->tmp_fd, name, 0);
    int fd = openat(export->tmp_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = copy_body(reader, fd);
    if (!err && futimens(fd, times) != 0) { /* for programs that take the date from there */
        err = err_from_errno(errno);
    }
    if (close(fd) != 0 && !err) {
        err = err_from_errno(errno);
    }
    if (!err && renameat(export->tmp_fd, name, export->cur_fd, name) != 0) {
        err = err_from_errno(errno);
    }
    if (err) {
        unlinkat(export->tmp_fd, name, 0);
    }
    return err;
}

/* The letter of a keyword in this folder; 0 when all are taken. */
static char letter_of(struct maildir_export *export, struct slice keyword)
{
    for (size_t i = 0; i < export->letter_count; i++) {
        if (slice_eq_nocase(export->letters[i], keyword)) {
            return (char)('a' + i);
        }
    }
    if (export->letter_count == LETTERS) {
        return 0;
    }
    export->letters[export->letter_count] = arena_copy(&export->run->arena, keyword);
    return (char)('a' + export->letter_count++);
}

static const char *suffix_of(struct maildir_export *export, const struct walked_message *message)
{
    struct mail_letters letters = {.flags = message->flags};
    char *suffix = arena_alloc(&export->run->scratch, MAIL_FILE_SUFFIX_MAX + 1);
    bool complete = true;
    for (size_t i = 0; i < message->keyword_count; i++) {
        char letter = letter_of(export, message->keywords[i]);
        complete = complete && letter;
        if (letter) {
            letters.keywords |= UINT32_C(1) << (letter - 'a');
        }
        letters.passed |= slice_eq_nocase(message->keywords[i], S("$Forwarded"));
    }
    if (!complete) {
        settings_add_keywords(&export->run->settings, export->run->mailbox->name, message->uid,
                              message->keywords, message->keyword_count);
    }
    mail_letters_format(letters, suffix);
    return suffix;
}

/* Made of what never changes, so that the next run makes the same. */
static const char *base_name_of(struct maildir_export *export, const struct walked_message *message,
                                uint64_t file_size)
{
    struct buf name;
    struct mail_file_identity identity = {
        .time_us = MAX_OF(message->internal_date_us, 0),
        .pid = 1,
        .sequence = message->uid,
        .host = "export",
        .file_size = file_size,
        .wire_size = message->size,
        .uid = message->uid,
        .guid = message->guid,
    };
    buf_init(&name, 1024);
    mail_file_format(&name, &identity);
    const char *text = arena_cstr(&export->run->scratch, buf_slice(&name));
    buf_free(&name);
    return text;
}

static void list_uid(struct maildir_export *export, const struct walked_message *message, const char *base)
{
    struct buf guid;
    buf_init(&guid, 64);
    hex_encode(&guid, slice_of(message->guid, sizeof(message->guid)));
    buf_printf(&export->uidlist, "%" PRIu32 " G%s P%s :%s\n", message->uid, buf_cstr(&guid), buf_cstr(&guid),
               base);
    buf_free(&guid);
}

static enum err export_body(struct maildir_export *export, const struct walked_message *message,
                            const struct blob_reader *reader)
{
    struct export_run *run = export->run;
    const char *base = base_name_of(export, message, reader->size);
    const char *name = arena_printf(&run->scratch, "%s:2,%s", base, suffix_of(export, message));
    enum err err = ERR_OK;
    if (is_there(export, base, name, reader->size)) {
        run->progress.skipped++;
    } else {
        err = write_message(export, message, reader, name);
        run->progress.bytes_done += reader->size;
    }
    list_uid(export, message, base);
    return err;
}

static enum err export_message(void *data, const struct walked_message *message)
{
    struct maildir_export *export = data;
    struct export_run *run = export->run;
    struct blob_reader reader;
    enum err err = message_open(run->account, export->mailbox_id, message->uid, &reader);
    if (err == ERR_NOT_FOUND) {
        return ERR_OK; /* expunged meanwhile */
    }
    if (!err) {
        err = export_body(export, message, &reader);
        blob_reader_close(&reader);
    }
    run->progress.messages_done++;
    arena_reset(&run->scratch);
    return err ? err : export_report(run, false);
}

/* ---- the folder ---- */

static enum err write_lists(struct maildir_export *export)
{
    struct export_run *run = export->run;
    const struct mailbox_facts *facts = run->mailbox;
    struct buf text;
    struct buf guid;
    buf_init(&text, LIST_MAX);
    buf_init(&guid, 64);
    hex_encode(&guid, slice_of(facts->guid, sizeof(facts->guid)));
    buf_printf(&text, "3 V%" PRIu32 " N%" PRIu32 " G%s\n", facts->uidvalidity, facts->uidnext,
               buf_cstr(&guid));
    buf_append(&text, buf_slice(&export->uidlist));
    enum err err = buf_ok(&text) && buf_ok(&export->uidlist)
                       ? fs_write_durable(arena_printf(&run->arena, "%s/dovecot-uidlist", run->path),
                                          buf_slice(&text), 0600)
                       : ERR_TOO_LONG;
    buf_clear(&text);
    for (size_t i = 0; i < export->letter_count; i++) {
        buf_printf(&text, "%zu %.*s\n", i, SLICE_ARG(export->letters[i]));
    }
    if (!err && text.len) {
        err = fs_write_durable(arena_printf(&run->arena, "%s/dovecot-keywords", run->path), buf_slice(&text),
                               0600);
    }
    buf_free(&guid);
    buf_free(&text);
    return err;
}

static enum err write_subscriptions(struct export_run *run)
{
    struct buf text;
    buf_init(&text, LIST_MAX);
    for (size_t i = 0; i < run->settings.subscription_count; i++) {
        struct slice rest = run->settings.subscriptions[i];
        while (rest.data) { /* Dovecot's separator in a Maildir++ is the dot */
            if (mutf7_encode(&text, slice_split(&rest, '/'), S("."))) {
                break;
            }
            buf_append_char(&text, rest.data ? '.' : '\n');
        }
    }
    enum err err = fs_write_durable(arena_printf(&run->arena, "%s/subscriptions", run->options->path),
                                    buf_slice(&text), 0600);
    buf_free(&text);
    return err;
}

static enum err open_folders(struct maildir_export *export)
{
    static const char *const names[] = {"", "/tmp", "/new", "/cur"};
    struct export_run *run = export->run;
    enum err err = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(names) && !err; i++) {
        err = fs_make_directories(arena_printf(&run->arena, "%s%s", run->path, names[i]), 0700);
    }
    if (err) {
        return err;
    }
    export->cur_fd = open(arena_printf(&run->arena, "%s/cur", run->path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    export->tmp_fd = open(arena_printf(&run->arena, "%s/tmp", run->path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (export->cur_fd < 0 || export->tmp_fd < 0) {
        return err_from_errno(errno);
    }
    if (slice_eq(run->mailbox->path, S("."))) {
        return write_subscriptions(run);
    }
    return fs_write_durable(arena_printf(&run->arena, "%s/maildirfolder", run->path), SLICE_EMPTY, 0600);
}

enum err export_maildir(struct export_run *run, int64_t mailbox_id)
{
    struct maildir_export export = {.run = run, .mailbox_id = mailbox_id, .cur_fd = -1, .tmp_fd = -1};
    buf_init(&export.uidlist, LIST_MAX);
    enum err err = open_folders(&export);
    if (!err) {
        err = list_names(&export);
    }
    if (!err) {
        err = account_walk(run->account, mailbox_id, export_message, &export);
    }
    if (!err) {
        err = write_lists(&export);
    }
    if (export.cur_fd >= 0) {
        close(export.cur_fd);
    }
    if (export.tmp_fd >= 0) {
        close(export.tmp_fd);
    }
    mem_free(export.names);
    buf_free(&export.uidlist);
    return err;
}
