/* SPDX-License-Identifier: ISC */
/*
 * A mailbox as one mbox file. Each message begins with fields of ours, as UW imapd and Dovecot write them:
 *
 *     From MAILER-DAEMON Fri Nov 21 09:55:06 1997
 *     X-IMAPbase: <uidvalidity> <last UID>                  (the first message)
 *     X-Postern-Mailbox: <guid> <highest modseq>            (the first message)
 *     X-UID: 17
 *     X-UIDL: <guid>
 *     Status: RO
 *     X-Status: AF
 *     X-Keywords: Work $Forwarded
 *     X-Postern-Message: crlf 1234 880106106000000          line ends, size, date in µs
 *
 * The last of them tells how to get the very bytes back: a message whose lines all end in CRLF is written
 * with LF ("crlf"), any other as it is ("raw"), and the size cuts off a line end that was added. The file
 * comes under a temporary name and is renamed when it is whole; one that tells the mailbox's modseq is up to
 * date.
 */
#include "transfer_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "base/encode.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "mbox.h"

#define LEVEL_MAX  200
#define FLUSH_AT   (256 * 1024)
#define BUFFER_MAX (1024 * 1024) /* with the fields of ours of one message */
#define HEAD_MAX   4096

struct mbox_export {
    struct export_run *run;
    int64_t mailbox_id;
    uint64_t modseq;
    int fd;
    struct buf out;
    bool first;
};

/* ---- where ---- */

static const char *level_of(struct arena *arena, struct slice level, bool top)
{
    const char *name = file_name_of(arena, level);
    struct slice text = slice_from(name);
    if (text.len > LEVEL_MAX) {
        struct buf hex;
        unsigned char hash[INTAKE_GUID_SIZE];
        crypto_generichash(hash, sizeof(hash), (const unsigned char *)level.data, level.len, NULL, 0);
        buf_init(&hex, 64);
        hex_encode(&hex, slice_of(hash, sizeof(hash)));
        name = arena_printf(arena, "%%long-name-%s", buf_cstr(&hex));
        buf_free(&hex);
    } else if (slice_ends_with_nocase(text, S(".sbd")) || slice_ends_with_nocase(text, S(".part")) ||
               (top && (slice_eq_nocase(text, S(ACCOUNT_FILE)) || slice_eq_nocase(text, S(SIEVE_FOLDER))))) {
        name = arena_printf(arena, "%s%%", name); /* a name that means something to us or to Thunderbird */
    }
    return name;
}

/* "Work/Old" is Work.sbd/Old, as Thunderbird has it. */
const char *mbox_path_of(struct arena *arena, struct slice name)
{
    const char *path = "";
    struct slice rest = name;
    bool top = true;
    while (rest.data) {
        const char *level = level_of(arena, slice_split(&rest, '/'), top);
        path = arena_printf(arena, "%s%s%s", path, level, rest.data ? ".sbd/" : "");
        top = false;
    }
    return path;
}

/* ---- writing ---- */

static enum err flush(struct mbox_export *export)
{
    enum err err = fs_write_all(export->fd, buf_slice(&export->out));
    export->run->progress.bytes_done += export->out.len;
    buf_clear(&export->out);
    return err;
}

static void append_guid(struct buf *out, const char *field, const unsigned char *guid, const char *rest)
{
    buf_printf(out, "%s: ", field);
    hex_encode(out, slice_of(guid, INTAKE_GUID_SIZE));
    buf_append(out, slice_from(rest));
    buf_append_char(out, '\n');
}

static void append_mailbox_fields(struct mbox_export *export)
{
    const struct mailbox_facts *facts = export->run->mailbox;
    char modseq[32];
    snprintf(modseq, sizeof(modseq), " %" PRIu64, export->modseq);
    buf_printf(&export->out, "X-IMAPbase: %" PRIu32 " %010" PRIu32 "\n", facts->uidvalidity,
               facts->uidnext - 1);
    append_guid(&export->out, "X-Postern-Mailbox", facts->guid, modseq);
}

static void append_flags(struct buf *out, const struct walked_message *message)
{
    buf_printf(out, "Status: %sO\nX-Status: %s%s%s%s\n", message->flags & MESSAGE_SEEN ? "R" : "",
               message->flags & MESSAGE_ANSWERED ? "A" : "", message->flags & MESSAGE_FLAGGED ? "F" : "",
               message->flags & MESSAGE_DELETED ? "D" : "", message->flags & MESSAGE_DRAFT ? "T" : "");
    if (message->keyword_count) {
        buf_append(out, S("X-Keywords:"));
        for (size_t i = 0; i < message->keyword_count; i++) {
            buf_printf(out, " %.*s", SLICE_ARG(message->keywords[i]));
        }
        buf_append_char(out, '\n');
    }
}

static void append_head(struct mbox_export *export, const struct walked_message *message, bool crlf,
                        uint64_t size)
{
    struct buf *out = &export->out;
    time_t seconds = (time_t)(message->internal_date_us / 1000000);
    struct tm utc;
    char date[64];
    gmtime_r(&seconds, &utc);
    strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &utc);
    buf_printf(out, "From MAILER-DAEMON %s\n", date);
    if (export->first) {
        append_mailbox_fields(export);
        export->first = false;
    }
    buf_printf(out, "X-UID: %" PRIu32 "\n", message->uid);
    append_guid(out, "X-UIDL", message->guid, "");
    append_flags(out, message);
    buf_printf(out, "X-Postern-Message: %s %" PRIu64 " %" PRId64 "\n", crlf ? "crlf" : "raw", size,
               message->internal_date_us);
}

