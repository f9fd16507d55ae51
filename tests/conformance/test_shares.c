/* SPDX-License-Identifier: ISC */
/* Who shares mailboxes with whom, asked of the directory. */
#include "suite.h"

#define BOB   S("bob@example.org")
#define CAROL S("carol@example.org")

static int set_up_three(void **state)
{
    set_up(state);
    struct fixture *fixture = *state;
    assert_ok(directory_user_add(fixture->store, BOB, S("Bob"), 0, NULL));
    assert_ok(directory_user_add(fixture->store, CAROL, S("Carol"), 0, NULL));
    return 0;
}

static void give(struct fixture *fixture, struct slice owner, const char *mailbox, struct slice identifier,
                 const char *rights)
{
    struct account *account = open_account(fixture, owner);
    struct batch_operation operation = operation_on(BATCH_SET_RIGHTS, mailbox);
    operation.rights = (struct batch_rights){identifier, slice_from(rights)};
    run(fixture, account, operation);
    account_close(account);
}

static void expect_shares(struct fixture *fixture, struct slice login, const char *expected)
{
    struct slice *owners;
    size_t count;
    assert_ok(directory_shares(fixture->store, login, &fixture->arena, &owners, &count));
    assert_string_equal(names_text(fixture, owners, count), expected);
}

static void rights_are_known_from_the_other_side(void **state)
{
    struct fixture *fixture = *state;
    expect_shares(fixture, BOB, "");
    give(fixture, ALICE, "Sent", BOB, "lr");
    give(fixture, ALICE, "Drafts", BOB, "l");
    expect_shares(fixture, BOB, "alice@example.org");
    expect_shares(fixture, CAROL, "");
    expect_shares(fixture, ALICE, "");
    give(fixture, CAROL, "INBOX", BOB, "lrs");
    expect_shares(fixture, BOB, "alice@example.org,carol@example.org");
    give(fixture, ALICE, "Sent", BOB, "");
    expect_shares(fixture, BOB, "alice@example.org,carol@example.org");
    give(fixture, ALICE, "Drafts", BOB, "");
    expect_shares(fixture, BOB, "carol@example.org");
    expect_shares(fixture, S("nobody@example.org"), "");
}

static void rights_of_everybody_are_everybodys(void **state)
{
    struct fixture *fixture = *state;
    give(fixture, ALICE, "Archive", S(RIGHTS_ANYONE), "lr");
    give(fixture, CAROL, "Archive", S(RIGHTS_AUTHENTICATED), "lr");
    expect_shares(fixture, BOB, "alice@example.org,carol@example.org");
    expect_shares(fixture, ALICE, "carol@example.org"); /* not oneself */
    give(fixture, ALICE, "Archive", S(RIGHTS_ANYONE), "");
    expect_shares(fixture, BOB, "carol@example.org");
    give(fixture, ALICE, "Archive", S("-bob@example.org"), "lr"); /* gives nothing */
    expect_shares(fixture, BOB, "carol@example.org");
}

static void they_go_with_mailboxes_and_users(void **state)
{
    struct fixture *fixture = *state;
    give(fixture, ALICE, "Archive", BOB, "lr");
    give(fixture, CAROL, "INBOX", BOB, "lr");
    struct account *account = open_account(fixture, ALICE);
    run(fixture, account, rename_of("Archive", "Old"));
    expect_shares(fixture, BOB, "alice@example.org,carol@example.org");
    run(fixture, account, operation_on(BATCH_MAILBOX_DELETE, "Old"));
    expect_shares(fixture, BOB, "carol@example.org");
    account_close(account);
    assert_ok(directory_user_remove(fixture->store, CAROL, false, NULL));
    expect_shares(fixture, BOB, "");
    /* Somebody new under the old name shares nothing. */
    assert_ok(directory_user_add(fixture->store, CAROL, S("Another"), 0, NULL));
    expect_shares(fixture, BOB, "");
}

/* Who gets the name next has neither his rights nor his \Seen. */
static void rights_of_who_is_gone_are_taken_back(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 2);
    give(fixture, ALICE, "INBOX", BOB, "lrs");
    give(fixture, ALICE, "INBOX", S("-bob@example.org"), "w");
    give(fixture, ALICE, "Sent", BOB, "l");
    give(fixture, ALICE, "Sent", CAROL, "lr");
    struct batch_operation see = flags_on(fixture, "INBOX", "2", FLAGS_ADD, MESSAGE_SEEN);
    see.flags.viewer = BOB;
    run(fixture, account, see);
    assert_ok(directory_user_remove(fixture->store, BOB, true, NULL));
    assert_ok(directory_user_add(fixture->store, BOB, S("Another"), 0, NULL));
    expect_shares(fixture, BOB, "");
    expect_shares(fixture, CAROL, "alice@example.org");
    struct snapshot *snapshot = open_snapshot(account);
    struct rights_entry *list;
    struct slice *viewers;
    size_t count;
    assert_ok(snapshot_rights(snapshot, 1, &fixture->arena, &list, &count));
    assert_int_equal(count, 0);
    assert_ok(snapshot_rights(snapshot, status_of(account, "Sent").id, &fixture->arena, &list, &count));
    assert_int_equal(count, 1);
    assert_ok(snapshot_viewers(snapshot, 1, &fixture->arena, &viewers, &count));
    assert_int_equal(count, 0);
    snapshot_close(snapshot);
    account_close(account);
}

static void a_batch_that_fails_shares_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct batch_operation both[] = {operation_on(BATCH_SET_RIGHTS, "INBOX"),
                                     operation_on(BATCH_MAILBOX_DELETE, "None")};
    both[0].rights = (struct batch_rights){BOB, S("lr")};
    assert_err(batch_commit(account, both, 2, NULL), ERR_NOT_FOUND);
    expect_shares(fixture, BOB, "");
    account_close(account);
}

#define shares_test(name) cmocka_unit_test_setup_teardown(name, set_up_three, tear_down_checked)

int main(void)
{
    const struct CMUnitTest tests[] = {
        shares_test(rights_are_known_from_the_other_side), shares_test(rights_of_everybody_are_everybodys),
        shares_test(they_go_with_mailboxes_and_users),     shares_test(rights_of_who_is_gone_are_taken_back),
        shares_test(a_batch_that_fails_shares_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
