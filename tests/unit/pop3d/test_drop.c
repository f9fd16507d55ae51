/* SPDX-License-Identifier: ISC */
/* The maildrop on a real store: numbers, marks, what QUIT removes, and who is let in. */
#include "../storage/fixture.h"

#include <sqlite3.h>

#include "base/clock.h"
#include "drop.h"
#include "drop_reader.h"

static const struct drop_policy plain = {.login_delay = 0, .expire_days = -1};

static struct drop open_drop(struct fixture *fixture, struct drop_policy policy)
{
    struct drop drop;
    assert_ok(drop_open(&drop, fixture->store, ALICE, policy));
    return drop;
}

/* A message that came so many days ago. */
static void append_old(struct fixture *fixture, struct slice text, int64_t days)
{
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, text);
    struct batch_operation append = append_to("INBOX", &sealed);
    append.append.internal_date_us = clock_wall_us() - days * 86400 * INT64_C(1000000);
    assert_ok(batch_commit(account, &append, 1, NULL));
    blob_free(sealed.blob);
    account_close(account);
}

static void append_subjects(struct fixture *fixture, int count)
{
    for (int n = 1; n <= count; n++)
        append_old(fixture, slice_from(arena_printf(&fixture->arena, "Subject: %d\r\n\r\n%*d\r\n", n, n, n)),
                   0);
}

static void expunge_uid(struct fixture *fixture, uint32_t uid)
{
    struct account *account = open_account(fixture, ALICE);
    struct batch_operation expunge = {.kind = BATCH_EXPUNGE,
                                      .mailbox = mailbox_named(S("INBOX")),
                                      .expunge = {.uids = {&(struct uid_range){uid, uid}, 1}}};
    assert_ok(batch_commit(account, &expunge, 1, NULL));
    account_close(account);
}

static size_t messages(struct fixture *fixture)
{
    struct account *account = open_account(fixture, ALICE);
    struct mailbox_status status = status_of(account, "INBOX");
    account_close(account);
    return status.messages;
}

static enum err find(const struct drop *drop, uint64_t number)
{
    size_t index = 99;
    enum err err = drop_find(drop, number, &index);
    if (!err)
        assert_int_equal(index, number - 1);
    return err;
}

/* --- numbers and marks --- */

static void numbers_are_frozen(void **state)
{
    struct fixture *fixture = *state;
    append_subjects(fixture, 4);
    expunge_uid(fixture, 2);
    struct drop drop = open_drop(fixture, plain);
    assert_int_equal(drop.count, 3);
    assert_int_equal(drop.rows[0].uid, 1);
    assert_int_equal(drop.rows[1].uid, 3);
    assert_int_equal(drop.rows[2].uid, 4);
    assert_int_equal(drop.bytes, drop.rows[0].size + drop.rows[1].size + drop.rows[2].size);
    append_subjects(fixture, 1); /* comes during the session */
    expunge_uid(fixture, 3);     /* goes during the session */
    assert_int_equal(drop.count, 3);
    assert_ok(find(&drop, 1));
    assert_ok(find(&drop, 2));
    assert_ok(find(&drop, 3));
    assert_err(find(&drop, 0), ERR_NOT_FOUND);
    assert_err(find(&drop, 4), ERR_NOT_FOUND);
    assert_err(find(&drop, UINT64_MAX), ERR_NOT_FOUND);
    drop_close(&drop);
    drop = open_drop(fixture, plain);
    assert_int_equal(drop.count, 3);
    assert_int_equal(drop.rows[2].uid, 5);
    drop_close(&drop);
    drop_close(&drop); /* once more does no harm */
}

static void marks_come_and_go(void **state)
{
    struct fixture *fixture = *state;
    append_subjects(fixture, 3);
    struct drop drop = open_drop(fixture, plain);
    drop_mark(&drop, 1);
    assert_err(find(&drop, 2), ERR_CONFLICT);
    assert_ok(find(&drop, 1));
    assert_int_equal(drop.deleted_count, 1);
    assert_int_equal(drop.deleted_bytes, drop.rows[1].size);
    drop_mark(&drop, 2);
    assert_int_equal(drop.deleted_bytes, drop.rows[1].size + drop.rows[2].size);
    drop_unmark_all(&drop);
    assert_int_equal(drop.deleted_count, 0);
    assert_int_equal(drop.deleted_bytes, 0);
    assert_ok(find(&drop, 2));
    assert_ok(find(&drop, 3));
    assert_ok(drop_update(&drop, plain));
    drop_close(&drop);
    assert_int_equal(messages(fixture), 3);
}

