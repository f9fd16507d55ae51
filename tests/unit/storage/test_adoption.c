/* SPDX-License-Identifier: ISC */
/* What other programs do to a Maildir: names that nobody would choose, files that are moved, copied and
 * doubled, and how they look after the index was lost. */
#include "inside.h"

#define CUR     ALICE_INBOX "/cur"
#define NEW     ALICE_INBOX "/new"
#define ARCHIVE ALICE_INBOX "/.Archive/cur"

static void write_file(struct fixture *fixture, const char *folder, const char *name, struct slice text)
{
    const char *path = path_of(fixture, arena_printf(&fixture->arena, "%s/%s", folder, name));
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.data, text.len), (ssize_t)text.len);
    close(fd);
}

static struct message_row *scan(struct account *account, const char *mailbox, size_t *count_r)
{
    struct message_row *rows = NULL;
    assert_ok(mailbox_scan(account, status_of(account, mailbox).id, &rows, count_r));
    return rows;
}

static void strange_names_are_taken_in_and_stay_so_after_a_loss(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {
        "no suffix",        "1.a:2,",      "two\nlines:2,S",  "\xff\xfe:2,F", "tab\there",
        "1.x:1,S",          "1.y:2,SSS",   "1.z:2,abcxyz",    ",U=0,G=zz:2,", "1.q,U=99999999999:2,",
        "comma,S=1,W=2:2,", "very:2,:2,S", "1.n,S=46,U=7:2,", "-rf *",        "..not hidden but odd",
    };
    struct account *account = open_account(fixture, ALICE);
    size_t hidden = 1, count; /* the last one begins with a dot */
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        write_file(fixture, i % 2 ? CUR : NEW, names[i], HELLO);
    }
    assert_int_equal(status_of(account, "INBOX").messages, ARRAY_LEN(names) - hidden);
    struct message_row *before = scan(account, "INBOX", &count);
    for (size_t i = 0; i < count; i++) {
        assert_slice(read_message(fixture, account, 1, before[i].uid), HELLO);
    }
    account_close(account);
    assert_int_equal(unlink(path_of(fixture, ALICE_DIR "/index.db")), 0);
    reopen_store(fixture);
    account = open_account(fixture, ALICE);
    struct message_row *after = scan(account, "INBOX", &count);
    assert_int_equal(count, ARRAY_LEN(names) - hidden);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(before[i].uid, after[i].uid);
        assert_int_equal(before[i].flags, after[i].flags);
        assert_string_equal(before[i].guid, after[i].guid);
    }
    mem_free(before);
    mem_free(after);
    account_close(account);
}

static void message_that_was_moved_by_another_program_keeps_its_identifier(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    size_t count;
    append_text(fixture, account, "INBOX", HELLO);
    append_text(fixture, account, "Archive", HELLO);
    struct message_row *before = scan(account, "INBOX", &count);
    const char *name = only_file(fixture, CUR);
    assert_int_equal(rename(path_of(fixture, arena_printf(&fixture->arena, CUR "/%s", name)),
                            path_of(fixture, arena_printf(&fixture->arena, ARCHIVE "/%s", name))),
                     0);
    assert_int_equal(status_of(account, "Archive").messages, 2);
    assert_int_equal(status_of(account, "INBOX").messages, 0);
    struct message_row *after = scan(account, "Archive", &count);
    assert_int_equal(after[1].uid, 2); /* UID 1 is another message there */
    assert_string_equal(after[1].guid, before[0].guid);
    mem_free(before);
    mem_free(after);
    check_consistent(fixture, account, "Archive", ARCHIVE);
    account_close(account);
}

static void copy_of_a_file_is_a_message_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    size_t count;
    append_text(fixture, account, "INBOX", HELLO);
    const char *name = only_file(fixture, CUR);
    write_file(fixture, CUR, arena_printf(&fixture->arena, "9%s", name), HELLO);
    assert_int_equal(status_of(account, "INBOX").messages, 2);
    struct message_row *rows = scan(account, "INBOX", &count);
    assert_int_equal(rows[0].uid, 1);
    assert_int_equal(rows[1].uid, 2);
    mem_free(rows);
    check_consistent(fixture, account, "INBOX", CUR);
    account_close(account);
}

/* Two renames of one file by programs that did not know of each other. */
static void file_with_two_sets_of_letters_is_one_message(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    const char *name = only_file(fixture, CUR);
    write_file(fixture, CUR, arena_printf(&fixture->arena, "%sS", name), HELLO);
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    account_close(account);
    assert_int_equal(unlink(path_of(fixture, ALICE_DIR "/index.db")), 0);
    reopen_store(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    assert_slice(read_message(fixture, account, 1, 1), HELLO);
    account_close(account);
}

static void line_ends_of_both_kinds_are_served_with_their_sizes(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    size_t count;
    write_file(fixture, CUR, "1.crlf:2,", S("Subject: a\r\n\r\nb\r\n"));
    write_file(fixture, CUR, "2.lf:2,", S("Subject: a\n\nb\n"));
    write_file(fixture, CUR, "3.mixed:2,", S("Subject: a\r\n\nb\n"));
    write_file(fixture, CUR, "4.empty:2,", S(""));
    write_file(fixture, CUR, "5.cut:2,", S("Subject: a\n\nno end"));
    struct message_row *rows = scan(account, "INBOX", &count);
    assert_int_equal(count, 5);
    assert_int_equal(rows[0].size, 17);
    assert_int_equal(rows[1].size, 17);
    assert_int_equal(rows[2].size, 17);
    assert_int_equal(rows[3].size, 0);
    assert_int_equal(rows[4].size, 20);
    mem_free(rows);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(strange_names_are_taken_in_and_stay_so_after_a_loss, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(message_that_was_moved_by_another_program_keeps_its_identifier,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(copy_of_a_file_is_a_message_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_with_two_sets_of_letters_is_one_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(line_ends_of_both_kinds_are_served_with_their_sizes, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
