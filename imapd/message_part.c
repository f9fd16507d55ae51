/* SPDX-License-Identifier: ISC */
#include "message_part.h"

#include "fetch_run.h"

#define PIECE_SIZE ((size_t)64 * 1024)

/* The section of a URL is written as FETCH has it. */
static bool parse_url_section(struct arena *arena, const struct imapurl *url, struct fetch_item *item_r)
{
    struct fetch_request request;
    const char *command = arena_printf(arena, " 1 BODY.PEEK[%.*s]", (int)url->section.len, url->section.data);
    struct parser parser = parser_of(arena, slice_from(command));
    if (!parse_fetch(&parser, &request) || request.item_count != 1)
        return false;
    *item_r = request.items[0];
    item_r->label = SLICE_EMPTY;
    item_r->is_partial = url->is_partial;
    item_r->offset = url->offset;
    item_r->length = url->length > 0 ? url->length : FETCH_PARTIAL_LAST;
    return true;
}

/* Where the URL leads: into a mailbox of this account. */
struct place {
    struct account *account;
    struct mailbox_ref mailbox;
};

static enum err find_message(const struct place *place, struct arena *arena, const struct imapurl *url,
                             struct fetch_run *run)
{
    struct snapshot *snapshot = NULL;
    struct mailbox_entry mailbox;
    enum err err = snapshot_open(place->account, &snapshot);
    if (!err)
        err = snapshot_mailbox(snapshot, place->mailbox, arena, &mailbox);
    if (!err && url->uidvalidity != 0 && url->uidvalidity != mailbox.status.uidvalidity)
        err = ERR_NOT_FOUND;
    if (!err) {
        run->scan.mailbox_id = mailbox.status.id;
        err = snapshot_scan(snapshot, &run->scan, &run->page);
    }
    snapshot_close(snapshot);
    if (!err && run->page.count == 0)
        err = ERR_NOT_FOUND;
    return err;
}

/* What FETCH writes, without the size before it. */
static enum err give(struct fetch_run *run, const struct fetch_item *item, message_part_taker *take,
                     void *data)
{
    enum err err = fetch_write_body(run, item);
    if (err)
        return err;
    struct slice out = buf_slice(&run->out);
    size_t size_end = slice_find_text(out, S("}\r\n"));
    if (size_end == out.len)
        return ERR_NOT_FOUND;
    err = take(data, slice_skip(out, size_end + 3));
    run->stream.keeps_nul = true;
    while (!err && run->stream.left > 0) {
        buf_clear(&run->out);
        err = fetch_stream_take(&run->stream, &run->out, PIECE_SIZE);
        if (!err)
            err = take(data, buf_slice(&run->out));
    }
    return err;
}

static enum err read_at(const struct place *place, struct arena *arena, const struct imapurl *url,
                        message_part_taker *take, void *data)
{
    struct fetch_item item;
    struct uid_range uid = {url->uid, url->uid};
    struct fetch_run run = {.scan = {.uids = {&uid, 1}}};
    if (!parse_url_section(arena, url, &item))
        return ERR_SYNTAX;
    message_page_init(&run.page, SCAN_STRUCTURE | SCAN_SIZE | SCAN_HEADERS);
    buf_init(&run.out, SIZE_MAX / 2);
    enum err err = find_message(place, arena, url, &run);
    if (!err)
        err = message_open(place->account, run.scan.mailbox_id, url->uid, &run.file);
    run.has_file = !err;
    if (!err)
        err = give(&run, &item, take, data);
    fetch_stream_free(&run.stream);
    if (run.has_file)
        blob_reader_close(&run.file);
    message_page_free(&run.page);
    buf_free(&run.out);
    return err;
}

enum err message_part_read_in(struct account *account, struct arena *arena, const struct imapurl *url,
                              message_part_taker *take, void *data)
{
    struct place place = {account, mailbox_named(mailbox_name_canonical(arena, url->mailbox))};
    return read_at(&place, arena, url, take, data);
}

enum err message_part_read(struct imap_session *session, const struct imapurl *url, message_part_taker *take,
                           void *data)
{
    struct imap_access access;
    if (!url->mailbox.data) {
        struct place open = {session->selected->account, mailbox_numbered(session->selected->mailbox_id)};
        return read_at(&open, &session->arena, url, take, data);
    }
    enum err err = imap_access(session, url->mailbox, RIGHT_READ, &access);
    if (!err) {
        struct place place = {access.account, mailbox_named(access.mailbox)};
        err = read_at(&place, &session->arena, url, take, data);
    }
    imap_access_end(&access);
    return err == ERR_DENIED ? ERR_NOT_FOUND : err;
}
