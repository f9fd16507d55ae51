/* SPDX-License-Identifier: ISC */
/* The lock of an instance, seen from another process. */
#include "check.h"

#include <sys/wait.h>

#include "supervisor/pidfile.h"

/* What a second process finds when it takes the lock: its outcome, 100 more when the holder is its parent. */
static int outcome_elsewhere(const char *path)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        int fd;
        bool stale;
        pid_t holder = 0;
        enum err err = pidfile_take(path, &fd, &stale, &holder);
        _exit((int)err + (holder == getppid() && pidfile_holder(path) == holder ? 100 : 0));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void one_holder_at_a_time(void **state)
{
    char *folder = check_temporary_directory();
    char path[200];
    int fd;
    bool stale;
    pid_t holder;
    (void)state;
    snprintf(path, sizeof(path), "%s/x.pid", folder);
    assert_int_equal(pidfile_holder(path), 0);
    assert_ok(pidfile_take(path, &fd, &stale, &holder));
    assert_false(stale);
    assert_int_equal(outcome_elsewhere(path), ERR_BUSY + 100);
    pidfile_release(path, fd);
    assert_int_equal(access(path, F_OK), -1);
    check_remove_directory(folder);
}

/* A holder that died without release leaves the file, but not the lock. */
static void file_of_a_dead_holder_is_stale(void **state)
{
    char *folder = check_temporary_directory();
    char path[200];
    int fd;
    bool stale = false;
    pid_t holder;
    (void)state;
    snprintf(path, sizeof(path), "%s/x.pid", folder);
    assert_int_equal(outcome_elsewhere(path), ERR_OK);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(pidfile_holder(path), 0);
    assert_ok(pidfile_take(path, &fd, &stale, &holder));
    assert_true(stale);
    pidfile_release(path, fd);
    check_remove_directory(folder);
}

static void says_why_there_is_no_lock(void **state)
{
    int fd;
    bool stale;
    pid_t holder;
    (void)state;
    assert_int_not_equal(pidfile_take("/proc/nowhere/x.pid", &fd, &stale, &holder), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_holder_at_a_time),
        cmocka_unit_test(file_of_a_dead_holder_is_stale),
        cmocka_unit_test(says_why_there_is_no_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