static void an_empty_drop(void **state)
{
    struct fixture *fixture = *state;
    struct drop drop = open_drop(fixture, plain);
    assert_int_equal(drop.count, 0);
    assert_int_equal(drop.bytes, 0);
    assert_err(find(&drop, 1), ERR_NOT_FOUND);
    drop_unmark_all(&drop);
    assert_ok(drop_update(&drop, plain));
    drop_close(&drop);
}

/* --- what goes --- */

static void update_removes_what_is_marked(void **state)
{
    struct fixture *fixture = *state;
    append_subjects(fixture, 4);
    struct drop drop = open_drop(fixture, plain);
    drop_mark(&drop, 0);
    drop_mark(&drop, 2);
    drop.retrieved[1] = true; /* says nothing without EXPIRE 0 */
    assert_ok(drop_update(&drop, plain));
    drop_close(&drop);
    assert_int_equal(count_files(fixture, ALICE_INBOX "/cur"), 2);
    drop = open_drop(fixture, plain);
    assert_int_equal(drop.count, 2);
    assert_int_equal(drop.rows[0].uid, 2);
    assert_int_equal(drop.rows[1].uid, 4);
    drop_close(&drop);
}

static void closing_removes_nothing(void **state)
{
    struct fixture *fixture = *state;
    append_subjects(fixture, 2);
    struct drop drop = open_drop(fixture, plain);
    drop_mark(&drop, 0);
    drop.retrieved[1] = true;
    drop_close(&drop);
    assert_int_equal(messages(fixture), 2);
}

static void update_of_what_is_gone_already(void **state)
{
    struct fixture *fixture = *state;
    append_subjects(fixture, 2);
    struct drop drop = open_drop(fixture, plain);
    drop_mark(&drop, 0);
    expunge_uid(fixture, 1);
    assert_ok(drop_update(&drop, plain));
    drop_close(&drop);
    assert_int_equal(messages(fixture), 1);
}

