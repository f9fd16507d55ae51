/* SPDX-License-Identifier: ISC */
/*
 * A Maildir++ into the account. Messages go in by their UIDs, those without one by the time in their names.
 * A file whose name holds our guid is taken byte for byte; in one of another program bare LF becomes CRLF, as
 * the message was on its way. That one is known again by the unique part of its name, unless Dovecot noted a
 * guid or UIDL of 32 hex digits for it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "mail/mutf7.h"
#include "maildir_lists.h"

#define CHUNK             (128 * 1024)
#define ACCOUNT_NAMES_MAX ((size_t)16 << 20)

struct found_file {
    struct slice name; /* "cur/…", "new/…" */
    struct mail_file facts;
    uint32_t uid;
    const struct listed_message *listed;
};

struct maildir_import {
    struct import_run *run;
    const char *path; /* the folder */
    struct slice mailbox;
    struct maildir_lists lists;
    struct found_file *files;
    size_t count, room;
    struct arena arena;
    char *chunk;
};

/* ---- messages ---- */

static enum err write_with_crlf(struct import_run *run, struct slice bytes, char *last)
{
    enum err err = ERR_OK;
    while (bytes.len && !err) {
        size_t length = slice_find(bytes, '\n');
        struct slice line = slice_take(bytes, length);
        err = line.len ? intake_write(run->intake, line) : ERR_OK;
        *last = line.len ? line.data[line.len - 1] : *last;
        bytes = slice_skip(bytes, length);
        if (!err && bytes.len) {
            err = intake_write(run->intake, *last == '\r' ? S("\n") : S("\r\n"));
            *last = '\n';
            bytes = slice_skip(bytes, 1);
        }
    }
    return err;
}

static enum err copy_file(struct maildir_import *import, int fd, bool as_it_is)
{
    enum err err = intake_begin(import->run->intake);
    char last = '\0';
    ssize_t got = 1;
    while (!err && (got = read(fd, import->chunk, CHUNK)) > 0) {
        struct slice bytes = slice_of(import->chunk, (size_t)got);
        err =
            as_it_is ? intake_write(import->run->intake, bytes) : write_with_crlf(import->run, bytes, &last);
    }
    return err ? err : got < 0 ? err_from_errno(errno) : ERR_OK;
}

static void guid_of_name(struct slice base, unsigned char guid_r[INTAKE_GUID_SIZE])
{
    static const unsigned char key[] = "postern import maildir";
    crypto_generichash(guid_r, INTAKE_GUID_SIZE, (const unsigned char *)base.data, base.len, key,
                       sizeof(key) - 1);
}

/* Ours, Dovecot's UIDL, Dovecot's guid, or one of the name. What clients have seen is worth most: the UIDL.
 */
static void choose_guid(struct maildir_import *import, const struct found_file *file,
                        unsigned char guid_r[INTAKE_GUID_SIZE])
{
    const struct listed_message *listed = file->listed;
    bool has_uidl = listed && listed->uidl.len;
    if (has_uidl && guid_parse(listed->uidl, guid_r)) {
        return;
    }
    import->run->progress.uidls_lost += has_uidl;
    if (file->facts.has_guid) {
        memcpy(guid_r, file->facts.guid, INTAKE_GUID_SIZE);
    } else if (!listed || !guid_parse(listed->guid, guid_r)) {
        guid_of_name(file->facts.base, guid_r);
    }
}

/* Of the account file when there are more than letters, else by letters. */
static void choose_keywords(struct maildir_import *import, const struct found_file *file,
                            struct intake_message *message, struct slice *list)
{
    const struct settings *settings = &import->run->settings;
    for (size_t i = 0; i < settings->keyword_count; i++) {
        const struct message_keywords *entry = &settings->keywords[i];
        if (entry->uid == file->uid && slice_eq(entry->mailbox, import->mailbox)) {
            message->keywords = entry->list;
            message->keyword_count = entry->count;
            return;
        }
    }
    bool forwarded = false;
    for (size_t i = 0; i < MAIL_FILE_KEYWORDS; i++) {
        if (((file->facts.letters.keywords >> i) & 1) && import->lists.keywords[i].len) {
            forwarded |= slice_eq_nocase(import->lists.keywords[i], S("$Forwarded"));
            list[message->keyword_count++] = import->lists.keywords[i];
        }
    }
    if (file->facts.letters.passed && !forwarded) {
        list[message->keyword_count++] = S("$Forwarded");
    }
    message->keywords = list;
}

