/* SPDX-License-Identifier: ISC */
/* What was expunged: ranges, and forgetting them. */
#include "inside.h"

#include "vanished.h"

#define DAY_US (INT64_C(86400) * 1000000)
#define START  (INT64_C(20000) * DAY_US)

static void fill(struct fixture *fixture, struct account *account, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
}

static const char *ranges_of(struct fixture *fixture, struct account *account)
{
    return sql_text(fixture, account,
                    "SELECT coalesce(group_concat(uid_lo||'-'||uid_hi), '') FROM"
                    " (SELECT * FROM vanished ORDER BY modseq, uid_lo)");
}

static void neighbours_become_one_range(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 9);
    struct uid_range some[] = {{2, 3}, {4, 4}, {6, 6}};
    struct batch_result result = run_one(fixture, account, expunge_from("INBOX", (struct uid_set){some, 3}));
    assert_string_equal(ranges_of(fixture, account), "2-4,6-6");
    assert_int_equal(result.modseq, status_of(account, "INBOX").highestmodseq);
    assert_int_equal(sql_number(account, "SELECT min(modseq) FROM vanished"), result.modseq);
    /* What was gone before is not reported again as gone now. */
    run_one(fixture, account, expunge_from("INBOX", uids(fixture, 5, 8)));
    assert_string_equal(ranges_of(fixture, account), "2-4,6-6,5-5,7-8");
    account_close(account);
}

static void one_uid_twice_in_a_batch(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 1);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation operations[] = {expunge_from("INBOX", uid_set_all), append_to("INBOX", &sealed),
                                           expunge_from("INBOX", uid_set_all)};
    operations[1].append.wanted_uid = 1;
    assert_ok(batch_commit(account, operations, 3, NULL));
    assert_string_equal(ranges_of(fixture, account), "1-1");
    blob_free(sealed.blob);
    account_close(account);
}

static int64_t floor_of(struct account *account, const char *mailbox)
{
    return (int64_t)(strcmp(mailbox, "INBOX") == 0
                         ? sql_number(account, "SELECT vanished_floor FROM mailbox WHERE name='INBOX'")
                         : sql_number(account, "SELECT vanished_floor FROM mailbox WHERE name='Archive'"));
}

static void old_ranges_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 6);
    run_one(fixture, account, copy_to("INBOX", "Archive", uid_set_all));
    int64_t archive_floor = floor_of(account, "Archive");
    uint64_t first = run_one(fixture, account, expunge_from("INBOX", uids(fixture, 1, 2))).modseq;
    assert_ok(vanished_trim(account, START));
    uint64_t second = run_one(fixture, account, expunge_from("INBOX", uids(fixture, 4, 4))).modseq;
    run_one(fixture, account, expunge_from("Archive", uids(fixture, 1, 1)));
    assert_ok(vanished_trim(account, START + DAY_US));
    run_one(fixture, account, expunge_from("INBOX", uids(fixture, 6, 6)));
    assert_ok(vanished_trim(account, START + (VANISHED_DAYS - 1) * DAY_US));
    assert_string_equal(ranges_of(fixture, account), "1-2,4-4,1-1,6-6");
    assert_ok(vanished_trim(account, START + VANISHED_DAYS * DAY_US));
    assert_string_equal(ranges_of(fixture, account), "4-4,1-1,6-6");
    assert_int_equal(floor_of(account, "INBOX"), first);
    assert_int_equal(floor_of(account, "Archive"), archive_floor);
    assert_ok(vanished_trim(account, START + (VANISHED_DAYS + 1) * DAY_US));
    assert_string_equal(ranges_of(fixture, account), "6-6");
    assert_int_equal(floor_of(account, "INBOX"), second);
    assert_int_equal(floor_of(account, "Archive"), second + 1);
    assert_ok(vanished_trim(account, START + 1000 * DAY_US));
    assert_string_equal(ranges_of(fixture, account), "");
    assert_true(sql_number(account, "SELECT count(*) FROM meta WHERE k GLOB 'modseq.*'") <= 1);
    account_close(account);
}

static void a_day_is_noted_once(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 1);
    assert_ok(vanished_trim(account, START));
    int64_t noted = sql_number(account, "SELECT v FROM meta WHERE k='modseq.20000'");
    assert_int_equal(noted, sql_number(account, "SELECT modseq FROM counter"));
    fill(fixture, account, 1);
    assert_ok(vanished_trim(account, START + DAY_US - 1));
    assert_int_equal(sql_number(account, "SELECT v FROM meta WHERE k='modseq.20000'"), noted);
    account_close(account);
}

static void too_many_ranges_are_cut(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    sql_run(account, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100000)"
                     " INSERT INTO vanished SELECT 1, 1000+i, 2*i, 2*i FROM n");
    sql_run(account, "UPDATE counter SET modseq=200000; UPDATE mailbox SET vanished_floor=1");
    assert_ok(vanished_trim(account, START));
    assert_int_equal(sql_number(account, "SELECT count(*) FROM vanished"), 100000); /* so many may be */
    sql_run(account, "INSERT INTO vanished VALUES(1, 150000, 1, 1)");
    assert_ok(vanished_trim(account, START));
    assert_int_equal(sql_number(account, "SELECT count(*) FROM vanished"), 90000);
    assert_int_equal(sql_number(account, "SELECT min(modseq) FROM vanished"),
                     sql_number(account, "SELECT vanished_floor+1 FROM mailbox WHERE id=1"));
    assert_int_equal(sql_number(account, "SELECT vanished_floor FROM mailbox WHERE id=2"), 1);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(neighbours_become_one_range, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_uid_twice_in_a_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_ranges_are_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_day_is_noted_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_ranges_are_cut, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
