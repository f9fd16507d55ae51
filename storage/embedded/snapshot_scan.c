/* SPDX-License-Identifier: ISC */
/*
 * Scans. A page comes from one walk over a piece of the mailbox in UID order, by the cheapest of some
 * statements that has the columns: the narrow rows of `message` alone give some million rows a second, those
 * of `body` are wide, and the thread has a narrow table of its own.
 *
 * A set of UIDs is walked span by span: ranges near each other make one span, and what lies between them is
 * passed over, as that costs less than going down the tree again. When few messages have changed since the
 * MODSEQ that was asked for, the index by MODSEQ tells their UIDs, and these are read like a set; when many
 * have, all are walked and the others passed over, so that a scan reads each row once at most.
 *
 * Of large mailboxes the narrow columns may be there already (snapshot_columns.c).
 */
#include "snapshot_private.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "page_seen.h"
#include "viewers.h"

/* UIDs that are walked over rather than sought. */
#define GAP_MAX 16

/* So many changes count as few. */
#define FEW_CHANGES 4096

#define FROM_MESSAGE " FROM message"
#define FROM_BOTH    " FROM message LEFT JOIN body ON body.id=message.body"
#define WANTED       " WHERE mailbox=?1 AND uid BETWEEN ?2 AND ?3 AND modseq>?4 ORDER BY uid"

/* ?5: the fields. What stands behind a THEN is read only when it is asked for. */
#define THREAD "(SELECT thread FROM thread_member WHERE thread_member.body=message.body)"
#define TEXTS                                                                  \
    "CASE WHEN ?5&64 THEN envelope END, CASE WHEN ?5&128 THEN bodystruct END," \
    " CASE WHEN ?5&128 THEN parts END, hdrsize, lines, CASE WHEN ?5&256 THEN hdrs END"

_Static_assert(SCAN_THREAD == 16 && SCAN_ENVELOPE == 64 && SCAN_STRUCTURE == 128 && SCAN_HEADERS == 256,
               "the statements test these bits");

#define FLAGS_ONLY ((unsigned)SCAN_FLAGS)
#define ROW_FIELDS (FLAGS_ONLY | SCAN_SIZE | SCAN_DATES)

/* The cheapest first; the last has all. */
static const struct statement {
    unsigned fields;
    const char *sql;
} statements[] = {
    {FLAGS_ONLY, "SELECT uid, modseq, flags, kw" FROM_MESSAGE WANTED},
    {ROW_FIELDS, "SELECT uid, modseq, flags, kw, message.size, idate, saved" FROM_MESSAGE WANTED},
    {ROW_FIELDS | SCAN_THREAD,
     "SELECT uid, modseq, flags, kw, message.size, idate, saved, " THREAD FROM_MESSAGE WANTED},
    {ROW_FIELDS | SCAN_GUID | SCAN_SENT,
     "SELECT uid, modseq, flags, kw, message.size, idate, saved, NULL, guid, sent" FROM_BOTH WANTED},
    {UINT_MAX, "SELECT uid, modseq, flags, kw, message.size, idate, saved, CASE WHEN ?5&16 THEN " THREAD
               " END, guid, sent, " TEXTS FROM_BOTH WANTED},
};

static const struct statement *choose_statement(unsigned fields)
{
    const struct statement *statement = statements;
    while (fields & ~statement->fields) {
        statement++;
    }
    return statement;
}

static bool reads_bodies(unsigned fields)
{
    return (fields & ~(ROW_FIELDS | SCAN_THREAD)) != 0;
}

struct walk {
    struct snapshot *snapshot;
    const struct message_scan *scan;
    struct message_page *page;
    const struct uid_set *uids;
    size_t range; /* the first of uids->ranges that does not end before the row */
};

static void copy_id(unsigned char id[16], sqlite3_stmt *statement, int column)
{
    const void *bytes = sqlite3_column_blob(statement, column);
    memset(id, 0, 16);
    if (bytes) {
        memcpy(id, bytes, (size_t)MIN_OF(sqlite3_column_bytes(statement, column), 16));
    }
}

