/* SPDX-License-Identifier: ISC */
/*
 * secrets.db: one table of credentials, of which passwords are the first kind. A read takes one statement
 * (about 10 µs), so authd reads the stored hash anew at each login and a changed password or a removed user
 * holds at once.
 */
#include "auth/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/db.h"

/*
 * kind: "password" (label empty; secret is the string of crypto_pwhash_str). A user may have several
 * credentials of other kinds, told apart by their label. Times are microseconds since 1970; last_used is NULL
 * until the credential was used.
 */
static const char *const schema_steps[] = {
    "CREATE TABLE credential ("
    " login TEXT NOT NULL,"
    " kind TEXT NOT NULL,"
    " label TEXT NOT NULL,"
    " secret BLOB NOT NULL,"
    " created INTEGER NOT NULL,"
    " last_used INTEGER,"
    " PRIMARY KEY (login, kind, label)) WITHOUT ROWID;",
};
static const struct db_schema schema = {schema_steps, ARRAY_LEN(schema_steps)};

struct secrets {
    struct db *db;
    pthread_mutex_t mutex; /* the handle's statements belong to one thread at a time */
};

/*
 * Creates the file before SQLite does, because SQLite would make it readable for others; -wal and -shm take
 * over mode and owner. When root runs `postern`, the file goes to the owner of the data directory: the user
 * that authd runs as.
 */
static enum err make_private_file(const char *path)
{
    struct stat directory;
    struct buf parent;
    enum err err = ERR_OK;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    buf_init(&parent, strlen(path) + 8);
    buf_printf(&parent, "%.*s.", (int)(strrchr(path, '/') ? strrchr(path, '/') - path + 1 : 0), path);
    if (geteuid() == 0 &&
        (stat(buf_cstr(&parent), &directory) != 0 || fchown(fd, directory.st_uid, directory.st_gid) != 0)) {
        err = err_from_errno(errno);
    }
    if (!err && fchmod(fd, 0600) != 0) {
        err = err_from_errno(errno);
    }
    buf_free(&parent);
    close(fd);
    return err;
}

enum err secrets_open(const char *path, struct secrets **secrets_r, struct buf *why)
{
    struct db *db;
    enum err err = make_private_file(path);
    if (!err && sodium_init() < 0) { /* also chooses the fast code for this processor */
        err = ERR_UNAVAILABLE;
    }
    if (err) {
        if (why) {
            buf_printf(why, "%s: %s\n", path, err_text(err));
        }
        return err;
    }
    err = db_open(path, &schema, &db, why);
    if (err) {
        return err;
    }
    /* A replaced hash is overwritten in the file, not only unlinked from the table. */
    sqlite3_exec(db_handle(db), "PRAGMA secure_delete = ON", NULL, NULL, NULL);
    struct secrets *secrets = mem_new(struct secrets);
    secrets->db = db;
    pthread_mutex_init(&secrets->mutex, NULL);
    *secrets_r = secrets;
    return ERR_OK;
}

void secrets_close(struct secrets *secrets)
{
    if (secrets) {
        db_close(secrets->db);
        pthread_mutex_destroy(&secrets->mutex);
        mem_free(secrets);
    }
}

/* Runs one writing statement in a transaction of its own; *changed_r: whether a row was changed. */
static enum err write_one(struct db *db, sqlite3_stmt *statement, bool *changed_r)
{
    enum err err = db_run(db, statement);
    if (err) {
        db_rollback(db);
        return err;
    }
    *changed_r = sqlite3_changes(db_handle(db)) > 0;
    return db_commit(db);
}

