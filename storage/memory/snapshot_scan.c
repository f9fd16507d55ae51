/* SPDX-License-Identifier: ISC */
/* Pages of rows. */
#include <string.h>

#include "page_seen.h"
#include "snapshot_private.h"
#include "viewers.h"

static uint64_t row_keywords(const struct row *row)
{
    return row->keywords | (row->others ? KEYWORD_OTHERS : 0);
}

static void tell_texts(const struct row *row, struct message_page *page)
{
    const struct message_summary *summary = &row->body->summary;
    size_t i = page->count;
    if (page->fields & SCAN_ENVELOPE) {
        page->envelopes[i] = arena_copy(&page->texts, summary->envelope);
    }
    if (page->fields & SCAN_STRUCTURE) {
        page->structures[i] = arena_copy(&page->texts, summary->bodystructure);
        page->parts[i] = arena_copy(&page->texts, summary->parts);
        page->line_counts[i] = summary->lines;
    }
    if (page->header_sizes) {
        page->header_sizes[i] = summary->header_size;
    }
    if (page->fields & SCAN_HEADERS) {
        page->headers[i] =
            summary->headers_complete ? arena_copy(&page->texts, summary->headers) : (struct slice){NULL, 0};
    }
}

static void tell_row(const struct row *row, struct message_page *page)
{
    size_t i = page->count;
    page->uids[i] = row->uid;
    page->modseqs[i] = row->modseq;
    if (page->fields & SCAN_FLAGS) {
        page->flags[i] = row->flags;
        page->keywords[i] = row_keywords(row);
    }
    if (page->fields & SCAN_SIZE) {
        page->sizes[i] = row->body->summary.size;
    }
    if (page->fields & SCAN_DATES) {
        page->internal_dates_us[i] = row->internal_date_us;
        page->saved_us[i] = row->saved_us;
    }
    if (page->fields & SCAN_GUID) {
        memcpy(page->guids[i], row->body->guid, GUID_BYTES);
    }
    if (page->fields & SCAN_THREAD) {
        memcpy(page->threads[i], row->body->thread, GUID_BYTES);
    }
    if (page->fields & SCAN_SENT) {
        page->sent[i] = row->body->summary.has_sent ? row->body->summary.sent : INT64_MIN;
    }
    tell_texts(row, page);
    page->count++;
}

static bool page_is_full(const struct message_page *page)
{
    return page->count == page->rows_max || page->texts.used > page->texts_max;
}

/* The set from the cursor on: what lies before it is passed over. */
static const struct row *next_wanted(struct row_walk *walk, const struct message_scan *scan)
{
    const struct row *row;
    while ((row = row_walk_next(walk)) && (row->uid < scan->next_uid || row->modseq <= scan->changed_since)) {
    }
    return row;
}

/* Places the walk at the cursor, so that a page costs what it shows. */
static struct row_walk walk_from(const struct mailbox *mailbox, const struct message_scan *scan)
{
    struct row_walk walk = row_walk(mailbox, &scan->uids);
    while (walk.range < scan->uids.count && scan->uids.ranges[walk.range].last < scan->next_uid) {
        walk.range++;
    }
    if (scan->next_uid > 1 && walk.range < scan->uids.count) {
        walk.place = mailbox_seek(mailbox, MAX_OF(scan->next_uid, scan->uids.ranges[walk.range].first));
        walk.positioned = true;
    }
    return walk;
}

enum err snapshot_scan(struct snapshot *snapshot, struct message_scan *scan, struct message_page *page)
{
    const struct mailbox *mailbox = snapshot_find_mailbox(snapshot, scan->mailbox_id);
    if ((page->fields & SCAN_THREAD) && !(snapshot->fields & SCAN_THREAD)) {
        return ERR_DENIED;
    }
    enum err err = store_step(snapshot->store, MEMORY_READ);
    if (err) {
        return err;
    }
    arena_reset(&page->texts);
    page->count = 0;
    if (!mailbox || scan->done) {
        scan->done = true;
        return ERR_OK;
    }
    struct row_walk walk = walk_from(mailbox, scan);
    const struct row *row;
    while (!page_is_full(page) && (row = next_wanted(&walk, scan))) {
        tell_row(row, page);
    }
    if (scan->viewer.len && page->flags) {
        struct uid_set seen = viewer_seen(mailbox, scan->viewer);
        message_page_set_seen(page, &seen);
    }
    row = next_wanted(&walk, scan);
    scan->done = row == NULL;
    scan->next_uid = row ? row->uid : UINT32_MAX;
    return ERR_OK;
}
