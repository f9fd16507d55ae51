/* SPDX-License-Identifier: ISC */
/*
 * One mbox file into the account. One that we wrote begins each message with fields of ours (export_mbox.c),
 * which are taken off again, and gives the very bytes back. In one of another program these are looked for
 * and left out of what is stored:
 *
 *     X-IMAP, X-IMAPbase          UIDVALIDITY and last UID; X-IMAP in a message that is no message (UW imapd)
 *     X-UID, X-UIDL, Status, X-Status, X-Keywords             UW imapd, Dovecot, mutt
 *     X-Mozilla-Status, -Status2, -Keys                       Thunderbird
 *
 * and bare LF becomes CRLF, as the message was on its way. A foreign message is known again by its bytes and
 * by how many times they came before in the same file.
 */
#include "transfer_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "key_set.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mbox.h"

#define HEAD_MAX          (256 * 1024)
#define CHUNK             (128 * 1024)
#define KEYWORDS_MAX_HERE 256     /* of one message */
#define SAME_MAX          1000000 /* equal messages in one file */

struct mbox_import {
    struct import_run *run;
    const char *path;
    bool ours;
    struct mailbox_facts facts; /* of a foreign file they come with the first message */
    bool opened;                /* the mailbox */
    struct key_set seen;        /* what came before in this file */

    /* The message that is read. */
    struct buf head;
    bool in_body, passing_over;
    bool crlf;     /* every LF was CRLF */
    bool raw;      /* bytes as they are */
    uint64_t left; /* bytes that still belong to it */
    char last;
    crypto_generichash_state hash;
    struct intake_message message;
    unsigned char guid[INTAKE_GUID_SIZE];
    bool has_guid;
    struct arena arena; /* of the message */
    struct arena file_arena;
};

/* ---- bytes ---- */

static enum err store(struct mbox_import *import, struct slice bytes)
{
    bytes = slice_take(bytes, import->left > SIZE_MAX ? SIZE_MAX : (size_t)import->left);
    if (bytes.len == 0) {
        return ERR_OK;
    }
    import->left -= bytes.len;
    crypto_generichash_update(&import->hash, (const unsigned char *)bytes.data, bytes.len);
    return intake_write(import->run->intake, bytes);
}

/* With CRLF where there was LF. */
static enum err store_lines(struct mbox_import *import, struct slice bytes)
{
    enum err err = ERR_OK;
    while (bytes.len && !err) {
        size_t length = import->raw ? bytes.len : slice_find(bytes, '\n');
        struct slice line = slice_take(bytes, length);
        if (line.len) {
            err = store(import, line);
            import->last = line.data[line.len - 1];
        }
        bytes = slice_skip(bytes, length);
        if (!err && bytes.len) {
            bool needs_cr = import->crlf || import->last != '\r';
            err = store(import, needs_cr ? S("\r\n") : S("\n"));
            import->last = '\n';
            bytes = slice_skip(bytes, 1);
        }
    }
    return err;
}

/* ---- what the fields say ---- */

static uint32_t status_flags(struct slice letters)
{
    static const struct {
        char letter;
        uint32_t flag;
    } known[] = {{'R', MESSAGE_SEEN},
                 {'A', MESSAGE_ANSWERED},
                 {'F', MESSAGE_FLAGGED},
                 {'D', MESSAGE_DELETED},
                 {'T', MESSAGE_DRAFT}};
    uint32_t flags = 0;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        flags |= slice_has(letters, known[i].letter) ? known[i].flag : 0;
    }
    return flags;
}

static void add_keywords(struct mbox_import *import, struct slice list)
{
    struct slice *keywords = arena_array(&import->arena, struct slice, KEYWORDS_MAX_HERE);
    size_t count = import->message.keyword_count;
    if (count) {
        memcpy(keywords, import->message.keywords, count * sizeof(*keywords));
    }
    while (list.data && count < KEYWORDS_MAX_HERE) {
        struct slice keyword = slice_split(&list, ' ');
        if (keyword_is_valid(keyword)) {
            keywords[count++] = keyword;
        }
    }
    import->message.keywords = keywords;
    import->message.keyword_count = count;
}