static enum err store_password(struct db *db, struct slice login, struct slice hash)
{
    bool changed;
    enum err err = db_begin(db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement =
        db_statement(db, "INSERT INTO credential (login, kind, label, secret, created)"
                         " VALUES (?1, 'password', '', ?2, ?3)"
                         " ON CONFLICT (login, kind, label) DO UPDATE"
                         " SET secret = excluded.secret, created = excluded.created, last_used = NULL");
    if (!statement) {
        db_rollback(db);
        return ERR_CORRUPT;
    }
    db_bind_text(statement, 1, login);
    db_bind_blob(statement, 2, hash);
    db_bind_int(statement, 3, clock_wall_us());
    return write_one(db, statement, &changed);
}

static bool is_settable(struct slice password)
{
    return password.len > 0 && password.len <= PASSWORD_LIMIT && !slice_has(password, '\0') &&
           !slice_has(password, '\r') && !slice_has(password, '\n');
}

enum err secrets_set_password_at(struct secrets *secrets, struct slice login, struct slice password,
                                 const struct password_cost *cost)
{
    char hash[PASSWORD_HASH_SIZE];
    struct buf prepared;
    if (!is_settable(password)) {
        return ERR_SYNTAX;
    }
    /* NFKC makes a few characters longer, up to 18 times; a password of only these is not worth the room. */
    buf_init(&prepared, 2 * PASSWORD_LIMIT);
    password_prepare(password, &prepared);
    enum err err = buf_ok(&prepared) ? password_hash(buf_slice(&prepared), cost, hash) : ERR_SYNTAX;
    mem_wipe(prepared.data, prepared.size);
    buf_free(&prepared);
    if (!err) {
        pthread_mutex_lock(&secrets->mutex);
        err = store_password(secrets->db, login, slice_from(hash));
        pthread_mutex_unlock(&secrets->mutex);
    }
    return err;
}

enum err secrets_set_password(struct secrets *secrets, struct slice login, struct slice password)
{
    return secrets_set_password_at(secrets, login, password, &password_cost);
}

static enum err remove_all(struct db *db, struct slice login)
{
    bool changed = false;
    enum err err = db_begin(db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, "DELETE FROM credential WHERE login = ?1");
    if (!statement) {
        db_rollback(db);
        return ERR_CORRUPT;
    }
    db_bind_text(statement, 1, login);
    err = write_one(db, statement, &changed);
    return !err && !changed ? ERR_NOT_FOUND : err;
}

enum err secrets_remove(struct secrets *secrets, struct slice login)
{
    pthread_mutex_lock(&secrets->mutex);
    enum err err = remove_all(secrets->db, login);
    pthread_mutex_unlock(&secrets->mutex);
    return err;
}

static enum err get_password(struct db *db, struct slice login, struct buf *hash_r)
{
    sqlite3_stmt *statement = db_statement(
        db, "SELECT secret FROM credential WHERE login = ?1 AND kind = 'password' AND label = ''");
    if (!statement) {
        return ERR_CORRUPT;
    }
    db_bind_text(statement, 1, login);
    int step = db_step(db, statement);
    if (step == 1) {
        const void *secret = sqlite3_column_blob(statement, 0);
        buf_append(hash_r, slice_of(secret, (size_t)sqlite3_column_bytes(statement, 0)));
    }
    sqlite3_reset(statement);
    if (step < 0) {
        return (enum err) - step;
    }
    return step == 1 ? hash_r->error : ERR_NOT_FOUND;
}

enum err secrets_get(struct secrets *secrets, struct slice login, struct buf *hash_r)
{
    pthread_mutex_lock(&secrets->mutex);
    enum err err = get_password(secrets->db, login, hash_r);
    pthread_mutex_unlock(&secrets->mutex);
    return err;
}

/* ---- from a copy ---- */

/* Inserts the row on which the copy's statement stands. */
static enum err insert_copied(struct db *db, struct slice login, sqlite3_stmt *row)
{
    sqlite3_stmt *statement =
        db_statement(db, "INSERT OR IGNORE INTO credential (login, kind, label, secret, created, last_used)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    if (!statement) {
        return ERR_CORRUPT;
    }
    db_bind_text(statement, 1, login);
    for (int i = 0; i < 5; i++) {
        sqlite3_bind_value(statement, i + 2, sqlite3_column_value(row, i));
    }
    return db_run(db, statement);
}

static enum err copy_rows(struct db *db, struct slice login, sqlite3_stmt *rows)
{
    size_t count = 0;
    int step = SQLITE_DONE;
    sqlite3_bind_text(rows, 1, login.data, (int)login.len, SQLITE_STATIC);
    enum err err = db_begin(db);
    if (err) {
        return err;
    }
    while (!err && (step = sqlite3_step(rows)) == SQLITE_ROW) {
        err = insert_copied(db, login, rows);
        count++;
    }
    if (!err && step != SQLITE_DONE) {
        err = ERR_CORRUPT;
    }
    if (!err && count == 0) {
        err = ERR_NOT_FOUND;
    }
    if (err) {
        db_rollback(db);
        return err;
    }
    return db_commit(db);
}

enum err secrets_restore(struct secrets *secrets, const char *copy, struct slice login)
{
    sqlite3 *handle = NULL;
    sqlite3_stmt *rows = NULL;
    enum err err = ERR_NOT_FOUND;
    if (access(copy, R_OK) != 0) {
        return err_from_errno(errno);
    }
    if (sqlite3_open_v2(copy, &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(handle,
                           "SELECT kind, label, secret, created, last_used FROM credential WHERE login = ?1",
                           -1, &rows, NULL) != SQLITE_OK) {
        err = ERR_CORRUPT;
    } else {
        pthread_mutex_lock(&secrets->mutex);
        err = copy_rows(secrets->db, login, rows);
        pthread_mutex_unlock(&secrets->mutex);
    }
    sqlite3_finalize(rows);
    sqlite3_close(handle);
    return err;
}
