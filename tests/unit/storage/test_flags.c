/* SPDX-License-Identifier: ISC */
/* FLAGS and EXPUNGE with their conditions and results, CLAIM_RECENT, and the letters that follow. */
#include "inside.h"

#include <pthread.h>

#include "recovery.h"

#define INBOX_CUR ALICE_INBOX "/cur"

static void fill(struct fixture *fixture, struct account *account, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
}

static uint32_t flags_of(struct account *account, uint32_t uid)
{
    struct message_row *rows = NULL;
    size_t count = 0;
    uint32_t flags = UINT32_MAX;
    assert_ok(mailbox_scan(account, 1, &rows, &count));
    for (size_t i = 0; i < count; i++) {
        flags = rows[i].uid == uid ? rows[i].flags : flags;
    }
    mem_free(rows);
    return flags;
}

static void results_tell_what_really_changed(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 5);
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 3, 3), FLAGS_ADD, MESSAGE_SEEN));
    struct batch_result result =
        run_one(fixture, account, store_flags("INBOX", uids(fixture, 2, 9), FLAGS_ADD, MESSAGE_SEEN));
    assert_int_equal(result.affected, 3);
    assert_int_equal(result.changed.count, 2);
    assert_int_equal(result.changed.ranges[0].first, 2);
    assert_int_equal(result.changed.ranges[0].last, 2);
    assert_int_equal(result.changed.ranges[1].first, 4);
    assert_int_equal(result.changed.ranges[1].last, 5);
    assert_int_equal(result.failed.count, 0);
    assert_int_equal(result.modseq, status_of(account, "INBOX").highestmodseq);
    assert_int_equal(status_of(account, "INBOX").unseen, 1);
    /* Bits that are no flags are not stored. */
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 1, 1), FLAGS_REPLACE, UINT32_MAX));
    assert_int_equal(flags_of(account, 1), MESSAGE_FLAGS_ALL);
    assert_int_equal(sql_number(account, "SELECT deleted FROM mailbox WHERE id=1"), 1);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void nothing_to_do_commits_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct stat before, after;
    fill(fixture, account, 2);
    run_one(fixture, account, store_flags("INBOX", uid_set_all, FLAGS_ADD, MESSAGE_SEEN));
    uint64_t modseq = status_of(account, "INBOX").highestmodseq;
    assert_int_equal(stat(path_of(fixture, ALICE_DIR "/index.db-wal"), &before), 0);
    struct batch_result result =
        run_one(fixture, account, store_flags("INBOX", uid_set_all, FLAGS_ADD, MESSAGE_SEEN));
    assert_int_equal(result.affected, 0);
    result = run_one(fixture, account, expunge_from("INBOX", uids(fixture, 7, 9)));
    assert_int_equal(result.affected, 0);
    assert_int_equal(stat(path_of(fixture, ALICE_DIR "/index.db-wal"), &after), 0);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(status_of(account, "INBOX").highestmodseq, modseq);
    account_close(account);
}

static void conditions_hold_back_what_changed_later(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 4);
    uint64_t modseq = status_of(account, "INBOX").highestmodseq;
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 2, 2), FLAGS_ADD, MESSAGE_ANSWERED));
    struct batch_operation flag = store_flags("INBOX", uids(fixture, 1, 9), FLAGS_ADD, MESSAGE_FLAGGED);
    flag.flags.unchanged_since = modseq;
    struct batch_result result = run_one(fixture, account, flag);
    assert_int_equal(result.affected, 3);
    assert_int_equal(uid_set_size(&result.failed), 1);
    assert_true(uid_set_has(&result.failed, 2));
    assert_false(uid_set_has(&result.changed, 2));
    assert_int_equal(flags_of(account, 2), MESSAGE_ANSWERED);
    assert_int_equal(flags_of(account, 4), MESSAGE_FLAGGED);
    /* Now all changed after that. */
    result = run_one(fixture, account, flag);
    assert_int_equal(uid_set_size(&result.failed), 4);
    flag.flags.unchanged_since = result.modseq = status_of(account, "INBOX").highestmodseq;
    result = run_one(fixture, account, flag);
    assert_int_equal(uid_set_size(&result.failed), 0);
    assert_int_equal(uid_set_size(&result.changed), 1);
    flag.flags.change = FLAGS_REMOVE;
    flag.flags.unchanged_since = 0;
    flag.flags.never = true;
    result = run_one(fixture, account, flag);
    assert_int_equal(result.affected, 0);
    assert_int_equal(uid_set_size(&result.failed), 4);
    /* Within one batch, what an earlier operation changed has changed. */
    struct batch_operation both[] = {
        store_flags("INBOX", uids(fixture, 1, 1), FLAGS_ADD, MESSAGE_DRAFT),
        store_flags("INBOX", uids(fixture, 1, 2), FLAGS_ADD, MESSAGE_SEEN),
    };
    both[1].flags.unchanged_since = status_of(account, "INBOX").highestmodseq;
    assert_ok(batch_commit(account, both, 2, &fixture->arena));
    assert_true(uid_set_has(&both[1].result.failed, 1));
    assert_true(uid_set_has(&both[1].result.changed, 2));
    assert_int_equal(both[0].result.modseq, both[1].result.modseq);
    account_close(account);
}