static void take_row_columns(struct message_page *page, size_t row, sqlite3_stmt *statement)
{
    if (page->sizes) {
        page->sizes[row] = (uint64_t)sqlite3_column_int64(statement, 4);
    }
    if (page->internal_dates_us) {
        page->internal_dates_us[row] = sqlite3_column_int64(statement, 5);
        page->saved_us[row] = sqlite3_column_int64(statement, 6);
    }
    if (page->threads) {
        copy_id(page->threads[row], statement, 7);
    }
}

static void take_body_columns(struct message_page *page, size_t row, sqlite3_stmt *statement)
{
    if (page->guids) {
        copy_id(page->guids[row], statement, 8);
    }
    if (page->sent) {
        bool has_sent = sqlite3_column_type(statement, 9) != SQLITE_NULL;
        page->sent[row] = has_sent ? sqlite3_column_int64(statement, 9) : INT64_MIN;
    }
    if (page->envelopes) {
        page->envelopes[row] = db_column_text(statement, 10, &page->texts);
    }
    if (page->structures) {
        page->structures[row] = db_column_text(statement, 11, &page->texts);
        page->parts[row] = db_column_text(statement, 12, &page->texts);
        page->line_counts[row] = (uint64_t)sqlite3_column_int64(statement, 14);
    }
    if (page->header_sizes) {
        page->header_sizes[row] = (uint64_t)sqlite3_column_int64(statement, 13);
    }
    if (page->headers) {
        bool complete = sqlite3_column_type(statement, 15) != SQLITE_NULL;
        page->headers[row] = complete ? db_column_text(statement, 15, &page->texts) : (struct slice){0};
    }
}

static void take_row(struct message_page *page, sqlite3_stmt *statement, uint32_t uid)
{
    size_t row = page->count++;
    page->uids[row] = uid;
    page->modseqs[row] = (uint64_t)sqlite3_column_int64(statement, 1);
    if (page->flags) {
        page->flags[row] = (uint32_t)sqlite3_column_int64(statement, 2);
        page->keywords[row] = (uint64_t)sqlite3_column_int64(statement, 3);
    }
    if (page->fields & ~FLAGS_ONLY) {
        take_row_columns(page, row, statement);
    }
    if (reads_bodies(page->fields)) {
        take_body_columns(page, row, statement);
    }
}

static bool is_full(const struct message_page *page)
{
    return page->count == page->rows_max || page->texts.used > page->texts_max;
}

static bool is_wanted(struct walk *walk, uint32_t uid)
{
    const struct uid_set *uids = walk->uids;
    while (walk->range < uids->count && uids->ranges[walk->range].last < uid) {
        walk->range++;
    }
    return walk->range < uids->count && uids->ranges[walk->range].first <= uid;
}

static enum err read_span(struct walk *walk, struct uid_range span)
{
    struct message_page *page = walk->page;
    const struct statement *chosen = choose_statement(page->fields);
    sqlite3_stmt *statement = snapshot_statement(walk->snapshot, chosen->sql, walk->scan->mailbox_id);
    int more = 0;
    db_bind_int(statement, 2, span.first);
    db_bind_int(statement, 3, span.last);
    db_bind_int(statement, 4, (int64_t)walk->scan->changed_since);
    if (chosen->fields == UINT_MAX) {
        db_bind_int(statement, 5, page->fields);
    }
    while (!is_full(page) && (more = db_step(walk->snapshot->db, statement)) == 1) {
        uint32_t uid = (uint32_t)sqlite3_column_int64(statement, 0);
        if (is_wanted(walk, uid)) {
            take_row(page, statement, uid);
        }
    }
    if (more == 1) {
        sqlite3_reset(statement);
    }
    return snapshot_outcome(walk->snapshot, more);
}

/* Behind what the page has. */
static void move_cursor(struct message_scan *scan, const struct message_page *page)
{
    if (is_full(page)) {
        uint32_t last = page->uids[page->count - 1];
        scan->done = last == UINT32_MAX;
        scan->next_uid = last + !scan->done;
    } else {
        scan->done = true;
    }
}

