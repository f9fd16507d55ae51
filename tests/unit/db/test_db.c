/* SPDX-License-Identifier: ISC */
/* The database wrapper: schema steps, statements, transactions, writers in many processes and threads,
 * checkpoints. */
#include "check.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "db/db.h"

static const char *const steps_one[] = {"CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER) STRICT;"
                                        "INSERT INTO t VALUES('counter', 0)"};
static const char *const steps_two[] = {"CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER) STRICT;"
                                        "INSERT INTO t VALUES('counter', 0)",
                                        "ALTER TABLE t ADD COLUMN w INTEGER NOT NULL DEFAULT 7"};
static const char *const steps_bad[] = {"CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER) STRICT;"
                                        "INSERT INTO t VALUES('counter', 0)",
                                        "CREATE TABLE half(x); CREATE TABLE t(x)"};
static const struct db_schema one = {steps_one, 1};
static const struct db_schema two = {steps_two, 2};
static const struct db_schema bad = {steps_bad, 2};
static const struct db_schema small = {.steps = steps_two, .step_count = 2, .page_size = 2048};

struct fixture {
    char *directory;
    char path[256];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->directory = check_temporary_directory();
    snprintf(fixture->path, sizeof(fixture->path), "%s/t.db", fixture->directory);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    check_remove_directory(fixture->directory);
    free(fixture);
    return 0;
}

static int64_t number(struct db *db, const char *sql)
{
    sqlite3_stmt *statement = db_statement(db, sql);
    assert_int_equal(db_step(db, statement), 1);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return value;
}

static struct db *open_db(struct fixture *fixture, const struct db_schema *schema)
{
    struct db *db = NULL;
    assert_ok(db_open(fixture->path, schema, &db, NULL));
    return db;
}

