/* SPDX-License-Identifier: ISC */
/* Which thread a message gets, when it gets it, and that it keeps it. */
#include "fixture.h"

#include "account_private.h"
#include "storage/care.h"
#include "storage/snapshot.h"
#include "thread_keys.h"
#include "threads.h"

struct threads {
    size_t count;
    unsigned char ids[64][16], guids[64][16];
};

static struct threads read_threads(struct account *account, int64_t mailbox)
{
    struct threads threads = {0};
    struct snapshot *snapshot = NULL;
    struct message_page page;
    struct message_scan scan = {.mailbox_id = mailbox, .uids = uid_set_all};
    assert_ok(snapshot_open_for(account, SCAN_THREAD | SCAN_GUID, &snapshot));
    message_page_init(&page, SCAN_THREAD | SCAN_GUID);
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    assert_true(scan.done);
    assert_in_range(page.count, 0, 64);
    threads.count = page.count;
    memcpy(threads.ids, page.threads, page.count * 16);
    memcpy(threads.guids, page.guids, page.count * 16);
    message_page_free(&page);
    snapshot_close(snapshot);
    return threads;
}

/* Row i is in the thread that row firsts[i] began. */
static void expect_threads(const struct threads *threads, const int *firsts, size_t count)
{
    assert_int_equal(threads->count, count);
    for (size_t i = 0; i < count; i++) {
        if (memcmp(threads->ids[i], threads->guids[firsts[i]], 16) != 0) {
            print_error("message %zu is not in the thread of message %d\n", i, firsts[i]);
            fail();
        }
    }
}

static void append_header(struct fixture *fixture, struct account *account, const char *mailbox,
                          const char *header)
{
    append_text(fixture, account, mailbox,
                slice_from(arena_printf(&fixture->arena, "%s\r\ntext\r\n", header)));
}

static const char *const headers[] = {
    /* 0  */ "Message-ID: <a@x>\r\nSubject: Lunch\r\n",
    /* 1  */ "Message-ID: <b@x>\r\nSubject: Lunch\r\n", /* the same words are not the same thread */
    /* 2  */ "Message-ID: <c@x>\r\nSubject: Re: Lunch\r\nReferences: <a@x>\r\n",
    /* 3  */ "Message-ID: <d@x>\r\nSubject: other words\r\nReferences: <zzz@x> <a@x> <c@x>\r\n",
    /* 4  */ "Message-ID: <e@x>\r\nIn-Reply-To: <d@x> <b@x>\r\n",          /* the first counts */
    /* 5  */ "Message-ID: <f@x>\r\nSubject: =?utf-8?B?UmU6IExVTkNI?=\r\n", /* who had it last: 2 */
    /* 6  */ "Message-ID: <h@x>\r\nReferences: <g@x>\r\n",                 /* before what it answers */
    /* 7  */ "Message-ID: <g@x>\r\n",
    /* 8  */ "Message-ID: <i@x>\r\nReferences: <b@x>\r\n <nobody@x>\r\n", /* the nearest that is known */
    /* 9  */ "Message-ID: <j@x>\r\nReferences: <nobody@x>\r\n",           /* known since 8 */
    /* 10 */ "Subject: no identifier\r\n",
    /* 11 */ "Subject: no identifier\r\n",
    /* 12 */ "Subject: Fwd: [x] no   identifier (fwd)\r\n",
    /* 13 */ "Subject: Re: never heard of it\r\n",
    /* 14 */ "Message-ID: <a@x>\r\nSubject: Lunch\r\n", /* the same message once more */
    /* 15 */ "",
    /* 16 */ "Message-ID: <k@x>\r\nSubject: Re: Lunch\r\nReferences: <unknown@x>\r\n", /* not by its subject
                                                                                        */
    /* 17 */ "Message-ID: <l@x>\r\nReferences: <a@x> <h@x>\r\n", /* links two threads: the nearest */
    /* 18 */ "Message-ID: <m@x>\r\nReferences: <\"d\"@x >\r\n",
    /* 19 */ "Message-ID: <D@x>\r\nReferences: <A@x>\r\n", /* letter case counts */
};
static const int firsts[] = {0, 1, 0, 0, 0, 0, 6, 6, 1, 1, 10, 11, 11, 13, 0, 15, 16, 6, 0, 19};
_Static_assert(ARRAY_LEN(headers) == ARRAY_LEN(firsts), "one for each");

static void rules(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        append_header(fixture, account, "INBOX", headers[i]);
    }
    struct threads threads = read_threads(account, 1);
    expect_threads(&threads, firsts, ARRAY_LEN(firsts));
    account_close(account);
}

/* Caught up after every message, by the background, or after all: the same. */
static void it_does_not_matter_when(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        append_header(fixture, account, "INBOX", headers[i]);
        if (i % 3 == 0) {
            assert_ok(threads_catch_up(account, NULL, NULL));
        } else if (i % 3 == 1) {
            assert_ok(account_maintain(account));
        }
    }
    struct threads threads = read_threads(account, 1);
    expect_threads(&threads, firsts, ARRAY_LEN(firsts));
    account_close(account);
}

