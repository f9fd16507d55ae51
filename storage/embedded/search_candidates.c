/* SPDX-License-Identifier: ISC */
/*
 * Candidates of a search: the full-text index is filled up first as far as that is quick, and names bodies;
 * the index knows which messages of the mailbox have them. Bodies that the full-text index does not have yet
 * are candidates, too. Whatever goes wrong with it, all messages are: that is slow and right.
 */
#include "search_engine.h"

#include <stdlib.h>

#include "account_private.h"
#include "base/log.h"
#include "base/mem.h"
#include "fts.h"
#include "snapshot_private.h"

/* Bodies that a search indexes before it answers; a second's work or so. More than these are left to the work
 * in the background, and looked at one by one meanwhile. */
#define CATCH_UP_MAX 1000
/* Looking up one body costs about as much as passing over so many rows. */
#define LOOK_UP_COST 8

struct mapping {
    struct snapshot *snapshot;
    const struct search_request *request;
    uint32_t first, last; /* around `within` */
    uint32_t *uids;
    size_t count, size;
};

static void add_uid(struct mapping *mapping, uint32_t uid)
{
    if (!uid_set_has(&mapping->request->within, uid)) {
        return;
    }
    if (mapping->count == mapping->size) {
        mapping->size = mapping->size ? mapping->size * 2 : 256;
        mapping->uids = mem_realloc_array(mapping->uids, mapping->size, sizeof(*mapping->uids));
    }
    mapping->uids[mapping->count++] = uid;
}

#define ALL_MESSAGES "SELECT uid, body FROM message WHERE mailbox=?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid"

static int compare_bodies(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_candidate(const struct fts_candidates *candidates, int64_t body)
{
    if (candidates->all || body > candidates->indexed_up_to) {
        return true;
    }
    return candidates->count > 0 &&
           bsearch(&body, candidates->bodies, candidates->count, sizeof(body), compare_bodies);
}

/* All rows of the mailbox, in their order. */
static enum err pass_over_rows(struct mapping *mapping, const struct fts_candidates *candidates)
{
    int more;
    sqlite3_stmt *statement =
        snapshot_statement(mapping->snapshot, ALL_MESSAGES, mapping->request->mailbox_id);
    db_bind_int(statement, 2, mapping->first);
    db_bind_int(statement, 3, mapping->last);
    while ((more = db_step(mapping->snapshot->db, statement)) == 1) {
        if (is_candidate(candidates, sqlite3_column_int64(statement, 1))) {
            add_uid(mapping, (uint32_t)sqlite3_column_int64(statement, 0));
        }
    }
    return snapshot_outcome(mapping->snapshot, more);
}

static enum err add_uids_of(struct mapping *mapping, const char *sql, int64_t body)
{
    int more;
    sqlite3_stmt *statement = snapshot_statement(mapping->snapshot, sql, body);
    db_bind_int(statement, 2, mapping->request->mailbox_id);
    while ((more = db_step(mapping->snapshot->db, statement)) == 1) {
        add_uid(mapping, (uint32_t)sqlite3_column_int64(statement, 0));
    }
    return snapshot_outcome(mapping->snapshot, more);
}

static int compare_uids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

#define OF_BODY  "SELECT uid FROM message INDEXED BY message_body WHERE body=?1 AND mailbox=?2"
#define OF_LATER "SELECT uid FROM message INDEXED BY message_body WHERE body>?1 AND mailbox=?2"

static enum err look_up_bodies(struct mapping *mapping, const struct fts_candidates *candidates)
{
    enum err err = add_uids_of(mapping, OF_LATER, candidates->indexed_up_to);
    for (size_t i = 0; i < candidates->count && !err; i++) {
        err = candidates->bodies[i] <= candidates->indexed_up_to
                  ? add_uids_of(mapping, OF_BODY, candidates->bodies[i])
                  : ERR_OK;
    }
    if (mapping->count > 1) {
        qsort(mapping->uids, mapping->count, sizeof(*mapping->uids), compare_uids);
    }
    return err;
}

static enum err count_messages(struct mapping *mapping, uint64_t *count_r)
{
    sqlite3_stmt *statement = snapshot_statement(
        mapping->snapshot, "SELECT messages FROM mailbox WHERE id=?1", mapping->request->mailbox_id);
    int more = db_step(mapping->snapshot->db, statement);
    *count_r = more == 1 ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return snapshot_outcome(mapping->snapshot, more); /* none: then there are no messages either */
}

static enum err find_uids(struct mapping *mapping, struct account *account,
                          const struct fts_candidates *candidates)
{
    uint64_t messages = 0;
    enum err err = snapshot_open(account, &mapping->snapshot);
    if (!err) {
        err = count_messages(mapping, &messages);
    }
    if (!err) {
        bool few = !candidates->all && candidates->count < messages / LOOK_UP_COST;
        err = few ? look_up_bodies(mapping, candidates) : pass_over_rows(mapping, candidates);
    }
    snapshot_close(mapping->snapshot);
    return err;
}

/* Never an error but ERR_CANCELED: without the index every message is a candidate. */
static enum err ask_index(struct account *account, const struct search_request *request,
                          struct fts_candidates *candidates)
{
    *candidates = (struct fts_candidates){.all = true};
    enum err err = request->term_count == 0
                       ? ERR_OK
                       : fts_catch_up(account, CATCH_UP_MAX, request->go_on, request->data);
    if (err == ERR_CANCELED) {
        return err;
    }
    bool filled = !err || err == ERR_BUSY;
    enum err found = fts_find(account, request->terms, request->term_count, candidates);
    if (!filled || found) {
        log_warning("search.without_index", log_text("account", account_login(account)),
                    log_err(found ? found : err));
    }
    return ERR_OK;
}

enum err search_candidates(struct account *account, const struct search_request *request, struct arena *arena,
                           struct uid_set *uids_r)
{
    const struct uid_set *within = &request->within;
    struct fts_candidates candidates;
    if (within->count == 0) {
        *uids_r = (struct uid_set){0};
        return ERR_OK;
    }
    struct mapping mapping = {
        .request = request, .first = within->ranges[0].first, .last = within->ranges[within->count - 1].last};
    enum err err = ask_index(account, request, &candidates);
    if (!err) {
        err = find_uids(&mapping, account, &candidates);
    }
    if (!err) {
        *uids_r = uid_set_from_uids(arena, mapping.uids, mapping.count);
    }
    mem_free(candidates.bodies);
    mem_free(mapping.uids);
    return err;
}
