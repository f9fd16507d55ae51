/* SPDX-License-Identifier: ISC */
/*
 * What a process keeps of the narrow columns is what the index has: each scan of them is compared with a scan
 * in the same snapshot that asks for sizes too, which always reads the index. `there` is a second store on
 * the same folder, as another process has it.
 */
#include "inside.h"

#include "columns.h"
#include "storage/care.h"
#include "storage/snapshot.h"

struct test {
    struct fixture *fixture;
    struct store *there;
    struct account *account, *other; /* alice's, in both stores */
};

static struct test begin(void **state)
{
    struct test test = {.fixture = *state};
    columns_messages_min = columns_uids_min = 1;
    assert_ok(store_open(test.fixture->directory, "mx.example.org", &test.there, NULL));
    assert_ok(account_open(test.fixture->store, ALICE, &test.account));
    assert_ok(account_open(test.there, ALICE, &test.other));
    return test;
}

static void end(struct test *test)
{
    account_close(test->account);
    account_close(test->other);
    store_close(test->there);
}

static void append_many(struct test *test, struct account *account, const char *mailbox, size_t n)
{
    struct store *store = account == test->other ? test->there : test->fixture->store;
    struct sealed sealed;
    struct batch_operation *operations = arena_array(&test->fixture->arena, struct batch_operation, n);
    assert_ok(try_seal(store, &test->fixture->arena, HELLO, &sealed));
    for (size_t i = 0; i < n; i++) {
        operations[i] = append_to(mailbox, &sealed);
    }
    assert_ok(batch_commit(account, operations, n, &test->fixture->arena));
    blob_free(sealed.blob);
}

static struct snapshot *open_snapshot(struct account *account)
{
    struct snapshot *snapshot = NULL;
    assert_ok(snapshot_open(account, &snapshot));
    return snapshot;
}

struct rows {
    struct column_row *list;
    size_t count;
};

static struct rows scan_all(struct test *test, struct snapshot *snapshot, struct message_scan scan,
                            unsigned fields)
{
    struct rows rows = {0};
    struct message_page page;
    message_page_init(&page, fields);
    while (!scan.done) {
        assert_ok(snapshot_scan(snapshot, &scan, &page));
        assert_true(page.count > 0 || scan.done);
        struct column_row *longer =
            arena_array(&test->fixture->arena, struct column_row, rows.count + page.count + 1);
        for (size_t i = 0; i < rows.count; i++) {
            longer[i] = rows.list[i];
        }
        for (size_t i = 0; i < page.count; i++) {
            longer[rows.count + i] =
                (struct column_row){page.modseqs[i], page.keywords[i], page.uids[i], page.flags[i]};
        }
        rows.list = longer;
        rows.count += page.count;
    }
    message_page_free(&page);
    return rows;
}

static void check_scan(struct test *test, struct snapshot *snapshot, struct message_scan scan)
{
    struct rows index = scan_all(test, snapshot, scan, SCAN_FLAGS | SCAN_SIZE);
    struct rows kept = scan_all(test, snapshot, scan, SCAN_FLAGS);
    assert_int_equal(kept.count, index.count);
    for (size_t i = 0; i < kept.count; i++) {
        assert_int_equal(kept.list[i].uid, index.list[i].uid);
        assert_int_equal(kept.list[i].flags, index.list[i].flags);
        assert_int_equal(kept.list[i].modseq, index.list[i].modseq);
        assert_int_equal(kept.list[i].keywords, index.list[i].keywords);
    }
}

/* All rows, the first ones, those in the middle, what changed, and as a viewer sees them. */
static void check_snapshot(struct test *test, struct snapshot *snapshot, int64_t mailbox)
{
    struct uid_range middle[] = {{3, 5}, {7, 7}, {9, 4000}};
    struct message_scan all = {.mailbox_id = mailbox, .uids = uid_set_all}, scan = all;
    check_scan(test, snapshot, scan);
    scan.changed_since = snapshot_modseq(snapshot) - 2;
    check_scan(test, snapshot, scan);
    scan = all;
    scan.uids = (struct uid_set){middle, ARRAY_LEN(middle)};
    check_scan(test, snapshot, scan);
    scan.next_uid = 4;
    check_scan(test, snapshot, scan);
    scan.viewer = S("bob@example.org");
    check_scan(test, snapshot, scan);
}

static void check_now(struct test *test, const char *mailbox)
{
    struct account *accounts[] = {test->account, test->other};
    for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
        struct snapshot *snapshot = open_snapshot(accounts[i]);
        check_snapshot(test, snapshot, status_of(accounts[i], mailbox).id);
        snapshot_close(snapshot);
    }
}

