/* SPDX-License-Identifier: ISC */
/* Reading a mailbox from its beginning to its end: the same messages as one by one, whatever happens
 * meanwhile. */
#include "fixture.h"

#include <dirent.h>

#define MESSAGES 150 /* more than are looked up at once */

static void append_many(struct fixture *fixture, struct account *account, const char *mailbox)
{
    for (int n = 1; n <= MESSAGES; n++)
        append_text(fixture, account, mailbox,
                    slice_from(arena_printf(&fixture->arena, "Subject: %s %d\r\n\r\ntext\r\n", mailbox, n)));
}

static void expect_message(struct fixture *fixture, struct account *account, int64_t mailbox, uint32_t uid,
                           struct message_places *places)
{
    struct slice expected = read_message(fixture, account, mailbox, uid);
    struct blob_reader reader;
    assert_ok(message_open_next(account, mailbox, uid, places, &reader));
    assert_int_equal(reader.size, expected.len);
    char *text = arena_alloc(&fixture->arena, reader.size + 1);
    assert_int_equal(pread(reader.fd, text, reader.size, 0), (ssize_t)reader.size);
    assert_slice(slice_of(text, reader.size), expected);
    blob_reader_close(&reader);
}

static void in_any_order(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct message_places places = {0};
    append_many(fixture, account, "INBOX");
    append_many(fixture, account, "Sent");
    int64_t inbox = status_of(account, "INBOX").id, sent = status_of(account, "Sent").id;
    for (uint32_t uid = 1; uid <= MESSAGES; uid++)
        expect_message(fixture, account, inbox, uid, &places);
    for (uint32_t uid = MESSAGES; uid >= 1; uid--)
        expect_message(fixture, account, inbox, uid, &places);
    for (uint32_t uid = 1; uid <= MESSAGES; uid++) {
        expect_message(fixture, account, inbox, uid, &places);
        expect_message(fixture, account, sent, uid, &places);
    }
    message_places_free(&places);
    account_close(account);
}

/* Another program sets a flag: the file has another name from then on. */
static void rename_file(struct fixture *fixture, struct slice base)
{
    struct arena *arena = &fixture->arena;
    const char *cur = path_of(fixture, ALICE_INBOX "/cur");
    const char *from = arena_printf(arena, "%s/%.*s", cur, SLICE_ARG(base));
    assert_int_equal(rename(from, arena_printf(arena, "%sS", from)), 0);
}

static void what_changed_meanwhile_is_seen(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct message_places places = {0};
    struct blob_reader reader;
    append_text(fixture, account, "INBOX", HELLO);
    const char *first = only_file(fixture, ALICE_INBOX "/cur");
    append_text(fixture, account, "INBOX", HELLO);
    append_text(fixture, account, "INBOX", HELLO);
    expect_message(fixture, account, 1, 3, &places);
    expect_message(fixture, account, 1, 1, &places); /* now all three are in `places` */
    rename_file(fixture, slice_from(first));
    expect_message(fixture, account, 1, 1, &places);

    uint32_t uids[] = {2};
    struct batch_operation expunge = {.kind = BATCH_EXPUNGE,
                                      .mailbox = mailbox_named(S("INBOX")),
                                      .expunge = {.uids = uid_set_from_uids(&fixture->arena, uids, 1)}};
    assert_ok(batch_commit(account, &expunge, 1, NULL));
    assert_err(message_open_next(account, 1, 2, &places, &reader), ERR_NOT_FOUND);
    expect_message(fixture, account, 1, 3, &places);

    append_text(fixture, account, "INBOX", S("Subject: newer\r\n\r\n"));
    expect_message(fixture, account, 1, 4, &places);
    assert_err(message_open_next(account, 1, 5, &places, &reader), ERR_NOT_FOUND);
    assert_err(message_open_next(account, 99, 1, &places, &reader), ERR_NOT_FOUND);
    message_places_free(&places);
    account_close(account);
}

static void status_and_rows_in_one(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct mailbox_status status, expected;
    struct message_row *rows = NULL;
    size_t count = 99;
    assert_ok(mailbox_read(account, S("inbox"), &status, &rows, &count));
    assert_int_equal(count, 0);
    mem_free(rows);
    append_many(fixture, account, "Sent");
    assert_ok(mailbox_read(account, S("Sent"), &status, &rows, &count));
    expected = status_of(account, "Sent");
    assert_int_equal(status.id, expected.id);
    assert_int_equal(status.messages, expected.messages);
    assert_int_equal(status.bytes, expected.bytes);
    assert_int_equal(count, MESSAGES);
    assert_int_equal(rows[MESSAGES - 1].uid, MESSAGES);
    mem_free(rows);
    assert_err(mailbox_read(account, S("Nope"), &status, &rows, &count), ERR_NOT_FOUND);
    account_close(account);
}

/* --- mail that another program drops into new/ --- */

static void drop_file(struct fixture *fixture, const char *folder, const char *name)
{
    const char *path = arena_printf(&fixture->arena, "%s/%s", path_of(fixture, folder), name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "Subject: x\n\n", 12), 12);
    close(fd);
}

/* So long ago that its time tells whether something came since. */
static void age_folder(struct fixture *fixture, const char *folder, int64_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path_of(fixture, folder), times, 0), 0);
}

static size_t rows_of(struct account *account, const char *mailbox)
{
    struct mailbox_status status;
    struct message_row *rows = NULL;
    size_t count = 0;
    assert_ok(mailbox_read(account, slice_from(mailbox), &status, &rows, &count));
    mem_free(rows);
    assert_int_equal(status.messages, count);
    return count;
}

static void foreign_mail_is_seen_where_it_came(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    age_folder(fixture, ALICE_INBOX "/new", 1700000000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rows_of(account, "INBOX"), 0);
    drop_file(fixture, ALICE_INBOX "/new", "1.first");
    assert_int_equal(rows_of(account, "INBOX"), 1);
    age_folder(fixture, ALICE_INBOX "/new", 1700000001);
    assert_int_equal(rows_of(account, "INBOX"), 1);
    assert_int_equal(rows_of(account, "inbox"), 1);
    drop_file(fixture, ALICE_INBOX "/new", "2.second");
    drop_file(fixture, ALICE_INBOX "/.Sent/new", "3.third");
    drop_file(fixture, ALICE_INBOX "/new", "4.fourth");
    assert_int_equal(rows_of(account, "INBOX"), 3);
    assert_int_equal(rows_of(account, "Sent"), 1);
    drop_file(fixture, ALICE_INBOX "/.Sent/new", "5.fifth");
    assert_int_equal(status_of(account, "Sent").messages, 2);
    struct mailbox_status status;
    assert_err(mailbox_status(account, SLICE_EMPTY, &status), ERR_NOT_FOUND);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_changed_meanwhile_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(status_and_rows_in_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_mail_is_seen_where_it_came, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
