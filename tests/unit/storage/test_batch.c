/* SPDX-License-Identifier: ISC */
/* Batches: what they do, all or nothing; delivery to many; what is on the disk afterwards. */
#include "fixture.h"

#include <sys/resource.h>

#define INBOX_CUR ALICE_INBOX "/cur"

static void appended_message_has_row_file_and_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation append = append_to("inbox", &sealed);
    append.append.flags = MESSAGE_SEEN | MESSAGE_FLAGGED;
    append.append.internal_date_us = 1700000000123456;
    assert_ok(batch_commit(account, &append, 1, NULL));
    blob_free(sealed.blob);
    struct mailbox_status status = status_of(account, "INBOX");
    assert_int_equal(append.result.uid, 1);
    assert_int_equal(append.result.uidvalidity, status.uidvalidity);
    assert_int_equal(append.result.modseq, status.highestmodseq);
    assert_int_equal(status.messages, 1);
    assert_int_equal(status.unseen, 0);
    assert_int_equal(status.uidnext, 2);
    assert_int_equal(status.bytes, HELLO.len);
    assert_slice(read_message(fixture, account, status.id, 1), HELLO);

    struct message_row *rows;
    size_t count;
    assert_ok(mailbox_scan(account, status.id, &rows, &count));
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].flags, MESSAGE_SEEN | MESSAGE_FLAGGED);
    assert_int_equal(rows[0].internal_date_us, 1700000000123456);
    assert_int_equal(rows[0].size, HELLO.len);
    const char *name = only_file(fixture, INBOX_CUR);
    assert_non_null(strstr(name, "1700000000.M123456P"));
    assert_non_null(strstr(name, ".mx.example.org,S=46,U=1,G="));
    assert_non_null(strstr(name, rows[0].guid));
    assert_non_null(strstr(name, ":2,FS"));
    mem_free(rows);
    assert_int_equal(count_spool(fixture), 0);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void summary_is_kept_for_imap(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct message_detail detail;
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation append = append_to("INBOX", &sealed);
    assert_ok(batch_commit(account, &append, 1, NULL));
    assert_ok(message_detail(account, 1, 1, &fixture->arena, &detail));
    assert_slice(detail.envelope, sealed.summary.envelope);
    assert_slice(detail.bodystructure, sealed.summary.bodystructure);
    assert_slice(detail.headers, sealed.summary.headers);
    assert_slice(detail.parts, sealed.summary.parts);
    assert_int_equal(detail.header_size, sealed.summary.header_size);
    assert_int_equal(detail.lines, sealed.summary.lines);
    assert_err(message_detail(account, 1, 2, &fixture->arena, &detail), ERR_NOT_FOUND);
    blob_free(sealed.blob);
    account_close(account);
}

static void failing_operation_undoes_the_whole_batch(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation operations[] = {append_to("INBOX", &sealed), append_to("Drafts", &sealed),
                                           append_to("No such mailbox", &sealed)};
    uint64_t before = status_of(account, "INBOX").highestmodseq;
    assert_err(batch_commit(account, operations, 3, NULL), ERR_NOT_FOUND);
    assert_int_equal(status_of(account, "INBOX").messages, 0);
    assert_int_equal(status_of(account, "INBOX").highestmodseq, before);
    assert_int_equal(count_files(fixture, INBOX_CUR), 0);
    assert_int_equal(count_files(fixture, ALICE_INBOX "/.Drafts/cur"), 0);
    assert_ok(batch_commit(account, operations, 2, NULL)); /* the blob is still good */
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    assert_int_equal(status_of(account, "Drafts").messages, 1);
    blob_free(sealed.blob);
    account_close(account);
}

static void same_blob_twice_gets_two_identifiers(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation operations[] = {append_to("INBOX", &sealed), append_to("INBOX", &sealed)};
    struct message_row *rows;
    size_t count;
    assert_ok(batch_commit(account, operations, 2, NULL));
    assert_ok(mailbox_scan(account, 1, &rows, &count));
    assert_int_equal(count, 2);
    assert_string_not_equal(rows[0].guid, rows[1].guid);
    assert_int_equal(rows[0].modseq, rows[1].modseq);
    mem_free(rows);
    blob_free(sealed.blob);
    account_close(account);
}

