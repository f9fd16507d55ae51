/* SPDX-License-Identifier: ISC */
/* Handles for reading: they wait for no writer, see one moment, write nothing, and can be the first after a
 * crash. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "db/db.h"

static const char *const steps[] = {"CREATE TABLE t(k INTEGER PRIMARY KEY, v INTEGER) STRICT;"
                                    "INSERT INTO t VALUES(0, 0)"};
static const struct db_schema schema = {steps, 1};

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

static struct db *open_writer(struct fixture *fixture)
{
    struct db *db = NULL;
    assert_ok(db_open(fixture->path, &schema, &db, NULL));
    return db;
}

static struct db *open_reader(struct fixture *fixture)
{
    struct db *reader = NULL;
    assert_ok(db_open_reader(fixture->path, &reader));
    return reader;
}

static enum err set(struct db *db, int64_t value)
{
    enum err err = db_begin(db);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = db_statement(db, "UPDATE t SET v=?1");
    db_bind_int(statement, 1, value);
    err = db_run(db, statement);
    if (err) {
        db_rollback(db);
        return err;
    }
    return db_commit(db);
}

/* In a view of the caller's. */
static int64_t get(struct db *reader)
{
    sqlite3_stmt *statement = db_statement(reader, "SELECT v FROM t");
    assert_int_equal(db_step(reader, statement), 1);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return value;
}

static int64_t get_now(struct db *reader)
{
    assert_ok(db_begin_view(reader));
    int64_t value = get(reader);
    db_end_view(reader);
    return value;
}

static void a_view_is_one_moment(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_writer(fixture), *reader = open_reader(fixture);
    assert_ok(set(db, 1));
    assert_ok(db_begin_view(reader)); /* from here on, though nothing of `t` was read yet */
    assert_ok(set(db, 2));
    assert_int_equal(get(reader), 1);
    assert_ok(set(db, 3));
    assert_int_equal(get(reader), 1);
    db_end_view(reader);
    assert_int_equal(get_now(reader), 3);
    db_close(reader);
    db_close(db);
}

/* Would hang if the reader waited for the handle or for the lock file. */
static void a_reader_waits_for_no_writer(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_writer(fixture), *reader = open_reader(fixture);
    alarm(60);
    assert_ok(set(db, 1));
    assert_ok(db_begin(db));
    assert_ok(db_run(db, db_statement(db, "UPDATE t SET v=2")));
    assert_int_equal(get_now(reader), 1);
    struct db *another = open_reader(fixture);
    assert_int_equal(get_now(another), 1);
    db_close(another);
    assert_ok(db_commit(db));
    assert_int_equal(get_now(reader), 2);
    alarm(0);
    db_close(reader);
    db_close(db);
}

static void a_reader_writes_nothing_and_makes_no_file(void **state)
{
    struct fixture *fixture = *state;
    struct db *reader = NULL;
    assert_err(db_open_reader(fixture->path, &reader), ERR_NOT_FOUND);
    assert_int_equal(access(fixture->path, F_OK), -1);
    struct db *db = open_writer(fixture);
    reader = open_reader(fixture);
    assert_ok(db_begin_view(reader));
    assert_err(db_run(reader, db_statement(reader, "UPDATE t SET v=9")), ERR_DENIED);
    db_end_view(reader);
    assert_int_equal(get_now(reader), 0);
    db_close(reader);
    assert_ok(set(db, 1)); /* closing the reader let go of no lock of the writer's */
    db_close(db);
}

