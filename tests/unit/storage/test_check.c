/* SPDX-License-Identifier: ISC */
/* store check: what it finds in an index, in folders and in bodies that somebody damaged, and that it mends
 * it. */
#include "fixture.h"

#include <dirent.h>
#include <pthread.h>

#include "account_private.h"
#include "storage/care.h"
#include "storage/snapshot.h"

#define CUR ALICE_INBOX "/cur"

struct findings {
    struct buf text; /* a line for each problem */
    uint64_t stop_at;
};

static void note(void *data, const char *text)
{
    struct findings *findings = data;
    buf_printf(&findings->text, "%s\n", text);
}

static struct check_report run_check(struct account *account, bool repair, bool read_bodies,
                                     struct findings *findings)
{
    struct check_report report = {0};
    buf_init(&findings->text, 1024 * 1024);
    struct check check = {.repair = repair, .read_bodies = read_bodies, .problem = note, .data = findings};
    assert_ok(account_check(account, &check, &report));
    return report;
}

static void expect_clean(struct account *account)
{
    struct findings findings = {0};
    struct check_report report = run_check(account, false, true, &findings);
    if (report.problems) {
        print_error("%s", buf_cstr(&findings.text));
    }
    assert_int_equal(report.problems, 0);
    buf_free(&findings.text);
}

static void run_sql(struct account *account, const char *sql)
{
    assert_ok(db_begin(account->db));
    assert_int_equal(sqlite3_exec(db_handle(account->db), sql, NULL, NULL, NULL), SQLITE_OK);
    assert_ok(db_commit(account->db));
}

