/* SPDX-License-Identifier: ISC */
/*
 * The policies of other domains, as rows. Nothing here is worth a wait for the disk: what a power cut takes
 * is fetched or counted again (db_begin_relaxed).
 */
#include "tls_policy.h"

#include "base/fsio.h"
#include "base/log.h"
#include "store_private.h"

static const char *const steps[] = {
    "CREATE TABLE policy("
    "  domain TEXT NOT NULL PRIMARY KEY,"
    "  id TEXT NOT NULL,"
    "  text TEXT NOT NULL,"
    "  fetched INTEGER NOT NULL," /* µs, as all times */
    "  ends INTEGER NOT NULL,"
    "  refresh INTEGER NOT NULL,"
    "  protection INTEGER NOT NULL,"
    "  protected INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX policy_refresh ON policy(refresh) WHERE text<>'';"
    "CREATE TABLE count("
    "  day INTEGER NOT NULL,"
    "  domain TEXT NOT NULL,"
    "  type TEXT NOT NULL,"
    "  text TEXT NOT NULL,"
    "  result TEXT NOT NULL,"
    "  sender TEXT NOT NULL,"
    "  host TEXT NOT NULL,"
    "  address TEXT NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  sessions INTEGER NOT NULL,"
    "  PRIMARY KEY(day, domain, type, text, result, sender, host, address, reason)) STRICT, WITHOUT ROWID;",
};

static const struct db_schema schema = {steps, ARRAY_LEN(steps), 0};

static enum err open_database(struct store *store)
{
    struct arena arena = {0};
    enum err err = fs_make_directories(arena_printf(&arena, "%s/queue", store->data), 0700);
    if (!err) {
        err =
            db_open(arena_printf(&arena, "%s/queue/policy.db", store->data), &schema, &store->policies, NULL);
    }
    if (err) {
        log_error("tls_policy.open_failed", log_cstr("directory", store->data), log_err(err));
    }
    arena_free(&arena);
    return err;
}

enum err tls_policy_database(struct store *store, struct db **db_r)
{
    pthread_mutex_lock(&store->queue_mutex);
    enum err err = store->policies ? ERR_OK : open_database(store);
    *db_r = store->policies;
    pthread_mutex_unlock(&store->queue_mutex);
    return err;
}

enum err tls_policy_find(struct store *store, struct slice domain, struct arena *arena,
                         struct tls_policy *policy_r)
{
    struct db *db;
    enum err err = tls_policy_database(store, &db);
    if (!err) {
        err = db_begin_read(db);
    }
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(
        db, "SELECT id, text, fetched, ends, refresh, protection, protected FROM policy WHERE domain=?1");
    db_bind_text(statement, 1, domain);
    int step = db_step(db, statement);
    if (step == 1) {
        *policy_r = (struct tls_policy){.domain = arena_copy(arena, domain),
                                        .id = db_column_text(statement, 0, arena),
                                        .text = db_column_text(statement, 1, arena),
                                        .fetched_us = sqlite3_column_int64(statement, 2),
                                        .ends_us = sqlite3_column_int64(statement, 3),
                                        .refresh_us = sqlite3_column_int64(statement, 4),
                                        .protection = (unsigned)sqlite3_column_int(statement, 5),
                                        .protected_us = sqlite3_column_int64(statement, 6)};
        sqlite3_reset(statement);
    }
    db_end_read(db);
    return step == 0 ? ERR_NOT_FOUND : db_step_err(step);
}

static enum err end(struct store *store, struct db *db, enum err err)
{
    if (err) {
        db_rollback(db);
        return err;
    }
    err = db_commit(db);
    store_note_commit_error(store, err);
    return err;
}

static enum err put(struct db *db, const struct tls_policy *policy)
{
    sqlite3_stmt *statement =
        db_statement(db, "INSERT OR REPLACE INTO policy(domain, id, text, fetched, ends, refresh,"
                         " protection, protected) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    db_bind_text(statement, 1, policy->domain);
    db_bind_text(statement, 2, policy->id);
    db_bind_text(statement, 3, policy->text);
    db_bind_int(statement, 4, policy->fetched_us);
    db_bind_int(statement, 5, policy->ends_us);
    db_bind_int(statement, 6, policy->refresh_us);
    db_bind_int(statement, 7, policy->protection);
    db_bind_int(statement, 8, policy->protected_us);
    return db_run(db, statement);
}

static enum err begin(struct store *store, struct db **db_r)
{
    enum err err = store_check_writable(store);
    if (!err) {
        err = tls_policy_database(store, db_r);
    }
    return err ? err : db_begin_relaxed(*db_r);
}

enum err tls_policy_put(struct store *store, const struct tls_policy *policies, size_t count)
{
    struct db *db;
    enum err err = begin(store, &db);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = put(db, &policies[i]);
    }
    return end(store, db, err);
}

