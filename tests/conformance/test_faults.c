/* SPDX-License-Identifier: ISC */
/* The faults that the engine in memory makes on demand: errors reach the caller, and nothing half-done is
 * left. */
#include "suite.h"

#include "base/clock.h"
#include "storage_memory/faults.h"

static void the_nth_commit_fails_and_did_not_happen(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation both[] = {append_to("INBOX", &sealed), operation_on(BATCH_MAILBOX_CREATE, "New")};
    memory_store_fail(fixture->store, MEMORY_COMMIT, 2, ERR_NO_SPACE);
    run(fixture, account, append_to("INBOX", &sealed));
    struct mailbox_status before = status_of(account, "INBOX");
    assert_err(batch_commit(account, both, 2, NULL), ERR_NO_SPACE);
    struct mailbox_status after = status_of(account, "INBOX");
    assert_memory_equal(&before, &after, sizeof(before));
    assert_false(mailbox_is_there(fixture, account, "New"));
    assert_ok(batch_commit(account, both, 2, NULL)); /* once only */
    assert_int_equal(both[0].result.uid, 2);
    blob_free(sealed.blob);
    account_close(account);
}

static void faults_last_until_healed(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE), *none = NULL;
    struct snapshot *snapshot = NULL;
    struct mailbox_status status;
    memory_store_fail_from(fixture->store, MEMORY_READ, 1, ERR_IO);
    memory_store_fail_from(fixture->store, MEMORY_OPEN, 1, ERR_UNAVAILABLE);
    for (int i = 0; i < 3; i++) {
        assert_err(snapshot_open(account, &snapshot), ERR_IO);
        assert_err(mailbox_status(account, S("INBOX"), &status), ERR_IO);
        assert_err(account_open(fixture->store, ALICE, &none), ERR_UNAVAILABLE);
    }
    memory_store_heal(fixture->store);
    assert_ok(mailbox_status(account, S("INBOX"), &status));
    assert_true(memory_store_steps(fixture->store, MEMORY_READ) > 3);
    account_close(account);
}

static void bodies_fail_on_their_way_in_and_out(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = {0};
    struct blob_reader reader;
    append_many(fixture, account, "INBOX", 1);
    memory_store_fail(fixture->store, MEMORY_BLOB_WRITE, 1, ERR_NO_SPACE);
    assert_err(try_seal(fixture->store, &fixture->arena, HELLO, &sealed), ERR_NO_SPACE);
    assert_err(blob_seal(sealed.blob), ERR_NO_SPACE); /* errors stick */
    blob_free(sealed.blob);
    memory_store_fail(fixture->store, MEMORY_SEAL, 1, ERR_IO);
    assert_err(try_seal(fixture->store, &fixture->arena, HELLO, &sealed), ERR_IO);
    blob_free(sealed.blob);
    memory_store_fail(fixture->store, MEMORY_READ, 1, ERR_IO);
    assert_err(message_open(account, 1, 1, &reader), ERR_IO);
    assert_slice(read_message(fixture, account, 1, 1), HELLO);
    account_close(account);
}

static void commits_can_be_slow(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    memory_store_delay(fixture->store, MEMORY_COMMIT, 20000);
    int64_t begin = clock_wall_us();
    append_many(fixture, account, "INBOX", 1);
    assert_true(clock_wall_us() - begin >= 20000);
    memory_store_heal(fixture->store);
    account_close(account);
}

/* RFC 7162 section 3.2.5.2: a server may name more than what vanished, never less. */
static void forgotten_expunges_raise_the_floor(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    bool complete = true;
    memory_store_set_vanished_max(fixture->store, 4);
    append_many(fixture, account, "INBOX", 20);
    uint64_t first = status_of(account, "INBOX").highestmodseq, later = 0;
    for (uint32_t uid = 2; uid <= 16; uid += 2) {
        run(fixture, account, expunge_of(fixture, "INBOX", arena_printf(&fixture->arena, "%u", uid)));
        later = uid == 14 ? status_of(account, "INBOX").highestmodseq : later;
    }
    struct mailbox_status status = status_of(account, "INBOX");
    assert_true(status.vanished_floor > first && status.vanished_floor < status.highestmodseq);
    run(fixture, account, expunge_of(fixture, "INBOX", "20"));
    assert_string_equal(vanished_text(fixture, account, "INBOX", first, &complete), "2,4,6,8,10,12,14,16,20");
    assert_false(complete);
    assert_string_equal(vanished_text(fixture, account, "INBOX", later, &complete), "16,20");
    assert_true(complete);
    account_close(account);
}

static void two_openings_are_one_store(void **state)
{
    struct fixture *fixture = *state;
    struct store *again = NULL;
    struct account *account = open_account(fixture, ALICE), *other = NULL;
    append_many(fixture, account, "INBOX", 2);
    assert_ok(store_open(fixture->directory, "mx.example.org", &again, NULL));
    assert_ok(account_open(again, ALICE, &other));
    assert_int_equal(status_of(other, "INBOX").messages, 2);
    account_close(other);
    store_close(again);
    assert_int_equal(status_of(account, "INBOX").messages, 2);
    account_close(account);
}

#define MANY 10000

static void many_messages_are_no_trouble(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    for (int i = 0; i < MANY; i++) { /* one commit each, while somebody looks */
        struct snapshot *snapshot = i % 7 == 0 ? open_snapshot(account) : NULL;
        struct batch_operation append = append_to("INBOX", &sealed);
        snapshot_close(snapshot);
        assert_ok(batch_commit(account, &append, 1, NULL));
    }
    for (int i = 1; i <= MANY; i += 3) {
        struct uid_range one = {(uint32_t)i, (uint32_t)i};
        struct batch_operation expunge = operation_on(BATCH_EXPUNGE, "INBOX");
        expunge.expunge.uids = (struct uid_set){&one, 1};
        assert_ok(batch_commit(account, &expunge, 1, NULL));
    }
    assert_int_equal(status_of(account, "INBOX").messages, MANY - (MANY + 2) / 3);
    blob_free(sealed.blob);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(the_nth_commit_fails_and_did_not_happen),
        conformance_test(faults_last_until_healed),
        conformance_test(bodies_fail_on_their_way_in_and_out),
        conformance_test(commits_can_be_slow),
        conformance_test(forgotten_expunges_raise_the_floor),
        conformance_test(two_openings_are_one_store),
        conformance_test(many_messages_are_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