/* Whether a scan is answered by what is kept: a row that was changed behind everybody's back looks as before.
 */
static bool is_kept(struct test *test, struct account *account, struct message_scan scan)
{
    sql_run(test->other, "UPDATE message SET flags=flags+32");
    struct snapshot *snapshot = open_snapshot(account);
    struct rows rows = scan_all(test, snapshot, scan, SCAN_FLAGS);
    snapshot_close(snapshot);
    sql_run(test->other, "UPDATE message SET flags=flags-32");
    assert_int_not_equal(rows.count, 0);
    return rows.list[0].flags < 32;
}

static bool has_kept(struct test *test)
{
    struct uid_range first = {1, 1}; /* takes what is there, and reads no more */
    return is_kept(test, test->account, (struct message_scan){.mailbox_id = 1, .uids = {&first, 1}});
}

static struct batch_result run(struct test *test, struct account *account, struct batch_operation operation)
{
    return run_one(test->fixture, account, operation);
}

/* --- */

static void changes_are_followed(void **state)
{
    struct test test = begin(state);
    struct fixture *fixture = test.fixture;
    append_many(&test, test.account, "INBOX", 40);
    check_now(&test, "INBOX");
    assert_true(has_kept(&test));
    struct account *turns[] = {test.account, test.other};
    for (uint32_t i = 0; i < 4; i++) { /* by this process, and by another */
        struct account *who = turns[i % 2];
        run(&test, who, store_flags("INBOX", uids(fixture, 1, 1), FLAGS_ADD, MESSAGE_SEEN));
        check_now(&test, "INBOX");
        run(&test, who, store_flags("INBOX", uids(fixture, 1, 1), FLAGS_REMOVE, MESSAGE_SEEN));
        check_now(&test, "INBOX");
        run(&test, who, store_flags("INBOX", uids(fixture, 1, 1), FLAGS_ADD, MESSAGE_FLAGGED));
        run(&test, who, store_flags("INBOX", uids(fixture, 1, 1), FLAGS_ADD, MESSAGE_DELETED));
        check_now(&test, "INBOX");
        run(&test, who, store_keyword(fixture, "INBOX", uids(fixture, 2, 9), FLAGS_ADD, "Work"));
        check_now(&test, "INBOX");
        assert_true(has_kept(&test));
        run(&test, who, expunge_from("INBOX", uids(fixture, 10 + i, 10 + i)));
        check_now(&test, "INBOX");
        append_many(&test, who, "INBOX", 2);
        run(&test, who, expunge_from("INBOX", uids(fixture, 41 + 2 * i, 41 + 2 * i)));
        check_now(&test, "INBOX");
        assert_true(has_kept(&test));
        struct batch_operation seen = store_flags("INBOX", uids(fixture, 1, 30), FLAGS_ADD, MESSAGE_SEEN);
        seen.flags.viewer = S("bob@example.org");
        run(&test, who, seen);
        check_now(&test, "INBOX");
        run(&test, who, store_flags("INBOX", uid_set_all, FLAGS_REPLACE, i));
        check_now(&test, "INBOX");
        run(&test, who, copy_to("INBOX", "INBOX", uids(fixture, 1, 3)));
        run(&test, who, move_to("INBOX", "Sent", uids(fixture, 20 + i, 20 + i)));
        check_now(&test, "INBOX");
        check_now(&test, "Sent");
    }
    run(&test, test.account, expunge_from("INBOX", uid_set_all));
    check_now(&test, "INBOX");
    append_many(&test, test.other, "INBOX", 1);
    check_now(&test, "INBOX");
    end(&test);
}