static void change_index(struct fixture *fixture, const char *sql)
{
    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(path_of(fixture, ALICE_DIR "/index.db"), &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
}

/* The second of three messages cannot be removed: then the first is still there, too. */
static void a_failed_update_keeps_everything(void **state)
{
    struct fixture *fixture = *state;
    append_subjects(fixture, 3);
    change_index(fixture, "CREATE TRIGGER refuse BEFORE DELETE ON message WHEN old.uid=2"
                          " BEGIN SELECT RAISE(ABORT, 'no'); END");
    struct drop drop = open_drop(fixture, plain);
    drop_mark(&drop, 0);
    drop_mark(&drop, 1);
    assert_true(drop_update(&drop, plain) != ERR_OK);
    drop_close(&drop);
    assert_int_equal(messages(fixture), 3);
    assert_int_equal(count_files(fixture, ALICE_INBOX "/cur"), 3);

    /* A site's policy that cannot be enforced just now keeps nobody from his mail. */
    const struct drop_policy now = {.expire_days = 1};
    append_old(fixture, HELLO, 9);
    change_index(fixture, "UPDATE message SET idate=0 WHERE uid=2");
    drop = open_drop(fixture, now);
    assert_int_equal(drop.count, 4);
    assert_ok(find(&drop, 1));
    assert_ok(find(&drop, 2));
    assert_ok(find(&drop, 4));
    drop_close(&drop);

    change_index(fixture, "DROP TRIGGER refuse");
    drop = open_drop(fixture, now);
    assert_int_equal(drop.count, 2);
    drop_close(&drop);
}

static void expire_at_once_takes_what_was_retrieved(void **state)
{
    struct fixture *fixture = *state;
    const struct drop_policy at_once = {.expire_days = 0};
    append_subjects(fixture, 4);
    struct drop drop = open_drop(fixture, at_once);
    drop.retrieved[0] = drop.retrieved[2] = true;
    drop_mark(&drop, 2); /* both */
    drop_mark(&drop, 3);
    assert_ok(drop_update(&drop, at_once));
    assert_int_equal(drop.deleted_count, 3);
    drop_close(&drop);
    drop = open_drop(fixture, at_once);
    assert_int_equal(drop.count, 1);
    assert_int_equal(drop.rows[0].uid, 2);
    drop_close(&drop);
}

static void expire_after_days(void **state)
{
    struct fixture *fixture = *state;
    const struct drop_policy month = {.expire_days = 30};
    append_old(fixture, S("Subject: 31\r\n\r\n"), 31);
    append_old(fixture, S("Subject: 29\r\n\r\n"), 29);
    append_old(fixture, S("Subject: 99\r\n\r\n"), 99);
    append_old(fixture, S("Subject: 0\r\n\r\n"), 0);
    struct drop drop = open_drop(fixture, plain);
    assert_int_equal(drop.count, 4);
    drop_close(&drop);
    drop = open_drop(fixture, month);
    assert_int_equal(drop.count, 2);
    assert_int_equal(drop.rows[0].uid, 2);
    assert_int_equal(drop.rows[1].uid, 4);
    assert_int_equal(drop.bytes, drop.rows[0].size + drop.rows[1].size);
    assert_int_equal(drop.deleted_count, 0);
    assert_ok(find(&drop, 1));
    drop_close(&drop);
    assert_int_equal(messages(fixture), 2);
}

/* --- who is let in --- */

static void one_session_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    struct drop first = open_drop(fixture, plain), second;
    memset(&second, 0xff, sizeof(second));
    assert_err(drop_open(&second, fixture->store, ALICE, plain), ERR_BUSY);
    assert_null(second.account); /* closed again */
    drop_close(&first);
    second = open_drop(fixture, plain);
    drop_close(&second);
    assert_true(drop_open(&second, fixture->store, S("nobody@example.org"), plain) != ERR_OK);
}

static void logins_have_a_distance(void **state)
{
    struct fixture *fixture = *state;
    const struct drop_policy minute = {.login_delay = 60, .expire_days = -1};
    struct drop drop = open_drop(fixture, minute);
    drop_close(&drop);
    assert_err(drop_open(&drop, fixture->store, ALICE, minute), ERR_LIMIT);
    drop = open_drop(fixture, plain); /* where there is no delay, none is enforced */
    drop_close(&drop);

    /* The delay counts from the last login that was let in, not from those that came too soon. */
    struct account *account = open_account(fixture, ALICE);
    struct maildrop_lock *lock;
    assert_ok(maildrop_lock(account, &lock));
    int64_t almost = clock_wall_us() - INT64_C(59500000);
    maildrop_note_login(lock, almost);
    maildrop_unlock(lock);
    assert_err(drop_open(&drop, fixture->store, ALICE, minute), ERR_LIMIT);
    assert_ok(maildrop_lock(account, &lock));
    assert_int_equal(maildrop_previous_login_us(lock), almost);
    maildrop_note_login(lock, clock_wall_us() - INT64_C(61000000));
    maildrop_unlock(lock);
    drop = open_drop(fixture, minute);
    drop_close(&drop);

    /* A clock that was set back must not lock anybody out. */
    assert_ok(maildrop_lock(account, &lock));
    maildrop_note_login(lock, clock_wall_us() + INT64_C(3600000000));
    maildrop_unlock(lock);
    drop = open_drop(fixture, minute);
    drop_close(&drop);
    account_close(account);
}

/* --- reading --- */