/* Fills the page out of this set, from the cursor on. */
static enum err read_set(struct snapshot *snapshot, const struct message_scan *scan,
                         const struct uid_set *uids, struct message_page *page)
{
    struct walk walk = {.snapshot = snapshot, .scan = scan, .page = page, .uids = uids};
    uint32_t gap = reads_bodies(page->fields) ? 0 : GAP_MAX; /* a wide row is dear to pass over */
    size_t i = uid_set_find(uids, scan->next_uid);
    enum err err = ERR_OK;
    walk.range = i;
    while (i < uids->count && !is_full(page) && !err) {
        struct uid_range span = uids->ranges[i++];
        while (i < uids->count && uids->ranges[i].first - span.last <= gap + 1) {
            span.last = uids->ranges[i++].last;
        }
        span.first = MAX_OF(span.first, scan->next_uid);
        err = read_span(&walk, span);
    }
    return err;
}

#define CHANGED "SELECT uid FROM message INDEXED BY message_modseq WHERE mailbox=?1 AND modseq>?2 LIMIT ?3"

/* The UIDs of what changed, in the order of MODSEQ; *count_r is FEW_CHANGES + 1 when there are more. */
static enum err read_changed(struct snapshot *snapshot, const struct message_scan *scan, uint32_t *uids,
                             size_t *count_r)
{
    int more;
    size_t count = 0;
    sqlite3_stmt *statement = snapshot_statement(snapshot, CHANGED, scan->mailbox_id);
    db_bind_int(statement, 2, (int64_t)scan->changed_since);
    db_bind_int(statement, 3, FEW_CHANGES + 1);
    while ((more = db_step(snapshot->db, statement)) == 1) {
        uids[count++] = (uint32_t)sqlite3_column_int64(statement, 0);
    }
    *count_r = count;
    return snapshot_outcome(snapshot, more);
}

static int compare_uids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Those of the list that the scan asks for and has still before it, as a set. */
static struct uid_set choose_changed(const struct message_scan *scan, uint32_t *uids, size_t count,
                                     struct arena *arena)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (uids[i] >= scan->next_uid && uid_set_has(&scan->uids, uids[i])) {
            uids[kept++] = uids[i];
        }
    }
    if (kept) {
        qsort(uids, kept, sizeof(*uids), compare_uids);
    }
    return uid_set_from_uids(arena, uids, kept);
}

static enum err read_changes(struct snapshot *snapshot, const struct message_scan *scan,
                             struct message_page *page)
{
    struct arena arena = {0};
    uint32_t *uids = arena_array(&arena, uint32_t, FEW_CHANGES + 1);
    size_t count = 0;
    enum err err = read_changed(snapshot, scan, uids, &count);
    if (!err && count > FEW_CHANGES) {
        err = read_set(snapshot, scan, &scan->uids, page);
    } else if (!err) {
        struct uid_set changed = choose_changed(scan, uids, count, &arena);
        err = read_set(snapshot, scan, &changed, page);
    }
    arena_free(&arena);
    return err;
}

/* \Seen as the viewer has it. */
static enum err show_to_viewer(struct snapshot *snapshot, const struct message_scan *scan,
                               struct message_page *page)
{
    struct arena arena = {0};
    struct uid_set seen;
    if (scan->viewer.len == 0 || !page->flags || page->count == 0) {
        return ERR_OK;
    }
    struct uid_range within = {page->uids[0], page->uids[page->count - 1]};
    enum err err = viewer_seen(snapshot->db, scan->mailbox_id, scan->viewer, within, &arena, &seen);
    if (!err) {
        message_page_set_seen(page, &seen);
    }
    arena_free(&arena);
    return account_note_error(snapshot->account, err);
}

enum err snapshot_scan(struct snapshot *snapshot, struct message_scan *scan, struct message_page *page)
{
    page->count = 0;
    arena_reset(&page->texts);
    if ((page->fields & SCAN_THREAD) && !(snapshot->fields & SCAN_THREAD)) {
        return ERR_DENIED;
    }
    if (scan->done) {
        return ERR_OK;
    }
    bool is_read = false;
    enum err err = snapshot_scan_kept(snapshot, scan, page, &is_read);
    if (!err && !is_read) {
        err = scan->changed_since ? read_changes(snapshot, scan, page)
                                  : read_set(snapshot, scan, &scan->uids, page);
    }
    if (err) {
        return err;
    }
    move_cursor(scan, page);
    return show_to_viewer(snapshot, scan, page);
}