static void every_snapshot_has_its_own(void **state)
{
    struct test test = begin(state);
    struct snapshot *snapshots[6];
    append_many(&test, test.other, "INBOX", 30);
    for (uint32_t i = 0; i < ARRAY_LEN(snapshots); i++) {
        snapshots[i] = open_snapshot(test.account);
        if (i % 2) { /* of the others nothing is known when newer ones come */
            check_snapshot(&test, snapshots[i], 1);
        }
        run(&test, test.other, store_flags("INBOX", uids(test.fixture, 2, 3), FLAGS_REPLACE, i + 1));
        run(&test, test.other, expunge_from("INBOX", uids(test.fixture, i + 7, i + 7)));
        append_many(&test, test.other, "INBOX", i % 3);
    }
    for (size_t i = ARRAY_LEN(snapshots); i-- > 0;) { /* the newest first */
        check_snapshot(&test, snapshots[i], 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(snapshots); i++) {
        check_snapshot(&test, snapshots[i], 1);
        snapshot_close(snapshots[i]);
    }
    /* What other mailboxes see does not count here. */
    check_now(&test, "INBOX");
    append_many(&test, test.other, "Sent", 1);
    assert_true(has_kept(&test));
    end(&test);
}

/* A UID that comes back below others, and one that was expunged. */
static void uids_come_back(void **state)
{
    struct test test = begin(state);
    struct sealed sealed = seal(test.fixture, HELLO);
    append_many(&test, test.account, "INBOX", 20);
    run(&test, test.account, expunge_from("INBOX", uids(test.fixture, 5, 8)));
    check_now(&test, "INBOX");
    for (uint32_t uid = 8; uid >= 5; uid--) {
        struct batch_operation append = append_to("INBOX", &sealed);
        append.append.wanted_uid = uid;
        append.append.flags = MESSAGE_DRAFT;
        run(&test, test.account, append);
        if (uid > 6) {
            check_now(&test, "INBOX");
            assert_true(has_kept(&test));
        }
        if (uid == 7) { /* gone and there again since it was looked at last */
            run(&test, test.account, expunge_from("INBOX", uids(test.fixture, 7, 7)));
            run(&test, test.account, append);
            check_now(&test, "INBOX");
        }
    }
    check_now(&test, "INBOX");
    blob_free(sealed.blob);
    end(&test);
}

static void mailboxes_go_and_come(void **state)
{
    struct test test = begin(state);
    for (size_t i = 0; i < 4; i++) {
        run_one(test.fixture, i % 2 ? test.other : test.account,
                (struct batch_operation){.kind = BATCH_MAILBOX_CREATE, .mailbox = mailbox_named(S("Box"))});
        append_many(&test, test.account, "Box", 5 + i);
        check_now(&test, "Box");
        int64_t id = status_of(test.account, "Box").id;
        run_one(test.fixture, test.other,
                (struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(S("Box"))});
        struct snapshot *snapshot = open_snapshot(test.account);
        check_snapshot(&test, snapshot, id);
        snapshot_close(snapshot);
    }
    end(&test);
}

/* The store has forgotten which ones went; and an index in which nothing adds up is read as it is. */
static void what_does_not_add_up(void **state)
{
    struct test test = begin(state);
    append_many(&test, test.account, "INBOX", 30);
    check_now(&test, "INBOX");
    run(&test, test.account, expunge_from("INBOX", uids(test.fixture, 4, 6)));
    sql_run(test.other, "DELETE FROM vanished; UPDATE mailbox SET vanished_floor=highestmodseq");
    check_now(&test, "INBOX");
    assert_true(has_kept(&test));
    run(&test, test.account, expunge_from("INBOX", uids(test.fixture, 14, 14)));
    sql_run(test.other, "DELETE FROM vanished"); /* without a word of it */
    check_now(&test, "INBOX");
    assert_true(has_kept(&test));
    sql_run(test.other, "UPDATE mailbox SET messages=messages+1");
    check_now(&test, "INBOX");
    assert_false(has_kept(&test));
    sql_run(test.other, "UPDATE mailbox SET messages=messages-2");
    check_now(&test, "INBOX");
    assert_false(has_kept(&test));
    run(&test, test.account, store_flags("INBOX", uids(test.fixture, 1, 1), FLAGS_ADD, MESSAGE_SEEN));
    sql_run(test.other, "UPDATE mailbox SET messages=messages+1");
    check_now(&test, "INBOX");
    assert_true(has_kept(&test));
    /* UIDs mean something else. */
    sql_run(test.other, "UPDATE mailbox SET uidvalidity=uidvalidity+1; UPDATE message SET uid=uid+1000");
    check_now(&test, "INBOX");
    end(&test);
}

static void another_index(void **state)
{
    struct test test = begin(state);
    uint64_t messages = 0;
    append_many(&test, test.account, "INBOX", 12);
    check_now(&test, "INBOX");
    assert_ok(account_rebuild(test.there, ALICE, NULL, &messages)); /* by another process, while it is open */
    struct snapshot *snapshot = NULL;
    assert_err(snapshot_open(test.account, &snapshot), ERR_UNAVAILABLE);
    account_close(test.account);
    account_close(test.other);
    assert_ok(account_open(test.fixture->store, ALICE, &test.account));
    assert_ok(account_open(test.there, ALICE, &test.other));
    check_now(&test, "INBOX");
    run(&test, test.other, store_flags("INBOX", uids(test.fixture, 2, 3), FLAGS_ADD, MESSAGE_SEEN));
    check_now(&test, "INBOX");
    end(&test);
}

/* --- what is kept, and what is not --- */

static void small_ones_are_not_kept(void **state)
{
    struct test test = begin(state);
    struct uid_range part = {1, 5};
    struct message_scan all = {.mailbox_id = 1, .uids = uid_set_all};
    struct message_scan few = {.mailbox_id = 1, .uids = {&part, 1}};
    append_many(&test, test.account, "INBOX", 40);
    columns_messages_min = 41;
    check_now(&test, "INBOX");
    assert_false(is_kept(&test, test.account, all));
    columns_messages_min = 40;
    columns_uids_min = 5;
    assert_false(has_kept(&test)); /* also by this look */
    assert_false(is_kept(&test, test.account, few));
    check_now(&test, "INBOX"); /* all of them: read and kept */
    assert_true(is_kept(&test, test.account, all));
    assert_true(is_kept(&test, test.account, few));
    assert_false(has_kept(&test)); /* one UID: the index is as fast */
    end(&test);
}

static void few_messages_are_no_reason(void **state)
{
    struct test test = begin(state);
    struct snapshot *snapshot = open_snapshot(test.account);
    struct message_page page;
    struct message_scan scan = {.mailbox_id = 1, .uids = uid_set_all};
    snapshot_close(snapshot);
    append_many(&test, test.account, "INBOX", 40);
    message_page_init(&page, SCAN_FLAGS);
    page.rows_max = 10; /* who wants the first ones */
    snapshot = open_snapshot(test.account);
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    assert_int_equal(page.count, 10);
    assert_int_equal(scan.next_uid, 11);
    snapshot_close(snapshot);
    assert_false(has_kept(&test));
    check_now(&test, "INBOX");
    assert_true(has_kept(&test));
    page.rows_max = 7;
    snapshot = open_snapshot(test.account);
    for (uint32_t uid = 11; !scan.done; uid += 7) {
        assert_int_equal(scan.next_uid, uid);
        assert_ok(snapshot_scan(snapshot, &scan, &page));
        assert_int_equal(page.count, MIN_OF(7U, 41 - uid));
    }
    snapshot_close(snapshot);
    message_page_free(&page);
    end(&test);
}

static struct column_row *make_rows(size_t count)
{
    struct column_row *rows = mem_realloc_array(NULL, count, sizeof(*rows));
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct column_row){.modseq = i + 1, .uid = (uint32_t)i + 1};
    }
    return rows;
}

