/* SPDX-License-Identifier: ISC */
/* The exclusive maildrop: between sessions of one process, between processes, and after a holder died. */
#include "fixture.h"

#include <signal.h>
#include <sys/wait.h>

static void second_session_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct maildrop_lock *first = NULL, *second = NULL;
    assert_ok(maildrop_lock(account, &first));
    assert_err(maildrop_lock(account, &second), ERR_BUSY);
    append_text(fixture, account, "INBOX", HELLO); /* mail comes in all the same */
    maildrop_unlock(first);
    assert_ok(maildrop_lock(account, &second));
    maildrop_unlock(second);
    maildrop_unlock(NULL);
    account_close(account);
}

static void a_noted_login_is_remembered(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct maildrop_lock *lock = NULL;
    assert_ok(maildrop_lock(account, &lock));
    assert_int_equal(maildrop_previous_login_us(lock), 0);
    maildrop_note_login(lock, 1700000000123456);
    maildrop_unlock(lock);
    account_close(account);
    reopen_store(fixture);
    account = open_account(fixture, ALICE);
    assert_ok(maildrop_lock(account, &lock));
    assert_int_equal(maildrop_previous_login_us(lock), 1700000000123456);
    maildrop_note_login(lock, 1234567); /* a clock that was set back leaves nothing of the longer number */
    assert_int_equal(maildrop_previous_login_us(lock), 1234567);
    maildrop_unlock(lock);
    assert_ok(maildrop_lock(account, &lock)); /* a lock alone is no login */
    assert_int_equal(maildrop_previous_login_us(lock), 1234567);
    maildrop_unlock(lock);
    account_close(account);
}

static void lock_ends_with_its_holder(void **state)
{
    struct fixture *fixture = *state;
    struct maildrop_lock *lock = NULL;
    int ends[2];
    char byte = 0;
    store_close(fixture->store);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct store *store = NULL;
        struct account *account = NULL;
        bool good = !store_open(fixture->directory, "mx", &store, NULL) &&
                    !account_open(store, ALICE, &account) && !maildrop_lock(account, &lock) &&
                    write(ends[1], "x", 1) == 1;
        while (good) {
            pause();
        }
        _exit(1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    open_store(fixture);
    struct account *account = open_account(fixture, ALICE);
    assert_err(maildrop_lock(account, &lock), ERR_BUSY);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_ok(maildrop_lock(account, &lock));
    maildrop_unlock(lock);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(second_session_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_noted_login_is_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lock_ends_with_its_holder, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
