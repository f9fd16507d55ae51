/* SPDX-License-Identifier: ISC */
/* Folders of mailboxes and their descriptors: text, one "key value" per line, so that a person can read and
 * mend it. */
#include "mailbox_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/fsio.h"
#include "storage/mailbox.h"

#define DESCRIPTOR_MAX 16384

static void format_descriptor(struct buf *out, const struct mailbox_descriptor *descriptor)
{
    buf_printf(out, "id %" PRId64 "\nuidvalidity %" PRIu32 "\nuidnext %" PRIu32 "\nguid ", descriptor->id,
               descriptor->uidvalidity, descriptor->uidnext);
    hex_encode(out, slice_of(descriptor->guid, GUID_SIZE));
    buf_printf(out, "\nsubscribed %d\nspecial-use ", descriptor->subscribed);
    buf_append(out, descriptor->special_use);
    buf_append(out, S("\nname "));
    buf_append(out, descriptor->name);
    buf_append_char(out, '\n');
    for (size_t i = 0; i < MAIL_FILE_KEYWORDS; i++) {
        if (descriptor->keywords[i].len) {
            buf_printf(out, "keyword %c ", (char)('a' + i));
            buf_append(out, descriptor->keywords[i]);
            buf_append_char(out, '\n');
        }
    }
    if (descriptor->last_mailbox) {
        buf_printf(out, "last-mailbox %" PRId64 "\n", descriptor->last_mailbox);
    }
}

enum err mailbox_descriptor_write(const char *path, const struct mailbox_descriptor *descriptor)
{
    struct arena arena = {0};
    struct buf text;
    buf_init(&text, DESCRIPTOR_MAX);
    format_descriptor(&text, descriptor);
    enum err err = buf_ok(&text)
                       ? fs_write_durable(arena_printf(&arena, "%s/.mbox", path), buf_slice(&text), 0600)
                       : ERR_TOO_LONG;
    buf_free(&text);
    arena_free(&arena);
    return err;
}

static bool parse_guid(struct slice text, unsigned char guid_r[GUID_SIZE])
{
    struct buf bytes;
    buf_init(&bytes, GUID_SIZE);
    bool good = text.len == 2 * GUID_SIZE && !hex_decode(&bytes, text);
    if (good) {
        memcpy(guid_r, bytes.data, GUID_SIZE);
    }
    buf_free(&bytes);
    return good;
}

/* "a $Forwarded" */
static void parse_keyword(struct slice value, struct mailbox_descriptor *descriptor, struct arena *arena)
{
    if (value.len > 2 && value.data[0] >= 'a' && value.data[0] <= 'z' && value.data[1] == ' ' &&
        keyword_is_valid(slice_skip(value, 2))) {
        descriptor->keywords[value.data[0] - 'a'] = arena_copy(arena, slice_skip(value, 2));
    }
}

static bool parse_line(struct slice line, struct mailbox_descriptor *descriptor, struct arena *arena)
{
    struct slice value = line;
    struct slice key = slice_split(&value, ' ');
    uint64_t number = 0;
    value = value.data ? value : SLICE_EMPTY;
    if (slice_eq(key, S("name"))) {
        descriptor->name = arena_copy(arena, value);
    } else if (slice_eq(key, S("special-use"))) {
        descriptor->special_use = arena_copy(arena, value);
    } else if (slice_eq(key, S("keyword"))) {
        parse_keyword(value, descriptor, arena);
    } else if (slice_eq(key, S("guid"))) {
        return parse_guid(value, descriptor->guid);
    } else if (!slice_to_u64(value, INT64_MAX, &number)) {
        return true; /* a key of a later version */
    } else if (slice_eq(key, S("id"))) {
        descriptor->id = (int64_t)number;
    } else if (slice_eq(key, S("uidvalidity"))) {
        descriptor->uidvalidity = (uint32_t)number;
    } else if (slice_eq(key, S("uidnext"))) {
        descriptor->uidnext = (uint32_t)number;
    } else if (slice_eq(key, S("subscribed"))) {
        descriptor->subscribed = number != 0;
    } else if (slice_eq(key, S("last-mailbox"))) {
        descriptor->last_mailbox = (int64_t)number;
    }
    return true;
}

enum err mailbox_descriptor_read(const char *path, struct arena *arena,
                                 struct mailbox_descriptor *descriptor_r)
{
    struct mailbox_descriptor descriptor = {.name = SLICE_EMPTY, .special_use = SLICE_EMPTY};
    struct buf text;
    bool good = true;
    buf_init(&text, DESCRIPTOR_MAX);
    enum err err = fs_read_file(arena_printf(arena, "%s/.mbox", path), &text);
    struct slice rest = buf_slice(&text);
    while (!err && good && rest.len) {
        good = parse_line(slice_split(&rest, '\n'), &descriptor, arena);
    }
    buf_free(&text);
    if (err) {
        return err;
    }
    if (!good || descriptor.id <= 0 || descriptor.uidvalidity == 0 || descriptor.uidnext == 0 ||
        descriptor.name.len == 0) {
        return ERR_CORRUPT;
    }
    *descriptor_r = descriptor;
    return ERR_OK;
}

static enum err make_directory(const char *path)
{
    return mkdir(path, 0700) == 0 ? ERR_OK : err_from_errno(errno);
}

enum err mailbox_folder_create(const char *path, const struct mailbox_descriptor *descriptor)
{
    static const char *const names[] = {"", "/tmp", "/new", "/cur"};
    struct arena arena = {0};
    enum err err = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(names) && !err; i++) {
        err = make_directory(arena_printf(&arena, "%s%s", path, names[i]));
    }
    if (!err && !slice_ends_with_nocase(slice_from(path), S("/" INBOX_FOLDER))) {
        /* Maildir++: tells a delivery program that the INBOX is one level up. */
        int fd = open(arena_printf(&arena, "%s/maildirfolder", path), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        err = fd < 0 ? err_from_errno(errno) : ERR_OK;
        if (fd >= 0) {
            close(fd);
        }
    }
    if (!err) { /* syncs the folder as well */
        err = mailbox_descriptor_write(path, descriptor);
    }
    arena_free(&arena);
    return err;
}

/* ERR_EXISTS when there is something in it; one that is not there is empty. */
static enum err check_empty(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    enum err err = ERR_OK;
    if (!directory) {
        return errno == ENOENT ? ERR_OK : err_from_errno(errno);
    }
    errno = 0;
    while (!err && (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            err = ERR_EXISTS;
        }
    }
    if (!err && errno) { /* not read to its end: not known to be empty */
        err = err_from_errno(errno);
    }
    closedir(directory);
    return err;
}

enum err mailbox_folder_remove_empty(const char *path)
{
    struct arena arena = {0};
    enum err err = check_empty(arena_printf(&arena, "%s/cur", path));
    if (!err) {
        err = check_empty(arena_printf(&arena, "%s/new", path));
    }
    if (!err) {
        err = fs_remove_tree(path);
    }
    arena_free(&arena);
    return err;
}