static void summary_of_another_text_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct sealed other = seal(fixture, S("Subject: x\r\n\r\n"));
    struct batch_operation append = append_to("INBOX", &sealed);
    append.append.summary = &other.summary;
    assert_err(batch_commit(account, &append, 1, NULL), ERR_CONFLICT);
    blob_free(sealed.blob);
    blob_free(other.blob);
    account_close(account);
}

static void quota_refuses_and_expunge_gives_room(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(directory_user_set_quota(fixture->store, ALICE, 2 * HELLO.len));
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    append_text(fixture, account, "Drafts", HELLO);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation append = append_to("INBOX", &sealed);
    assert_err(batch_commit(account, &append, 1, NULL), ERR_OVER_QUOTA);
    assert_int_equal(count_files(fixture, INBOX_CUR), 1);
    uint32_t uid = 1;
    struct batch_operation expunge = {.kind = BATCH_EXPUNGE,
                                      .mailbox = mailbox_named(S("Drafts")),
                                      .expunge = {.uids = {&(struct uid_range){uid, uid}, 1}}};
    assert_ok(batch_commit(account, &expunge, 1, NULL));
    assert_ok(batch_commit(account, &append, 1, NULL));
    assert_err(batch_commit(account, &append, 1, NULL), ERR_OVER_QUOTA);
    assert_ok(directory_user_set_quota(fixture->store, ALICE, 0));
    assert_ok(batch_commit(account, &append, 1, NULL));
    blob_free(sealed.blob);
    account_close(account);
}