/* Five messages in INBOX, of which UID 2 is gone, one with keywords; two in Drafts. */
static struct account *fill(struct fixture *fixture)
{
    struct account *account = open_account(fixture, ALICE);
    for (int i = 0; i < 5; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    append_text(fixture, account, "Drafts", HELLO);
    append_text(fixture, account, "Drafts", HELLO);
    struct uid_range second = {2, 2}, third = {3, 3};
    struct slice keyword = S("$Work");
    struct batch_operation operations[] = {
        {.kind = BATCH_EXPUNGE, .mailbox = mailbox_numbered(1), .expunge = {.uids = {&second, 1}}},
        {.kind = BATCH_FLAGS,
         .mailbox = mailbox_numbered(1),
         .flags = {.uids = {&third, 1}, .flags = MESSAGE_SEEN, .keywords = &keyword, .keyword_count = 1}},
        {.kind = BATCH_FLAGS,
         .mailbox = mailbox_numbered(1),
         .flags = {.uids = {&third, 1}, .flags = MESSAGE_SEEN, .viewer = S("bob@example.org")}},
    };
    assert_ok(batch_commit(account, operations, ARRAY_LEN(operations), NULL));
    return account;
}

static void sound_account_has_no_problem(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = fill(fixture);
    struct findings findings = {0};
    struct check_report report = run_check(account, false, true, &findings);
    assert_string_equal(buf_cstr(&findings.text), "");
    assert_int_equal(report.problems, 0);
    assert_int_equal(report.messages, 6);
    assert_int_equal(report.mailboxes, 6);
    assert_int_equal(report.bytes, 6 * HELLO.len);
    buf_free(&findings.text);
    account_close(account);
}

/* What is done to an index, and what is told of it. */
static const struct {
    const char *damage, *told;
} damages[] = {
    {"UPDATE mailbox SET messages=messages+1 WHERE id=1", "INBOX: counts 5 messages"},
    {"UPDATE mailbox SET unseen=0 WHERE id=1", "INBOX: counts 4 messages, 0 unseen"},
    {"UPDATE mailbox SET bytes=1 WHERE id=1", "INBOX: counts"},
    {"UPDATE mailbox SET uidnext=3 WHERE id=1", "INBOX: UIDNEXT is 3, but UID 5 was given"},
    {"UPDATE mailbox SET highestmodseq=1 WHERE id=1", "INBOX: HIGHESTMODSEQ is 1"},
    {"UPDATE counter SET modseq=1", "the counter of changes is 1"},
    {"UPDATE counter SET bytes=bytes-1", "the account counts"},
    {"UPDATE counter SET messages=7", "the account counts 7 messages"},
    {"UPDATE counter SET body=1", "higher number than its counter"},
    {"INSERT INTO body(id, guid, hash, size, hdrsize, lines, refs) VALUES(1000, x'00', x'00', 1, 1, 1, 0);"
     "UPDATE counter SET body=1000",
     "1 bodies belong to no message"},
    {"DELETE FROM body WHERE id=(SELECT body FROM message WHERE mailbox=1 AND uid=3)",
     "INBOX: message 3: the description of its body is missing"},
    {"UPDATE message SET kw=kw | (1<<40) WHERE mailbox=1 AND uid=4",
     "INBOX: 1 messages have a keyword that has no"},
    {"UPDATE message SET kw=kw | (1<<63) WHERE mailbox=1 AND uid=4", "INBOX: 1 messages tell wrongly"},
    {"INSERT INTO message_kw VALUES(1, 77, 0)", "1 keywords belong to no message"},
    {"UPDATE vanished SET uid_hi=3", "INBOX: UIDs 2 to 3 count as expunged"},
    {"INSERT INTO vanished VALUES(99, 1, 1, 1)", "1 ranges of expunged UIDs are of mailboxes"},
    {"UPDATE viewer_seen SET first=2", "INBOX: 1 ranges of messages seen by others"},
    {"UPDATE viewer_seen SET first=1, last=5", "INBOX: 1 ranges of messages seen by others"},
    {"INSERT INTO viewer_seen SELECT 1, id, 4, 3 FROM viewer", "INBOX: 1 ranges of messages seen by others"},
    {"INSERT INTO viewer_seen VALUES(1, 99, 3, 3)", "1 ranges of seen messages belong to no viewer"},
    {"INSERT INTO viewer_seen SELECT 99, id, 3, 3 FROM viewer", "1 ranges of seen messages belong to no"},
    {"INSERT INTO annotation VALUES(99, '/private/comment', x'41')", "1 annotations or rights"},
    {"UPDATE mailbox SET special='\\Sent' WHERE name='Drafts'", "is \\Sent, as another mailbox is"},
    {"INSERT INTO sieve VALUES('a', 1, ''), ('b', 1, '')", "2 Sieve scripts are active"},
    {"INSERT INTO message SELECT 99, uid, body, modseq, created_modseq, flags, kw, idate, saved, size, file,"
     " suffix FROM message WHERE mailbox=1",
     "4 messages are in mailbox 99"},
    {"INSERT INTO intent(op, mailbox, args) VALUES('unlink', 1, x'')", NULL}, /* ordinary life does it */
};

static void damaged_index_is_found_and_mended(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = fill(fixture);
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct findings found = {0}, mended = {0};
        run_sql(account, damages[i].damage);
        struct check_report report = run_check(account, false, false, &found);
        if (!damages[i].told) {
            assert_int_equal(report.problems, 0);
        } else if (!strstr(buf_cstr(&found.text), damages[i].told)) {
            fail_msg("%s: '%s' in '%s'", damages[i].damage, damages[i].told, buf_cstr(&found.text));
        }
        assert_int_equal(report.repaired, 0);
        report = run_check(account, true, false, &mended);
        if (report.repaired != report.problems) {
            fail_msg("%s: %s", damages[i].damage, buf_cstr(&mended.text));
        }
        buf_free(&found.text);
        buf_free(&mended.text);
        expect_clean(account);
        assert_int_equal(status_of(account, "INBOX").messages, 4);
        check_consistent(fixture, account, "INBOX", CUR);
    }
    account_close(account);
}

/* What a viewer has seen of what is there stays, and nothing else. */
static void sets_of_viewers_are_cut_to_what_is_there(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = fill(fixture);
    struct findings findings = {0};
    struct snapshot *snapshot = NULL;
    struct uid_set set;
    run_sql(account, "DELETE FROM viewer_seen; INSERT INTO viewer_seen SELECT 1, id, 3, 1 FROM viewer;"
                     "INSERT INTO viewer_seen SELECT 1, id, 4, 3 FROM viewer;"
                     "INSERT INTO viewer_seen SELECT 1, id, 9, 7 FROM viewer");
    assert_int_equal(run_check(account, true, false, &findings).repaired, 2);
    assert_ok(snapshot_open(account, &snapshot));
    assert_ok(snapshot_seen(snapshot, 1, S("bob@example.org"), &fixture->arena, &set));
    snapshot_close(snapshot);
    assert_int_equal(set.count, 2);
    assert_int_equal(set.ranges[0].last, 1);
    assert_int_equal(set.ranges[1].first, 3);
    assert_int_equal(set.ranges[1].last, 4);
    buf_free(&findings.text);
    expect_clean(account);
    account_close(account);
}

