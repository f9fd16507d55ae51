/* SPDX-License-Identifier: ISC */
#include "threads.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "blob_private.h"
#include "change.h"
#include "snapshot_private.h"
#include "thread_keys.h"

/* The lock is held for so long, and some bodies more. */
#define HOLD_MS        10
#define BODIES_AT_ONCE 500

struct thread {
    unsigned char guid[GUID_SIZE];
};

/* *found is set when the key leads to a thread; as it was when not. */
static enum err look_up(struct change *change, const struct thread_key *key, struct thread *thread,
                        bool *found)
{
    sqlite3_stmt *statement = db_statement(change->db, "SELECT thread FROM thread_ref WHERE key=?1");
    db_bind_blob(statement, 1, slice_of(key->bytes, sizeof(key->bytes)));
    int step = db_step(change->db, statement);
    if (step == 1) {
        int length = sqlite3_column_bytes(statement, 0);
        const void *guid = sqlite3_column_blob(statement, 0);
        *found = length == GUID_SIZE;
        if (*found) {
            memcpy(thread->guid, guid, GUID_SIZE);
        }
        sqlite3_reset(statement);
    }
    return db_step_err(step);
}

/* In the order of thread_keys.h. */
static enum err find_thread(struct change *change, const struct thread_keys *keys, struct thread *thread,
                            bool *found)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < keys->reference_count && !err && !*found; i++) {
        err = look_up(change, &keys->references[i], thread, found);
    }
    if (!err && !*found && keys->has_own) {
        err = look_up(change, &keys->own, thread, found);
    }
    if (!err && !*found && keys->reference_count == 0 && keys->is_reply && keys->has_subject) {
        err = look_up(change, &keys->subject, thread, found);
    }
    return err;
}

#define LEAD        "INSERT INTO thread_ref VALUES(?1, ?2) ON CONFLICT DO UPDATE SET thread=?2"
#define LEAD_IF_NEW "INSERT INTO thread_ref VALUES(?1, ?2) ON CONFLICT DO NOTHING"

static enum err lead(struct change *change, const char *sql, const struct thread_key *key,
                     const struct thread *thread)
{
    sqlite3_stmt *statement = db_statement(change->db, sql);
    db_bind_blob(statement, 1, slice_of(key->bytes, sizeof(key->bytes)));
    db_bind_blob(statement, 2, slice_of(thread->guid, sizeof(thread->guid)));
    return db_run(change->db, statement);
}

static enum err lead_keys(struct change *change, const struct thread_keys *keys, const struct thread *thread)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < keys->reference_count && !err; i++) {
        err = lead(change, LEAD_IF_NEW, &keys->references[i], thread);
    }
    if (!err && keys->has_own) {
        err = lead(change, LEAD, &keys->own, thread);
    }
    if (!err && keys->has_subject) {
        err = lead(change, LEAD, &keys->subject, thread);
    }
    return err;
}

static enum err join(struct change *change, int64_t body, const struct thread *thread)
{
    sqlite3_stmt *statement = db_statement(change->db, "INSERT OR REPLACE INTO thread_member VALUES(?1, ?2)");
    db_bind_int(statement, 1, body);
    db_bind_blob(statement, 2, slice_of(thread->guid, sizeof(thread->guid)));
    return db_run(change->db, statement);
}

static enum err thread_body(struct change *change, sqlite3_stmt *row, int64_t body)
{
    struct arena arena = {0};
    struct thread thread = {0};
    struct thread_keys keys;
    bool found = false;
    struct slice guid = db_column_text(row, 1, &arena);
    memcpy(thread.guid, guid.data, MIN_OF(guid.len, sizeof(thread.guid)));
    thread_keys_of(db_column_text(row, 2, &arena), db_column_text(row, 3, &arena), &keys);
    enum err err = find_thread(change, &keys, &thread, &found);
    if (!err) {
        err = join(change, body, &thread);
    }
    if (!err) {
        err = lead_keys(change, &keys, &thread);
    }
    arena_free(&arena);
    return err;
}

/* After an index was lost, the copy of it has told the threads of some already. */
#define PENDING                                                         \
    "SELECT id, guid, msgid, hdrs FROM body WHERE id>?1 AND NOT EXISTS" \
    "(SELECT 1 FROM thread_member WHERE thread_member.body=body.id) ORDER BY id LIMIT ?2"

/* One piece of the work. */
static enum err thread_some(struct change *change)
{
    int64_t until = clock_monotonic_ms() + HOLD_MS;
    enum err err = ERR_OK;
    int more = 1;
    sqlite3_stmt *statement = db_statement(change->db, PENDING);
    db_bind_int(statement, 1, change->counters.threaded);
    db_bind_int(statement, 2, BODIES_AT_ONCE);
    size_t count = 0;
    while (!err && (count == 0 || clock_monotonic_ms() < until) &&
           (more = db_step(change->db, statement)) == 1) {
        int64_t body = sqlite3_column_int64(statement, 0);
        err = thread_body(change, statement, body);
        change->counters.threaded = body;
        count++;
    }
    if (more == 0 && count < BODIES_AT_ONCE) {
        change->counters.threaded = change->counters.body; /* the last ones may be gone already */
    }
    sqlite3_reset(statement);
    return err ? err : db_step_err(more);
}

static enum err commit_some(struct account *account)
{
    struct change change;
    enum err err = change_begin_relaxed(account, &change);
    if (err) {
        return err;
    }
    if (change.counters.threaded < change.counters.body) {
        err = thread_some(&change);
    }
    return change_finish(&change, err);
}

static enum err is_pending(struct account *account, bool *pending_r)
{
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    if (!err) {
        *pending_r = snapshot->threaded < snapshot->body;
    }
    snapshot_close(snapshot);
    return err;
}

enum err threads_catch_up(struct account *account, bool (*go_on)(void *data), void *data)
{
    bool pending = false;
    enum err err = is_pending(account, &pending);
    while (!err && pending) {
        err = go_on && !go_on(data) ? ERR_CANCELED : store_check_writable(account->store);
        if (!err) {
            err = account_note_error(account, commit_some(account));
        }
        if (!err) {
            err = is_pending(account, &pending);
        }
    }
    return err;
}
