/* SPDX-License-Identifier: ISC */
/* A disk that is full, and one that fails. */
#include "fixture.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "store_private.h"

static void failed_sync_makes_the_store_read_only(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation append = append_to("INBOX", &sealed);
    struct blob *blob = NULL, *begun = NULL;
    assert_ok(blob_begin(fixture->store, &begun));
    assert_ok(batch_commit(account, &append, 1, NULL));
    assert_err(store_sync(fixture->store, -1, "a test"), ERR_IO);
    assert_err(batch_commit(account, &append, 1, NULL), ERR_UNAVAILABLE);
    assert_err(blob_begin(fixture->store, &blob), ERR_UNAVAILABLE);
    assert_err(blob_seal(begun), ERR_UNAVAILABLE);
    assert_int_equal(status_of(account, "INBOX").messages, 1); /* reading goes on */
    assert_slice(read_message(fixture, account, 1, 1), HELLO);
    blob_free(begun);
    blob_free(sealed.blob);
    account_close(account);
    reopen_store(fixture); /* the cure */
    account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    account_close(account);
}

/* The store on a disk of 3 MiB that only this process sees. */
static int set_up_small_disk(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    *state = fixture;
    fixture->directory = check_temporary_directory();
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", fixture->directory, "tmpfs", 0, "size=3m") != 0) {
        return 0; /* needs root: the test is skipped */
    }
    open_store(fixture);
    assert_ok(directory_domain_add(fixture->store, S("example.org"), NULL));
    assert_ok(directory_user_add(fixture->store, ALICE, S(""), 0, NULL));
    return 0;
}

static int tear_down_small_disk(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->store) {
        store_close(fixture->store);
        assert_int_equal(umount(fixture->directory), 0);
    }
    arena_free(&fixture->arena);
    check_remove_directory(fixture->directory);
    free(fixture);
    return 0;
}

static enum err try_append(struct fixture *fixture, struct account *account, struct slice text)
{
    struct sealed sealed = {0};
    enum err err = try_seal(fixture->store, &fixture->arena, text, &sealed);
    if (!err) {
        struct batch_operation append = append_to("INBOX", &sealed);
        err = batch_commit(account, &append, 1, NULL);
    }
    blob_free(sealed.blob);
    return err;
}

static unsigned fill(struct fixture *fixture, struct account *account, struct slice text)
{
    unsigned accepted = 0, refused = 0;
    for (int i = 0; i < 3000 && refused < 20; i++) {
        enum err err = try_append(fixture, account, text);
        assert_true(err == ERR_OK || err == ERR_NO_SPACE);
        accepted += err == ERR_OK;
        refused += err == ERR_NO_SPACE;
    }
    assert_int_equal(refused, 20);
    return accepted;
}

static void full_disk_refuses_and_goes_on_when_there_is_room(void **state)
{
    struct fixture *fixture = *state;
    if (!fixture->store) {
        skip();
    }
    struct account *account = open_account(fixture, ALICE);
    char *big = malloc(30000);
    memset(big, 'x', 30000);
    unsigned accepted = fill(fixture, account, slice_of(big, 30000));
    accepted += fill(fixture, account, HELLO); /* until there is no room for the index either */
    assert_int_equal(status_of(account, "INBOX").messages, accepted);
    check_consistent(fixture, account, "INBOX", ALICE_INBOX "/cur");
    assert_int_equal(mount("none", fixture->directory, "tmpfs", MS_REMOUNT, "size=20m"), 0);
    assert_ok(try_append(fixture, account, HELLO));
    assert_int_equal(status_of(account, "INBOX").messages, accepted + 1);
    check_consistent(fixture, account, "INBOX", ALICE_INBOX "/cur");
    assert_int_equal(count_spool(fixture), 0);
    account_close(account);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(failed_sync_makes_the_store_read_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_disk_refuses_and_goes_on_when_there_is_room, set_up_small_disk,
                                        tear_down_small_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