static enum err import_open_file(struct maildir_import *import, const struct found_file *file, int fd,
                                 const struct intake_message *message)
{
    struct stat info;
    struct intake_message dated = *message;
    if (fstat(fd, &info) != 0) {
        return err_from_errno(errno);
    }
    if ((uint64_t)info.st_size > TRANSFER_MESSAGE_MAX || !S_ISREG(info.st_mode)) {
        log_warning("import.message_too_long", log_text("file", file->name));
        import->run->progress.refused++;
        return ERR_OK;
    }
    /* Dovecot keeps the date in the file's time, to which the name's time is a fall-back for others. */
    if (!file->facts.has_guid || !file->facts.has_time) {
        dated.internal_date_us = (int64_t)info.st_mtim.tv_sec * 1000000 + info.st_mtim.tv_nsec / 1000;
    }
    enum err err = copy_file(import, fd, file->facts.has_guid);
    if (err) {
        intake_cancel(import->run->intake);
        return err;
    }
    return intake_end(import->run->intake, &dated);
}

static enum err import_message(struct maildir_import *import, const struct found_file *file)
{
    struct import_run *run = import->run;
    struct arena arena = {0};
    struct slice list[MAIL_FILE_KEYWORDS + 1];
    unsigned char guid[INTAKE_GUID_SIZE];
    struct intake_message message = {
        .uid = file->uid,
        .guid = guid,
        .flags = file->facts.letters.flags,
        .internal_date_us = file->facts.time_us,
    };
    enum err err = ERR_OK;
    choose_guid(import, file, guid);
    choose_keywords(import, file, &message, list);
    if (!intake_has(run->intake, guid)) {
        int fd =
            open(arena_printf(&arena, "%s/%.*s", import->path, SLICE_ARG(file->name)), O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            err = import_open_file(import, file, fd, &message);
            close(fd);
        } else if (errno != ENOENT) { /* gone meanwhile is fine */
            err = err_from_errno(errno);
        }
    }
    run->progress.messages_done++;
    arena_free(&arena);
    return err ? err : import_report(run, false);
}

/* ---- a folder ---- */

static void add_file(struct maildir_import *import, const char *sub, const char *name)
{
    if (import->count == import->room) {
        import->room = import->room ? 2 * import->room : 256;
        import->files = mem_realloc_array(import->files, import->room, sizeof(*import->files));
    }
    struct found_file *file = &import->files[import->count++];
    *file = (struct found_file){.name = slice_from(arena_printf(&import->arena, "%s/%s", sub, name))};
    mail_file_parse(slice_skip(file->name, 4), &file->facts);
    file->listed = maildir_lists_find(&import->lists, file->facts.base);
    file->uid = file->listed ? file->listed->uid : file->facts.has_uid ? file->facts.uid : 0;
}

static enum err list_files(struct maildir_import *import, const char *sub)
{
    DIR *directory = opendir(arena_printf(&import->arena, "%s/%s", import->path, sub));
    struct dirent *entry;
    if (!directory) {
        return errno == ENOENT ? ERR_OK : err_from_errno(errno);
    }
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] != '.') {
            add_file(import, sub, entry->d_name);
        }
    }
    closedir(directory);
    return ERR_OK;
}

/* By UID; without one behind all that have one, by the time in the name. */
static int compare_files(const void *a, const void *b)
{
    const struct found_file *one = a, *other = b;
    uint32_t uid = one->uid ? one->uid : UINT32_MAX;
    uint32_t other_uid = other->uid ? other->uid : UINT32_MAX;
    if (uid != other_uid) {
        return uid < other_uid ? -1 : 1;
    }
    if (one->facts.time_us != other->facts.time_us) {
        return one->facts.time_us < other->facts.time_us ? -1 : 1;
    }
    return slice_cmp(one->name, other->name);
}

static enum err open_mailbox(struct maildir_import *import, struct slice name)
{
    const struct maildir_lists *lists = &import->lists;
    struct mailbox_facts facts = {
        .name = name,
        .special_use = special_use_is_valid(lists->special_use) ? lists->special_use : SLICE_EMPTY,
        .uidvalidity = lists->uidvalidity,
        .uidnext = lists->uidnext,
        .has_guid = lists->has_guid,
    };
    memcpy(facts.guid, lists->guid, sizeof(facts.guid));
    import->mailbox = name;
    return import_mailbox(import->run, &facts);
}

static enum err import_files(struct maildir_import *import)
{
    enum err err = list_files(import, "cur");
    if (!err) {
        err = list_files(import, "new");
    }
    if (!err && import->count) {
        qsort(import->files, import->count, sizeof(*import->files), compare_files);
    }
    for (size_t i = 0; i < import->count && !err; i++) {
        err = import_message(import, &import->files[i]);
    }
    return err;
}

