/* SPDX-License-Identifier: ISC */
/* The lock of an index is taken before that of the directory, whose holder never waits for an account. */
#include "shares.h"

#include "base/log.h"
#include "base/mem.h"
#include "intents.h"
#include "storage/directory.h"

struct identifiers {
    struct slice *list; /* sorted */
    size_t count;
};

/* A statement whose rows are one text each. */
static enum err read_texts(struct db *db, sqlite3_stmt *statement, struct arena *arena,
                           struct identifiers *found)
{
    struct slice *list = NULL;
    size_t count = 0;
    int more;
    while ((more = db_step(db, statement)) == 1) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        list[count++] = db_column_text(statement, 0, arena);
    }
    found->list = arena_take_array(arena, list, count, sizeof(*list));
    found->count = count;
    return db_step_err(more);
}

/* What an identifier with a minus takes away is given by another one. */
#define GIVEN "SELECT DISTINCT identifier FROM rights WHERE identifier NOT LIKE '-%' ORDER BY identifier"

static enum err read_given(struct db *db, struct arena *arena, struct identifiers *given)
{
    return read_texts(db, db_statement(db, GIVEN), arena, given);
}

#define OWNER "(SELECT id FROM user WHERE login=?1)"
#define KNOWN "SELECT identifier FROM share WHERE owner=" OWNER " ORDER BY identifier"

/* In a transaction of the directory. */
static enum err read_known(struct account *account, struct arena *arena, struct identifiers *known)
{
    struct db *db = account->store->directory;
    sqlite3_stmt *statement = db_statement(db, KNOWN);
    db_bind_text(statement, 1, slice_from(account->login));
    return read_texts(db, statement, arena, known);
}

static bool are_equal(const struct identifiers *a, const struct identifiers *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; i < a->count && equal; i++) {
        equal = slice_eq(a->list[i], b->list[i]);
    }
    return equal;
}

static enum err look_up_known(struct account *account, struct arena *arena, struct identifiers *known)
{
    enum err err = db_begin_read(account->store->directory);
    if (!err) {
        err = read_known(account, arena, known);
        db_end_read(account->store->directory);
    }
    return err;
}

static enum err run_for(struct account *account, const char *sql, const struct slice *identifier)
{
    struct db *db = account->store->directory;
    sqlite3_stmt *statement = db_statement(db, sql);
    db_bind_text(statement, 1, slice_from(account->login));
    if (identifier) {
        db_bind_text(statement, 2, *identifier);
    }
    return db_run(db, statement);
}

static enum err write_known(struct account *account, const struct identifiers *given)
{
    struct db *db = account->store->directory;
    enum err err = db_begin(db);
    if (err) {
        return err;
    }
    err = run_for(account, "DELETE FROM share WHERE owner=" OWNER, NULL);
    for (size_t i = 0; i < given->count && !err; i++) { /* of a user who is gone by now: none */
        err = run_for(account, "INSERT INTO share(identifier, owner) SELECT ?2, id FROM user WHERE login=?1",
                      &given->list[i]);
    }
    if (err) {
        db_rollback(db);
        return err;
    }
    return db_commit(db);
}

enum err shares_publish(struct change *change)
{
    struct identifiers given = {0}, known = {0};
    enum err err = read_given(change->db, &change->arena, &given);
    if (!err) {
        err = look_up_known(change->account, &change->arena, &known);
    }
    return err || are_equal(&given, &known) ? err : write_known(change->account, &given);
}

enum err shares_differ(struct account *account, bool *differ_r)
{
    struct arena arena = {0};
    struct identifiers given = {0}, known = {0};
    enum err err = db_begin_read(account->db);
    if (!err) {
        err = read_given(account->db, &arena, &given);
        db_end_read(account->db);
    }
    if (!err) {
        err = look_up_known(account, &arena, &known);
    }
    *differ_r = !err && !are_equal(&given, &known);
    arena_free(&arena);
    return err;
}

void shares_mend(struct account *account)
{
    struct change change;
    bool differ = false;
    enum err err = shares_differ(account, &differ);
    if (!err && (!differ || store_check_writable(account->store))) {
        return;
    }
    if (!err) {
        err = change_begin(account, &change);
    }
    if (!err) {
        err = shares_publish(&change);
        change_abort(&change);
        change_free(&change);
    }
    atomic_store(&account->shares_unsaid, err != ERR_OK);
    if (err) {
        log_warning("shares.not_published", log_cstr("account", account->login), log_err(err));
    }
}

void shares_mend_later(struct account *account)
{
    if (atomic_load(&account->shares_unsaid)) {
        shares_mend(account);
    }
}

/* ---- the other side ---- */

#define SHARES                                                                                         \
    "SELECT DISTINCT user.login FROM share JOIN user ON user.id=share.owner WHERE share.identifier IN" \
    " (?1, '" RIGHTS_ANYONE "', '" RIGHTS_AUTHENTICATED "') AND user.login<>?1 ORDER BY user.login"

enum err directory_shares(struct store *store, struct slice login, struct arena *arena,
                          struct slice **owners_r, size_t *count_r)
{
    struct db *db = store->directory;
    struct identifiers owners = {0};
    enum err err = db_begin_read(db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, SHARES);
    db_bind_text(statement, 1, login);
    err = read_texts(db, statement, arena, &owners);
    db_end_read(db);
    if (!err) {
        *owners_r = owners.list;
        *count_r = owners.count;
    }
    return err;
}