static uint64_t hex_number(struct slice text)
{
    char digits[17] = "";
    memcpy(digits, text.data, MIN_OF(text.len, sizeof(digits) - 1));
    return strtoull(digits, NULL, 16);
}

/* https://www-archive.mozilla.org/mailnews/arch/mailbox.html, nsMsgMessageFlags.h */
static void take_mozilla_status(struct mbox_import *import, uint64_t status)
{
    import->message.flags |= (status & 0x0001 ? MESSAGE_SEEN : 0u) |
                             (status & 0x0002 ? MESSAGE_ANSWERED : 0u) |
                             (status & 0x0004 ? MESSAGE_FLAGGED : 0u);
    import->passing_over |= (status & 0x0008) != 0; /* deleted, and not yet compacted away */
    if (status & 0x1000) {
        add_keywords(import, S("$Forwarded"));
    }
}

static void take_imapbase(struct mbox_import *import, struct slice value)
{
    uint64_t uidvalidity, last;
    if (slice_to_u64(slice_split(&value, ' '), UINT32_MAX, &uidvalidity) && value.data &&
        slice_to_u64(slice_split(&value, ' '), UINT32_MAX - 1, &last) && !import->opened) {
        import->facts.uidvalidity = (uint32_t)uidvalidity;
        import->facts.uidnext = (uint32_t)last + 1;
    }
}

static void take_uidl(struct mbox_import *import, struct slice value)
{
    import->has_guid = guid_parse(value, import->guid);
    import->run->progress.uidls_lost += !import->has_guid;
}

/* Whether the field is for mail programs only: it is not part of the message. */
static bool take_field(struct mbox_import *import, struct slice name, struct slice value)
{
    uint64_t number;
    if (slice_eq_nocase(name, S("X-UID"))) {
        import->message.uid = slice_to_u64(value, UINT32_MAX - 1, &number) ? (uint32_t)number : 0;
    } else if (slice_eq_nocase(name, S("X-IMAPbase"))) {
        take_imapbase(import, value);
    } else if (slice_eq_nocase(name, S("X-IMAP"))) { /* the message that only carries this */
        take_imapbase(import, value);
        import->passing_over = true;
    } else if (slice_eq_nocase(name, S("X-UIDL"))) {
        take_uidl(import, value);
    } else if (slice_eq_nocase(name, S("Status")) || slice_eq_nocase(name, S("X-Status"))) {
        import->message.flags |= status_flags(value);
    } else if (slice_eq_nocase(name, S("X-Keywords")) || slice_eq_nocase(name, S("X-Mozilla-Keys"))) {
        add_keywords(import, value);
    } else if (slice_eq_nocase(name, S("X-Mozilla-Status"))) {
        take_mozilla_status(import, hex_number(value));
    } else if (slice_eq_nocase(name, S("X-Mozilla-Status2"))) {
        import->message.flags |= hex_number(value) & 0x00200000 ? MESSAGE_DELETED : 0u;
    } else {
        return false;
    }
    return true;
}

/* "crlf 1234 880106106000000" */
static bool take_own_field(struct mbox_import *import, struct slice value)
{
    struct slice rest = value;
    struct slice lines = slice_split(&rest, ' ');
    uint64_t size, date;
    if (!rest.data || !slice_to_u64(slice_split(&rest, ' '), TRANSFER_MESSAGE_MAX, &size) || !rest.data ||
        !slice_to_u64(rest, INT64_MAX, &date)) {
        return false;
    }
    import->crlf = slice_eq(lines, S("crlf"));
    import->raw = !import->crlf;
    import->left = size;
    import->message.internal_date_us = (int64_t)date;
    return true;
}

/* ---- a message ---- */

static enum err open_mailbox(struct mbox_import *import)
{
    import->opened = true;
    return import_mailbox(import->run, &import->facts);
}