/* The name that the folder's own name tells: ".Work.Old" is "Work/Old". */
static struct slice name_of_folder(struct arena *arena, struct slice folder)
{
    struct buf name;
    struct slice rest = slice_skip(folder, 1);
    if (slice_eq(folder, S("."))) {
        return S("INBOX");
    }
    buf_init(&name, 4096);
    while (rest.data) {
        struct slice level = slice_split(&rest, '.');
        if (name.len) {
            buf_append_char(&name, '/');
        }
        /* Not modified UTF-7: Dovecot may be told to write UTF-8. */
        if (mutf7_decode(&name, level, S(".")) && mutf7_decode(&name, level, SLICE_EMPTY)) {
            buf_append(&name, level);
        }
    }
    struct slice result = mailbox_name_from(arena, buf_slice(&name));
    buf_free(&name);
    return result;
}

static enum err import_folder(struct import_run *run, struct slice folder)
{
    struct maildir_import import = {.run = run, .chunk = mem_alloc(CHUNK)};
    struct slice name;
    const struct mailbox_facts *facts = settings_by_path(&run->settings, folder);
    import.path = arena_printf(&import.arena, "%s/%.*s", run->options->path, SLICE_ARG(folder));
    enum err err = maildir_lists_read(import.path, &import.lists);
    if (!err && facts) {
        name = facts->name;
        import.mailbox = name;
        err = import_mailbox(run, facts);
    } else if (!err) {
        if (import.lists.name.len == 0 || mailbox_name_check(&import.arena, import.lists.name, &name)) {
            name = name_of_folder(&import.arena, folder);
        }
        err = open_mailbox(&import, name);
    }
    if (!err) {
        err = import_files(&import);
    }
    if (err) {
        explain(run->why, import.path, err);
    }
    run->progress.mailbox = SLICE_EMPTY;
    maildir_lists_free(&import.lists);
    mem_free(import.files);
    mem_free(import.chunk);
    arena_free(&import.arena);
    return err;
}

/* ---- the account ---- */

/* Dovecot's and Courier's subscriptions: a name for each line, levels between dots or slashes. */
static void read_subscriptions(struct import_run *run, const char *file)
{
    struct arena *arena = &run->settings.arena;
    struct settings *settings = &run->settings;
    struct buf text;
    buf_init(&text, ACCOUNT_NAMES_MAX);
    if (!fs_read_file(arena_printf(arena, "%s/%s", run->options->path, file), &text)) {
        struct slice rest = arena_copy(arena, buf_slice(&text));
        while (rest.len) {
            struct slice line = slice_trim(slice_split(&rest, '\n'));
            bool is_inbox = slice_starts_with_nocase(line, S("INBOX.")) && strcmp(file, "subscriptions") != 0;
            line = is_inbox ? slice_skip(line, 6) : line; /* Courier's namespace */
            /* Version 2 of Dovecot's file begins with "V\t2". */
            if (line.len == 0 || slice_starts_with(line, S("V\t"))) {
                continue;
            }
            const char *folder = arena_printf(arena, ".%.*s", SLICE_ARG(line));
            settings->subscriptions = mem_realloc_array(
                settings->subscriptions, settings->subscription_count + 1, sizeof(*settings->subscriptions));
            settings->subscriptions[settings->subscription_count++] =
                slice_eq_nocase(line, S("INBOX")) ? S("INBOX") : name_of_folder(arena, slice_from(folder));
        }
    }
    buf_free(&text);
}

static int compare_folders(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static bool is_maildir(struct import_run *run, struct arena *arena, const char *name)
{
    const char *path = arena_printf(arena, "%s/%s", run->options->path, name);
    struct stat info;
    return name[0] == '.' && strcmp(name, "..") != 0 &&
           (stat(arena_printf(arena, "%s/cur", path), &info) == 0 ||
            stat(arena_printf(arena, "%s/new", path), &info) == 0);
}

enum err import_maildir(struct import_run *run)
{
    struct arena arena = {0};
    DIR *directory = opendir(run->options->path);
    struct slice *folders = NULL;
    size_t count = 0;
    struct dirent *entry;
    enum err err = directory ? ERR_OK : err_from_errno(errno);
    while (directory && (entry = readdir(directory))) {
        if (is_maildir(run, &arena, entry->d_name)) {
            folders = mem_realloc_array(folders, count + 1, sizeof(*folders));
            folders[count++] = arena_copy(&arena, slice_from(entry->d_name));
        }
    }
    if (directory) {
        closedir(directory);
    }
    if (count) {
        qsort(folders, count, sizeof(*folders), compare_folders);
    }
    if (!run->settings.present) {
        read_subscriptions(run, "subscriptions");
        read_subscriptions(run, "courierimapsubscribed");
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = import_folder(run, folders[i]);
    }
    mem_free(folders);
    arena_free(&arena);
    return err;
}