static struct slice read_all(struct fixture *fixture, struct drop_reader *reader, const struct drop *drop,
                             size_t index, size_t ahead)
{
    struct message_piece piece;
    struct buf text;
    buf_init(&text, 1000000);
    assert_ok(drop_reader_open(reader, drop, index, ahead, &piece));
    buf_append(&text, piece.bytes);
    while (!piece.is_last) {
        assert_ok(drop_reader_next(reader, &piece));
        buf_append(&text, piece.bytes);
    }
    drop_reader_done(reader);
    struct slice copy = arena_copy(&fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static struct slice text_of_size(struct fixture *fixture, size_t size)
{
    struct buf text;
    buf_init(&text, size + 100);
    buf_printf(&text, "Subject: %zu\r\n\r\n", size);
    while (text.len < size)
        buf_printf(&text, "%zu\r\n", text.len);
    struct slice copy = arena_copy(&fixture->arena, slice_take(buf_slice(&text), size));
    buf_free(&text);
    return copy;
}

/* Sizes on both sides of the buffer's, with small ones between them, read in several orders. */
static void messages_come_whole_in_any_order(void **state)
{
    static const size_t sizes[] = {100,   4096, 65535, 65536, 10,  65537,  20, 30,   200000,
                                   20000, 0,    20000, 20000, 100, 131072, 1,  60000};
    struct fixture *fixture = *state;
    struct slice texts[ARRAY_LEN(sizes)];
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        texts[i] = text_of_size(fixture, sizes[i]);
        append_old(fixture, texts[i], 0);
    }
    struct drop drop = open_drop(fixture, plain);
    struct drop_reader reader = {0};
    static const size_t aheads[] = {0, 1, 3, 1000};
    for (size_t a = 0; a < ARRAY_LEN(aheads); a++) {
        for (size_t i = 0; i < drop.count; i++)
            assert_slice(read_all(fixture, &reader, &drop, i, aheads[a]), texts[i]);
        for (size_t i = drop.count; i-- > 0;)
            assert_slice(read_all(fixture, &reader, &drop, i, aheads[a]), texts[i]);
        for (size_t i = 0; i < drop.count; i += 3)
            assert_slice(read_all(fixture, &reader, &drop, i, aheads[a]), texts[i]);
    }
    drop_reader_free(&reader);
    drop_close(&drop);
}

static void reading_ahead(void **state)
{
    struct fixture *fixture = *state;
    append_subjects(fixture, 6);
    struct drop drop = open_drop(fixture, plain);
    struct drop_reader reader = {0};
    struct message_piece piece;
    drop_mark(&drop, 2);
    assert_ok(drop_reader_open(&reader, &drop, 0, 2, &piece));
    assert_true(piece.is_last);
    assert_false(drop_reader_has(&reader, 0)); /* it was handed out */
    assert_true(drop_reader_has(&reader, 1));
    assert_false(drop_reader_has(&reader, 2)); /* nobody will ask for it */
    assert_true(drop_reader_has(&reader, 3));
    assert_false(drop_reader_has(&reader, 4)); /* two were asked for */
    expunge_uid(fixture, 4);                   /* in the meantime, by another session: it is in memory */
    assert_ok(drop_reader_open(&reader, &drop, 3, 0, &piece));
    assert_text(piece.bytes, "Subject: 4\r\n\r\n   4\r\n");
    assert_false(drop_reader_has(&reader, 1)); /* who reads in order does not come back */
    assert_err(drop_reader_open(&reader, &drop, 3, 0, &piece), ERR_NOT_FOUND);
    drop_reader_done(&reader);
    drop_reader_free(&reader);
    drop_close(&drop);
}

static void a_file_that_is_cut_short_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct message_piece piece;
    struct drop_reader reader = {0};
    append_old(fixture, text_of_size(fixture, 200000), 0);
    struct drop drop = open_drop(fixture, plain);
    assert_ok(drop_reader_open(&reader, &drop, 0, 0, &piece));
    assert_false(piece.is_last);
    const char *file = arena_printf(&fixture->arena, "%s/%s", path_of(fixture, ALICE_INBOX "/cur"),
                                    only_file(fixture, ALICE_INBOX "/cur"));
    assert_int_equal(truncate(file, 70000), 0);
    assert_ok(drop_reader_next(&reader, &piece));
    assert_false(piece.is_last);
    assert_err(drop_reader_next(&reader, &piece), ERR_IO);
    drop_reader_done(&reader);
    drop_reader_free(&reader);
    drop_close(&drop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_are_frozen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_drop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(update_removes_what_is_marked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_removes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(update_of_what_is_gone_already, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_update_keeps_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(expire_at_once_takes_what_was_retrieved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(expire_after_days, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_session_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(logins_have_a_distance, set_up, tear_down),
        cmocka_unit_test_setup_teardown(messages_come_whole_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reading_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_cut_short_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