static enum columns_found look(struct columns *columns, const struct columns_state *state)
{
    uint64_t since;
    struct message_page page;
    struct message_scan scan = {.uids = uid_set_all};
    message_page_init(&page, SCAN_FLAGS);
    enum columns_found found = columns_read(columns, state, &scan, &page, &since);
    assert_int_equal(page.count, found == COLUMNS_SAME ? state->messages : 0);
    message_page_free(&page);
    return found;
}

static void the_longest_unused_goes(void **state)
{
    struct account *accounts[2] = {(struct account *)&accounts[0], (struct account *)&accounts[1]};
    struct columns *columns = columns_new(100);
    struct columns_state box[5];
    (void)state;
    for (int i = 0; i < 5; i++) {
        box[i] = (struct columns_state){accounts[i % 2], 1 + i / 2, 40, 40, 1};
    }
    columns_put(columns, &box[0], make_rows(40));
    columns_put(columns, &box[1], make_rows(40));
    assert_int_equal(look(columns, &box[0]), COLUMNS_SAME);
    columns_put(columns, &box[2], make_rows(40));
    assert_int_equal(look(columns, &box[0]), COLUMNS_SAME);
    assert_int_equal(look(columns, &box[1]), COLUMNS_NONE);
    /* One that grows takes the room of others. */
    struct columns_state grown = box[0];
    struct column_row *fresh = make_rows(25);
    for (uint32_t i = 0; i < 25; i++) {
        fresh[i].uid += 40;
    }
    grown.highestmodseq = 50;
    grown.messages = 65;
    assert_int_equal(look(columns, &grown), COLUMNS_OLDER);
    columns_update(columns, &grown, 40, &(struct uid_set){0}, fresh, 25);
    mem_free(fresh);
    assert_int_equal(look(columns, &grown), COLUMNS_SAME);
    assert_int_equal(look(columns, &box[0]), COLUMNS_UNFIT); /* the former state */
    assert_int_equal(look(columns, &box[2]), COLUMNS_NONE);
    /* More than all may have. */
    box[3].messages = 101;
    columns_put(columns, &box[3], make_rows(101));
    assert_int_equal(look(columns, &box[3]), COLUMNS_NONE);
    box[4].messages = 30;
    columns_put(columns, &box[4], make_rows(30));
    columns_put(columns, &box[1], make_rows(40));
    columns_forget(columns, accounts[0]);
    assert_int_equal(look(columns, &box[4]), COLUMNS_NONE);
    assert_int_equal(look(columns, &box[1]), COLUMNS_SAME);
    columns_free(columns);
}