static void sets_are_made_only_when_wanted(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 2);
    struct batch_operation operations[] = {
        store_flags("INBOX", uid_set_all, FLAGS_ADD, MESSAGE_DELETED),
        copy_to("INBOX", "Archive", uid_set_all),
        expunge_from("INBOX", uid_set_all),
    };
    assert_ok(batch_commit(account, operations, 3, NULL));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(operations[i].result.affected, 2);
        assert_int_equal(operations[i].result.changed.count + operations[i].result.source.count, 0);
    }
    account_close(account);
}

static void expunge_of_what_is_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 6);
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 2, 3), FLAGS_ADD, MESSAGE_DELETED));
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 5, 5), FLAGS_ADD, MESSAGE_DELETED));
    struct batch_operation expunge = expunge_from("INBOX", uids(fixture, 3, 6));
    expunge.expunge.deleted_only = true;
    struct batch_result result = run_one(fixture, account, expunge);
    assert_int_equal(result.affected, 2);
    assert_int_equal(uid_set_size(&result.changed), 2);
    assert_true(uid_set_has(&result.changed, 3) && uid_set_has(&result.changed, 5));
    assert_int_equal(sql_number(account, "SELECT deleted FROM mailbox WHERE id=1"), 1);
    assert_int_equal(count_files(fixture, INBOX_CUR), 4);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void recent_messages_belong_to_who_claims_them(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct batch_operation claim = {.kind = BATCH_CLAIM_RECENT, .mailbox = mailbox_named(S("INBOX"))};
    fill(fixture, account, 3);
    uint64_t modseq = status_of(account, "INBOX").highestmodseq;
    assert_int_equal(run_one(fixture, account, claim).uid, 1);
    assert_int_equal(run_one(fixture, account, claim).uid, 4);
    assert_int_equal(sql_number(account, "SELECT modseq FROM counter"), modseq);
    fill(fixture, account, 1);
    account_close(account);
    reopen_store(fixture);
    account = open_account(fixture, ALICE);
    struct batch_result result = run_one(fixture, account, claim);
    assert_int_equal(result.uid, 4);
    assert_int_equal(result.mailbox_id, 1);
    assert_int_equal(run_one(fixture, account, claim).uid, 5);
    account_close(account);
}

/* ---- letters ---- */

static bool differs(struct account *account)
{
    enum difference difference = DIFFERENCE_LIKELY;
    assert_ok(db_begin_read(account->db));
    assert_ok(account_differs(account, account->db, 0, &difference));
    db_end_read(account->db);
    return difference != DIFFERENCE_NONE;
}

static void letters_wait_and_are_no_work_for_readers(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    uint64_t pending = 0;
    bool more = true;
    fill(fixture, account, 5);
    int64_t modseq = sql_number(account, "SELECT modseq FROM counter");
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 1, 4), FLAGS_ADD, MESSAGE_SEEN));
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 2, 2), FLAGS_ADD, MESSAGE_FLAGGED));
    assert_false(differs(account));
    assert_string_equal(letters_of(fixture, INBOX_CUR, 1), "");
    assert_ok(letters_pending(account, &pending));
    assert_int_equal(pending, 5);
    assert_slice(read_message(fixture, account, 1, 2), HELLO);
    /* Some now, the rest later. */
    assert_ok(letters_run(account, 3, &more));
    assert_true(more);
    assert_string_equal(letters_of(fixture, INBOX_CUR, 2), "FS");
    assert_string_equal(letters_of(fixture, INBOX_CUR, 4), "");
    assert_ok(letters_run(account, 0, &more));
    assert_false(more);
    assert_false(differs(account)); /* our own renaming is no difference */
    assert_string_equal(letters_of(fixture, INBOX_CUR, 4), "S");
    assert_string_equal(letters_of(fixture, INBOX_CUR, 5), "");
    assert_ok(letters_pending(account, &pending));
    assert_int_equal(pending, 0);
    assert_int_equal(sql_number(account, "SELECT modseq FROM counter"), modseq + 2);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    assert_int_equal(sql_number(account, "SELECT cur_mtime<>0 FROM mailbox WHERE id=1"), 1);
    account_close(account);
}

#define RENAMED 1200

static void *rename_often(void *data)
{
    struct account *account = data;
    for (int i = 0; i < 12; i++) {
        struct batch_operation operation =
            store_flags("INBOX", uid_set_all, i % 2 ? FLAGS_REMOVE : FLAGS_ADD, MESSAGE_SEEN);
        assert_ok(batch_commit(account, &operation, 1, NULL));
        assert_ok(letters_run(account, 0, NULL));
    }
    return NULL;
}