/* ---- bodies ---- */

/* Messages fit into memory: the store's limit for them is far below that of a process. */
static enum err read_body(const struct blob_reader *reader, char *body)
{
    uint64_t done = 0;
    while (done < reader->size) {
        ssize_t got = pread(reader->fd, body + done, reader->size - done, (off_t)done);
        if (got <= 0) {
            return got < 0 ? err_from_errno(errno) : ERR_CORRUPT; /* shorter than it was said to be */
        }
        done += (uint64_t)got;
    }
    return ERR_OK;
}

static bool is_crlf(struct slice text)
{
    for (size_t at = slice_find(text, '\n'); at < text.len;
         at += 1 + slice_find(slice_skip(text, at + 1), '\n')) {
        if (at == 0 || text.data[at - 1] != '\r') {
            return false;
        }
    }
    return true;
}

static enum err put(struct mbox_export *export, struct slice bytes)
{
    if (bytes.len > FLUSH_AT) {
        enum err err = flush(export);
        export->run->progress.bytes_done += bytes.len;
        return err ? err : fs_write_all(export->fd, bytes);
    }
    buf_append(&export->out, bytes);
    return export->out.len >= FLUSH_AT ? flush(export) : ERR_OK;
}

static enum err put_lines(struct mbox_export *export, struct slice text, bool crlf)
{
    enum err err = ERR_OK;
    while (text.len && !err) {
        struct slice line = slice_take(text, slice_find(text, '\n') + 1);
        bool ends = line.data[line.len - 1] == '\n';
        text = slice_skip(text, line.len);
        if (mbox_must_quote(line)) {
            buf_append_char(&export->out, '>');
        }
        err = put(export, crlf && ends ? slice_take(line, line.len - 2) : line);
        if (!ends || crlf) {
            buf_append_char(&export->out, '\n');
        }
    }
    buf_append_char(&export->out, '\n'); /* the empty line before the next "From " */
    return err;
}

static enum err export_body(struct mbox_export *export, const struct walked_message *message,
                            const struct blob_reader *reader)
{
    if (reader->size > TRANSFER_MESSAGE_MAX) {
        log_warning("export.message_too_long", log_number("uid", message->uid));
        export->run->progress.refused++;
        return ERR_OK;
    }
    char *body = mem_alloc(reader->size + 1);
    struct slice text = slice_of(body, reader->size);
    enum err err = read_body(reader, body);
    if (!err) {
        bool crlf = is_crlf(text);
        append_head(export, message, crlf, reader->size);
        err = put_lines(export, text, crlf);
    }
    mem_free(body);
    return err;
}

static enum err export_message(void *data, const struct walked_message *message)
{
    struct mbox_export *export = data;
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
    return err ? err : export_report(run, false);
}

/* ---- the file ---- */

/* Whether the file is of this mailbox as it is now. */
static bool is_up_to_date(struct mbox_export *export)
{
    char head[HEAD_MAX + 1];
    int fd = open(export->run->path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : pread(fd, head, HEAD_MAX, 0);
    struct buf line;
    buf_init(&line, 256);
    char modseq[32];
    snprintf(modseq, sizeof(modseq), " %" PRIu64, export->modseq);
    append_guid(&line, "\nX-Postern-Mailbox", export->run->mailbox->guid, modseq);
    struct slice text = slice_of(head, got > 0 ? (size_t)got : 0);
    bool same = got > 0 && slice_find_text(text, buf_slice(&line)) < text.len;
    buf_free(&line);
    if (fd >= 0) {
        close(fd);
    }
    return same;
}

static enum err write_file(struct mbox_export *export)
{
    struct export_run *run = export->run;
    const char *temporary = arena_printf(&run->arena, "%s.part", run->path);
    unlink(temporary);
    export->fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (export->fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = account_walk(run->account, export->mailbox_id, export_message, export);
    if (!err) {
        err = flush(export);
    }
    if (!err && fsync(export->fd) != 0) {
        err = err_from_errno(errno);
    }
    if (close(export->fd) != 0 && !err) {
        err = err_from_errno(errno);
    }
    if (!err && rename(temporary, run->path) != 0) {
        err = err_from_errno(errno);
    }
    if (err) {
        unlink(temporary);
    }
    return err;
}

static enum err make_parent(struct export_run *run)
{
    struct slice path = slice_from(run->path);
    return fs_make_directories(arena_cstr(&run->arena, slice_take(path, slice_find_last(path, '/'))), 0700);
}

enum err export_mbox(struct export_run *run, int64_t mailbox_id, uint64_t modseq)
{
    struct mbox_export export = {.run = run, .mailbox_id = mailbox_id, .modseq = modseq, .first = true};
    struct mailbox_status status;
    enum err err = mailbox_status(run->account, run->mailbox->name, &status);
    if (err) {
        return err == ERR_NOT_FOUND ? ERR_OK : err; /* deleted meanwhile */
    }
    if (is_up_to_date(&export)) {
        run->progress.skipped += status.messages;
        run->progress.messages_done += status.messages;
        return export_report(run, true);
    }
    buf_init(&export.out, BUFFER_MAX);
    err = make_parent(run);
    if (!err) {
        err = write_file(&export);
    }
    buf_free(&export.out);
    return err;
}