enum err tls_policy_due(struct store *store, int64_t before_us, size_t limit, struct arena *arena,
                        struct slice **domains_r, size_t *count_r)
{
    struct slice *domains = arena_array(arena, struct slice, limit);
    size_t count = 0;
    struct db *db;
    int more;
    enum err err = tls_policy_database(store, &db);
    if (!err) {
        err = db_begin_read(db);
    }
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, "SELECT domain FROM policy WHERE text<>'' AND refresh<?1"
                                               " ORDER BY refresh, domain LIMIT ?2");
    db_bind_int(statement, 1, before_us);
    db_bind_int(statement, 2, (int64_t)limit);
    while ((more = db_step(db, statement)) == 1) {
        domains[count++] = db_column_text(statement, 0, arena);
    }
    db_end_read(db);
    *domains_r = domains;
    *count_r = count;
    return db_step_err(more);
}

enum err tls_policy_forget(struct store *store, int64_t before_us)
{
    struct db *db;
    enum err err = begin(store, &db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, "DELETE FROM policy WHERE ends<?1 AND protected<?1");
    db_bind_int(statement, 1, before_us);
    err = db_run(db, statement);
    return end(store, db, err);
}

/* --- counts --- */

static enum err add(struct db *db, const struct tls_count *count)
{
    const struct slice texts[] = {count->domain,       count->policy_type,     count->policy_text,
                                  count->result,       count->sending_address, count->host,
                                  count->host_address, count->reason};
    sqlite3_stmt *statement =
        db_statement(db, "INSERT INTO count VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
                         " ON CONFLICT DO UPDATE SET sessions=sessions+excluded.sessions");
    db_bind_int(statement, 1, count->day);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        db_bind_text(statement, (int)i + 2, texts[i]);
    }
    db_bind_int(statement, 10, (int64_t)count->sessions);
    return db_run(db, statement);
}

enum err tls_count_add(struct store *store, const struct tls_count *counts, size_t count)
{
    struct db *db;
    enum err err = begin(store, &db);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = add(db, &counts[i]);
    }
    return end(store, db, err);
}

static void read_count(sqlite3_stmt *statement, struct arena *arena, struct tls_count *count_r)
{
    *count_r = (struct tls_count){.day = sqlite3_column_int64(statement, 0),
                                  .domain = db_column_text(statement, 1, arena)};
    if (sqlite3_column_count(statement) > 2) {
        count_r->policy_type = db_column_text(statement, 2, arena);
        count_r->policy_text = db_column_text(statement, 3, arena);
        count_r->result = db_column_text(statement, 4, arena);
        count_r->sending_address = db_column_text(statement, 5, arena);
        count_r->host = db_column_text(statement, 6, arena);
        count_r->host_address = db_column_text(statement, 7, arena);
        count_r->reason = db_column_text(statement, 8, arena);
        count_r->sessions = (uint64_t)sqlite3_column_int64(statement, 9);
    }
}

/* The rows of a statement with a day (?1), a limit (?2) and perhaps a domain (?3). */
static enum err read_counts(struct store *store, const char *sql, int64_t day, const struct slice *domain,
                            size_t limit, struct arena *arena, struct tls_count **counts_r, size_t *count_r)
{
    struct tls_count *counts = arena_array(arena, struct tls_count, limit);
    size_t count = 0;
    struct db *db;
    int more;
    enum err err = tls_policy_database(store, &db);
    if (!err) {
        err = db_begin_read(db);
    }
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, sql);
    db_bind_int(statement, 1, day);
    db_bind_int(statement, 2, (int64_t)limit);
    if (domain) {
        db_bind_text(statement, 3, *domain);
    }
    while ((more = db_step(db, statement)) == 1) {
        read_count(statement, arena, &counts[count++]);
    }
    db_end_read(db);
    *counts_r = counts;
    *count_r = count;
    return db_step_err(more);
}

enum err tls_count_due(struct store *store, int64_t day, size_t limit, struct arena *arena,
                       struct tls_count **days_r, size_t *count_r)
{
    return read_counts(store, "SELECT DISTINCT day, domain FROM count WHERE day<?1 ORDER BY 1, 2 LIMIT ?2",
                       day, NULL, limit, arena, days_r, count_r);
}

enum err tls_count_list(struct store *store, int64_t day, struct slice domain, size_t limit,
                        struct arena *arena, struct tls_count **counts_r, size_t *count_r)
{
    return read_counts(store,
                       "SELECT * FROM count WHERE day=?1 AND domain=?3"
                       " ORDER BY type, text, result, sender, host, address, reason LIMIT ?2",
                       day, &domain, limit, arena, counts_r, count_r);
}

enum err tls_count_remove(struct store *store, int64_t day, struct slice domain)
{
    struct db *db;
    enum err err = begin(store, &db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, "DELETE FROM count WHERE day=?1 AND domain=?2");
    db_bind_int(statement, 1, day);
    db_bind_text(statement, 2, domain);
    err = db_run(db, statement);
    return end(store, db, err);
}
