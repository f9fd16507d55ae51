/* SPDX-License-Identifier: ISC */
/* The copy of the index: when it is made, that it is whole, what is not copied. */
#include "fixture.h"

#include <sqlite3.h>
#include <utime.h>

#include "account_private.h"
#include "index_backup.h"

#define BACKUP    ALICE_DIR "/" INDEX_BACKUP
#define TEMPORARY BACKUP ".tmp"

static int64_t number_in_copy(struct fixture *fixture, const char *sql)
{
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(path_of(fixture, BACKUP), &handle, SQLITE_OPEN_READONLY, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return value;
}

static void make_older(struct fixture *fixture, int64_t seconds)
{
    struct stat info;
    assert_int_equal(stat(path_of(fixture, BACKUP), &info), 0);
    struct utimbuf times = {info.st_mtime - seconds, info.st_mtime - seconds};
    assert_int_equal(utime(path_of(fixture, BACKUP), &times), 0);
}

static void copy_holds_what_the_index_held(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    for (int i = 0; i < 20; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    assert_ok(index_backup_make(account, NULL, NULL));
    append_text(fixture, account, "INBOX", HELLO);
    assert_int_equal(number_in_copy(fixture, "SELECT count(*) FROM message"), 20);
    assert_int_equal(access(path_of(fixture, BACKUP "-wal"), F_OK), -1); /* one file, whole */
    assert_int_equal(access(path_of(fixture, TEMPORARY), F_OK), -1);
    account_close(account);
}

static void copy_is_made_once_a_day(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    assert_ok(index_backup_if_due(account, NULL, NULL));
    append_text(fixture, account, "INBOX", HELLO);
    assert_ok(index_backup_if_due(account, NULL, NULL));
    assert_int_equal(number_in_copy(fixture, "SELECT count(*) FROM message"), 1);
    make_older(fixture, 86400 + 10);
    assert_ok(index_backup_if_due(account, NULL, NULL));
    assert_int_equal(number_in_copy(fixture, "SELECT count(*) FROM message"), 2);
    make_older(fixture, 86400 + 10);
    struct stat before, after;
    assert_int_equal(stat(path_of(fixture, BACKUP), &before), 0);
    assert_ok(index_backup_if_due(account, NULL, NULL)); /* nothing changed since */
    assert_int_equal(stat(path_of(fixture, BACKUP), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    account_close(account);
}

static void copy_that_cannot_be_read_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    assert_ok(fs_write_durable(path_of(fixture, BACKUP), S("this is no database"), 0600));
    make_older(fixture, 86400 + 10);
    assert_ok(index_backup_if_due(account, NULL, NULL));
    assert_int_equal(number_in_copy(fixture, "SELECT count(*) FROM message"), 1);
    account_close(account);
}

static bool only_once(void *data)
{
    int *asked = data;
    return ++*asked < 2;
}

static void copy_that_is_broken_off_leaves_the_former_one(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    int asked = 1;
    append_text(fixture, account, "INBOX", HELLO);
    assert_ok(index_backup_make(account, NULL, NULL));
    append_text(fixture, account, "INBOX", HELLO);
    assert_err(index_backup_make(account, only_once, &asked), ERR_CANCELED);
    assert_int_equal(number_in_copy(fixture, "SELECT count(*) FROM message"), 1);
    assert_int_equal(access(path_of(fixture, TEMPORARY), F_OK), -1);
    account_close(account);
}

/* Zeros in the middle of a page that no ordinary read touches. */
static void damage_index(struct fixture *fixture)
{
    char zeros[2048] = {0};
    int fd = open(path_of(fixture, ALICE_DIR "/index.db"), O_RDWR);
    struct stat info;
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &info), 0);
    for (off_t page = info.st_size / 2 / 4096; page < info.st_size / 4096; page++) {
        assert_int_equal(pwrite(fd, zeros, sizeof(zeros), page * 4096), sizeof(zeros));
    }
    close(fd);
}

static void damaged_index_does_not_replace_a_good_copy(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    for (int i = 0; i < 50; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    assert_ok(index_backup_make(account, NULL, NULL));
    append_text(fixture, account, "INBOX", HELLO);
    assert_ok(db_checkpoint(account->db, 1));
    account_close(account);
    store_close(fixture->store); /* so that nobody has the pages in memory */
    fixture->store = NULL;
    open_store(fixture);
    account = open_account(fixture, ALICE);
    damage_index(fixture);
    assert_err(index_backup_make(account, NULL, NULL), ERR_CORRUPT);
    assert_int_equal(number_in_copy(fixture, "SELECT count(*) FROM message"), 50);
    assert_int_equal(access(path_of(fixture, TEMPORARY), F_OK), -1);
    account_close(account);
    /* It is under suspicion now: the next opening mends it, and all mail is there. */
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "INBOX").messages, 51);
    check_consistent(fixture, account, "INBOX", ALICE_INBOX "/cur");
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(copy_holds_what_the_index_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copy_is_made_once_a_day, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copy_that_cannot_be_read_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copy_that_is_broken_off_leaves_the_former_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_index_does_not_replace_a_good_copy, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