static void files_are_found_while_they_are_renamed(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation *appends = arena_array(&fixture->arena, struct batch_operation, RENAMED);
    pthread_t thread;
    struct blob_reader reader;
    for (size_t i = 0; i < RENAMED; i++) {
        appends[i] = append_to("INBOX", &sealed);
    }
    assert_ok(batch_commit(account, appends, RENAMED, NULL));
    blob_free(sealed.blob);
    assert_int_equal(pthread_create(&thread, NULL, rename_often, account), 0);
    while (pthread_tryjoin_np(thread, NULL) != 0) {
        assert_ok(message_open(account, 1, 1 + (uint32_t)rand() % RENAMED, &reader));
        blob_reader_close(&reader);
    }
    account_close(account);
}

static void letters_of_what_left_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    uint64_t pending = 1;
    fill(fixture, account, 4);
    run_one(fixture, account, store_flags("INBOX", uid_set_all, FLAGS_ADD, MESSAGE_SEEN));
    run_one(fixture, account, expunge_from("INBOX", uids(fixture, 1, 2)));
    run_one(fixture, account, move_to("INBOX", "Archive", uids(fixture, 3, 3)));
    assert_int_equal(count_files(fixture, INBOX_CUR), 1);
    assert_ok(letters_run(account, 0, NULL));
    assert_ok(letters_pending(account, &pending));
    assert_int_equal(pending, 0);
    assert_string_equal(letters_of(fixture, ALICE_INBOX "/.Archive/cur", 1), "S");
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void foreign_letters_and_ours_come_together(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 1);
    run_one(fixture, account, store_flags("INBOX", uid_set_all, FLAGS_ADD, MESSAGE_SEEN | MESSAGE_FLAGGED));
    assert_ok(letters_run(account, 0, NULL));
    run_one(fixture, account, store_flags("INBOX", uid_set_all, FLAGS_ADD, MESSAGE_ANSWERED)); /* pending */
    change_letters(fixture, INBOX_CUR, 1, "PST"); /* another program takes F, gives P and T */
    assert_int_equal(flags_of(account, 1), MESSAGE_SEEN | MESSAGE_ANSWERED | MESSAGE_DELETED);
    assert_ok(letters_run(account, 0, NULL));
    assert_string_equal(letters_of(fixture, INBOX_CUR, 1), "PRST"); /* P is not ours to take */
    assert_int_equal(flags_of(account, 1), MESSAGE_SEEN | MESSAGE_ANSWERED | MESSAGE_DELETED);
    /* Changed by another program just before our turn. */
    run_one(fixture, account, store_flags("INBOX", uid_set_all, FLAGS_REMOVE, MESSAGE_ANSWERED));
    change_letters(fixture, INBOX_CUR, 1, "FPRST");
    assert_ok(letters_run(account, 0, NULL));
    assert_int_equal(flags_of(account, 1), MESSAGE_SEEN | MESSAGE_DELETED | MESSAGE_FLAGGED);
    assert_ok(letters_run(account, 0, NULL));
    assert_string_equal(letters_of(fixture, INBOX_CUR, 1), "FPST");
    /* It changes nothing that we know, but our letters would be missing. */
    run_one(fixture, account, store_flags("INBOX", uid_set_all, FLAGS_ADD, MESSAGE_DRAFT));
    change_letters(fixture, INBOX_CUR, 1, "FST");
    assert_ok(letters_run(account, 0, NULL));
    assert_int_equal(flags_of(account, 1), MESSAGE_SEEN | MESSAGE_DELETED | MESSAGE_FLAGGED | MESSAGE_DRAFT);
    assert_ok(letters_run(account, 0, NULL));
    assert_string_equal(letters_of(fixture, INBOX_CUR, 1), "DFST");
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void crash_between_renaming_and_remembering(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 2);
    run_one(fixture, account, store_flags("INBOX", uid_set_all, FLAGS_ADD, MESSAGE_SEEN));
    change_letters(fixture, INBOX_CUR, 1, "S"); /* as the crashed process did */
    uint64_t modseq = status_of(account, "INBOX").highestmodseq;
    assert_int_equal(flags_of(account, 1), MESSAGE_SEEN);
    assert_int_equal(status_of(account, "INBOX").highestmodseq, modseq); /* no change */
    assert_int_equal(status_of(account, "INBOX").unseen, 0);
    account_close(account);
    reopen_store(fixture);
    assert_string_equal(letters_of(fixture, INBOX_CUR, 2), "S");
    account = open_account(fixture, ALICE);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void short_lived_programs_leave_right_names(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 2);
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 2, 2), FLAGS_ADD, MESSAGE_FLAGGED));
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(flags_of(account, 2), MESSAGE_FLAGGED);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_tell_what_really_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_to_do_commits_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(conditions_hold_back_what_changed_later, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sets_are_made_only_when_wanted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(expunge_of_what_is_deleted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(recent_messages_belong_to_who_claims_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(letters_wait_and_are_no_work_for_readers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_found_while_they_are_renamed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(letters_of_what_left_are_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_letters_and_ours_come_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(crash_between_renaming_and_remembering, set_up, tear_down),
        cmocka_unit_test_setup_teardown(short_lived_programs_leave_right_names, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