static void pragmas_are_set_and_the_file_is_private(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    struct stat info;
    struct arena arena = {0};
    sqlite3_stmt *statement = db_statement(db, "PRAGMA journal_mode");
    assert_int_equal(db_step(db, statement), 1);
    assert_text(db_column_text(statement, 0, &arena), "wal");
    sqlite3_reset(statement);
    assert_int_equal(number(db, "PRAGMA synchronous"), 2);
    assert_int_equal(number(db, "PRAGMA foreign_keys"), 0);
    assert_int_equal(stat(fixture->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    arena_free(&arena);
    db_close(db);
}

static void page_size_is_that_of_who_makes_the_file(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &small);
    assert_int_equal(number(db, "PRAGMA page_size"), 2048);
    db_close(db);
    db = open_db(fixture, &two);
    assert_int_equal(number(db, "PRAGMA page_size"), 2048);
    db_close(db);
}

static void schema_goes_up_step_by_step_and_never_down(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    struct buf why;
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    db_close(db);
    db = open_db(fixture, &two);
    assert_int_equal(number(db, "SELECT w FROM t"), 7);
    db_close(db);
    buf_init(&why, 1024);
    assert_err(db_open(fixture->path, &one, &db, &why), ERR_CONFLICT);
    assert_true(slice_find_text(buf_slice(&why), S("newer")) < why.len);
    buf_free(&why);
}

static void failed_step_leaves_the_former_version(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    db_close(db);
    assert_err(db_open(fixture->path, &bad, &db, NULL), ERR_CORRUPT);
    db = open_db(fixture, &one);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_master WHERE name='half'"), 0);
    db_close(db);
}

static void what_is_no_database_is_corrupt(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = NULL;
    FILE *file = fopen(fixture->path, "w");
    for (int i = 0; i < 1000; i++) {
        fputs("this is no database\n", file);
    }
    fclose(file);
    assert_err(db_open(fixture->path, &one, &db, NULL), ERR_CORRUPT);
    assert_null(db);
}

static void statements_are_cached_by_content(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    char text[64];
    strcpy(text, "SELECT 1");
    sqlite3_stmt *first = db_statement(db, text);
    char same[] = "SELECT 1";
    assert_ptr_equal(db_statement(db, same), first);
    strcpy(text, "SELECT 2"); /* other words at the same address */
    assert_ptr_not_equal(db_statement(db, text), first);
    assert_int_equal(number(db, text), 2);
    assert_null(db_statement(db, "SELEKT"));
    assert_int_equal(db_step(db, NULL), -ERR_CORRUPT);
    db_close(db);
}

static void texts_with_nul_and_empty_ones_come_back(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    struct arena arena = {0};
    sqlite3_stmt *statement = db_statement(db, "SELECT ?1, ?2, NULL");
    db_bind_blob(statement, 1, S("a\0b"));
    db_bind_text(statement, 2, (struct slice){NULL, 0});
    assert_int_equal(db_step(db, statement), 1);
    assert_slice(db_column_text(statement, 0, &arena), S("a\0b"));
    assert_int_equal(sqlite3_column_type(statement, 1), SQLITE_TEXT);
    assert_int_equal(db_column_text(statement, 2, &arena).len, 0);
    arena_free(&arena);
    db_close(db);
}

static void constraint_is_exists_and_rollback_undoes(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    assert_ok(db_begin(db));
    assert_ok(db_run(db, db_statement(db, "UPDATE t SET v=5")));
    assert_err(db_run(db, db_statement(db, "INSERT INTO t VALUES('counter', 1)")), ERR_EXISTS);
    db_rollback(db);
    assert_int_equal(number(db, "SELECT v FROM t"), 0);
    db_close(db);
}

static void commit_with_a_standing_row_succeeds(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    struct db *other = open_db(fixture, &one);
    assert_ok(db_begin(db));
    assert_ok(db_run(db, db_statement(db, "UPDATE t SET v=5")));
    assert_int_equal(db_step(db, db_statement(db, "SELECT k FROM t")), 1);
    assert_ok(db_commit(db));
    assert_int_equal(number(other, "SELECT v FROM t"), 5);
    db_close(other);
    db_close(db);
}

static void read_transaction_sees_one_state(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    struct db *other = open_db(fixture, &one);
    assert_ok(db_begin_read(db));
    assert_int_equal(number(db, "SELECT v FROM t"), 0);
    assert_ok(db_begin(other));
    assert_ok(db_run(other, db_statement(other, "UPDATE t SET v=5")));
    assert_ok(db_commit(other));
    assert_int_equal(number(db, "SELECT v FROM t"), 0);
    db_end_read(db);
    assert_int_equal(number(db, "SELECT v FROM t"), 5);
    db_close(other);
    db_close(db);
}

static enum err increment(struct db *db)
{
    enum err err = db_begin(db);
    if (err) {
        return err;
    }
    err = db_run(db, db_statement(db, "UPDATE t SET v=v+1"));
    if (err) {
        db_rollback(db);
        return err;
    }
    return db_commit(db);
}

#define ROUNDS 200

static int increment_often(const char *path)
{
    struct db *db = NULL;
    enum err err = db_open(path, &one, &db, NULL);
    for (int i = 0; i < ROUNDS && !err; i++) {
        err = increment(db);
    }
    db_close(db);
    return err ? 1 : 0;
}

static void processes_never_meet_a_locked_database(void **state)
{
    struct fixture *fixture = *state;
    pid_t children[8];
    for (size_t i = 0; i < ARRAY_LEN(children); i++) {
        children[i] = fork();
        if (children[i] == 0) {
            _exit(increment_often(fixture->path)); /* all of them race for creating it, too */
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(children); i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    struct db *db = open_db(fixture, &one);
    assert_int_equal(number(db, "SELECT v FROM t"), 8 * ROUNDS);
    db_close(db);
}

static void *increment_thread(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (increment(argument)) {
            return argument;
        }
    }
    return NULL;
}

static void threads_share_one_handle(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, increment_thread, db), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(number(db, "SELECT v FROM t"), 4 * ROUNDS);
    db_close(db);
}

static void insert_blobs(struct db *db, int count)
{
    for (int i = 0; i < count; i++) {
        assert_ok(db_begin(db));
        sqlite3_stmt *statement = db_statement(db, "INSERT INTO t VALUES(hex(randomblob(8000)), 1)");
        assert_ok(db_run(db, statement));
        assert_ok(db_commit(db));
    }
}

/* In the caller's transaction. */
static void insert_many(struct db *db, int count)
{
    for (int i = 0; i < count; i++) {
        assert_ok(db_run(db, db_statement(db, "INSERT INTO t VALUES(hex(randomblob(8000)), 1)")));
    }
}

/* The frames of a commit are written together: more of them than fit, pages that are read back before they
 * were written, and a part that is undone. */
static void large_transactions_arrive_whole(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    struct db *other = open_db(fixture, &one);
    assert_ok(db_begin(db));
    insert_many(db, 200);
    assert_ok(db_run(db, db_statement(db, "SAVEPOINT part")));
    insert_many(db, 100);
    assert_ok(db_run(db, db_statement(db, "ROLLBACK TO part")));
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 201);
    assert_ok(db_commit(db));
    assert_int_equal(number(other, "SELECT count(*) FROM t"), 201);
    assert_ok(db_begin(db));
    insert_many(db, 300);
    db_rollback(db);
    assert_ok(db_begin(db));
    insert_many(db, 1);
    assert_ok(db_commit(db));
    assert_int_equal(number(other, "SELECT count(*) FROM t"), 202);
    db_close(db);
    db_close(other);
    db = open_db(fixture, &one);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 202);
    sqlite3_stmt *statement = db_statement(db, "PRAGMA integrity_check");
    assert_int_equal(db_step(db, statement), 1);
    assert_string_equal(sqlite3_column_text(statement, 0), "ok");
    sqlite3_reset(statement);
    db_close(db);
}

