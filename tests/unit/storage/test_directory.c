/* SPDX-License-Identifier: ISC */
/* The directory on the disk: folders of users, and several processes. What it answers is tested for every
 * engine in tests/conformance. */
#include "fixture.h"

#include <sys/wait.h>

static void add_user(struct fixture *fixture, const char *address)
{
    assert_ok(directory_user_add(fixture->store, slice_from(address), S(""), 0, NULL));
}

static enum directory_outcome outcome_of(struct fixture *fixture, const char *text)
{
    struct directory_route route = {0};
    struct address address;
    assert_ok(address_parse(&fixture->arena, slice_from(text), true, &address));
    assert_ok(directory_resolve(fixture->store, &fixture->arena, &address, "+", &route));
    return route.outcome;
}

static void odd_names_have_safe_folders(void **state)
{
    struct fixture *fixture = *state;
    add_user(fixture, "\"../.. x\"@example.org");
    add_user(fixture, "\".hidden\"@example.org");
    add_user(fixture, "a/b@example.org");
    add_user(fixture, "j\xc3\xb6rg@example.org");
    assert_int_equal(access(path_of(fixture, "mail/example.org/%22..%2F..%20x%22/index.db"), F_OK), 0);
    assert_int_equal(access(path_of(fixture, "mail/example.org/%22.hidden%22/index.db"), F_OK), 0);
    assert_int_equal(access(path_of(fixture, "mail/example.org/a%2Fb/index.db"), F_OK), 0);
    assert_int_equal(access(path_of(fixture, "mail/example.org/j%C3%B6rg/index.db"), F_OK), 0);
}

static void purged_users_leave_nothing(void **state)
{
    struct fixture *fixture = *state;
    add_user(fixture, "bob@example.org");
    assert_int_equal(access(path_of(fixture, "mail/example.org/bob"), F_OK), 0);
    assert_ok(directory_user_remove(fixture->store, S("bob@example.org"), true, NULL));
    assert_int_not_equal(access(path_of(fixture, "mail/example.org/bob"), F_OK), 0);
    assert_int_equal(count_files(fixture, "removed"), 0);
}

static void change_by_another_process_is_seen_at_once(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(outcome_of(fixture, "new@example.org"), DIRECTORY_NO_USER);
    pid_t child = fork();
    if (child == 0) {
        struct store *store = NULL; /* its own: the parent's handles are not its to use */
        enum err err = store_open(fixture->directory, "mx", &store, NULL);
        struct slice target = ALICE;
        err = err ? err : directory_alias_add(store, S("new@example.org"), &target, 1, NULL);
        _exit(err ? 1 : 0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(outcome_of(fixture, "new@example.org"), DIRECTORY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(odd_names_have_safe_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(purged_users_leave_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(change_by_another_process_is_seen_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