/* A process that ends without closing leaves a WAL that nobody moved into the database. */
static void leave_a_wal(struct fixture *fixture, int64_t value)
{
    pid_t child = fork();
    if (child == 0) {
        struct db *db = NULL;
        _exit(db_open(fixture->path, &schema, &db, NULL) || set(db, value) ? 1 : 0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static const char *shm_of(struct fixture *fixture)
{
    static char path[300];
    snprintf(path, sizeof(path), "%s-shm", fixture->path);
    return path;
}

static void the_first_after_a_crash_may_be_a_reader(void **state)
{
    struct fixture *fixture = *state;
    leave_a_wal(fixture, 7);
    struct db *reader = open_reader(fixture);
    assert_int_equal(get_now(reader), 7);
    db_close(reader);
    assert_int_equal(unlink(shm_of(fixture)), 0); /* as when only the other two were copied back */
    reader = open_reader(fixture);
    assert_int_equal(get_now(reader), 7);
    db_close(reader);
    struct db *db = open_writer(fixture);
    assert_ok(set(db, 8));
    db_close(db);
}

/* Garbage in the index of the WAL, as a machine that went down may leave it. */
static void spoil_shm(struct fixture *fixture)
{
    char garbage[4096];
    memset(garbage, 'x', sizeof(garbage));
    int fd = open(shm_of(fixture), O_WRONLY);
    assert_int_equal(pwrite(fd, garbage, sizeof(garbage), 0), sizeof(garbage));
    close(fd);
}

#define PROCESSES 8
#define ROUNDS    5

static int read_in_process(struct fixture *fixture, int64_t expected)
{
    for (int i = 0; i < 20; i++) {
        struct db *reader = NULL;
        if (db_open_reader(fixture->path, &reader) || db_begin_view(reader)) {
            return 1;
        }
        sqlite3_stmt *statement = db_statement(reader, "SELECT v FROM t");
        if (db_step(reader, statement) != 1 || sqlite3_column_int64(statement, 0) != expected) {
            return 2;
        }
        db_end_view(reader);
        db_close(reader);
    }
    return 0;
}

/* They all want to build the index of the WAL anew at the same moment: none of them is refused. */
static void many_come_after_a_crash(void **state)
{
    struct fixture *fixture = *state;
    pid_t children[PROCESSES];
    for (int round = 1; round <= ROUNDS; round++) {
        leave_a_wal(fixture, round);
        if (round % 2) {
            spoil_shm(fixture);
        } else {
            assert_int_equal(unlink(shm_of(fixture)), 0);
        }
        for (int i = 0; i < PROCESSES; i++) {
            children[i] = fork();
            if (children[i] == 0) {
                _exit(read_in_process(fixture, round));
            }
        }
        for (int i = 0; i < PROCESSES; i++) {
            int status = -1;
            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
            assert_int_equal(status, 0);
        }
    }
}

/* ---- a large table, which is read ahead ---- */

#define ROWS 8000 /* of which a page holds a few */

#define FILL                                                                     \
    "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k+1 FROM n WHERE k<8000)" \
    " INSERT INTO t SELECT k, 1000000000000000000 + k FROM n"
#define WIDEN "CREATE TABLE wide AS SELECT k, 0 AS v, zeroblob(700) AS filler FROM t WHERE k>0"

static void fill(struct db *db)
{
    assert_ok(db_begin(db));
    assert_ok(db_run(db, db_statement(db, FILL)));
    assert_ok(db_run(db, db_statement(db, WIDEN)));
    assert_ok(db_commit(db));
    assert_ok(db_checkpoint(db, 0));
}

static void change_all(struct db *db, int64_t value)
{
    assert_ok(db_begin(db));
    sqlite3_stmt *statement = db_statement(db, "UPDATE wide SET v=?1");
    db_bind_int(statement, 1, value);
    assert_ok(db_run(db, statement));
    assert_ok(db_commit(db)); /* so many pages that it moves them into the file, as far as readers let it */
}

/* The rows from..to-1 have this value. */
static void expect_values(struct db *reader, int from, int to, int64_t value)
{
    sqlite3_stmt *statement = db_statement(reader, "SELECT v FROM wide WHERE rowid>?1 AND rowid<=?2");
    db_bind_int(statement, 1, from);
    db_bind_int(statement, 2, to);
    int rows = 0;
    while (db_step(reader, statement) == 1) {
        assert_int_equal(sqlite3_column_int64(statement, 0), value);
        rows++;
    }
    assert_int_equal(rows, to - from);
}

static void what_was_read_ahead_is_of_the_view(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_writer(fixture), *reader = open_reader(fixture), *other = open_reader(fixture);
    fill(db);
    for (int64_t value = 0; value < 4; value++) {
        assert_ok(db_begin_view(reader));
        expect_values(reader, 0, ROWS / 2, value);
        change_all(db, value + 1);
        assert_ok(db_begin_view(other)); /* sees the file, the log and both, in turns */
        expect_values(other, 0, ROWS, value + 1);
        expect_values(reader, ROWS / 2, ROWS, value);
        expect_values(reader, 0, ROWS, value);
        db_end_view(reader);
        if (value % 2) {
            db_end_view(other);
            assert_ok(db_checkpoint(db, 0));
            assert_ok(db_begin_view(other));
        }
        expect_values(other, ROWS - 100, ROWS, value + 1); /* where it has been last */
        expect_values(other, 0, ROWS, value + 1);
        db_end_view(other);
    }
    db_close(other);
    db_close(reader);
    db_close(db);
}

/* Reads that this process has done so far; -1: the kernel does not tell. */
static long read_calls(void)
{
    char line[100];
    long calls = -1;
    FILE *file = fopen("/proc/self/io", "r");
    while (file && fgets(line, sizeof(line), file)) {
        sscanf(line, "syscr: %ld", &calls);
    }
    if (file) {
        fclose(file);
    }
    return calls;
}

static void a_scan_reads_many_pages_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = open_writer(fixture);
    fill(db);
    struct db *reader = open_reader(fixture);
    long before = read_calls();
    assert_ok(db_begin_view(reader));
    expect_values(reader, 0, ROWS, 0);
    db_end_view(reader);
    if (before >= 0) {
        assert_in_range(read_calls() - before, 1, ROWS / 5 / 4); /* five rows in a page */
    }
    db_close(reader);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_view_is_one_moment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_waits_for_no_writer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_writes_nothing_and_makes_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_after_a_crash_may_be_a_reader, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_come_after_a_crash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_read_ahead_is_of_the_view, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_scan_reads_many_pages_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