static void long_wal_moves_into_the_database(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    struct stat info;
    char wal[300];
    snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
    assert_int_equal(stat(fixture->path, &info), 0);
    off_t before = info.st_size;
    insert_blobs(db, 400); /* over 2,000 pages */
    assert_int_equal(stat(fixture->path, &info), 0);
    assert_true(info.st_size > before + 1000 * 4096);
    assert_int_equal(stat(wal, &info), 0);
    assert_true(info.st_size < 1400 * 4096);
    db_close(db);
    assert_int_equal(stat(wal, &info), 0); /* closing does not checkpoint */
    assert_true(info.st_size > 0);
}

static void wal_that_a_reader_held_is_cut_later(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    struct db *reader = open_db(fixture, &one);
    struct stat info;
    char wal[300];
    snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
    assert_ok(db_begin_read(reader));
    assert_int_equal(number(reader, "SELECT count(*) FROM t"), 1);
    insert_blobs(db, 900);
    assert_int_equal(stat(wal, &info), 0);
    assert_true(info.st_size > 4096 * 4096);
    assert_int_equal(number(reader, "SELECT count(*) FROM t"), 1);
    db_end_read(reader);
    insert_blobs(db, 400);
    assert_int_equal(stat(wal, &info), 0);
    assert_true(info.st_size < 2000 * 4096);
    assert_int_equal(number(reader, "SELECT count(*) FROM t"), 1301);
    db_close(reader);
    db_close(db);
}

static void idle_database_gives_its_wal_up(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_db(fixture, &one);
    struct db *other = open_db(fixture, &one);
    struct stat info;
    char wal[300];
    snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
    insert_blobs(db, 20);
    assert_ok(db_checkpoint(db, 64 * 1024 * 1024)); /* short enough: left alone */
    assert_int_equal(stat(wal, &info), 0);
    assert_true(info.st_size > 0);
    assert_ok(db_begin(other)); /* nobody waits for it, nor it for anybody */
    assert_err(db_checkpoint(db, 4096), ERR_BUSY);
    db_rollback(other);
    assert_ok(db_begin_read(other));
    assert_int_equal(number(other, "SELECT count(*) FROM t"), 21);
    insert_blobs(db, 1);
    assert_err(db_checkpoint(db, 4096), ERR_BUSY);
    db_end_read(other);
    assert_ok(db_checkpoint(db, 4096));
    assert_int_equal(stat(wal, &info), 0);
    assert_int_equal(info.st_size, 0);
    assert_int_equal(number(other, "SELECT count(*) FROM t"), 22);
    db_close(other);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pragmas_are_set_and_the_file_is_private, set_up, tear_down),
        cmocka_unit_test_setup_teardown(page_size_is_that_of_who_makes_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(schema_goes_up_step_by_step_and_never_down, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failed_step_leaves_the_former_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_database_is_corrupt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statements_are_cached_by_content, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_with_nul_and_empty_ones_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(constraint_is_exists_and_rollback_undoes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(commit_with_a_standing_row_succeeds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(read_transaction_sees_one_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(processes_never_meet_a_locked_database, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_share_one_handle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(large_transactions_arrive_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_wal_moves_into_the_database, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wal_that_a_reader_held_is_cut_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(idle_database_gives_its_wal_up, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
