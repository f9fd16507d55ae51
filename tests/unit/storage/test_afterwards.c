/* SPDX-License-Identifier: ISC */
/*
 * What a commit leaves behind: that nobody waits for it, that it is done, and that a process which dies
 * before it loses nothing of it.
 */
#include "inside.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "afterwards.h"
#include "maintain.h"
#include "storage/care.h"

#define INBOX_CUR   ALICE_INBOX "/cur"
#define ARCHIVE_CUR ALICE_INBOX "/.Archive/cur"
#define MESSAGES    5
#define PATIENCE_S  20

static struct account *open_with_thread(struct fixture *fixture)
{
    assert_ok(store_maintenance_start(fixture->store));
    struct account *account = open_account(fixture, ALICE);
    for (int i = 0; i < MESSAGES; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    return account;
}

static int64_t size_of(struct fixture *fixture, const char *relative)
{
    struct stat info;
    assert_int_equal(stat(path_of(fixture, relative), &info), 0);
    return info.st_size;
}

static void commit_one(struct account *account, struct batch_operation operation)
{
    assert_ok(batch_commit(account, &operation, 1, NULL));
}

/* One of the messages has a copy; then all leave INBOX. */
static void copy_and_expunge(struct fixture *fixture, struct account *account)
{
    commit_one(account, copy_to("INBOX", "Archive", uids(fixture, 2, 2)));
    commit_one(account, expunge_from("INBOX", uid_set_all));
}

static void check_all(struct fixture *fixture, struct account *account)
{
    struct check_report report = {0};
    assert_int_equal(count_files(fixture, INBOX_CUR), 0);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    check_consistent(fixture, account, "Archive", ARCHIVE_CUR);
    struct slice text = read_message(fixture, account, status_of(account, "Archive").id, 1);
    assert_true(slice_eq(text, HELLO));
    assert_ok(account_check(account, &(struct check){.read_bodies = true}, &report));
    assert_int_equal(report.problems, 0);
}

static void answer_comes_before_the_files_go(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with_thread(fixture);
    afterwards_set_paused(fixture->store, true);
    copy_and_expunge(fixture, account);
    assert_int_equal(count_files(fixture, INBOX_CUR), MESSAGES);
    assert_int_equal(status_of(account, "INBOX").messages, 0);
    assert_int_equal(sql_number(account, "SELECT messages FROM counter"), 1); /* the quota */
    afterwards_set_paused(fixture->store, false);
    afterwards_wait(fixture->store);
    check_all(fixture, account);
    account_close(account);
}

/* Another program touches the folder meanwhile, and it is looked at. */
static void files_that_wait_are_no_new_mail(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with_thread(fixture);
    int64_t id = status_of(account, "INBOX").id;
    afterwards_set_paused(fixture->store, true);
    copy_and_expunge(fixture, account);
    assert_ok(mailbox_refresh(account, id));
    assert_int_equal(count_files(fixture, INBOX_CUR), MESSAGES); /* who selects it does not do the work */
    assert_ok(fs_write_durable(path_of(fixture, INBOX_CUR "/1.other:2,"), HELLO, 0600));
    assert_ok(mailbox_refresh(account, id));
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    afterwards_set_paused(fixture->store, false);
    afterwards_wait(fixture->store);
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void mailbox_goes_while_its_files_wait(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with_thread(fixture);
    afterwards_set_paused(fixture->store, true);
    commit_one(account, move_to("INBOX", "Archive", uid_set_all));
    commit_one(account, expunge_from("Archive", uids(fixture, 1, 2)));
    commit_one(account, (struct batch_operation){.kind = BATCH_MAILBOX_RENAME,
                                                 .mailbox = mailbox_named(S("Archive")),
                                                 .rename = {S("Old")}});
    assert_int_equal(count_files(fixture, ALICE_INBOX "/.Old/cur"), MESSAGES);
    commit_one(account,
               (struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(S("Old"))});
    assert_int_not_equal(access(path_of(fixture, ALICE_INBOX "/.Old"), F_OK), 0);
    afterwards_set_paused(fixture->store, false);
    afterwards_wait(fixture->store);
    assert_int_equal(count_files(fixture, INBOX_CUR), 0);
    assert_int_equal(sql_number(account, "SELECT count(*) FROM intent"), 0);
    account_close(account);
}

static void closing_the_store_finishes_it(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with_thread(fixture);
    afterwards_set_paused(fixture->store, true);
    copy_and_expunge(fixture, account);
    account_close(account);
    store_close(fixture->store);
    assert_int_equal(count_files(fixture, INBOX_CUR), 0);
    open_store(fixture);
    account = open_account(fixture, ALICE);
    check_all(fixture, account);
    account_close(account);
}

static void die_before_the_files_go(struct fixture *fixture)
{
    int status = 0;
    store_close(fixture->store);
    pid_t child = fork();
    if (child == 0) {
        open_store(fixture);
        struct account *account = open_with_thread(fixture);
        afterwards_set_paused(fixture->store, true);
        copy_and_expunge(fixture, account);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(count_files(fixture, INBOX_CUR), MESSAGES);
    open_store(fixture);
}

static void restart_unlinks_what_a_dead_process_left(void **state)
{
    struct fixture *fixture = *state;
    die_before_the_files_go(fixture);
    struct account *account = open_account(fixture, ALICE);
    check_all(fixture, account);
    account_close(account);
}

static void daemon_unlinks_what_a_dead_process_left(void **state)
{
    struct fixture *fixture = *state;
    die_before_the_files_go(fixture);
    assert_ok(store_maintenance_start(fixture->store));
    maintenance_set_times(fixture->store, 0, 0);
    struct account *account = open_account(fixture, ALICE);
    for (int i = 0; i < PATIENCE_S * 100 && count_files(fixture, INBOX_CUR); i++) {
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    check_all(fixture, account);
    account_close(account);
}

/* The log is moved into the database by the thread, not by the one who commits. */
static void checkpoint_comes_afterwards(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with_thread(fixture);
    afterwards_set_paused(fixture->store, true);
    int64_t before = size_of(fixture, ALICE_DIR "/index.db");
    for (int i = 0; i < 2000 && !db_checkpoint_is_due(account->db); i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    assert_true(db_checkpoint_is_due(account->db));
    assert_int_equal(size_of(fixture, ALICE_DIR "/index.db"), before);
    afterwards_set_paused(fixture->store, false);
    afterwards_wait(fixture->store);
    assert_false(db_checkpoint_is_due(account->db));
    assert_true(size_of(fixture, ALICE_DIR "/index.db") > before);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answer_comes_before_the_files_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_wait_are_no_new_mail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mailbox_goes_while_its_files_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_the_store_finishes_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(restart_unlinks_what_a_dead_process_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(daemon_unlinks_what_a_dead_process_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(checkpoint_comes_afterwards, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