static void message_whose_body_was_lost_keeps_uid_flags_and_keyword(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = fill(fixture);
    struct findings findings = {0};
    struct message_row *before, *after;
    size_t count;
    assert_ok(account_maintain(account)); /* the letters are written */
    assert_ok(mailbox_scan(account, 1, &before, &count));
    run_sql(account, "DELETE FROM body WHERE id=(SELECT body FROM message WHERE mailbox=1 AND uid=3)");
    run_check(account, true, false, &findings);
    assert_ok(mailbox_scan(account, 1, &after, &count));
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(before[i].uid, after[i].uid);
        assert_int_equal(before[i].flags, after[i].flags);
        assert_string_equal(before[i].guid, after[i].guid);
    }
    mem_free(before);
    mem_free(after);
    buf_free(&findings.text);
    account_close(account);
}

/* The time of the folder does not tell of this one. */
static void hide_change(struct account *account)
{
    run_sql(account, "UPDATE mailbox SET cur_mtime=0");
    struct stat info;
    assert_int_equal(fstat(account->inbox_fd, &info), 0);
    char sql[200];
    snprintf(sql, sizeof(sql), "UPDATE mailbox SET cur_mtime=%lld WHERE id=1",
             (long long)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec);
    run_sql(account, sql);
}

static void file_that_no_time_told_of_comes_in(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = fill(fixture);
    struct findings found = {0}, mended = {0};
    assert_ok(fs_write_durable(path_of(fixture, CUR "/1.foreign:2,S"), HELLO, 0600));
    hide_change(account);
    struct check_report report = run_check(account, false, false, &found);
    assert_int_equal(report.problems, 1);
    assert_non_null(strstr(buf_cstr(&found.text), "INBOX: the file 1.foreign:2,S is no message yet"));
    report = run_check(account, true, false, &mended);
    assert_int_equal(report.repaired, 1);
    assert_int_equal(status_of(account, "INBOX").messages, 5);
    expect_clean(account);
    buf_free(&found.text);
    buf_free(&mended.text);
    account_close(account);
}

static const char *file_of_uid(struct fixture *fixture, unsigned uid)
{
    DIR *directory = opendir(path_of(fixture, CUR));
    struct dirent *entry;
    const char *mark = arena_printf(&fixture->arena, ",U=%u,", uid), *found = NULL;
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        if (strstr(entry->d_name, mark)) {
            found = arena_printf(&fixture->arena, CUR "/%s", entry->d_name);
        }
    }
    closedir(directory);
    assert_non_null(found);
    return found;
}

static void file_that_went_unnoticed_is_expunged(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = fill(fixture);
    struct findings found = {0}, mended = {0};
    assert_int_equal(unlink(path_of(fixture, file_of_uid(fixture, 4))), 0);
    hide_change(account);
    struct check_report report = run_check(account, false, false, &found);
    assert_int_equal(report.problems, 1);
    assert_non_null(strstr(buf_cstr(&found.text), "INBOX: message 4: the file is missing"));
    assert_int_equal(status_of(account, "INBOX").messages, 4);
    report = run_check(account, true, false, &mended);
    assert_int_equal(report.repaired, 1);
    assert_int_equal(status_of(account, "INBOX").messages, 3);
    expect_clean(account);
    buf_free(&found.text);
    buf_free(&mended.text);
    account_close(account);
}

static void bodies_that_changed_are_told_and_kept(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = fill(fixture);
    struct findings quick = {0}, full = {0};
    int fd = open(path_of(fixture, file_of_uid(fixture, 4)), O_WRONLY);
    assert_int_equal(pwrite(fd, "X", 1, 3), 1);
    close(fd);
    fd = open(path_of(fixture, file_of_uid(fixture, 5)), O_WRONLY);
    assert_int_equal(ftruncate(fd, 10), 0);
    close(fd);
    struct check_report report = run_check(account, true, false, &quick);
    assert_int_equal(report.problems, 1);
    assert_int_equal(report.repaired, 0);
    assert_non_null(strstr(buf_cstr(&quick.text), "INBOX: message 5: the file does not have the length"));
    report = run_check(account, true, true, &full);
    assert_non_null(strstr(buf_cstr(&full.text), "INBOX: message 4: the body is not the one that came in"));
    assert_int_equal(report.repaired, 0);
    assert_int_equal(status_of(account, "INBOX").messages, 4);
    buf_free(&quick.text);
    buf_free(&full.text);
    account_close(account);
}