static enum err begin_body(struct mbox_import *import)
{
    import->in_body = true;
    if (import->passing_over) {
        return ERR_OK;
    }
    enum err err = import->opened ? ERR_OK : open_mailbox(import);
    if (!err && import->has_guid && intake_has(import->run->intake, import->guid)) {
        import->passing_over = true;
        return ERR_OK;
    }
    return err ? err : intake_begin(import->run->intake);
}

/* Fields of ours up to X-Postern-Message; what follows is the message. ERR_NOT_FOUND when that is not there.
 */
static enum err take_own_head(struct mbox_import *import)
{
    struct header_walk walk = header_walk_of(buf_slice(&import->head));
    struct header_field field;
    while (header_next(&walk, &field)) {
        struct slice value = header_unfold(&import->arena, field.value);
        if (slice_eq_nocase(field.name, S("X-Postern-Message"))) {
            if (!take_own_field(import, value)) {
                break;
            }
            struct slice rest = slice_skip(buf_slice(&import->head), field.offset + field.raw.len);
            enum err err = begin_body(import);
            return err || import->passing_over ? err : store_lines(import, rest);
        }
        if (!take_field(import, field.name, value) && !slice_eq_nocase(field.name, S("X-Postern-Mailbox"))) {
            break;
        }
    }
    return ERR_NOT_FOUND;
}

static enum err take_foreign_head(struct mbox_import *import)
{
    struct slice head = buf_slice(&import->head);
    struct buf kept;
    struct header_walk walk = header_walk_of(head);
    struct header_field field;
    buf_init(&kept, HEAD_MAX);
    while (header_next(&walk, &field)) {
        if (!take_field(import, field.name, header_unfold(&import->arena, field.value))) {
            buf_append(&kept, field.raw);
        }
    }
    enum err err = begin_body(import);
    if (!err && !import->passing_over) {
        err = store_lines(import, buf_slice(&kept));
    }
    if (!err && !import->passing_over) { /* the empty line, and what is behind it */
        err = store_lines(import, slice_skip(head, walk.offset - (walk.has_body ? 1 : 0)));
    }
    buf_free(&kept);
    return err;
}

static void reset_message(struct mbox_import *import)
{
    arena_reset(&import->arena);
    buf_clear(&import->head);
    import->message = (struct intake_message){0};
    import->has_guid = import->in_body = import->passing_over = import->raw = import->crlf = false;
    import->left = TRANSFER_MESSAGE_MAX + 1;
    import->last = '\0';
    crypto_generichash_init(&import->hash, NULL, 0, INTAKE_GUID_SIZE);
}

/* "MAILER-DAEMON Fri Nov 21 09:55:06 1997"; the sender may be anything. */
static int64_t date_of_line(struct slice line)
{
    struct mail_date date;
    while (line.len) {
        struct slice rest = slice_skip(line, slice_find(line, ' ') + 1);
        if (rest.len && char_is_alpha(rest.data[0]) && !date_parse(rest, &date)) {
            return date.seconds * 1000000;
        }
        line = rest;
    }
    return 0;
}

static enum err on_begin(void *data, struct slice line)
{
    struct mbox_import *import = data;
    reset_message(import);
    import->message.internal_date_us = date_of_line(line);
    return ERR_OK;
}

/* The end of the header: an empty line, also at the very beginning. */
static bool head_is_complete(struct slice head)
{
    return slice_starts_with(head, S("\n")) || slice_starts_with(head, S("\r\n")) ||
           slice_find_text(head, S("\n\n")) < head.len || slice_find_text(head, S("\n\r\n")) < head.len;
}

/* The empty line is found at the end of what came last, so the search begins a little before it. */
static bool head_ends(const struct mbox_import *import, size_t before)
{
    struct slice head = buf_slice(&import->head);
    return before < 4
               ? head_is_complete(head)
               : slice_find_text(slice_skip(head, before - 3), S("\n\n")) < head.len - (before - 3) ||
                     slice_find_text(slice_skip(head, before - 3), S("\n\r\n")) < head.len - (before - 3);
}

static enum err take_head(struct mbox_import *import)
{
    enum err err = import->ours ? take_own_head(import) : ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND && !import->in_body) {
        err = take_foreign_head(import);
    }
    return err;
}