static int64_t number(struct account *account, const char *sql)
{
    assert_ok(db_begin_read(account->db));
    sqlite3_stmt *statement = db_statement(account->db, sql);
    assert_int_equal(db_step(account->db, statement), 1);
    int64_t value = sqlite3_column_int64(statement, 0);
    db_end_read(account->db);
    return value;
}

static void work_that_was_lost_is_done_again(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        append_header(fixture, account, "INBOX", headers[i]);
    }
    struct threads before = read_threads(account, 1);
    assert_ok(db_begin(account->db)); /* as if the last commit had not been synced */
    assert_ok(db_run(account->db, db_statement(account->db, "UPDATE counter SET threaded=0")));
    assert_ok(db_run(account->db, db_statement(account->db, "DELETE FROM thread_ref")));
    assert_ok(db_commit(account->db));
    struct threads after = read_threads(account, 1);
    assert_memory_equal(before.ids, after.ids, sizeof(before.ids));
    /* And an index that was built anew from the files. */
    account_close(account);
    store_close(fixture->store);
    assert_int_equal(unlink(path_of(fixture, ALICE_DIR "/index.db")), 0);
    unlink(path_of(fixture, ALICE_DIR "/index.db-wal"));
    unlink(path_of(fixture, ALICE_DIR "/index.db-shm"));
    unlink(path_of(fixture, ALICE_DIR "/index.bak"));
    open_store(fixture);
    account = open_account(fixture, ALICE);
    after = read_threads(account, 1);
    assert_int_equal(after.count, before.count);
    assert_memory_equal(before.ids, after.ids, sizeof(before.ids));
    account_close(account);
}

/* RFC 8474 section 5.2: not once it was reported. */
static void a_thread_never_changes(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_header(fixture, account, "INBOX", "Message-ID: <one@x>\r\n");
    append_header(fixture, account, "INBOX", "Message-ID: <two@x>\r\n");
    struct threads before = read_threads(account, 1);
    append_header(fixture, account, "INBOX", "Message-ID: <three@x>\r\nReferences: <one@x> <two@x>\r\n");
    append_header(fixture, account, "INBOX", "Message-ID: <four@x>\r\nReferences: <one@x>\r\n");
    struct threads after = read_threads(account, 1);
    assert_memory_equal(before.ids, after.ids, 2 * 16);
    expect_threads(&after, (const int[]){0, 1, 1, 0}, 4);
    account_close(account);
}

static void threads_span_mailboxes_and_are_found(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct snapshot *snapshot = NULL;
    struct message_place_found *list;
    size_t count;
    append_header(fixture, account, "INBOX", "Message-ID: <one@x>\r\n");
    append_header(fixture, account, "Sent", "Message-ID: <two@x>\r\nReferences: <one@x>\r\n");
    append_header(fixture, account, "INBOX", "Message-ID: <other@x>\r\n");
    append_header(fixture, account, "INBOX", "Message-ID: <three@x>\r\nReferences: <two@x>\r\n");
    int64_t sent = status_of(account, "Sent").id;
    struct threads inbox = read_threads(account, 1), others = read_threads(account, sent);
    assert_memory_equal(others.ids[0], inbox.ids[0], 16);
    assert_ok(snapshot_open_for(account, SCAN_THREAD, &snapshot));
    assert_ok(snapshot_find(snapshot, FIND_THREAD, inbox.ids[0], &fixture->arena, &list, &count));
    assert_int_equal(count, 3);
    assert_int_equal(list[0].mailbox_id, 1);
    assert_int_equal(list[0].uid, 1);
    assert_int_equal(list[1].uid, 3);
    assert_int_equal(list[2].mailbox_id, sent);
    snapshot_close(snapshot);

    struct uid_range all = {1, 9};
    struct batch_operation expunge = {
        .kind = BATCH_EXPUNGE, .mailbox = mailbox_named(S("INBOX")), .expunge = {.uids = {&all, 1}}};
    assert_ok(batch_commit(account, &expunge, 1, NULL));
    assert_ok(snapshot_open_for(account, SCAN_THREAD, &snapshot));
    assert_ok(snapshot_find(snapshot, FIND_THREAD, inbox.ids[0], &fixture->arena, &list, &count));
    assert_int_equal(count, 1);
    snapshot_close(snapshot);
    assert_int_equal(number(account, "SELECT count(*) FROM thread_member"), 1);
    /* Its first message is gone, but its identifier stays. */
    others = read_threads(account, sent);
    assert_memory_equal(others.ids[0], inbox.ids[0], 16);
    account_close(account);
}

