/* SPDX-License-Identifier: ISC */
/* What is asked most, in one call each: by means of snapshots, after what other programs did to the mailbox
 * was taken in. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/snapshot.h"

static enum err find_id(struct account *account, struct slice name, int64_t *id_r)
{
    struct snapshot *snapshot = NULL;
    struct mailbox_entry entry;
    struct arena arena = {0};
    enum err err = snapshot_open(account, &snapshot);
    if (!err) {
        err = snapshot_mailbox(snapshot, mailbox_named(name), &arena, &entry);
    }
    if (!err) {
        *id_r = entry.status.id;
    }
    snapshot_close(snapshot);
    arena_free(&arena);
    return err;
}

/* A snapshot that shows the mailbox as its folder is. */
static enum err open_current(struct account *account, int64_t mailbox_id, struct snapshot **snapshot_r)
{
    enum err err = mailbox_refresh(account, mailbox_id);
    return err ? err : snapshot_open(account, snapshot_r);
}

static enum err open_current_named(struct account *account, struct slice name,
                                   struct mailbox_status *status_r, struct snapshot **snapshot_r)
{
    struct mailbox_entry entry;
    struct arena arena = {0};
    int64_t id = 0;
    enum err err = find_id(account, name, &id);
    if (!err) {
        err = open_current(account, id, snapshot_r);
    }
    if (err) {
        return err;
    }
    err = snapshot_mailbox(*snapshot_r, mailbox_named(name), &arena, &entry);
    if (err) {
        snapshot_close(*snapshot_r);
    } else {
        *status_r = entry.status;
    }
    arena_free(&arena);
    return err;
}

enum err mailbox_status(struct account *account, struct slice name, struct mailbox_status *status_r)
{
    struct snapshot *snapshot = NULL;
    enum err err = open_current_named(account, name, status_r, &snapshot);
    if (!err) {
        snapshot_close(snapshot);
    }
    return err;
}

enum err mailbox_list(struct account *account, struct arena *arena, struct mailbox_entry **list_r,
                      size_t *count_r)
{
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    if (!err) {
        err = snapshot_mailboxes(snapshot, arena, list_r, count_r);
    }
    snapshot_close(snapshot);
    return err;
}

/* --- rows --- */

/* Lower-case hex and a NUL. By hand: this runs once per message of a mailbox. */
static void write_guid(char out[33], const unsigned char guid[16])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        out[2 * i] = digits[guid[i] >> 4];
        out[2 * i + 1] = digits[guid[i] & 15];
    }
    out[32] = '\0';
}

static void fill_row(struct message_row *row, const struct message_page *page, size_t i)
{
    *row = (struct message_row){
        .uid = page->uids[i],
        .flags = page->flags[i],
        .modseq = page->modseqs[i],
        .size = page->sizes[i],
        .internal_date_us = page->internal_dates_us[i],
    };
    write_guid(row->guid, page->guids[i]);
}

/* `expected`: how many there will be, if that is known. */
static enum err read_rows(struct snapshot *snapshot, int64_t mailbox_id, size_t expected,
                          struct message_row **rows_r, size_t *count_r)
{
    struct message_scan scan = {.mailbox_id = mailbox_id, .uids = uid_set_all};
    struct message_page page;
    struct message_row *rows = NULL;
    size_t count = 0, room = 0;
    enum err err = ERR_OK;
    message_page_init(&page, SCAN_FLAGS | SCAN_SIZE | SCAN_DATES | SCAN_GUID);
    while (!err && !scan.done) {
        err = snapshot_scan(snapshot, &scan, &page);
        if (!err && count + page.count > room) {
            room = MAX_OF(count + page.count, scan.done ? 0 : MAX_OF(2 * room, expected));
            rows = mem_realloc_array(rows, room, sizeof(*rows));
        }
        for (size_t i = 0; !err && i < page.count; i++) {
            fill_row(&rows[count++], &page, i);
        }
    }
    message_page_free(&page);
    if (err) {
        mem_free(rows);
        return err;
    }
    *rows_r = count && count < room ? mem_realloc_array(rows, count, sizeof(*rows)) : rows;
    *count_r = count;
    return ERR_OK;
}

enum err mailbox_scan(struct account *account, int64_t mailbox_id, struct message_row **rows_r,
                      size_t *count_r)
{
    struct snapshot *snapshot = NULL;
    enum err err = open_current(account, mailbox_id, &snapshot);
    if (!err) {
        err = read_rows(snapshot, mailbox_id, 0, rows_r, count_r);
        snapshot_close(snapshot);
    }
    return err;
}

enum err mailbox_read(struct account *account, struct slice name, struct mailbox_status *status_r,
                      struct message_row **rows_r, size_t *count_r)
{
    struct mailbox_status status;
    struct snapshot *snapshot = NULL;
    enum err err = open_current_named(account, name, &status, &snapshot);
    if (!err) {
        err = read_rows(snapshot, status.id, status.messages, rows_r, count_r);
        snapshot_close(snapshot);
    }
    if (!err) {
        *status_r = status;
    }
    return err;
}

/* --- one message --- */

static void copy_detail(struct arena *arena, const struct message_page *page, struct message_detail *detail)
{
    bool complete = page->headers[0].data != NULL;
    *detail = (struct message_detail){
        .envelope = arena_copy(arena, page->envelopes[0]),
        .bodystructure = arena_copy(arena, page->structures[0]),
        .headers = complete ? arena_copy(arena, page->headers[0]) : (struct slice){0},
        .parts = arena_copy(arena, page->parts[0]),
        .header_size = page->header_sizes[0],
        .lines = page->line_counts[0],
    };
}

enum err message_detail(struct account *account, int64_t mailbox_id, uint32_t uid, struct arena *arena,
                        struct message_detail *detail_r)
{
    const struct uid_range range = {uid, uid};
    struct message_scan scan = {.mailbox_id = mailbox_id, .uids = {&range, 1}};
    struct message_page page;
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    if (err) {
        return err;
    }
    message_page_init(&page, SCAN_ENVELOPE | SCAN_STRUCTURE | SCAN_HEADERS);
    err = snapshot_scan(snapshot, &scan, &page);
    if (!err && page.count == 0) {
        err = ERR_NOT_FOUND;
    }
    if (!err) {
        copy_detail(arena, &page, detail_r);
    }
    message_page_free(&page);
    snapshot_close(snapshot);
    return err;
}

enum err snapshot_unseen(struct snapshot *snapshot, const struct mailbox_status *mailbox, struct slice viewer,
                         uint64_t *unseen_r)
{
    struct arena arena = {0};
    struct uid_set seen;
    if (viewer.len == 0) {
        *unseen_r = mailbox->unseen;
        return ERR_OK;
    }
    enum err err = snapshot_seen(snapshot, mailbox->id, viewer, &arena, &seen);
    if (!err) {
        *unseen_r = mailbox->messages - uid_set_size(&seen);
    }
    arena_free(&arena);
    return err;
}