static void descriptors_are_written_again(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = fill(fixture);
    const char *path = path_of(fixture, ALICE_INBOX "/.Drafts/.mbox");
    uint32_t uidvalidity = status_of(account, "Drafts").uidvalidity;
    static const char *const contents[] = {"", "id 4\n", "id 4\nuidvalidity 9\nuidnext 1\nname Drafts\n"};
    for (size_t i = 0; i <= ARRAY_LEN(contents); i++) {
        struct findings found = {0}, mended = {0};
        if (i == ARRAY_LEN(contents)) {
            assert_int_equal(unlink(path), 0);
        } else {
            assert_ok(fs_write_durable(path, slice_from(contents[i]), 0600));
        }
        struct check_report report = run_check(account, false, false, &found);
        assert_int_equal(report.problems, 1);
        assert_non_null(strstr(buf_cstr(&found.text), "Drafts: the descriptor Maildir/.Drafts/.mbox:"));
        report = run_check(account, true, false, &mended);
        assert_int_equal(report.repaired, 1);
        buf_free(&found.text);
        buf_free(&mended.text);
        expect_clean(account);
    }
    account_close(account);
    assert_int_equal(unlink(path_of(fixture, ALICE_DIR "/index.db")), 0); /* they are good for this */
    reopen_store(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "Drafts").uidvalidity, uidvalidity);
    assert_int_equal(status_of(account, "Drafts").messages, 2);
    account_close(account);
}

static void empty_folder_looks_like_a_mount_point_and_expunges_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = fill(fixture);
    struct findings findings = {0};
    assert_int_equal(rename(path_of(fixture, ALICE_INBOX "/.Drafts"), path_of(fixture, "aside")), 0);
    struct check_report report = run_check(account, true, false, &findings);
    assert_true(report.problems >= 1);
    assert_int_equal(report.repaired, 0);
    assert_non_null(strstr(buf_cstr(&findings.text), "Drafts: the folder Maildir/.Drafts/cur is missing"));
    assert_int_equal(rename(path_of(fixture, "aside"), path_of(fixture, ALICE_INBOX "/.Drafts")), 0);
    assert_int_equal(status_of(account, "Drafts").messages, 2);
    expect_clean(account);
    buf_free(&findings.text);
    account_close(account);
}

static void folder_of_another_program_becomes_a_mailbox(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = fill(fixture);
    struct findings found = {0};
    static const char *const names[] = {"", "/cur", "/new", "/tmp"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(
            mkdir(path_of(fixture, arena_printf(&fixture->arena, ALICE_INBOX "/.Lists%s", names[i])), 0700),
            0);
    }
    assert_ok(fs_write_durable(path_of(fixture, ALICE_INBOX "/.Lists/cur/1.foreign:2,F"), HELLO, 0600));
    struct check_report report = run_check(account, false, false, &found);
    assert_int_equal(report.problems, 0);
    assert_int_equal(status_of(account, "Lists").messages, 1);
    buf_free(&found.text);
    account_close(account);
}

static bool go_on_until(void *data, const struct check_report *report)
{
    struct findings *findings = data;
    (void)report;
    return findings->stop_at-- > 0;
}

static void check_can_be_broken_off_and_begun_again(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = fill(fixture);
    struct findings findings = {.stop_at = 3};
    struct check_report report;
    struct check check = {.repair = true, .progress = go_on_until, .data = &findings};
    run_sql(account, "UPDATE counter SET bytes=bytes-1");
    for (int i = 0; i < 40; i++) {
        findings.stop_at = (uint64_t)i;
        enum err err = account_check(account, &check, &report);
        assert_true(err == ERR_OK || err == ERR_CANCELED);
    }
    expect_clean(account);
    account_close(account);
}

static void *append_all_the_time(void *data)
{
    struct fixture *fixture = data;
    struct account *account = open_account(fixture, ALICE);
    for (int i = 0; i < 100; i++) {
        append_text(fixture, account, "INBOX", HELLO);
        struct uid_range last = {(uint32_t)(i + 6), (uint32_t)(i + 6)};
        struct batch_operation expunge = {
            .kind = BATCH_EXPUNGE, .mailbox = mailbox_numbered(1), .expunge = {.uids = {&last, 1}}};
        assert_ok(batch_commit(account, &expunge, i % 2, NULL));
    }
    account_close(account);
    return NULL;
}

static void account_in_use_has_no_problem_either(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = fill(fixture);
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, append_all_the_time, fixture), 0);
    for (int i = 0; i < 30; i++) {
        expect_clean(account);
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    expect_clean(account);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sound_account_has_no_problem, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_index_is_found_and_mended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sets_of_viewers_are_cut_to_what_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(message_whose_body_was_lost_keeps_uid_flags_and_keyword, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(file_that_no_time_told_of_comes_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_that_went_unnoticed_is_expunged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bodies_that_changed_are_told_and_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(descriptors_are_written_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(empty_folder_looks_like_a_mount_point_and_expunges_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(folder_of_another_program_becomes_a_mailbox, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_can_be_broken_off_and_begun_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(account_in_use_has_no_problem_either, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