static void keys_of_empty_threads_go(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    for (int i = 0; i < 30; i++) {
        append_header(fixture, account, "INBOX",
                      arena_printf(&fixture->arena,
                                   "Message-ID: <%d@x>\r\nReferences: <%d@y>\r\nSubject: %d\r\n", i, i, i));
    }
    struct threads before = read_threads(account, 1);
    assert_int_equal(number(account, "SELECT count(*) FROM thread_ref"), 90);
    struct uid_range some = {11, 30};
    struct batch_operation expunge = {
        .kind = BATCH_EXPUNGE, .mailbox = mailbox_named(S("INBOX")), .expunge = {.uids = {&some, 1}}};
    assert_ok(batch_commit(account, &expunge, 1, NULL));
    for (unsigned piece = 0; piece < 256; piece++) {
        assert_ok(threads_trim_piece(account, piece));
    }
    assert_int_equal(number(account, "SELECT count(*) FROM thread_ref"), 30);
    append_header(fixture, account, "INBOX", "References: <3@y>\r\n");
    append_header(fixture, account, "INBOX", "References: <20@y>\r\n");
    struct threads after = read_threads(account, 1);
    assert_memory_equal(after.ids, before.ids, 10 * 16);
    expect_threads(&after, (const int[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 11}, 12);
    account_close(account);
}

static void a_snapshot_says_that_it_wants_threads(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct snapshot *snapshot = NULL;
    struct message_page page;
    struct message_scan scan = {.mailbox_id = 1, .uids = uid_set_all};
    append_text(fixture, account, "INBOX", HELLO);
    message_page_init(&page, SCAN_THREAD);
    assert_ok(snapshot_open(account, &snapshot));
    assert_err(snapshot_scan(snapshot, &scan, &page), ERR_DENIED);
    snapshot_close(snapshot);
    assert_ok(snapshot_open_for(account, SCAN_FLAGS, &snapshot));
    assert_err(snapshot_scan(snapshot, &scan, &page), ERR_DENIED);
    snapshot_close(snapshot);
    assert_int_equal(number(account, "SELECT threaded FROM counter"), 0);
    assert_ok(snapshot_open_for(account, SCAN_THREAD | SCAN_FLAGS, &snapshot));
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    assert_int_equal(page.count, 1);
    snapshot_close(snapshot);
    message_page_free(&page);
    account_close(account);
}

static bool go_on_twice(void *data)
{
    int *count = data;
    return (*count)++ < 2;
}

/* More than one commit does, and messages that went before their turn came. */
static void many_in_pieces(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    int asked = 0;
    assert_ok(db_begin(account->db));
    assert_ok(
        db_run(account->db,
               db_statement(account->db,
                            "INSERT INTO body(id, guid, hash, size, hdrsize, lines, refs, msgid, hdrs)"
                            " WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t WHERE n<2000)"
                            " SELECT n, randomblob(16), x'', 1, 1, 1, 1, '<'||n||'@x>',"
                            "  CAST('References: <'||((n-1)/2)||'@x>'||char(13,10) AS BLOB) FROM t")));
    assert_ok(db_run(account->db, db_statement(account->db, "DELETE FROM body WHERE id>1990")));
    assert_ok(db_run(account->db, db_statement(account->db, "UPDATE counter SET body=2000")));
    assert_ok(db_commit(account->db));
    assert_err(threads_catch_up(account, go_on_twice, &asked), ERR_CANCELED);
    assert_int_equal(asked, 3);
    assert_in_range(number(account, "SELECT threaded FROM counter"), 2, 1001);
    assert_ok(threads_catch_up(account, NULL, NULL));
    assert_int_equal(number(account, "SELECT threaded FROM counter"), 2000);
    assert_int_equal(number(account, "SELECT count(*) FROM thread_member"), 1990);
    /* A tree of answers to the first: one thread. */
    assert_int_equal(number(account, "SELECT count(DISTINCT thread) FROM thread_member"), 1);
    account_close(account);
}

/* However many references a message names, so many are looked at. */
static void references_have_a_limit(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buf text;
    struct thread_keys keys, nearest;
    buf_init(&text, 1000000);
    buf_append(&text, S("References:"));
    for (int i = 0; i < 5000; i++) {
        buf_printf(&text, " <%d@x>", i);
    }
    buf_append(&text, S("\r\n"));
    thread_keys_of(S("<own@x>"), buf_slice(&text), &keys);
    assert_int_equal(keys.reference_count, THREAD_REFERENCES_MAX);
    thread_keys_of(S("<4999@x>"), SLICE_EMPTY, &nearest);
    assert_true(nearest.has_own);
    assert_memory_equal(&keys.references[0], &nearest.own, sizeof(nearest.own));
    assert_false(nearest.has_subject);
    static const char *const broken[] = {"", "<", ">", "><", "<<a>", "no brackets", "<a", "a>"};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        const char *header =
            arena_printf(&arena, "References: %s\r\nIn-Reply-To: %s\r\n", broken[i], broken[i]);
        thread_keys_of(slice_from(broken[i]), slice_from(header), &keys);
        assert_int_equal(keys.reference_count, i == 4);
        assert_int_equal(keys.has_own, i == 4);
    }
    buf_free(&text);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_does_not_matter_when, set_up, tear_down),
        cmocka_unit_test_setup_teardown(work_that_was_lost_is_done_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_thread_never_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_span_mailboxes_and_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_snapshot_says_that_it_wants_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_of_empty_threads_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_in_pieces, set_up, tear_down),
        cmocka_unit_test(references_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
