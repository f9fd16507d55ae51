/* SPDX-License-Identifier: ISC */
/*
 * Scans of the narrow columns by what the process has kept of them (columns.h). Whoever reads a good part of
 * a large mailbox has all of it read and kept, or brought up to date; who reads less takes what is there.
 */
#include "snapshot_private.h"

#include "base/mem.h"
#include "columns.h"

/* A scan of so much of a mailbox pays for reading all of it; as many changes do not pay for being read one by
 * one. */
#define PART_OF_ALL     4
#define PART_OF_CHANGES 8

#define READ_STATE "SELECT highestmodseq, messages, uidvalidity FROM mailbox WHERE id=?1"

/* Once for the pages that are read through one snapshot. */
static enum err read_state(struct snapshot *snapshot, int64_t mailbox_id)
{
    struct columns_state *state = &snapshot->columns;
    if (state->account && state->mailbox_id == mailbox_id) {
        return ERR_OK;
    }
    *state = (struct columns_state){.account = snapshot->account, .mailbox_id = mailbox_id};
    sqlite3_stmt *statement = snapshot_statement(snapshot, READ_STATE, mailbox_id);
    int step = db_step(snapshot->db, statement);
    if (step == 1) {
        state->highestmodseq = (uint64_t)sqlite3_column_int64(statement, 0);
        state->messages = (uint64_t)sqlite3_column_int64(statement, 1);
        state->uidvalidity = (uint32_t)sqlite3_column_int64(statement, 2);
        sqlite3_reset(statement);
    }
    return snapshot_outcome(snapshot, step);
}

/* At most so many rows that a statement gives; *count_r is `max` + 1 when there are more. */
static enum err read_rows(struct snapshot *snapshot, sqlite3_stmt *statement, struct column_row *rows,
                          size_t max, size_t *count_r)
{
    size_t count = 0;
    int more;
    while ((more = db_step(snapshot->db, statement)) == 1 && count < max) {
        rows[count++] = (struct column_row){
            .uid = (uint32_t)sqlite3_column_int64(statement, 0),
            .modseq = (uint64_t)sqlite3_column_int64(statement, 1),
            .flags = (uint32_t)sqlite3_column_int64(statement, 2),
            .keywords = (uint64_t)sqlite3_column_int64(statement, 3),
        };
    }
    *count_r = count + (more == 1);
    if (more == 1) {
        sqlite3_reset(statement);
    }
    return snapshot_outcome(snapshot, more);
}

#define COLUMNS "SELECT uid, modseq, flags, kw FROM message"
#define ALL     COLUMNS " WHERE mailbox=?1 ORDER BY uid"
#define CHANGED COLUMNS " INDEXED BY message_modseq WHERE mailbox=?1 AND modseq>?2"

static enum err load(struct snapshot *snapshot)
{
    const struct columns_state *state = &snapshot->columns;
    size_t max = (size_t)state->messages, count = 0;
    struct column_row *rows = mem_realloc_array(NULL, max, sizeof(*rows));
    sqlite3_stmt *statement = snapshot_statement(snapshot, ALL, state->mailbox_id);
    enum err err = read_rows(snapshot, statement, rows, max, &count);
    if (err || count != max) {
        mem_free(rows);
        rows = NULL;
    }
    if (!err) {
        columns_put(snapshot->account->store->columns, state, rows);
    }
    return err;
}

/* *known_r: all that happened since is known, and not too much for that. */
static enum err catch_up(struct snapshot *snapshot, uint64_t since, bool *known_r)
{
    const struct columns_state *state = &snapshot->columns;
    struct arena arena = {0};
    struct uid_set gone = {0};
    size_t max = (size_t)state->messages / PART_OF_CHANGES + 1, count = 0;
    struct column_row *rows = mem_realloc_array(NULL, max, sizeof(*rows));
    sqlite3_stmt *statement = snapshot_statement(snapshot, CHANGED, state->mailbox_id);
    db_bind_int(statement, 2, (int64_t)since);
    enum err err = read_rows(snapshot, statement, rows, max, &count);
    *known_r = count <= max;
    if (!err && *known_r) {
        err = snapshot_vanished(snapshot, state->mailbox_id, since, &arena, &gone, known_r);
    }
    if (!err && *known_r) {
        columns_update(snapshot->account->store->columns, state, since, &gone, rows, count);
    }
    mem_free(rows);
    arena_free(&arena);
    return err;
}

/* Whether all that lies between is worth being read. */
static bool is_wide(const struct columns_state *state, const struct message_scan *scan,
                    const struct message_page *page, uint64_t uids)
{
    return !scan->changed_since && page->rows_max == SCAN_PAGE_ROWS && uids >= state->messages / PART_OF_ALL;
}

static enum columns_found read_page(struct snapshot *snapshot, const struct message_scan *scan,
                                    struct message_page *page, uint64_t *since_r)
{
    return columns_read(snapshot->account->store->columns, &snapshot->columns, scan, page, since_r);
}

enum err snapshot_scan_kept(struct snapshot *snapshot, const struct message_scan *scan,
                            struct message_page *page, bool *read_r)
{
    uint64_t uids = uid_set_size(&scan->uids), since = 0;
    *read_r = false;
    if (page->fields & ~(unsigned)SCAN_FLAGS || uids < columns_uids_min) {
        return ERR_OK;
    }
    enum err err = read_state(snapshot, scan->mailbox_id);
    const struct columns_state *state = &snapshot->columns;
    if (err || state->messages < columns_messages_min || state->messages > COLUMNS_MAILBOX_MAX) {
        return err;
    }
    enum columns_found found = read_page(snapshot, scan, page, &since);
    bool is_wanted = is_wide(state, scan, page, uids), known = false;
    if (is_wanted && found == COLUMNS_OLDER) {
        err = catch_up(snapshot, since, &known);
        found = err ? COLUMNS_UNFIT : known ? read_page(snapshot, scan, page, &since) : COLUMNS_NONE;
    }
    if (is_wanted && found == COLUMNS_NONE) {
        err = load(snapshot);
        found = err ? COLUMNS_UNFIT : read_page(snapshot, scan, page, &since);
    }
    *read_r = found == COLUMNS_SAME;
    return err;
}