static enum err on_text(void *data, struct slice bytes)
{
    struct mbox_import *import = data;
    enum err err = ERR_OK;
    if (!import->in_body) {
        size_t before = import->head.len;
        struct slice part = slice_take(bytes, import->head.cap - import->head.len);
        buf_append(&import->head, part);
        bytes = slice_skip(bytes, part.len);
        if (head_ends(import, before) || import->head.len == import->head.cap) {
            err = take_head(import);
        }
    }
    return err || import->passing_over || !import->in_body ? err : store_lines(import, bytes);
}

/* Of the bytes, and of how many equal messages came before. */
static void make_guid(struct mbox_import *import)
{
    unsigned char digest[INTAKE_GUID_SIZE];
    crypto_generichash_final(&import->hash, digest, sizeof(digest));
    memcpy(import->guid, digest, sizeof(digest));
    for (uint64_t n = 1; !key_set_add(&import->seen, import->guid) && n < SAME_MAX; n++) {
        crypto_generichash(import->guid, sizeof(import->guid), (const unsigned char *)&n, sizeof(n), digest,
                           sizeof(digest));
    }
}

/* Without a date in the "From " line: that of the message. */
static int64_t date_of_head(struct mbox_import *import)
{
    struct header_field field;
    struct mail_date date;
    if (header_find(buf_slice(&import->head), S("Date"), &field) &&
        !date_parse(header_unfold(&import->arena, field.value), &date)) {
        return date.seconds * 1000000;
    }
    return clock_wall_us();
}

static enum err on_end(void *data)
{
    struct mbox_import *import = data;
    struct import_run *run = import->run;
    enum err err = import->in_body ? ERR_OK : take_head(import);
    if (err) {
        return err;
    }
    run->progress.messages_done += !(import->passing_over && !import->has_guid);
    if (import->passing_over) {
        return import_report(run, false);
    }
    if (import->left == 0 && !import->ours) {
        log_warning("import.message_too_long", log_cstr("file", import->path));
        run->progress.refused++;
        intake_cancel(run->intake);
        return ERR_OK;
    }
    if (!import->has_guid) {
        make_guid(import);
    }
    import->message.guid = import->guid;
    if (import->message.internal_date_us == 0) {
        import->message.internal_date_us = date_of_head(import);
    }
    err = intake_end(run->intake, &import->message);
    return err ? err : import_report(run, false);
}

/* ---- a file ---- */

static const struct mbox_events events = {on_begin, on_text, on_end};

static enum err read_file(struct mbox_import *import, int fd)
{
    struct mbox_reader reader;
    char *chunk = mem_alloc(CHUNK);
    enum err err = ERR_OK;
    ssize_t got = 1;
    mbox_reader_init(&reader, &events, import);
    while (!err && got > 0) {
        got = read(fd, chunk, CHUNK);
        err = got < 0 ? err_from_errno(errno)
                      : mbox_reader_feed(&reader, slice_of(chunk, got > 0 ? (size_t)got : 0));
    }
    if (!err) {
        err = mbox_reader_finish(&reader);
    }
    if (!err && !import->opened) { /* empty, but a mailbox */
        err = open_mailbox(import);
    }
    mbox_reader_free(&reader);
    mem_free(chunk);
    return err;
}

enum err import_mbox_file(struct import_run *run, const char *path, const struct mailbox_facts *facts,
                          bool ours)
{
    struct mbox_import import = {.run = run, .path = path, .facts = *facts, .ours = ours, .opened = false};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        enum err err = err_from_errno(errno);
        explain(run->why, path, err);
        return err;
    }
    buf_init(&import.head, HEAD_MAX);
    reset_message(&import);
    enum err err = read_file(&import, fd);
    if (err) {
        explain(run->why, path, err);
        intake_cancel(run->intake);
    }
    close(fd);
    buf_free(&import.head);
    key_set_free(&import.seen);
    arena_free(&import.arena);
    arena_free(&import.file_arena);
    return err;
}