static void the_older_never_takes_the_place_of_the_newer(void **state)
{
    struct account *account = (struct account *)&state;
    struct columns *columns = columns_new(1000);
    struct columns_state old = {account, 1, 40, 40, 1}, new = {account, 1, 41, 40, 1};
    struct column_row changed = {.uid = 3, .modseq = 41};
    columns_put(columns, &new, make_rows(40));
    columns_put(columns, &old, make_rows(40));
    columns_update(columns, &new, 40, &(struct uid_set){0}, &changed, 1); /* somebody was faster */
    assert_int_equal(look(columns, &new), COLUMNS_SAME);
    assert_int_equal(look(columns, &old), COLUMNS_UNFIT);
    /* It does not add up: forgotten. */
    struct columns_state next = {account, 1, 42, 39, 1};
    columns_update(columns, &next, 41, &(struct uid_set){0}, &changed, 1);
    assert_int_equal(look(columns, &next), COLUMNS_NONE);
    columns_put(columns, &next, NULL);
    assert_int_equal(look(columns, &next), COLUMNS_UNFIT);
    next.highestmodseq++;
    assert_int_equal(look(columns, &next), COLUMNS_NONE);
    columns_free(columns);
}

/* --- anything may happen --- */

#define SNAPSHOTS 4

static void change_something(struct test *test, struct account *who)
{
    struct fixture *fixture = test->fixture;
    uint32_t uid = 1 + (uint32_t)rand() % 120, end = uid + (uint32_t)rand() % 12;
    switch (rand() % 8) {
    case 0:
        append_many(test, who, "INBOX", 1 + (size_t)rand() % 9);
        break;
    case 1:
        run(test, who, expunge_from("INBOX", uids(fixture, uid, uid + (end - uid) / 4)));
        break;
    case 2:
        run(test, who, copy_to("INBOX", rand() % 2 ? "INBOX" : "Sent", uids(fixture, uid, uid + 3)));
        break;
    case 3:
        run(test, who, move_to("Sent", "INBOX", uids(fixture, 1, end)));
        break;
    case 4:
        run(test, who,
            store_keyword(fixture, "INBOX", uids(fixture, uid, end), FLAGS_REPLACE,
                          arena_printf(&fixture->arena, "Word%d", rand() % 70)));
        break;
    default:
        run(test, who,
            store_flags("INBOX", uids(fixture, uid, end), (enum batch_flag_change)(rand() % 3),
                        (uint32_t)rand() % 32));
    }
}

static void a_walk(void **state)
{
    struct test test = begin(state);
    struct snapshot *snapshots[SNAPSHOTS] = {NULL};
    append_many(&test, test.account, "INBOX", 60);
    srand(7);
    for (int step = 0; step < 400; step++) {
        /* Nobody commits by the handle that has snapshots open. */
        bool open = snapshots[0] || snapshots[1] || snapshots[2] || snapshots[3];
        change_something(&test, open || rand() % 2 ? test.other : test.account);
        struct snapshot **snapshot = &snapshots[rand() % SNAPSHOTS];
        if (*snapshot) {
            check_snapshot(&test, *snapshot, 1);
        }
        snapshot_close(*snapshot);
        *snapshot = rand() % 3 ? open_snapshot(test.account) : NULL;
        for (size_t i = 0; i < SNAPSHOTS; i++) {
            if (snapshots[i] && rand() % 3 == 0) {
                check_snapshot(&test, snapshots[i], 1);
            }
        }
        if (rand() % 40 == 0) { /* the next one takes it up from nothing */
            columns_forget(test.fixture->store->columns, test.account);
        }
    }
    for (size_t i = 0; i < SNAPSHOTS; i++) {
        snapshot_close(snapshots[i]);
    }
    check_now(&test, "INBOX");
    end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_are_followed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_snapshot_has_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(uids_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mailboxes_go_and_come, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_add_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_ones_are_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(few_messages_are_no_reason, set_up, tear_down),
        cmocka_unit_test(the_longest_unused_goes),
        cmocka_unit_test(the_older_never_takes_the_place_of_the_newer),
        cmocka_unit_test_setup_teardown(a_walk, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
