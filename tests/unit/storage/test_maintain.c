/* SPDX-License-Identifier: ISC */
/* Work in the background: when it begins, that it ends with the store, what it does. */
#include "fixture.h"

#include <pthread.h>
#include <sqlite3.h>
#include <time.h>
#include <utime.h>

#include "account_private.h"
#include "index_backup.h"
#include "maintain.h"
#include "storage/care.h"

#define BACKUP     ALICE_DIR "/" INDEX_BACKUP
#define PATIENCE_S 20

static bool exists(struct fixture *fixture, const char *relative)
{
    return access(path_of(fixture, relative), F_OK) == 0;
}

static off_t size_of(struct fixture *fixture, const char *relative)
{
    struct stat info;
    assert_int_equal(stat(path_of(fixture, relative), &info), 0);
    return info.st_size;
}

static void wait_for_file(struct fixture *fixture, const char *relative)
{
    for (int i = 0; i < PATIENCE_S * 100 && !exists(fixture, relative); i++) {
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    assert_true(exists(fixture, relative));
}

static void changed_account_is_worked_on_when_it_is_quiet(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(store_maintenance_start(fixture->store));
    maintenance_set_times(fixture->store, 50, 10000);
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    account_close(account);
    wait_for_file(fixture, BACKUP);
}

static void account_that_is_never_quiet_is_worked_on_too(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(store_maintenance_start(fixture->store));
    maintenance_set_times(fixture->store, 3600 * 1000, 100);
    struct account *account = open_account(fixture, ALICE);
    maintenance_set_times(fixture->store, 60, 100);
    for (int i = 0; i < PATIENCE_S * 100 && !exists(fixture, BACKUP); i++) {
        maintenance_note(account);
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    assert_true(exists(fixture, BACKUP));
    account_close(account);
}

static void closing_the_store_does_not_wait_for_work_that_is_due_later(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(store_maintenance_start(fixture->store));
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    account_close(account);
    reopen_store(fixture); /* the test would run into its time limit */
    assert_false(exists(fixture, BACKUP));
}

static void idle_account_gives_its_wal_up(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    assert_ok(account_maintain(account));
    for (int i = 0; i < 100; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    assert_true(size_of(fixture, ALICE_DIR "/index.db-wal") > 1024 * 1024);
    assert_ok(account_maintain(account));
    assert_int_equal(size_of(fixture, ALICE_DIR "/index.db-wal"), 0);
    check_consistent(fixture, account, "INBOX", ALICE_INBOX "/cur");
    account_close(account);
}

static void old_damaged_indexes_go(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    assert_ok(fs_write_durable(path_of(fixture, ALICE_DIR "/index.db.damaged-1"), S("x"), 0600));
    assert_ok(account_maintain(account));
    assert_true(exists(fixture, ALICE_DIR "/index.db.damaged-1")); /* a month has not gone by */
    account_close(account);
}

static void many_threads_and_the_background_get_along(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(store_maintenance_start(fixture->store));
    maintenance_set_times(fixture->store, 0, 0);
    struct account *account = open_account(fixture, ALICE);
    for (int i = 0; i < 100; i++) {
        append_text(fixture, account, "INBOX", HELLO);
        if (i % 10 == 0) {
            assert_ok(account_maintain(account));
            unlink(path_of(fixture, BACKUP));
        }
    }
    assert_int_equal(status_of(account, "INBOX").messages, 100);
    check_consistent(fixture, account, "INBOX", ALICE_INBOX "/cur");
    account_close(account);
}

/* Makes the folder look as if nobody but us had touched it: its time is what the index knows. */
static void hide_change(struct fixture *fixture, struct account *account)
{
    struct stat info;
    assert_int_equal(stat(path_of(fixture, ALICE_INBOX "/cur"), &info), 0);
    assert_ok(db_begin(account->db));
    sqlite3_stmt *statement = db_statement(account->db, "UPDATE mailbox SET cur_mtime=?1 WHERE id=1");
    db_bind_int(statement, 1, (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec);
    assert_ok(db_run(account->db, statement));
    assert_ok(db_commit(account->db));
}

static void change_in_the_same_tick_as_ours_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    assert_ok(fs_write_durable(path_of(fixture, ALICE_INBOX "/cur/1.foreign:2,S"), HELLO, 0600));
    hide_change(fixture, account);
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    nanosleep(&(struct timespec){0, 300000000}, NULL);
    assert_ok(account_maintain(account));
    assert_int_equal(status_of(account, "INBOX").messages, 2);
    uint64_t modseq = status_of(account, "INBOX").highestmodseq;
    nanosleep(&(struct timespec){0, 300000000}, NULL);
    assert_ok(account_maintain(account)); /* and then all is well */
    assert_int_equal(status_of(account, "INBOX").highestmodseq, modseq);
    check_consistent(fixture, account, "INBOX", ALICE_INBOX "/cur");
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changed_account_is_worked_on_when_it_is_quiet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(account_that_is_never_quiet_is_worked_on_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_the_store_does_not_wait_for_work_that_is_due_later, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(idle_account_gives_its_wal_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_damaged_indexes_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(change_in_the_same_tick_as_ours_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_threads_and_the_background_get_along, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