static void flags_change_counters_and_file_names(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    uint32_t uids[] = {1, 3, 7};
    struct message_row *rows;
    size_t count;
    for (int i = 0; i < 3; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    struct batch_operation flags = {.kind = BATCH_FLAGS,
                                    .mailbox = mailbox_named(S("INBOX")),
                                    .flags = {.uids = uid_set_from_uids(&fixture->arena, uids, 3),
                                              .flags = MESSAGE_SEEN | MESSAGE_DELETED,
                                              .change = FLAGS_ADD}};
    assert_ok(batch_commit(account, &flags, 1, NULL));
    assert_int_equal(flags.result.affected, 2);
    assert_int_equal(status_of(account, "INBOX").unseen, 1);
    assert_ok(mailbox_scan(account, 1, &rows, &count));
    assert_int_equal(rows[0].flags, MESSAGE_SEEN | MESSAGE_DELETED);
    assert_int_equal(rows[1].flags, 0);
    assert_int_equal(rows[0].modseq, flags.result.modseq);
    assert_true(rows[1].modseq < flags.result.modseq);
    mem_free(rows);
    assert_ok(batch_commit(account, &flags, 1, NULL)); /* nothing changes any more */
    assert_int_equal(flags.result.affected, 0);
    flags.flags.change = FLAGS_REMOVE;
    flags.flags.flags = MESSAGE_DELETED;
    assert_ok(batch_commit(account, &flags, 1, NULL));
    flags.flags.change = FLAGS_REPLACE;
    flags.flags.flags = MESSAGE_ANSWERED;
    flags.flags.uids = uid_set_from_uids(&fixture->arena, uids, 1);
    assert_ok(batch_commit(account, &flags, 1, NULL));
    assert_ok(mailbox_scan(account, 1, &rows, &count));
    assert_int_equal(rows[0].flags, MESSAGE_ANSWERED);
    assert_int_equal(rows[2].flags, MESSAGE_SEEN);
    mem_free(rows);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
    reopen_store(fixture); /* the names of files follow when nobody waits */
    DIR *directory = opendir(path_of(fixture, INBOX_CUR));
    struct dirent *entry;
    size_t answered = 0, seen = 0;
    while ((entry = readdir(directory))) {
        answered += strstr(entry->d_name, ",U=1,") && strstr(entry->d_name, ":2,R");
        seen += strstr(entry->d_name, ",U=3,") && strstr(entry->d_name, ":2,S");
    }
    closedir(directory);
    assert_int_equal(answered, 1);
    assert_int_equal(seen, 1);
}

static void expunged_messages_are_gone_and_uids_are_not_reused(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    uint32_t uids[] = {1, 2, 4, 9};
    struct blob_reader reader, open_one;
    for (int i = 0; i < 4; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    assert_ok(message_open(account, 1, 1, &open_one));
    struct batch_operation expunge = {.kind = BATCH_EXPUNGE,
                                      .mailbox = mailbox_named(S("INBOX")),
                                      .expunge = {.uids = uid_set_from_uids(&fixture->arena, uids, 4)}};
    assert_ok(batch_commit(account, &expunge, 1, NULL));
    assert_int_equal(expunge.result.affected, 3);
    assert_int_equal(count_files(fixture, INBOX_CUR), 1);
    assert_err(message_open(account, 1, 1, &reader), ERR_NOT_FOUND);
    char byte;
    assert_int_equal(pread(open_one.fd, &byte, 1, 0), 1); /* who reads it goes on reading */
    blob_reader_close(&open_one);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    assert_int_equal(append_text(fixture, account, "INBOX", HELLO), 5);
    account_close(account);
    reopen_store(fixture);
    account = open_account(fixture, ALICE);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    assert_int_equal(status_of(account, "INBOX").messages, 2);
    account_close(account);
}

static void folder_that_cannot_be_written_refuses_and_shows_nothing(void **state)
{
    struct fixture *fixture = *state;
    if (geteuid() == 0) { /* root writes everywhere: take the folder away instead */
        assert_int_equal(rename(path_of(fixture, ALICE_INBOX "/.Drafts/cur"), path_of(fixture, "away")), 0);
    } else {
        assert_int_equal(chmod(path_of(fixture, ALICE_INBOX "/.Drafts/cur"), 0500), 0);
    }
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation operations[] = {append_to("INBOX", &sealed), append_to("Drafts", &sealed)};
    assert_int_not_equal(batch_commit(account, operations, 2, NULL), ERR_OK);
    assert_int_equal(count_files(fixture, INBOX_CUR), 0);
    assert_ok(batch_commit(account, operations, 1, NULL));
    assert_int_equal(operations[0].result.uid, 1);
    assert_int_equal(count_files(fixture, INBOX_CUR), 1);
    blob_free(sealed.blob);
    account_close(account);
    if (geteuid() == 0) {
        assert_int_equal(rename(path_of(fixture, "away"), path_of(fixture, ALICE_INBOX "/.Drafts/cur")), 0);
    } else {
        assert_int_equal(chmod(path_of(fixture, ALICE_INBOX "/.Drafts/cur"), 0700), 0);
    }
}

#define MANY 50
#define SOME 16

static void add_many(struct fixture *fixture, struct slice *logins, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        logins[i] = slice_from(arena_printf(&fixture->arena, "user%zu@example.org", i));
        assert_ok(directory_user_add(fixture->store, logins[i], S(""), 0, NULL));
    }
}

static void fifty_recipients_share_one_file(void **state)
{
    struct fixture *fixture = *state;
    struct slice logins[MANY];
    enum err results[MANY];
    struct stat info;
    ino_t inode = 0;
    add_many(fixture, logins, MANY);
    struct sealed sealed = seal(fixture, HELLO);
    deliver(fixture->store, logins, MANY, sealed.blob, &sealed.summary, results);
    blob_free(sealed.blob);
    for (size_t i = 0; i < MANY; i++) {
        assert_ok(results[i]);
        const char *cur = arena_printf(&fixture->arena, "mail/example.org/user%zu/Maildir/cur", i);
        const char *file =
            path_of(fixture, arena_printf(&fixture->arena, "%s/%s", cur, only_file(fixture, cur)));
        assert_int_equal(stat(file, &info), 0);
        assert_int_equal(info.st_nlink, MANY);
        assert_true(inode == 0 || inode == info.st_ino);
        inode = info.st_ino;
    }
}

static void delivery_to_all_or_to_none(void **state)
{
    struct fixture *fixture = *state;
    struct slice logins[SOME];
    add_many(fixture, logins, SOME);
    assert_ok(directory_user_set_quota(fixture->store, logins[SOME - 1], 1));
    struct sealed sealed = seal(fixture, HELLO);
    assert_err(deliver_all(fixture->store, logins, SOME, sealed.blob, &sealed.summary), ERR_OVER_QUOTA);
    for (size_t i = 0; i < SOME; i++) {
        assert_int_equal(
            count_files(fixture, arena_printf(&fixture->arena, "mail/example.org/user%zu/Maildir/cur", i)),
            0);
    }
    assert_ok(deliver_all(fixture->store, logins, SOME - 1, sealed.blob, &sealed.summary));
    for (size_t i = 0; i < SOME - 1; i++) {
        struct account *account = open_account(fixture, logins[i]);
        assert_int_equal(status_of(account, "INBOX").messages, 1);
        account_close(account);
    }
    logins[3] = S("nobody@example.org");
    assert_err(deliver_all(fixture->store, logins, 5, sealed.blob, &sealed.summary), ERR_NOT_FOUND);
    blob_free(sealed.blob);
}

static void mailbox_list_has_the_first_mailboxes(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct mailbox_entry *list;
    size_t count;
    assert_ok(mailbox_list(account, &fixture->arena, &list, &count));
    assert_int_equal(count, 6);
    assert_text(list[0].name, "INBOX");
    assert_text(list[1].name, "Archive");
    assert_text(list[2].special_use, "\\Drafts");
    assert_true(list[2].subscribed);
    assert_int_equal(access(path_of(fixture, ALICE_INBOX "/.Drafts/maildirfolder"), F_OK), 0);
    assert_int_equal(access(path_of(fixture, ALICE_INBOX "/.Drafts/.mbox"), F_OK), 0);
    struct mailbox_status status;
    assert_err(mailbox_status(account, S("Nope"), &status), ERR_NOT_FOUND);
    account_close(account);
}

static void many_accounts_stay_within_the_bound(void **state)
{
    struct fixture *fixture = *state;
    struct slice logins[SOME];
    struct rlimit limit;
    add_many(fixture, logins, SOME);
    size_t before = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit low = {.rlim_cur = 256 + 140, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    reopen_store(fixture);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < SOME; i++) {
            struct account *account = open_account(fixture, logins[i]);
            append_text(fixture, account, "INBOX", HELLO);
            account_close(account);
        }
        DIR *directory = opendir("/proc/self/fd");
        size_t open_fds = 0;
        while (directory && readdir(directory)) {
            open_fds++;
        }
        closedir(directory);
        assert_true(open_fds < 128);
        assert_true(round == 0 || open_fds == before);
        before = open_fds;
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void removed_and_added_again_is_another_account(void **state)
{
    struct fixture *fixture = *state;
    struct account *old = open_account(fixture, ALICE);
    append_text(fixture, old, "INBOX", HELLO);
    uint32_t uidvalidity = status_of(old, "INBOX").uidvalidity;
    assert_ok(directory_user_remove(fixture->store, ALICE, false, NULL));
    assert_int_equal(count_files(fixture, "removed"), 1);
    assert_ok(directory_user_add(fixture->store, ALICE, S(""), 0, NULL));
    struct account *new = open_account(fixture, ALICE);
    assert_ptr_not_equal(old, new);
    assert_int_equal(status_of(new, "INBOX").messages, 0);
    assert_int_not_equal(status_of(new, "INBOX").uidvalidity, uidvalidity);
    append_text(fixture, old, "INBOX", HELLO); /* goes where the old one is */
    assert_int_equal(status_of(new, "INBOX").messages, 0);
    assert_int_equal(count_files(fixture, INBOX_CUR), 0);
    account_close(old);
    account_close(new);
    assert_ok(directory_user_remove(fixture->store, ALICE, true, NULL));
    assert_int_equal(count_files(fixture, "removed"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(appended_message_has_row_file_and_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(summary_is_kept_for_imap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failing_operation_undoes_the_whole_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(same_blob_twice_gets_two_identifiers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(summary_of_another_text_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quota_refuses_and_expunge_gives_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flags_change_counters_and_file_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(expunged_messages_are_gone_and_uids_are_not_reused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(folder_that_cannot_be_written_refuses_and_shows_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(fifty_recipients_share_one_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(delivery_to_all_or_to_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mailbox_list_has_the_first_mailboxes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_accounts_stay_within_the_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removed_and_added_again_is_another_account, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
